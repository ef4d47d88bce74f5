//! What random conversations are made of: steps, policies, events and requests. Small
//! numbers, so that ids and keys repeat.

use crate::world::{
    START, agent, agent_id, app_desk, close, gladly, inbox, no_desk, own_desk, pass, print,
};
use baton_domain::time::{DAY, HOUR, MINUTE, SECOND};
use baton_domain::{
    Actor, CloseReason, Content, ControlAsk, Holder, News, PlatformEvent, Policy, QueueLimit,
    Timestamp,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One step of a random conversation. Small numbers, so that ids and keys repeat.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    News {
        events: Vec<(u64, i64)>,
        named: bool,
    },
    Send {
        by: u8,
        epoch: u8,
        key: u8,
        claim: bool,
    },
    Control {
        by: u8,
        ask: u8,
        epoch: u8,
        key: u8,
        claim: bool,
    },
    Open {
        by: u8,
        key: u8,
    },
    Wake {
        claim: bool,
    },
    /// Sleep until the thread is woken, and a moment more.
    SleepToWake,
    Claim,
    Outcome {
        stale: bool,
        result: u8,
        later: i64,
        end_claim: bool,
    },
    TellFailed {
        back: u64,
        tried: bool,
    },
    TellSucceeded {
        back: u64,
    },
    MovedAway,
    MovedHere,
    Erase,
    Sleep(i64),
    /// Another machine's clock, milliseconds from true time.
    Clock(i64),
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let span = prop_oneof![
        0..2 * SECOND,
        0..90 * SECOND,
        0..20 * MINUTE,
        0..2 * HOUR,
        0..9 * DAY
    ];
    let age =
        prop_oneof![4 => 0..3 * SECOND, 2 => 0..2 * MINUTE, 1 => 0..8 * DAY, 1 => -5 * SECOND..0];
    prop_oneof![
        6 => (prop::collection::vec((0..60_u64, age), 1..4), any::<bool>())
            .prop_map(|(events, named)| Step::News { events, named }),
        6 => (0..7_u8, 0..6_u8, 0..8_u8, any::<bool>())
            .prop_map(|(by, epoch, key, claim)| Step::Send { by, epoch, key, claim }),
        4 => (0..7_u8, 0..9_u8, 0..6_u8, 0..8_u8, any::<bool>())
            .prop_map(|(by, ask, epoch, key, claim)| Step::Control { by, ask, epoch, key, claim }),
        1 => (0..7_u8, 0..8_u8).prop_map(|(by, key)| Step::Open { by, key }),
        3 => any::<bool>().prop_map(|claim| Step::Wake { claim }),
        3 => Just(Step::SleepToWake),
        2 => Just(Step::Claim),
        8 => (prop::bool::weighted(0.1), 0..12_u8, 0..40 * SECOND, prop::bool::weighted(0.2))
            .prop_map(|(stale, result, later, end_claim)| Step::Outcome { stale, result, later, end_claim }),
        2 => (0..4_u64, any::<bool>()).prop_map(|(back, tried)| Step::TellFailed { back, tried }),
        1 => (0..4_u64).prop_map(|back| Step::TellSucceeded { back }),
        1 => prop_oneof![6 => Just(Step::MovedAway), 6 => Just(Step::MovedHere), 1 => Just(Step::Erase)],
        6 => span.prop_map(Step::Sleep),
        // Less than the time by which an armed moment must be ahead to be relied on.
        1 => (-4 * SECOND..4 * SECOND).prop_map(Step::Clock),
    ]
}

pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    let to_inbox = Policy {
        timers: timers_with_limit(QueueLimit::ToInbox(
            "inbox-0123456789abcdef01234-2".to_owned(),
        )),
        ..own_desk()
    };
    let only_told = Policy {
        timers: timers_with_limit(QueueLimit::Notify),
        primary: inbox(1),
        ..own_desk()
    };
    prop_oneof![
        Just(gladly()),
        Just(own_desk()),
        Just(to_inbox),
        Just(only_told),
        Just(app_desk()),
        Just(no_desk()),
        Just(Policy {
            on_bot_silence: baton_domain::OnBotSilence::Close,
            close_call: true,
            ..app_desk()
        }),
    ]
}

fn timers_with_limit(limit: QueueLimit) -> baton_domain::Timers {
    baton_domain::Timers {
        queue_limit: Some((20 * MINUTE, limit)),
        ..own_desk().timers
    }
}

/// Each platform event is always the same under its number.
pub(crate) fn event(n: u64, at: Timestamp) -> PlatformEvent {
    let news = match n {
        0..36 => News::Message {
            id: format!("in-{n}"),
            content: Content::text(if n.is_multiple_of(5) {
                "yes"
            } else {
                "where is my order?"
            }),
            context: BTreeMap::new(),
        },
        36..40 => News::Closed,
        40..43 => News::Control(Holder::Agent(agent_id((n % 3) as u8))),
        43 | 44 => News::Control(inbox((n % 3) as u8)),
        45 => News::Control(Holder::Queue(None)),
        46 | 47 => News::Control(Holder::App("app-0123456789abcdef01234567".to_owned())),
        48 => News::Control(Holder::Nobody),
        49 | 50 => News::Control(Holder::Bot),
        51 => News::ControlRequested {
            by: "app-0123456789abcdef01234567".to_owned(),
        },
        52 => News::Renamed {
            customer: None,
            conversation: Some("conversation-2123456789abcdef".to_owned()),
        },
        53 => News::Moved,
        _ => News::Echo {
            id: format!("platform-{n}-0"),
            ours: None,
        },
    };
    PlatformEvent {
        id: print(n),
        at: at.max(START.plus(-8 * DAY)),
        news,
    }
}

pub(crate) fn actor(by: u8) -> Actor {
    match by {
        0..3 => Actor::Bot,
        3 => agent(1),
        4 => agent(2),
        5 => Actor::App("app-0123456789abcdef01234567".to_owned()),
        _ => Actor::Operator,
    }
}

pub(crate) fn asked(ask: u8) -> ControlAsk {
    match ask {
        0 | 1 => pass(Holder::Queue(None)),
        2 => pass(inbox(2)),
        3 => pass(Holder::Agent(agent_id(1))),
        4 => pass(Holder::Agent(agent_id(2))),
        5 => pass(Holder::Bot),
        6 => close(CloseReason::Bot),
        7 => close(CloseReason::Agent),
        _ => ControlAsk::Release,
    }
}

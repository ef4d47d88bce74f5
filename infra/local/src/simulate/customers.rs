//! The customers and the people at the desk: what they write, and when.

use super::calls::{ApiCall, Ask, Client, up_to};
use super::stage::{Stage, pause};
use baton_domain::{ConversationId, IdKey};
use baton_simulators::gladly::{AutoAgent, GladlyConfig, GladlySim, SessionState, Speaker};
use baton_simulators::random::Random;
use std::sync::Arc;

/// What a customer may ask of the bot, by weight: mostly an answer.
const ORDERS: [(&str, u64); 15] = [
    ("say", 14),
    ("twice", 6),
    ("burst", 4),
    ("again", 4),
    ("clash", 3),
    ("nokey", 4),
    ("careless", 3),
    ("late", 4),
    ("stale", 4),
    ("sleepy", 4),
    ("silent", 5),
    ("handoff", 5),
    ("hurry", 2),
    ("close", 4),
    ("spare", 2),
];

/// What the spans of a run are, in ms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spans {
    pub(super) customer_silent: i64,
    pub(super) bot_owes: i64,
}

impl Spans {
    pub(super) fn of_seed(random: &mut Random) -> Self {
        let silent = [15, 30, 60, 120, 300];
        let owes = [10, 15, 30, 60];
        let pick = |from: &[i64], random: &mut Random| {
            let place = usize::try_from(random.below(from.len() as u64)).unwrap_or_default();
            from.get(place).copied().unwrap_or(60) * 1_000
        };
        Self {
            customer_silent: pick(&silent, random),
            bot_owes: pick(&owes, random),
        }
    }
}

/// The platform's settings of a seed: how its desk works, and how patient it is.
pub(super) fn platform(seed: u64, random: &mut Random) -> GladlyConfig {
    let maybe = |random: &mut Random, least: i64, most: u64| {
        (random.below(4) > 0).then(|| least + up_to(random, most))
    };
    GladlyConfig {
        seed,
        auto_agent: AutoAgent {
            accept_after_ms: maybe(random, 500, 60_000),
            reply_after_ms: maybe(random, 500, 20_000),
            close_after_ms: maybe(random, 20_000, 120_000),
            ..AutoAgent::default()
        },
        // Most runs need not last for the whole of Gladly's patience.
        retry_scale: if random.below(20) == 0 { 1.0 } else { 0.1 },
        rate_limit: (random.below(2) == 0).then_some(10),
        ..GladlyConfig::default()
    }
}

/// One customer.
pub(super) struct Customer {
    pub(super) stage: Arc<Stage>,
    pub(super) gladly: GladlySim,
    pub(super) name: String,
    pub(super) messages: u64,
    pub(super) spans: Spans,
}

impl Customer {
    pub(super) async fn live(self) {
        let mut random = self.stage.random(&self.name);
        pause(up_to(&mut random, 60_000)).await;
        for number in 1..=self.messages {
            let order = order(&mut random);
            let text = format!("{}-{number} {order}", self.name);
            self.stage.note(&self.name, || format!("writes `{text}`"));
            if let Err(why) = self.gladly.customer_writes(&self.name, &text) {
                self.stage
                    .note(&self.name, || format!("cannot write: {why}"));
            }
            self.think(&mut random).await;
        }
    }

    /// Waits for the next message: at once, for a while, or until just about a deadline.
    async fn think(&self, random: &mut Random) {
        match random.below(10) {
            0 | 1 => pause(up_to(random, 100)).await,
            2..=5 => pause(500 + up_to(random, 15_000)).await,
            6 | 7 => {
                pause(1_000 + up_to(random, 4_000)).await;
                self.aim(random).await;
            }
            _ => pause(20_000 + up_to(random, 200_000)).await,
        }
    }

    /// Waits until about the moment at which the hub closes the silent conversation, or
    /// takes it from the silent bot.
    async fn aim(&self, random: &mut Random) {
        let sessions = self.gladly.sessions_of(&self.name);
        let Some(session) = sessions.last() else {
            return;
        };
        let last = session.lines.iter().rfind(|line| line.is_message());
        let Some(last) = last.filter(|_| session.state == SessionState::Automation) else {
            return;
        };
        let span = match last.from {
            Speaker::Bot => self.spans.customer_silent,
            _ => self.spans.bot_owes,
        };
        // The timer runs from the append, which comes a little later, is rounded up to a
        // second, and fires half a second after that.
        let aimed = last.at + span + 300 + up_to(random, 1_400);
        pause((aimed - self.stage.clock.now()).max(0)).await;
    }
}

fn order(random: &mut Random) -> &'static str {
    let all: u64 = ORDERS.iter().map(|(_, weight)| weight).sum();
    let mut left = random.below(all);
    for (order, weight) in ORDERS {
        if left < weight {
            return order;
        }
        left -= weight;
    }
    "say"
}

/// An operator who now and then ends or hands off what the bot has.
pub(super) struct Operator {
    pub(super) stage: Arc<Stage>,
    pub(super) gladly: GladlySim,
    pub(super) client: Client,
    pub(super) id_key: IdKey,
    pub(super) connection: &'static str,
    pub(super) acts: u64,
}

impl Operator {
    pub(super) async fn live(self) {
        let mut random = self.stage.random("operator");
        for number in 1..=self.acts {
            pause(20_000 + up_to(&mut random, 200_000)).await;
            let sessions = self.gladly.transcript();
            let open: Vec<_> = sessions
                .iter()
                .filter(|session| !matches!(session.state, SessionState::Closed(_)))
                .collect();
            let place = usize::try_from(random.below(open.len().max(1) as u64)).unwrap_or(0);
            let Some(session) = open.get(place) else {
                continue;
            };
            let thread = self.id_key.thread(self.connection, &session.session_id);
            let ask = if random.below(2) == 0 {
                Ask::HandOff(format!("operator {number}"))
            } else {
                Ask::Close(format!("operator {number}"))
            };
            self.client
                .call(ApiCall {
                    ask,
                    conversation: ConversationId::new(&thread, 1).to_string(),
                    epoch: None,
                    key: Some(format!("operator-{number}")),
                    newest_known: 0,
                    clashes: false,
                    tries: Vec::new(),
                })
                .await;
        }
    }
}

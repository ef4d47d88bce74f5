//! The three stories, as their events.

use crate::material::{START, identity, print};
use baton_domain::time::SECOND;
use baton_domain::{
    Actor, Aftercare, CloseReason, Content, ControlAsk, DeadlineKind, Event, Failure, Holder,
    Identity, KeyUse, MediaKind, MenuItem, Parcel, Place, Timestamp,
};

fn at(seconds: i64) -> Timestamp {
    START.plus(seconds * SECOND + 7)
}

fn key(n: u64) -> Option<KeyUse> {
    Some(KeyUse {
        key: print(500 + n),
        body: print(600 + n),
    })
}

fn inbox() -> Holder {
    Holder::Queue(Some("tEstInb0x-Slug01234567".to_owned()))
}

fn agent() -> String {
    "tEstAgent-Slug01234567".to_owned()
}

fn received(n: u64, content: Content, context: &[(&str, &str)]) -> Event {
    Event::Received {
        event: print(n),
        at: at(i64::try_from(n).unwrap_or_default()),
        id: format!("{n:024x}"),
        content,
        context: context
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn contents() -> Vec<Content> {
    let item = |id: &str, label: &str| MenuItem {
        id: id.to_owned(),
        label: label.to_owned(),
    };
    let media = |media, caption: Option<&str>, filename: Option<&str>| Content::Media {
        media,
        url: "https://media.example/1".to_owned(),
        caption: caption.map(str::to_owned),
        filename: filename.map(str::to_owned),
    };
    vec![
        Content::text("Grüße 👋\n\"quoted\" \\ and \u{0} too"),
        Content::Html {
            html: "<p>Hello <b>you</b></p>".to_owned(),
        },
        Content::Menu {
            prompt: "Which?".to_owned(),
            items: vec![item("a", "The first"), item("b", "The other")],
        },
        media(MediaKind::Image, Some("a picture"), Some("a.png")),
        media(MediaKind::Video, None, None),
        media(MediaKind::Audio, None, None),
        media(MediaKind::File, None, Some("a.pdf")),
        Content::Location {
            latitude: 52.516_275,
            longitude: -13.377_704,
            name: Some("A gate".to_owned()),
            address: Some("A square 1".to_owned()),
        },
        Content::Location {
            latitude: 0.0,
            longitude: 1e-7,
            name: None,
            address: None,
        },
        Content::Template {
            name: "order_update".to_owned(),
            language: "de".to_owned(),
            parameters: vec!["A-1729".to_owned()],
        },
        Content::Template {
            name: "plain".to_owned(),
            language: "en".to_owned(),
            parameters: Vec::new(),
        },
        Content::Native {
            platform: "whatsapp".to_owned(),
            body: serde_json::json!({"type": "sticker", "n": [1, 2.5, null, true]}),
        },
    ]
}

pub(super) fn talk() -> Vec<Event> {
    let mut events = vec![Event::Opened {
        identity: identity(),
        holder: Holder::Bot,
        epoch: 1,
    }];
    for (n, content) in (1..).zip(contents()) {
        let context: &[(&str, &str)] = if n % 2 == 0 {
            &[("page", "/help"), ("language", "de")]
        } else {
            &[]
        };
        events.push(received(n, content.clone(), context));
        let by = [
            Actor::Bot,
            Actor::Agent(agent()),
            Actor::Customer,
            Actor::Platform,
            Actor::App("a".to_owned()),
        ];
        let by = by
            .into_iter()
            .chain([Actor::Operator, Actor::Hub])
            .cycle()
            .nth(n as usize - 1);
        let key = key(n).filter(|_| n % 3 != 0);
        events.push(Event::Queued {
            by: by.unwrap_or(Actor::Hub),
            content,
            key,
        });
    }
    // The places of queued messages: the third event of entry 1, and so on.
    let place = |n: u64| Place(1 + (2 * n) / 3, ((2 * n) % 3) as u32);
    let why = [
        Failure::Superseded,
        Failure::Refused,
        Failure::GaveUp,
        Failure::NotOurs,
        Failure::Unknown,
    ];
    for (n, why) in (1..).zip(why) {
        let detail = if n == 1 {
            String::new()
        } else {
            "in words".to_owned()
        };
        events.push(Event::Failed {
            work: place(n),
            why,
            detail,
        });
    }
    events.extend([
        Event::Claimed { until: at(40) },
        Event::Sent {
            work: place(6),
            id: Some("0123456789abcdef01234567".to_owned()),
        },
        Event::Sent {
            work: place(7),
            id: None,
        },
        Event::Unknown {
            work: place(8),
            not_before: at(60),
        },
        Event::Delayed {
            work: place(9),
            not_before: at(61),
            failure: true,
            detail: "the platform answered 500".to_owned(),
        },
        Event::Delayed {
            work: place(10),
            not_before: at(62),
            failure: false,
            detail: String::new(),
        },
        Event::ClaimEnded,
        Event::Settled {
            work: place(11),
            detail: "given up".to_owned(),
        },
        Event::Settled {
            work: place(12),
            detail: String::new(),
        },
        Event::TellFailed {
            from: 2,
            attempts: 1,
            next: at(44),
        },
        Event::TellFailed {
            from: 2,
            attempts: 2,
            next: at(49),
        },
        Event::TellSucceeded { through: 3 },
        Event::Claimed { until: at(70) },
    ]);
    events
}

pub(super) fn control() -> Vec<Event> {
    let parcel = Parcel {
        reason: "wants a person".to_owned(),
        fields: [("order".to_owned(), "A-1729".to_owned())].into(),
        summary: Some("short".to_owned()),
    };
    let bare = Parcel {
        reason: "r".to_owned(),
        ..Parcel::default()
    };
    let asked = |ask, key| Event::ControlRequested {
        by: Actor::Bot,
        ask,
        key,
    };
    let bare_identity = Identity {
        name: "n".to_owned(),
        ..Identity::default()
    };
    let mut events = vec![
        Event::Opened {
            identity: bare_identity,
            holder: Holder::Bot,
            epoch: 1,
        },
        received(1, Content::text("a person, please"), &[]),
        asked(
            ControlAsk::Pass {
                to: inbox(),
                parcel,
            },
            key(1),
        ),
        Event::Passed {
            holder: inbox(),
            epoch: 2,
            work: Some(Place(1, 2)),
        },
        Event::CareOwed {
            of: Place(1, 2),
            care: Aftercare::Note,
        },
        Event::CareOwed {
            of: Place(1, 2),
            care: Aftercare::Inbox("tEstInb0x-Other0123456".to_owned()),
        },
        Event::Heard {
            event: print(2),
            at: at(5),
            control: true,
        },
        Event::Taken {
            holder: Holder::Agent(agent()),
            epoch: 3,
        },
        Event::Assigned { agent: agent() },
        received(3, Content::text("hello?"), &[]),
        Event::DeadlineFired {
            kind: DeadlineKind::CustomerWaits,
            due: at(6),
        },
        Event::ReminderSent,
        Event::Unassigned {
            agent: agent(),
            epoch: 3,
        },
        Event::Passed {
            holder: Holder::Queue(None),
            epoch: 4,
            work: None,
        },
        Event::QueueLimit {
            to: "notify".to_owned(),
        },
        Event::Asked {
            by: "app-1".to_owned(),
        },
        Event::Taken {
            holder: Holder::App("app-1".to_owned()),
            epoch: 5,
        },
        asked(ControlAsk::Release, None),
        Event::Released {
            holder: Holder::Nobody,
            epoch: 6,
            work: Some(Place(6, 2)),
        },
        Event::Heard {
            event: print(4),
            at: at(9),
            control: false,
        },
        Event::Released {
            holder: Holder::Nobody,
            epoch: 7,
            work: None,
        },
        Event::Passed {
            holder: Holder::Bot,
            epoch: 8,
            work: None,
        },
        received(5, Content::text("still here"), &[]),
        Event::DeadlineFired {
            kind: DeadlineKind::BotOwes,
            due: at(11),
        },
        asked(
            ControlAsk::Pass {
                to: Holder::App("app-1".to_owned()),
                parcel: bare,
            },
            None,
        ),
        Event::ControlFailed {
            work: Place(9, 0),
            detail: "the platform refused".to_owned(),
        },
        Event::ControlFailed {
            work: Place(9, 0),
            detail: String::new(),
        },
        asked(
            ControlAsk::Close {
                reason: CloseReason::Bot,
                description: "done".to_owned(),
            },
            key(2),
        ),
        Event::Claimed { until: at(30) },
        Event::Unknown {
            work: Place(10, 0),
            not_before: at(33),
        },
    ];
    let others = [
        DeadlineKind::CustomerSilent,
        DeadlineKind::CustomerSilentAgent,
        DeadlineKind::AgentSilent,
        DeadlineKind::QueueLimit,
        DeadlineKind::PlatformCheck,
    ];
    events.extend(others.map(|kind| Event::DeadlineFired { kind, due: at(12) }));
    events.push(asked(
        ControlAsk::Close {
            reason: CloseReason::Bot,
            description: String::new(),
        },
        None,
    ));
    events
}

pub(super) fn ends() -> Vec<Event> {
    let reasons = [
        CloseReason::Bot,
        CloseReason::Agent,
        CloseReason::Customer,
        CloseReason::Platform,
        CloseReason::Abandoned,
        CloseReason::BotSilent,
        CloseReason::SilentWithAgent,
        CloseReason::Moved,
        CloseReason::Lost,
        CloseReason::Erased,
    ];
    let mut events = vec![Event::Opened {
        identity: identity(),
        holder: Holder::Agent(agent()),
        epoch: 1,
    }];
    for (n, reason) in (1..).zip(reasons) {
        let by = if n % 2 == 0 {
            Actor::Agent(agent())
        } else {
            Actor::Hub
        };
        events.push(received(n, Content::text("bye"), &[]));
        events.push(Event::Closed {
            reason,
            by,
            work: (n % 2 == 0).then_some(Place(n, 1)),
        });
        events.push(Event::Reopened {
            holder: Holder::Bot,
            epoch: 1 + 2 * n,
        });
    }
    let mut renamed = identity();
    renamed.customer = Some("tEstCust0mer_Other0123".to_owned());
    events.extend([
        Event::Renamed { identity: renamed },
        Event::Closed {
            reason: CloseReason::Agent,
            by: Actor::Agent(agent()),
            work: None,
        },
        Event::SurveySent,
        Event::Queued {
            by: Actor::Hub,
            content: Content::text("How was it?"),
            key: None,
        },
        received(40, Content::text("good"), &[]),
        Event::SurveyAnswered {
            answer: "good".to_owned(),
        },
        Event::Unassigned {
            agent: agent(),
            epoch: 1,
        },
        Event::Erased,
    ]);
    events
}

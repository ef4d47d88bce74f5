//! The verdict: what the platform sent and got, and what the bot was told, against what
//! was meant. That the hub's own records agree in the end comes on top.

use crate::load::{Chat, End};
use crate::world::World;
use baton_simulators::bot::Told;
use baton_simulators::gladly::{
    ClosedBy, Delivery, DeliveryState, SessionState, SessionTranscript, Speaker, Violation,
    ViolationKind,
};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

/// Counts, and the first few complaints in words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    conversations: usize,
    messages: usize,
    answers: usize,
    handoffs: usize,
    closes: usize,
    repeated_tellings: usize,
    repeated_closes: usize,
    /// Pairs of messages whose order was compared.
    compared: usize,
    started: u64,
    /// The longest wait of a customer, and from the last kill until all was settled.
    longest: Duration,
    settled_after: Duration,
    faults: BTreeMap<&'static str, usize>,
    words: Vec<String>,
}

const FAULTS: [&str; 9] = [
    "messages lost",
    "answers lost",
    "answers doubled",
    "handoffs doubled",
    "closes doubled",
    "out of order",
    "conversations stuck",
    "forbidden calls",
    "webhooks given up",
];

impl Verdict {
    pub(crate) fn is_clean(&self) -> bool {
        self.faults.values().all(|count| *count == 0)
    }

    pub(crate) fn complaints(&self) -> String {
        self.words.join("\n")
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.conversations += other.conversations;
        self.messages += other.messages;
        self.answers += other.answers;
        self.handoffs += other.handoffs;
        self.closes += other.closes;
        self.repeated_tellings += other.repeated_tellings;
        self.repeated_closes += other.repeated_closes;
        self.compared += other.compared;
        self.started += other.started;
        self.longest = self.longest.max(other.longest);
        self.settled_after = self.settled_after.max(other.settled_after);
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        self.words.extend(other.words);
    }

    fn fault(&mut self, what: &'static str, count: usize, words: impl FnOnce() -> String) {
        *self.faults.entry(what).or_default() += count;
        if count > 0 && self.words.len() < 10 {
            self.words.push(format!("{what}: {}", words()));
        }
    }

    /// Compares one conversation.
    fn judge(&mut self, chat: &Chat, seen: &SessionTranscript, told: &[&Told]) {
        self.conversations += 1;
        self.messages += chat.wrote.len();
        self.handoffs += seen.handoffs.len();
        self.closes += seen.closes.len();
        self.longest = self.longest.max(chat.longest);
        let is_told = |text: &String| told.iter().any(|told| told.text.as_ref() == Some(text));
        let lost = chat.wrote.iter().filter(|text| !is_told(text)).count();
        self.fault("messages lost", lost, || format!("{chat:?}"));
        self.repeated_tellings += told.len().saturating_sub(chat.wrote.len());
        let answers = seen.texts(Speaker::Bot).len();
        self.answers += answers;
        let (few, many) = (
            chat.answers.saturating_sub(answers),
            answers.saturating_sub(chat.answers),
        );
        self.fault("answers lost", few, || format!("{chat:?} {seen:#?}"));
        let doubled = many.max(seen.repeated_bot_messages());
        self.fault("answers doubled", doubled, || format!("{seen:#?}"));
        let agent = usize::from(chat.end == End::Agent);
        let bye = usize::from(chat.end == End::Bye);
        let extra = seen.handoffs.len().saturating_sub(agent);
        self.fault("handoffs doubled", extra, || format!("{seen:#?}"));
        let extra = seen.closes.len().saturating_sub(bye);
        self.fault("closes doubled", extra, || format!("{seen:#?}"));
        let stuck = usize::from(chat.stuck.is_some());
        self.fault("conversations stuck", stuck, || format!("{chat:?}"));
    }

    /// Of two messages of one session, the platform had the first one's 2xx before it
    /// sent the second: so the bot hears them, and the customer reads the answers, in
    /// that order.
    fn order(&mut self, seen: &SessionTranscript, told: &[&Told], sent: &[Taken]) {
        let heard = |text: &str| {
            told.iter()
                .position(|told| told.text.as_deref() == Some(text))
        };
        let said = seen.texts(Speaker::Bot);
        let answer = |text: &str| {
            let quoted = format!("“{text}”");
            said.iter().position(|line| line.contains(&quoted))
        };
        for earlier in sent {
            for later in sent.iter().filter(|it| it.first_sent > earlier.accepted) {
                let swapped = |one: Option<usize>, other: Option<usize>| {
                    one.zip(other).is_some_and(|(one, other)| one > other)
                };
                let wrong = swapped(heard(&earlier.text), heard(&later.text))
                    || swapped(answer(&earlier.text), answer(&later.text));
                self.compared += 1;
                self.fault("out of order", usize::from(wrong), || {
                    format!("{earlier:?}, {later:?}: {told:#?} {seen:#?}")
                });
            }
        }
    }
}

/// A customer's message that was accepted.
#[derive(Debug)]
struct Taken {
    text: String,
    /// In ms since the epoch.
    first_sent: i64,
    /// When the 2xx was there.
    accepted: i64,
}

/// The session and the message of a delivery, if it is one that was accepted.
fn taken(delivery: &Delivery) -> Option<(String, Taken)> {
    let body: Value = serde_json::from_str(&delivery.body).ok()?;
    let at = |pointer: &str| body.pointer(pointer)?.as_str().map(str::to_owned);
    let succeeded = delivery.attempts.iter().find(|it| it.outcome.succeeded())?;
    let taken = Taken {
        text: at("/content/message/content/body")?,
        first_sent: delivery.attempts.first()?.started_at,
        accepted: succeeded.ended_at,
    };
    Some((at("/content/sessionId")?, taken))
}

pub(crate) async fn of(
    world: &World,
    chats: &[Chat],
    settled: bool,
    settled_after: Duration,
) -> Verdict {
    let mut verdict = Verdict {
        settled_after,
        started: world.sandboxes.started(),
        ..Verdict::default()
    };
    let told = world.bot.told();
    let mut told_in: HashMap<&str, Vec<&Told>> = HashMap::new();
    for told in &told {
        if let Some(session) = &told.session_id {
            told_in.entry(session).or_default().push(told);
        }
    }
    // The bot knows a session by the hub's name for it; its first message is known.
    let by_first: HashMap<&str, &Vec<&Told>> = told_in
        .values()
        .flat_map(|all| {
            all.iter()
                .filter_map(move |it| Some((it.text.as_deref()?, all)))
        })
        .filter(|(text, _)| text.starts_with("hello"))
        .collect();
    let sent = world.gladly.deliveries();
    let mut sent_in: HashMap<String, Vec<Taken>> = HashMap::new();
    for (session, taken) in sent.iter().filter_map(taken) {
        sent_in.entry(session).or_default().push(taken);
    }
    let none = Vec::new();
    for chat in chats {
        let seen = world.gladly.session(&chat.session).expect("the session");
        let first = chat.wrote.first().map(String::as_str).unwrap_or_default();
        let told = by_first.get(first).copied().unwrap_or(&none);
        verdict.judge(chat, &seen, told);
        let sent = sent_in.get(&chat.session).map_or(&[][..], Vec::as_slice);
        verdict.order(&seen, told, sent);
        if !settled && chat.stuck.is_none() {
            let thread = world.thread(&chat.session).await;
            let thread = thread.expect("the thread can be read");
            let ended = thread.open().is_none() || !chat.ends();
            let idle = thread.outbox.is_empty() && thread.untold.is_none() && ended;
            verdict.fault("conversations stuck", usize::from(!idle), || {
                format!("{thread:#?}")
            });
        }
    }
    let given_up = sent.iter().filter(|it| it.state == DeliveryState::GivenUp);
    let enabled = world.gladly.webhook_enabled(&world.webhook) == Some(true);
    verdict.fault("webhooks given up", given_up.count(), || {
        format!("the webhook is enabled: {enabled}")
    });
    let (repeated, forbidden): (Vec<_>, Vec<_>) = world
        .gladly
        .violations()
        .into_iter()
        .partition(|violation| is_repeated_close(world, violation));
    verdict.repeated_closes = repeated.len();
    verdict.fault("forbidden calls", forbidden.len(), || {
        format!("{forbidden:#?}")
    });
    verdict
}

/// Whether it is a close of a session that a close has ended before: who takes over from
/// a process that was killed between Gladly's answer and the log cannot know better.
/// Gladly's sessions do not tell that they are closed, so only the refusal does.
fn is_repeated_close(world: &World, violation: &Violation) -> bool {
    let session = violation
        .path
        .strip_suffix("/close")
        .and_then(|path| path.rsplit('/').next())
        .and_then(|id| world.gladly.session(id));
    violation.kind == ViolationKind::AfterClose
        && session.is_some_and(|session| {
            session.state == SessionState::Closed(ClosedBy::Automation) && session.closes.len() == 1
        })
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        let facts = [
            ("conversations", self.conversations),
            ("messages of customers", self.messages),
            ("answers of the bot", self.answers),
            ("handoffs", self.handoffs),
            ("closes by the bot", self.closes),
            ("tellings repeated (allowed)", self.repeated_tellings),
            ("closes refused (allowed)", self.repeated_closes),
            ("pairs compared for order", self.compared),
        ];
        for (name, count) in facts {
            writeln!(f, "{name:<32}{count:>8}")?;
        }
        writeln!(f, "{:<32}{:>8}", "processes started", self.started)?;
        for (name, time) in [
            ("longest wait of a customer, s", self.longest),
            ("settled after the last kill, s", self.settled_after),
        ] {
            writeln!(f, "{name:<32}{:>8.1}", time.as_secs_f64())?;
        }
        for name in FAULTS {
            let count = self.faults.get(name).copied().unwrap_or_default();
            writeln!(f, "{name:<32}{count:>8}")?;
        }
        Ok(())
    }
}

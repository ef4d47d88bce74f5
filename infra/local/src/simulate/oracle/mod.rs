//! The oracle: what the simulated platform, the bot, the clients of the API and the bus
//! believe that they sent and got, against what the hub promises.
//!
//! - `messages`: nothing lost, nothing doubled, in order;
//! - `erasing`: what was erased is gone, and stays so;
//! - `control`: one holder, old holdings silent, nobody stuck;
//! - `timers`: not early, not late;
//! - `records`: the log, the ledger, the bus and the rows agree.

mod control;
mod erasing;
mod messages;
mod records;
mod timers;

use super::bot::Told;
use super::calls::ApiCall;
use super::customers::Spans;
use super::fleet::Swept;
use super::stage::Stage;
use baton_domain::{ConversationId, Entry, Event, Policy, ThreadId};
use baton_hub::store::Loaded;
use baton_hub::store::rows::Row;
use baton_simulators::gladly::{Delivery, SessionTranscript};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The promise, in a few words.
    pub promise: &'static str,
    /// About what: a session, a message, a call.
    pub about: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// A thread's log at the end of a run.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) thread: ThreadId,
    pub(super) entries: Vec<Entry>,
    pub(super) loaded: Loaded,
}

impl Log {
    /// All events with the entries that carry them.
    fn events(&self) -> impl Iterator<Item = (&Entry, usize, &Event)> {
        self.entries.iter().flat_map(|entry| {
            let events = entry.events.iter().enumerate();
            events.map(move |(index, event)| (entry, index, event))
        })
    }
}

/// Everything that the parties know at the end of a run.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    pub(super) stage: Arc<Stage>,
    pub(super) policy: Policy,
    pub(super) spans: Spans,
    pub(super) sessions: Vec<SessionTranscript>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) told: Vec<Told>,
    pub(super) calls: Vec<ApiCall>,
    /// The details of the events that the bus took.
    pub(super) bus: Vec<Value>,
    /// By session.
    pub(super) logs: BTreeMap<String, Log>,
    pub(super) rows: Vec<Row>,
    pub(super) sweeps: Vec<Swept>,
    /// Sessions whose erasure was answered 2xx.
    pub(super) erasures: BTreeSet<String>,
    /// Every item of the table, as text.
    pub(super) table: Vec<String>,
}

impl Evidence {
    fn without_the_erased(&self) -> Self {
        let mut rest = self.clone();
        let erased: BTreeMap<&String, &Log> = self
            .logs
            .iter()
            .filter(|(_, log)| erasing::is_erased(log))
            .collect();
        rest.logs.retain(|session, _| !erased.contains_key(session));
        rest.sessions
            .retain(|session| !erased.contains_key(&session.session_id));
        rest.deliveries.retain(|delivery| {
            !erased
                .keys()
                .any(|session| delivery.body.contains(session.as_str()))
        });
        let of_erased = |conversation: &str| {
            ConversationId::parse(conversation)
                .is_ok_and(|id| erased.values().any(|log| log.thread == *id.thread()))
        };
        rest.calls.retain(|call| !of_erased(&call.conversation));
        rest
    }
}

/// Judges a run: everything that is not as it should be.
pub(super) fn judge(evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    erasing::judge(evidence, &mut findings);
    // Of what was erased nothing else can be asked.
    let evidence = &evidence.without_the_erased();
    messages::judge(evidence, &mut findings);
    control::judge(evidence, &mut findings);
    timers::judge(evidence, &mut findings);
    records::judge(evidence, &mut findings);
    findings
}

/// A moment as the story shows it.
fn shown(at: i64) -> String {
    let since = at - super::stage::BEGINS;
    format!(
        "{}.{:03} s",
        since.div_euclid(1_000),
        since.rem_euclid(1_000)
    )
}

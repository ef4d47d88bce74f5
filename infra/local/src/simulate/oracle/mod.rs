//! The oracle: what the simulated platform, the bot, the clients of the API and the bus
//! believe that they sent and got, against what the hub promises.
//!
//! - `messages`: nothing lost, nothing doubled, in order;
//! - `control`: one holder, old holdings silent, nobody stuck;
//! - `timers`: not early, not late;
//! - `records`: the log, the ledger, the bus and the rows agree.

mod control;
mod messages;
mod records;
mod timers;

use super::bot::Told;
use super::calls::ApiCall;
use super::customers::Spans;
use super::fleet::Swept;
use super::stage::Stage;
use baton_domain::{Entry, Event, Policy, ThreadId};
use baton_hub::store::Loaded;
use baton_hub::store::rows::Row;
use baton_simulators::gladly::{Delivery, SessionTranscript};
use serde_json::Value;
use std::collections::BTreeMap;
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
#[derive(Debug)]
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
#[derive(Debug)]
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
}

/// Judges a run: everything that is not as it should be.
pub(super) fn judge(evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
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

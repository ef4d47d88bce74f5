//! What the bot was told and what it remembers.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;

/// One webhook call as the bot received it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// When it arrived, in ms since the epoch.
    pub at: i64,
    /// The event's name.
    pub event_type: String,
    /// The event's id, empty if it has none.
    pub event_id: String,
    /// The session, if the event has one.
    pub session_id: Option<String>,
    /// The message, if the event has one.
    pub message_id: Option<String>,
    /// Its text.
    pub text: Option<String>,
    /// Whether the credentials were right.
    pub authentic: bool,
    /// The status it was answered with, once it was.
    pub status: Option<u16>,
    /// When it was answered.
    pub answered_at: Option<i64>,
}

/// How far an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Answering,
    Done,
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) told: Vec<Told>,
    pub(super) failed_calls: Vec<String>,
    progress: HashMap<String, Progress>,
    crashes: HashMap<String, u32>,
    /// The event with which each session began.
    met: HashMap<String, String>,
    /// Ids of the messages the bot knows it sent, by session.
    sent: HashMap<String, Vec<String>>,
}

impl Memory {
    /// Writes an event down and returns its place.
    pub(super) fn note(&mut self, event: &Value, at: i64, authentic: bool) -> usize {
        let text = |pointer: &str| {
            event
                .pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        self.told.push(Told {
            at,
            event_type: text("/type").unwrap_or_default(),
            event_id: text("/id").unwrap_or_default(),
            session_id: text("/content/sessionId"),
            message_id: text("/content/message/id"),
            text: text("/content/message/content/body"),
            authentic,
            status: None,
            answered_at: None,
        });
        self.told.len() - 1
    }

    pub(super) fn answered(&mut self, number: usize, status: u16, at: i64) {
        if let Some(told) = self.told.get_mut(number) {
            told.status = Some(status);
            told.answered_at = Some(at);
        }
    }

    /// Whether the event is new, or failed before; it is being answered from now.
    pub(super) fn begin(&mut self, event_id: &str) -> bool {
        if self.progress.contains_key(event_id) {
            return false;
        }
        self.progress
            .insert(event_id.to_owned(), Progress::Answering);
        true
    }

    pub(super) fn is_done(&self, event_id: &str) -> bool {
        self.progress.get(event_id) == Some(&Progress::Done)
    }

    pub(super) fn end(&mut self, event_id: &str, done: bool) {
        if done {
            self.progress.insert(event_id.to_owned(), Progress::Done);
        } else {
            self.progress.remove(event_id);
        }
    }

    /// Whether this event is the one with which its session began.
    pub(super) fn meet(&mut self, session_id: &str, event_id: &str) -> bool {
        let first = self
            .met
            .entry(session_id.to_owned())
            .or_insert_with(|| event_id.to_owned());
        first == event_id
    }

    /// How often this event has crashed the bot, this time included.
    pub(super) fn crash(&mut self, event_id: &str) -> u32 {
        let crashes = self.crashes.entry(event_id.to_owned()).or_default();
        *crashes += 1;
        *crashes
    }

    pub(super) fn sent(&self, session_id: &str) -> HashSet<String> {
        let sent = self.sent.get(session_id);
        sent.into_iter().flatten().cloned().collect()
    }

    pub(super) fn add_sent(&mut self, session_id: &str, message_id: String) {
        self.sent
            .entry(session_id.to_owned())
            .or_default()
            .push(message_id);
    }
}

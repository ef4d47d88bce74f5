//! What happened in a run: lines for people, and a digest of every call and answer by
//! which two runs are compared.

use super::stage::locked;
use serde_json::Value;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// How much of a run is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Telling {
    /// Whether lines are kept.
    pub lines: bool,
    /// Whether the digest is made.
    pub digest: bool,
}

/// One line of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds since the beginning.
    pub at: i64,
    /// Who did it, or whom it struck.
    pub who: String,
    /// What happened.
    pub what: String,
}

/// The story of one run.
#[derive(Debug, Default)]
pub(super) struct Story {
    telling: Telling,
    lines: Mutex<Vec<Line>>,
    digest: Mutex<DefaultHasher>,
    over: AtomicBool,
}

impl Story {
    pub(super) fn new(telling: Telling) -> Self {
        Self {
            telling,
            ..Self::default()
        }
    }

    pub(super) fn note(&self, at: i64, who: &str, what: impl FnOnce() -> String) {
        if !(self.telling.lines || self.telling.digest) || self.over.load(Ordering::Relaxed) {
            return;
        }
        let what = what();
        if self.telling.digest {
            (at, who, &what).hash(&mut *locked(&self.digest));
        }
        if self.telling.lines {
            locked(&self.lines).push(Line {
                at,
                who: who.to_owned(),
                what,
            });
        }
    }

    /// Takes a message into the digest, whose members may be in any order.
    pub(super) fn digest(&self, at: i64, who: &str, body: &[u8]) {
        if !self.telling.digest || self.over.load(Ordering::Relaxed) {
            return;
        }
        let mut digest = locked(&self.digest);
        (at, who).hash(&mut *digest);
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => hash(&value, &mut *digest),
            Err(_) => body.hash(&mut *digest),
        }
    }

    /// Ends it: what still runs afterwards is no part of it.
    pub(super) fn end(&self) -> (Vec<Line>, u64) {
        self.over.store(true, Ordering::Relaxed);
        let lines = std::mem::take(&mut *locked(&self.lines));
        (lines, locked(&self.digest).finish())
    }
}

fn hash(value: &Value, into: &mut impl Hasher) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            members.len().hash(into);
            for (name, value) in members {
                name.hash(into);
                hash(value, into);
            }
        }
        Value::Array(items) => {
            items.len().hash(into);
            items.iter().for_each(|item| hash(item, into));
        }
        other => other.to_string().hash(into),
    }
}

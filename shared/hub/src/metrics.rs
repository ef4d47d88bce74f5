//! Counts of what happened, for those who run the hub: nothing decides by them.
//!
//! They are ambient, as logs are: whatever happens is counted where it happens, and the
//! function that Lambda has called takes the counts at the end of its call
//! ([`take`]). A sandbox has one call at a time, so they are that call's. Where nobody
//! takes them, as in the local hub, they stay a handful of numbers. No count holds
//! anything personal.

use baton_domain::ThreadId;
use baton_domain::time::SECOND;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The target of what a call says of itself as a whole: at most one such event a call.
/// Its fields stand in the line that carries the call's counts.
pub const INVOCATION: &str = "baton::invocation";

/// A timer that fires later than this after its time is late: 2 s are promised for all
/// but a hundredth of them.
pub const LATE: i64 = 5 * SECOND;

/// Ids of threads that one call names at most.
const THREADS_NAMED: usize = 8;

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// An authentic webhook was answered 2xx, poison included.
    Webhooks,
    /// A webhook was refused for its credentials.
    WebhooksRefused,
    /// A webhook was answered 503: the platform sends it again, and after a few of these
    /// switches the webhook off.
    WebhooksUnavailable,
    /// A webhook was kept as poison.
    Poison,
    /// A message left, and the platform took it.
    MessagesSent,
    /// A message was given up. Those that a change of control cancelled are not counted.
    MessagesFailed,
    /// Nobody knows whether a message left; it is looked into.
    MessagesUnknown,
    /// A handoff or close was given up.
    ControlFailed,
    /// A bot did not accept what it was told; it is told again.
    BotNotTold,
    /// A request to the table failed after all its tries.
    StorageErrors,
    /// A timer fired.
    TimersFired,
    /// A timer fired more than [`LATE`] after its time.
    TimersLate,
    /// The hub found that a platform had switched its webhook off.
    WebhookOff,
    /// The daily check of a connection found errors.
    ConnectionsUnhealthy,
    /// Some code panicked.
    Panics,
}

impl Count {
    /// The metric's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhooks => "Webhooks",
            Self::WebhooksRefused => "WebhooksRefused",
            Self::WebhooksUnavailable => "WebhooksUnavailable",
            Self::Poison => "Poison",
            Self::MessagesSent => "MessagesSent",
            Self::MessagesFailed => "MessagesFailed",
            Self::MessagesUnknown => "MessagesUnknown",
            Self::ControlFailed => "ControlFailed",
            Self::BotNotTold => "BotNotTold",
            Self::StorageErrors => "StorageErrors",
            Self::TimersFired => "TimersFired",
            Self::TimersLate => "TimersLate",
            Self::WebhookOff => "WebhookOff",
            Self::ConnectionsUnhealthy => "ConnectionsUnhealthy",
            Self::Panics => "Panics",
        }
    }
}

/// Calls to one kind of party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// All of them.
    pub made: u64,
    /// Those that took longer than two seconds.
    pub slow: u64,
    /// Those answered 429.
    pub throttled: u64,
    /// Those without an answer.
    pub unanswered: u64,
    /// The longest, in milliseconds.
    pub longest_ms: i64,
}

/// What was counted since the last [`take`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How often each thing happened; what did not happen is not there.
    pub counts: BTreeMap<Count, u64>,
    /// How long after its time the latest timer fired, in milliseconds.
    pub lateness_ms: Option<i64>,
    /// Calls by whom they went to: `gladly`, `bot`.
    pub calls: BTreeMap<&'static str, CallCounts>,
    /// The first threads that were read.
    pub threads: Vec<ThreadId>,
}

static COUNTED: Mutex<Counted> = Mutex::new(Counted {
    counts: BTreeMap::new(),
    lateness_ms: None,
    calls: BTreeMap::new(),
    threads: Vec::new(),
});

fn counted() -> MutexGuard<'static, Counted> {
    COUNTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts one.
pub fn count(what: Count) {
    *counted().counts.entry(what).or_default() += 1;
}

/// Counts a timer that fired so many milliseconds after its time.
pub fn fired(lateness_ms: i64) {
    let mut counted = counted();
    *counted.counts.entry(Count::TimersFired).or_default() += 1;
    if lateness_ms > LATE {
        *counted.counts.entry(Count::TimersLate).or_default() += 1;
    }
    counted.lateness_ms = counted.lateness_ms.max(Some(lateness_ms));
}

/// Counts a call to a `party`: the status of its answer, if it had one, and how long it
/// took.
pub(crate) fn called(party: &'static str, status: Option<u16>, took_ms: i64, is_slow: bool) {
    let mut counted = counted();
    let calls = counted.calls.entry(party).or_default();
    calls.made += 1;
    calls.slow += u64::from(is_slow);
    calls.throttled += u64::from(status == Some(429));
    calls.unanswered += u64::from(status.is_none());
    calls.longest_ms = calls.longest_ms.max(took_ms);
}

/// Notes that a call is about this thread.
pub(crate) fn about(thread: &ThreadId) {
    let mut counted = counted();
    if counted.threads.len() < THREADS_NAMED && !counted.threads.contains(thread) {
        counted.threads.push(thread.clone());
    }
}

/// What was counted since the last time, and starts anew.
#[must_use]
pub fn take() -> Counted {
    std::mem::take(&mut counted())
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the counts are the process's.
    #[test]
    fn what_is_counted_is_taken_once() {
        let _before = take();
        count(Count::Poison);
        count(Count::Poison);
        for lateness in [0, LATE, LATE + 1] {
            fired(lateness);
        }
        called("gladly", Some(200), 20, false);
        called("gladly", Some(429), 2_100, true);
        called("bot", None, 15_000, true);
        let id = |number: u8| {
            let key = baton_domain::IdKey::new(*b"test-secret-id-key-0123456789abc");
            key.thread("shop-chat", &number.to_string())
        };
        for number in 0..20 {
            about(&id(number));
            about(&id(number));
        }
        let counted = take();
        assert_eq!(counted.counts[&Count::Poison], 2);
        assert_eq!(counted.counts[&Count::TimersFired], 3);
        assert_eq!(counted.counts[&Count::TimersLate], 1);
        assert_eq!(counted.lateness_ms, Some(LATE + 1));
        let gladly = CallCounts {
            made: 2,
            slow: 1,
            throttled: 1,
            unanswered: 0,
            longest_ms: 2_100,
        };
        assert_eq!(counted.calls["gladly"], gladly);
        assert_eq!(counted.calls["bot"].unanswered, 1);
        let named: Vec<ThreadId> = (0..8).map(id).collect();
        assert_eq!(counted.threads, named);
        assert_eq!(take(), Counted::default());
    }
}

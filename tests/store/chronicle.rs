//! Three threads in which everything happens that can be stored: every event with
//! all its fields and with as few as it may have, and every value of every choice.
//! They are no likely stories; folding is total, so any order can be read.

mod stories;

use crate::material::{START, thread};
use baton_domain::time::MINUTE;
use baton_domain::{CommandId, Entry, Event, Leaves, Thread, ThreadId, Timestamp, apply_entry};
use std::collections::BTreeSet;
use stories::{control, ends, talk};

/// A thread's log, and what of it is in a checkpoint.
pub(crate) struct Chronicle {
    pub(crate) name: String,
    pub(crate) id: ThreadId,
    pub(crate) entries: Vec<Entry>,
    /// The checkpoint covers this many entries, which are gone; 0 is no checkpoint.
    pub(crate) covered: u64,
    /// What is armed on the checkpoint.
    pub(crate) due: Option<Timestamp>,
}

impl Chronicle {
    /// The state that its checkpoint holds.
    pub(crate) fn checkpoint(&self) -> Thread {
        let covered = self
            .entries
            .iter()
            .filter(|entry| entry.seq <= self.covered);
        covered.fold(Thread::default(), |thread, entry| {
            apply_entry(thread, entry)
        })
    }
}

/// Each thread whole, and behind checkpoints at such entries that every field of the
/// state is set in one of them.
pub(crate) fn all() -> Vec<Chronicle> {
    let mut all = Vec::new();
    for (story, tell) in [
        ("talk", talk as fn() -> Vec<Event>),
        ("control", control),
        ("ends", ends),
    ] {
        let entries = entries(tell());
        let length = entries.len() as u64;
        let covers: BTreeSet<u64> = [0, 1, 5, 6, 11, length - 1, length].into();
        for covered in covers {
            let number = u32::try_from(all.len()).unwrap_or_default();
            let chronicle = Chronicle {
                name: format!("{story}-{covered}"),
                id: thread(1_000 + number),
                entries: entries.clone(),
                covered,
                due: (covered % 2 == 0).then(|| START.plus(10 * MINUTE + 1)),
            };
            all.push(chronicle);
        }
    }
    all
}

/// Three events an entry, with changing times, leavings and arming.
fn entries(events: Vec<Event>) -> Vec<Entry> {
    let mut epoch = 0;
    let mut entries = Vec::new();
    for (seq, events) in (1_u64..).zip(events.chunks(3)) {
        let at = START.plus(i64::try_from(seq).unwrap_or_default() * 1_501);
        epoch = events
            .iter()
            .filter_map(|event| event.holding().map(|(_, epoch)| epoch))
            .fold(epoch, u64::max);
        entries.push(Entry {
            seq,
            at,
            command: CommandId(format!("golden{seq:010}")),
            connection: "shop-chat".to_owned(),
            conversation: 1,
            epoch,
            events: events.to_vec(),
            leaves: Leaves {
                deliver: seq % 2 == 0,
                tell: seq % 3 == 0,
                row: seq % 5 < 2,
            },
            due: (seq % 4 == 1).then(|| at.plus(MINUTE)),
        });
    }
    entries
}

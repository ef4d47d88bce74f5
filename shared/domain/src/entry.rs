//! The entry: one commit in a thread's log, the events of one command together.

use crate::event::Event;
use crate::ids::CommandId;
use crate::time::Timestamp;

/// One commit in a thread's log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Gap-free number, from 1.
    pub seq: u64,
    /// When it was appended; never before the previous entry.
    pub at: Timestamp,
    /// The command's unique id.
    pub command: CommandId,
    /// The connection of the thread.
    pub connection: String,
    /// The seq at which the conversation began that this entry belongs to; 0 where
    /// there is none.
    pub conversation: u64,
    /// The epoch after this entry.
    pub epoch: u64,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What it leaves to the stream's consumers.
    pub leaves: Leaves,
    /// When the thread must be woken, where this entry arms it.
    pub due: Option<Timestamp>,
}

impl Entry {
    /// Whether its content was erased: every entry that is written has events. It keeps its place, its
    /// command and its time, and must not be folded: what it said is in the checkpoint
    /// above it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.events.is_empty()
    }
}

/// What an entry leaves to the stream's consumers; their filters read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaves {
    /// Outbound work that nobody has claimed.
    pub deliver: bool,
    /// News that the bot has not been told.
    pub tell: bool,
    /// The conversation row changes.
    pub row: bool,
}

impl Leaves {
    /// The stored form: the letters `d`, `t`, `r`, in this order, those that hold.
    #[must_use]
    pub fn letters(self) -> String {
        [(self.deliver, 'd'), (self.tell, 't'), (self.row, 'r')]
            .into_iter()
            .filter_map(|(holds, letter)| holds.then_some(letter))
            .collect()
    }

    /// Reads the stored form; unknown letters are ignored.
    #[must_use]
    pub fn parse(letters: &str) -> Self {
        Self {
            deliver: letters.contains('d'),
            tell: letters.contains('t'),
            row: letters.contains('r'),
        }
    }
}

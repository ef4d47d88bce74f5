//! The hub's own seats: an agent's capacity, as a set of holdings. A set, not a
//! count: adding twice or removing late changes nothing.

use crate::ids::ThreadId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One holding that occupies a seat: this thread in this epoch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Holding {
    /// The thread.
    pub thread: ThreadId,
    /// The epoch of the holding.
    pub epoch: u64,
}

impl Holding {
    /// The stored form, an element of a string set: `thread#epoch`.
    #[must_use]
    pub fn element(&self) -> String {
        format!("{}#{}", self.thread, self.epoch)
    }
}

/// Whether an agent works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Takes conversations.
    Available,
    /// Signed in, takes none.
    Away,
    /// Not there.
    Offline,
}

/// An agent of the hub's own desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Whether the agent works.
    pub presence: Presence,
    /// How many conversations automation may give.
    pub limit: usize,
    /// The conversations held.
    pub holdings: BTreeSet<Holding>,
}

impl Seat {
    /// Whether automation may give another conversation.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.presence == Presence::Available && self.holdings.len() < self.limit
    }

    /// Takes a holding: by automation only where there is room, by hand always.
    /// Returns whether the holding is there now.
    pub fn take(&mut self, holding: Holding, by_hand: bool) -> bool {
        if self.holdings.contains(&holding) {
            return true;
        }
        if !by_hand && !self.has_room() {
            return false;
        }
        self.holdings.insert(holding)
    }

    /// Gives a holding back; giving back twice changes nothing.
    pub fn free(&mut self, holding: &Holding) {
        self.holdings.remove(holding);
    }
}

//! Cost as a number: the consumed capacity of every response, by mechanism.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a request to the table is for. Costs are kept apart by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// Reading a thread.
    Load,
    /// Appending an entry.
    Append,
    /// The index entry of an entry that arms its thread, part of the append.
    Arm,
    /// Writing the state half of a checkpoint.
    Checkpoint,
    /// Re-arming and disarming by the sweep.
    Wake,
    /// Searching the log for an id older than the checkpoint remembers, or for
    /// content that is behind the tail.
    LogSearch,
    /// Conversation rows and their index.
    Row,
    /// Directory items.
    Directory,
    /// Asking the due index.
    DueIndex,
    /// The sweep's lease.
    Lease,
    /// Poison records and other refuse.
    Poison,
    /// Settings and tokens, cached.
    Settings,
    /// Lists and feeds asked by the API.
    Read,
    /// Idempotency keys of calls that are not about an existing thread.
    Key,
    /// Seats of the hub's own agents.
    Seat,
    /// The checks of connections.
    Checkup,
    /// Overwriting what an erased thread left.
    Erase,
}

impl Mechanism {
    /// The word in tables and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Append => "append",
            Self::Arm => "arm",
            Self::Checkpoint => "checkpoint",
            Self::Wake => "wake",
            Self::LogSearch => "log search",
            Self::Row => "row",
            Self::Directory => "directory",
            Self::DueIndex => "due index",
            Self::Lease => "lease",
            Self::Poison => "poison",
            Self::Settings => "settings",
            Self::Read => "read",
            Self::Key => "key",
            Self::Seat => "seat",
            Self::Checkup => "checkup",
            Self::Erase => "erase",
        }
    }
}

/// What one mechanism used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Requests.
    pub calls: u64,
    /// Read units.
    pub read: f64,
    /// Write units, index writes included.
    pub write: f64,
}

/// USD per million write units, on demand (performance figures of the project).
pub const WRITE_PRICE: f64 = 0.625;
/// USD per million read units, on demand.
pub const READ_PRICE: f64 = 0.125;

impl Tally {
    /// USD for a million times this.
    #[must_use]
    pub fn usd_per_million(&self) -> f64 {
        self.write * WRITE_PRICE + self.read * READ_PRICE
    }
}

/// What DynamoDB says that a request used.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Consumed {
    capacity_units: Option<f64>,
    /// Without indexes.
    table: Option<ConsumedOfTable>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConsumedOfTable {
    capacity_units: Option<f64>,
}

/// Counts units; clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Units(Arc<Mutex<BTreeMap<Mechanism, Tally>>>);

impl Units {
    /// Counts one response. Index writes of an append are the arming's.
    pub(crate) fn count(&self, mechanism: Mechanism, writes: bool, consumed: Option<&Consumed>) {
        let total = consumed.and_then(|consumed| consumed.capacity_units);
        let total = total.unwrap_or_default();
        let table = consumed.and_then(|consumed| consumed.table.as_ref());
        let table = table.and_then(|table| table.capacity_units);
        let table = table.unwrap_or(total);
        if mechanism == Mechanism::Append && total > table {
            self.add(Mechanism::Append, table, true, 1);
            self.add(Mechanism::Arm, total - table, true, 0);
        } else {
            self.add(mechanism, total, writes, 1);
        }
    }

    /// Counts a request that was refused for its condition: DynamoDB charges the
    /// write without reporting it.
    pub(crate) fn count_refused(&self, mechanism: Mechanism) {
        self.add(mechanism, 1.0, true, 1);
    }

    fn add(&self, mechanism: Mechanism, units: f64, writes: bool, calls: u64) {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tallies.entry(mechanism).or_default();
        tally.calls += calls;
        if writes {
            tally.write += units;
        } else {
            tally.read += units;
        }
    }

    /// What has been used since the start or the last [`Units::take`].
    #[must_use]
    pub fn tallies(&self) -> BTreeMap<Mechanism, Tally> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Like [`Units::tallies`], and starts anew.
    #[must_use]
    pub fn take(&self) -> BTreeMap<Mechanism, Tally> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

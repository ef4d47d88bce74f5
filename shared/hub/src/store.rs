//! The one place that knows DynamoDB: a log per thread in one table, and what is
//! derived from it.
//!
//! | module | subject |
//! |---|---|
//! | [`item`] | names of keys and attributes |
//! | [`codec`] | entries and checkpoints as items, schemas and upcasters |
//! | [`log`] | a thread's log: load, append, search |
//! | `checkpoint` | its checkpoint: the state, and the time of the next look |
//! | [`due`] | everything that must happen later, and the sweep's lease |
//! | [`rows`] | conversation rows and the index of open ones |
//! | [`directory`] | other names of a thread |
//! | `erasing` | overwriting what an erased thread left |
//! | [`poison`] | webhooks that could not be used |
//! | [`records`] | idempotency keys, tokens, settings |
//! | `seats` | the seats of the hub's own agents |
//! | [`units`] | consumed capacity by mechanism |

mod checkpoint;
pub mod codec;
pub mod directory;
pub mod due;
mod erasing;
mod error;
pub mod item;
pub mod log;
pub mod poison;
pub mod records;
pub mod rows;
mod seats;
pub mod units;

pub use erasing::BLANKS_KEPT;
pub use error::StoreError;
pub use log::{Appended, Loaded};
pub use units::{Mechanism, Tally, Units};

use aws_sdk_dynamodb::Client;

/// The table, with a count of what it costs.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
    units: Units,
}

impl Store {
    /// The table of this name through this client.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
            units: Units::default(),
        }
    }

    /// What the requests through this store have cost.
    #[must_use]
    pub fn units(&self) -> &Units {
        &self.units
    }
}

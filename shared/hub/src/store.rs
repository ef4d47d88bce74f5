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
//! | [`checkups`] | when each connection is checked, and what was found last |
//! | [`directory`] | other names of a thread |
//! | `erasing` | overwriting what an erased thread left |
//! | [`poison`] | webhooks that could not be used |
//! | [`description`] | how the table is set up, for the operator |
//! | [`records`] | idempotency keys, tokens |
//! | [`settings`] | the settings document, its changes, webhooks as last seen |
//! | `seats` | the seats of the hub's own agents |
//! | `direct` | reading a thread, reading and putting items: without the SDK's layers |
//! | [`units`] | consumed capacity by mechanism |

mod checkpoint;
pub mod checkups;
pub mod codec;
pub mod description;
mod direct;
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
pub mod settings;
pub mod units;

pub use erasing::BLANKS_KEPT;
pub use error::StoreError;
pub use log::{Appended, Loaded};
pub use units::{Mechanism, Tally, Units};

use aws_sdk_dynamodb::Client;
use direct::shapes::{GetItem, Key, Operation, PutItem, Read, Text};
use direct::{Direct, Refusal};
use item::Item;

/// The table, with a count of what it costs.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    direct: Direct,
    table: String,
    units: Units,
}

/// How a write on a condition went.
enum Written {
    /// It is done.
    Yes,
    /// The condition does not hold, for this item, if it was asked for.
    Refused(Option<Item>),
}

impl Store {
    /// The table of this name through this client.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            direct: Direct::default(),
            table: table.into(),
            units: Units::default(),
        }
    }

    /// Asks the table directly.
    async fn ask<Asked: Operation>(&self, asked: &Asked) -> Result<Asked::Answer, Refusal> {
        self.direct.ask(&self.client, &self.table, asked).await
    }

    /// Reads one item.
    async fn item(
        &self,
        mechanism: Mechanism,
        (pk, sk): (&str, &str),
        consistent: bool,
    ) -> Result<Option<Item>, StoreError> {
        let asked = GetItem {
            table_name: &self.table,
            key: Key {
                pk: Text { text: pk },
                sk: Text { text: sk },
            },
            consistent_read: consistent,
            return_consumed_capacity: "TOTAL",
        };
        let got = self.ask(&asked).await?;
        let capacity = got.consumed_capacity.as_ref();
        self.units.count(mechanism, false, capacity);
        Ok(got.item.map(|Read(item)| item))
    }

    /// Puts an item.
    async fn put(&self, mechanism: Mechanism, put: PutItem<'_>) -> Result<Written, StoreError> {
        match self.ask(&put).await {
            Ok(done) => {
                let capacity = done.consumed_capacity.as_ref();
                self.units.count(mechanism, true, capacity);
                Ok(Written::Yes)
            }
            Err(Refusal::Condition(standing)) => {
                self.units.count_refused(mechanism);
                Ok(Written::Refused(standing))
            }
            Err(Refusal::Failed(error)) => Err(error),
        }
    }

    /// What the requests through this store have cost.
    #[must_use]
    pub fn units(&self) -> &Units {
        &self.units
    }
}

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
//! | `direct` | the requests to it, without the SDK's layers |
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
mod pages;
pub mod poison;
pub mod records;
pub mod rows;
mod seats;
pub mod settings;
pub mod units;

pub use direct::way::Endpoint;
pub use erasing::BLANKS_KEPT;
pub use error::StoreError;
pub use log::{Appended, Loaded};
pub use units::{Mechanism, Tally, Units};

use aws_sdk_dynamodb::Client;
use direct::shapes::{Answer, Read, Request};
use direct::{Direct, Refusal};
use item::Item;

/// The table, with a count of what it costs.
#[derive(Clone, Debug)]
pub struct Store {
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
    /// The table of this name, as this client would reach it.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self::by(Direct::by(client), table.into())
    }

    /// The table of this name, without a client of the SDK.
    #[must_use]
    pub fn at(endpoint: Endpoint, table: impl Into<String>) -> Self {
        Self::by(Direct::by(endpoint), table.into())
    }

    fn by(direct: Direct, table: String) -> Self {
        Self {
            direct,
            table,
            units: Units::default(),
        }
    }

    /// Asks the table on no condition, and counts.
    async fn ask(&self, mechanism: Mechanism, request: &Request<'_>) -> Result<Answer, StoreError> {
        let operation = request.operation;
        let answer = self.direct.ask(request).await;
        let answer = answer.map_err(|refusal| refusal.error(operation))?;
        let consumed = answer.consumed_capacity.as_ref();
        self.units.count(mechanism, operation.writes(), consumed);
        Ok(answer)
    }

    /// Reads one item.
    async fn item(
        &self,
        mechanism: Mechanism,
        key: (&str, &str),
        consistent: bool,
    ) -> Result<Option<Item>, StoreError> {
        let request = Request::get(&self.table, key).consistent(consistent);
        let got = self.ask(mechanism, &request).await?;
        Ok(got.item.map(|Read(item)| item))
    }

    /// Writes on a condition, and counts.
    async fn write(
        &self,
        mechanism: Mechanism,
        request: &Request<'_>,
    ) -> Result<Written, StoreError> {
        match self.direct.ask(request).await {
            Ok(done) => {
                let consumed = done.consumed_capacity.as_ref();
                self.units.count(mechanism, true, consumed);
                Ok(Written::Yes)
            }
            Err(Refusal::Condition(standing)) => {
                self.units.count_refused(mechanism);
                Ok(Written::Refused(standing))
            }
            Err(Refusal::Failed(error)) => Err(error),
        }
    }

    /// Like [`Store::write`], where what stands does not matter: whether it is done.
    async fn done(&self, mechanism: Mechanism, request: &Request<'_>) -> Result<bool, StoreError> {
        let written = self.write(mechanism, request).await?;
        Ok(matches!(written, Written::Yes))
    }

    /// What the requests through this store have cost.
    #[must_use]
    pub fn units(&self) -> &Units {
        &self.units
    }
}

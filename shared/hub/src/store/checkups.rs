//! When each connection is checked again, and what is remembered from one check to the
//! next: one item for each connection, found by the index `due`.

use super::Store;
use super::direct::shapes::PutItem;
use super::error::StoreError;
use super::item::{DATA, DUE, DUE_SHARD, Item, PK, SK, n, number, s, shard_of, text};
use super::units::Mechanism;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use baton_domain::Timestamp;

const PREFIX: &str = "check#";
const CHECKUP_SK: &str = "c";

/// The connection whose checks an item with this key is about.
pub(super) fn connection_of(pk: &str) -> Option<&str> {
    pk.strip_prefix(PREFIX)
}

/// A connection's checks as they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCheckup {
    /// When the next one is due, in seconds since the epoch.
    pub due: i64,
    /// What is remembered, JSON; empty before the first.
    pub data: String,
}

impl Store {
    /// Sees to it that the connection is checked: where it never was, at `first`.
    ///
    /// # Errors
    /// When the table cannot be written. That it is armed already is no error.
    pub async fn arm_checkup(&self, connection: &str, first: Timestamp) -> Result<(), StoreError> {
        let pk = format!("{PREFIX}{connection}");
        let item = Item::from([
            (DUE_SHARD.to_owned(), s(shard_of(&pk))),
            (DUE.to_owned(), n(first.seconds_up())),
            (PK.to_owned(), s(pk)),
            (SK.to_owned(), s(CHECKUP_SK)),
            (DATA.to_owned(), s("")),
        ]);
        let put = PutItem::of(&self.table, &item).only_if("attribute_not_exists(pk)");
        self.put(Mechanism::Checkup, put).await?;
        Ok(())
    }

    /// The connection's checks; `None` where none was ever due.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn checkup(&self, connection: &str) -> Result<Option<KeptCheckup>, StoreError> {
        let pk = format!("{PREFIX}{connection}");
        let got = self
            .item(Mechanism::Checkup, (&pk, CHECKUP_SK), true)
            .await?;
        Ok(got.and_then(|item| {
            Some(KeptCheckup {
                due: number(&item, DUE)?,
                data: text(&item, DATA).unwrap_or_default().to_owned(),
            })
        }))
    }

    /// Puts the next check off from `read` (seconds) to `until`: whoever does so makes the
    /// check meanwhile, and if it dies, it is made then. `None`: somebody else was faster.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn claim_checkup(
        &self,
        connection: &str,
        read: i64,
        until: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let until = until.seconds_up();
        let ours = self.move_checkup(connection, read, until, None).await?;
        Ok(ours.then_some(until))
    }

    /// Keeps what a check found and when the next one is due; only for whoever claimed it
    /// until `claimed` (seconds). `false`: it took too long, and another makes it.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn keep_checkup(
        &self,
        connection: &str,
        claimed: i64,
        data: &str,
        next: Timestamp,
    ) -> Result<bool, StoreError> {
        self.move_checkup(connection, claimed, next.seconds_up(), Some(data))
            .await
    }

    async fn move_checkup(
        &self,
        connection: &str,
        read: i64,
        next: i64,
        data: Option<&str>,
    ) -> Result<bool, StoreError> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PK, s(format!("{PREFIX}{connection}")))
            .key(SK, s(CHECKUP_SK))
            .condition_expression("#due = :read")
            .expression_attribute_names("#due", DUE)
            .expression_attribute_values(":next", n(next))
            .expression_attribute_values(":read", n(read))
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        update = match data {
            None => update.update_expression("SET #due = :next"),
            Some(data) => update
                .update_expression("SET #due = :next, #d = :d")
                .expression_attribute_names("#d", DATA)
                .expression_attribute_values(":d", s(data)),
        };
        let updated = update.send().await;
        self.conditional(
            Mechanism::Checkup,
            updated.map(|done| done.consumed_capacity),
        )
    }
}

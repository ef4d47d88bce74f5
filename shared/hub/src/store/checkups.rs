//! When each connection is checked again, and what is remembered from one check to the
//! next: one item for each connection, found by the index `due`.

use super::Store;
use super::direct::shapes::Request;
use super::error::StoreError;
use super::item::{DATA, DUE, DUE_SHARD, Item, PK, SK, n, number, s, shard_of, text};
use super::units::Mechanism;
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
        ]);
        let request = Request::put(&self.table, &item).only_if("attribute_not_exists(pk)");
        self.done(Mechanism::Checkup, &request).await?;
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
        let pk = format!("{PREFIX}{connection}");
        let update = match data {
            None => "SET #due = :next",
            Some(_) => "SET #due = :next, #d = :d",
        };
        let mut request = Request::update(&self.table, (&pk, CHECKUP_SK), update)
            .only_if("#due = :read")
            .name("#due", DUE)
            .value(":next", n(next))
            .value(":read", n(read));
        if let Some(data) = data {
            request = request.name("#d", DATA).value(":d", s(data));
        }
        self.done(Mechanism::Checkup, &request).await
    }
}

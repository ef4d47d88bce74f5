//! Other names of a thread: a Gladly conversation, say. Kept by `publish`, read
//! only when an event lacks the main id. Keys are keyed hashes: a name cannot be
//! read off them.
//!
//! The name of a customer leads to many threads, and has an item for each. It is read
//! only when a customer is erased.

use super::Store;
use super::error::StoreError;
use super::item::{Item, PK, SK, TTL, n, number, s, text};
use super::units::Mechanism;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use baton_domain::time::DAY;
use baton_domain::{ThreadId, Timestamp};

/// How long a directory item is kept after it was last written.
pub const DIRECTORY_KEPT: i64 = 90 * DAY;

pub(super) const DIRECTORY_SK: &str = "dir";
pub(super) const THREAD: &str = "t";
pub(super) const AT: &str = "a";
/// Set where the item only stands until nobody asks for it any more.
pub(super) const LEAVING: &str = "x";

/// The partition key of a name.
pub(super) fn name_pk(digest: &str) -> String {
    format!("dir#{digest}")
}

/// Where a name leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The thread.
    pub thread: ThreadId,
    /// Its connection.
    pub connection: String,
    /// When that thread took the name: the newest keeps it.
    pub at: Timestamp,
    /// Whether the thread was erased since: the item goes soon, unless it is listed anew.
    pub leaving: bool,
}

impl Store {
    /// Looks a name up; `digest` is the keyed hash of connection or endpoint, kind
    /// and name.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn listed(&self, digest: &str) -> Result<Option<Listed>, StoreError> {
        let pk = name_pk(digest);
        let got = self
            .item(Mechanism::Directory, (&pk, DIRECTORY_SK), true)
            .await?;
        Ok(got.as_ref().and_then(read_listed))
    }

    /// All threads that the name of a customer leads to.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn listed_threads(&self, digest: &str) -> Result<Vec<Listed>, StoreError> {
        let mut threads = Vec::new();
        let mut start = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", s(name_pk(digest)))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| StoreError::of("Query", &error))?;
            self.units
                .count(Mechanism::Directory, false, page.consumed_capacity());
            threads.extend(page.items().iter().filter_map(read_listed));
            start = page.last_evaluated_key().cloned();
            if start.is_none() {
                return Ok(threads);
            }
        }
    }

    /// Lists a name, unless a thread that took it later has it.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn list_name(&self, digest: &str, listed: &Listed) -> Result<bool, StoreError> {
        let expires = listed.at.plus(DIRECTORY_KEPT);
        self.list(digest, DIRECTORY_SK, listed, expires).await
    }

    /// Lists a thread under the name of its customer, until `expires`.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn list_thread(
        &self,
        digest: &str,
        listed: &Listed,
        expires: Timestamp,
    ) -> Result<bool, StoreError> {
        self.list(digest, listed.thread.as_str(), listed, expires)
            .await
    }

    async fn list(
        &self,
        digest: &str,
        sk: &str,
        listed: &Listed,
        expires: Timestamp,
    ) -> Result<bool, StoreError> {
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PK, s(name_pk(digest)))
            .key(SK, s(sk))
            .update_expression("SET #t = :t, #a = :a, #cn = :cn, #ttl = :ttl REMOVE #x")
            .condition_expression("attribute_not_exists(#a) OR #a <= :a")
            .expression_attribute_names("#t", THREAD)
            .expression_attribute_names("#a", AT)
            .expression_attribute_names("#cn", "cn")
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_names("#x", LEAVING)
            .expression_attribute_values(":t", s(listed.thread.as_str()))
            .expression_attribute_values(":a", n(listed.at.0))
            .expression_attribute_values(":cn", s(listed.connection.clone()))
            .expression_attribute_values(":ttl", n(expires.seconds_up()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        self.conditional(
            Mechanism::Directory,
            updated.map(|done| done.consumed_capacity),
        )
    }
}

fn read_listed(item: &Item) -> Option<Listed> {
    Some(Listed {
        thread: ThreadId::parse(text(item, THREAD)?).ok()?,
        connection: text(item, "cn")?.to_owned(),
        at: Timestamp(number(item, AT)?),
        leaving: item.contains_key(LEAVING),
    })
}

//! Other names of a thread: a Gladly conversation, say. Kept by `publish`, read
//! only when an event lacks the main id. Keys are keyed hashes: a name cannot be
//! read off them.
//!
//! The name of a customer leads to many threads, and has an item for each. It is read
//! only when a customer is erased.

use super::Store;
use super::direct::shapes::{Read, Request};
use super::error::StoreError;
use super::item::{Item, TTL, n, number, s, text};
use super::units::Mechanism;
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
        let mut pages = self.pages(Mechanism::Directory, || {
            Request::query(&self.table, "pk = :pk")
                .value(":pk", s(name_pk(digest)))
                .consistent(true)
        });
        while let Some(page) = pages.next().await? {
            threads.extend(page.iter().filter_map(|Read(item)| read_listed(item)));
        }
        Ok(threads)
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
        let pk = name_pk(digest);
        let update = "SET #t = :t, #a = :a, #cn = :cn, #ttl = :ttl REMOVE #x";
        let request = Request::update(&self.table, (&pk, sk), update)
            .only_if("attribute_not_exists(#a) OR #a <= :a")
            .name("#t", THREAD)
            .name("#a", AT)
            .name("#cn", "cn")
            .name("#ttl", TTL)
            .name("#x", LEAVING)
            .value(":t", s(listed.thread.as_str()))
            .value(":a", n(listed.at.0))
            .value(":cn", s(listed.connection.clone()))
            .value(":ttl", n(expires.seconds_up()));
        self.done(Mechanism::Directory, &request).await
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

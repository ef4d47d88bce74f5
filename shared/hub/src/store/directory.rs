//! Other names of a thread: a Gladly conversation, say. Kept by `publish`, read
//! only when an event lacks the main id. Keys are keyed hashes: a name cannot be
//! read off them.

use super::Store;
use super::direct::shapes::Request;
use super::error::StoreError;
use super::item::{TTL, n, number, s, text};
use super::units::Mechanism;
use baton_domain::time::DAY;
use baton_domain::{ThreadId, Timestamp};

/// How long a directory item is kept after it was last written.
pub const DIRECTORY_KEPT: i64 = 90 * DAY;

const DIRECTORY_SK: &str = "dir";
const THREAD: &str = "t";
const AT: &str = "a";

/// Where a name leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The thread.
    pub thread: ThreadId,
    /// Its connection.
    pub connection: String,
    /// When that thread took the name: the newest keeps it.
    pub at: Timestamp,
}

impl Store {
    /// Looks a name up; `digest` is the keyed hash of connection or endpoint, kind
    /// and name.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn listed(&self, digest: &str) -> Result<Option<Listed>, StoreError> {
        let pk = format!("dir#{digest}");
        let key = (&*pk, DIRECTORY_SK);
        let got = self.item(Mechanism::Directory, key, true).await?;
        Ok(got.as_ref().and_then(|item| {
            Some(Listed {
                thread: ThreadId::parse(text(item, THREAD)?).ok()?,
                connection: text(item, "cn")?.to_owned(),
                at: Timestamp(number(item, AT)?),
            })
        }))
    }

    /// Lists a name, unless a thread that took it later has it.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn list_name(&self, digest: &str, listed: &Listed) -> Result<bool, StoreError> {
        let pk = format!("dir#{digest}");
        let update = "SET #t = :t, #a = :a, #cn = :cn, #ttl = :ttl";
        let request = Request::update(&self.table, (&pk, DIRECTORY_SK), update)
            .only_if("attribute_not_exists(#a) OR #a <= :a")
            .name("#t", THREAD)
            .name("#a", AT)
            .name("#cn", "cn")
            .name("#ttl", TTL)
            .value(":t", s(listed.thread.as_str()))
            .value(":a", n(listed.at.0))
            .value(":cn", s(listed.connection.clone()))
            .value(":ttl", n(listed.at.plus(DIRECTORY_KEPT).seconds_up()));
        self.done(Mechanism::Directory, &request).await
    }
}

//! Everything that must happen later: the index `due` offers candidates, the items
//! themselves decide. And the lease by which sweeps take turns.

use super::Store;
use super::direct::shapes::{Read, Request};
use super::error::StoreError;
use super::item::{
    DATA, DUE, DUE_INDEX, DUE_SHARD, Item, PK, SK, TTL, n, number, s, shard_of, text,
};
use super::log::ENTRY_LIMIT;
use super::units::Mechanism;
use baton_domain::time::DAY;
use baton_domain::{ThreadId, Timestamp};
use serde::{Deserialize, Serialize};

/// A candidate of the index: what may be due, and when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Due {
    /// Seconds since the epoch.
    pub at: i64,
    /// The item's partition key.
    pub pk: String,
    /// The item's sort key.
    pub sk: String,
}

/// The sweep's lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose it is.
    pub owner: String,
    /// When its tick came.
    pub since: Timestamp,
    /// What was put on the bus last.
    pub sliced: Option<Sliced>,
}

/// What is left to slices for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sliced {
    /// All that was due by this second.
    pub by: i64,
    /// Until when.
    pub until: Timestamp,
}

/// What a candidate is, told by its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DueKind {
    /// A thread: an armed entry, or the checkpoint.
    Thread {
        /// The thread.
        id: ThreadId,
        /// The entry that is armed; `None` is the checkpoint.
        seq: Option<u64>,
    },
    /// A platform event that waits for its directory item.
    Waiting,
    /// The checks of this connection.
    Checkup(String),
    /// Nothing this release knows.
    Unknown,
}

impl Due {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> DueKind {
        if let Ok(id) = ThreadId::parse(&self.pk) {
            return DueKind::Thread {
                id,
                seq: super::codec::seq_of(&self.sk),
            };
        }
        if self.pk.starts_with(WAITING_PREFIX) {
            return DueKind::Waiting;
        }
        match super::checkups::connection_of(&self.pk) {
            Some(connection) => DueKind::Checkup(connection.to_owned()),
            None => DueKind::Unknown,
        }
    }
}

const WAITING_PREFIX: &str = "wait#";

/// A platform event that has only a name of its thread that the directory does not
/// know yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingEvent {
    /// The endpoint it came to.
    pub endpoint: String,
    /// When it came.
    pub received_at: Timestamp,
    /// The webhook's body.
    pub body: String,
}

impl Store {
    /// One page of candidates of a shard that are due from `from` until `until`, both
    /// included, the oldest first, from after `after` on.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn due(
        &self,
        shard: u32,
        from: i64,
        until: i64,
        limit: i32,
        after: Option<&Due>,
    ) -> Result<Vec<Due>, StoreError> {
        let start = after.map(|due| {
            Item::from([
                (DUE_SHARD.to_owned(), s(shard.to_string())),
                (DUE.to_owned(), n(due.at)),
                (PK.to_owned(), s(due.pk.clone())),
                (SK.to_owned(), s(due.sk.clone())),
            ])
        });
        let request = Request::query(&self.table, "#ds = :ds AND #due BETWEEN :from AND :until")
            .index(DUE_INDEX)
            .name("#ds", DUE_SHARD)
            .name("#due", DUE)
            .value(":ds", s(shard.to_string()))
            .value(":from", n(from))
            .value(":until", n(until))
            .limit(limit)
            .after(start.as_ref());
        let page = self.ask(Mechanism::DueIndex, &request).await?;
        Ok(page
            .items
            .iter()
            .filter_map(|Read(item)| due_of(item))
            .collect())
    }

    /// Keeps an event until the directory item of the name `digest` is there; `key` names
    /// the event. A duplicate leaves the first as it is: its time to wait has begun.
    ///
    /// # Errors
    /// When the table cannot be written, or the event is too large.
    pub async fn keep_waiting(
        &self,
        digest: &str,
        key: &str,
        event: &WaitingEvent,
        next: Timestamp,
    ) -> Result<(), StoreError> {
        let pk = format!("{WAITING_PREFIX}{digest}");
        let data = serde_json::to_string(event).unwrap_or_default();
        if data.len() > ENTRY_LIMIT {
            return Err(StoreError::TooLarge(data.len()));
        }
        let item = Item::from([
            (DUE_SHARD.to_owned(), s(shard_of(&pk))),
            (DUE.to_owned(), n(next.seconds_up())),
            (PK.to_owned(), s(pk)),
            (SK.to_owned(), s(key)),
            (DATA.to_owned(), s(data)),
            (TTL.to_owned(), n(next.plus(DAY).seconds_up())),
        ]);
        let request = Request::put(&self.table, &item).only_if("attribute_not_exists(pk)");
        self.done(Mechanism::Directory, &request).await?;
        Ok(())
    }

    /// The events that wait for the same name as this one, itself included, in the order
    /// in which they came.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn waiting(&self, due: &Due) -> Result<Vec<(Due, WaitingEvent)>, StoreError> {
        let mut found = Vec::new();
        let mut pages = self.pages(Mechanism::Directory, || {
            Request::query(&self.table, "pk = :pk")
                .value(":pk", s(&due.pk))
                .consistent(true)
        });
        while let Some(page) = pages.next().await? {
            found.extend(page.iter().filter_map(|Read(item)| {
                let event: WaitingEvent = serde_json::from_str(text(item, DATA)?).ok()?;
                Some((due_of(item)?, event))
            }));
        }
        found.sort_by_key(|(_, event): &(Due, WaitingEvent)| event.received_at);
        Ok(found)
    }

    /// Has the sweep look at once at the events that wait for this name. Those that come
    /// at this very moment may be missed; they are looked at in their own time.
    ///
    /// # Errors
    /// When the table cannot be read or written.
    pub async fn wake_waiting(&self, digest: &str, now: Timestamp) -> Result<(), StoreError> {
        let request = Request::query(&self.table, "pk = :pk")
            .value(":pk", s(format!("{WAITING_PREFIX}{digest}")));
        let page = self.ask(Mechanism::Directory, &request).await?;
        let rows = page.items.iter().filter_map(|Read(item)| due_of(item));
        for due in rows.filter(|due| due.at > now.seconds_up()) {
            self.put_off(&due, now).await?;
        }
        Ok(())
    }

    /// Puts a waiting event off.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn put_off(&self, due: &Due, next: Timestamp) -> Result<bool, StoreError> {
        let key = (&*due.pk, &*due.sk);
        let request = Request::update(&self.table, key, "SET #due = :next")
            .only_if("#due = :read")
            .name("#due", DUE)
            .value(":next", n(next.seconds_up()))
            .value(":read", n(due.at));
        self.done(Mechanism::Directory, &request).await
    }

    /// Removes a due item that is done with.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn remove_due(&self, due: &Due) -> Result<(), StoreError> {
        let request = Request::delete(&self.table, (&due.pk, &due.sk))
            .only_if("#due = :read")
            .name("#due", DUE)
            .value(":read", n(due.at));
        self.done(Mechanism::Directory, &request).await?;
        Ok(())
    }

    /// Takes the sweep's lease for `owner`, whose tick came at `since`. A newer tick
    /// always takes it: the sweep that runs sees at its next question that it has
    /// been relieved. `false`: a newer one has it.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn take_lease(&self, owner: &str, since: Timestamp) -> Result<bool, StoreError> {
        let key = (LEASE_PK, LEASE_SK);
        let request = Request::update(&self.table, key, "SET #o = :owner, #a = :since")
            .only_if("attribute_not_exists(#a) OR #a <= :since")
            .name("#o", "o")
            .name("#a", "a")
            .value(":owner", s(owner))
            .value(":since", n(since.0));
        self.done(Mechanism::Lease, &request).await
    }

    /// Notes on the lease what its owner put on the bus: all that was due by the second
    /// `by`, which is left to its slices until then.
    ///
    /// # Errors
    /// When the table cannot be written. That another owns it is no error.
    pub async fn note_sliced(&self, owner: &str, sliced: Sliced) -> Result<(), StoreError> {
        let key = (LEASE_PK, LEASE_SK);
        let request = Request::update(&self.table, key, "SET #b = :by, #u = :until")
            .only_if("#o = :owner")
            .name("#o", "o")
            .name("#b", "b")
            .name("#u", "u")
            .value(":owner", s(owner))
            .value(":by", n(sliced.by))
            .value(":until", n(sliced.until.0));
        self.done(Mechanism::Lease, &request).await?;
        Ok(())
    }

    /// Who holds the sweep's lease.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn lease(&self) -> Result<Option<Lease>, StoreError> {
        let key = (LEASE_PK, LEASE_SK);
        let got = self.item(Mechanism::Lease, key, true).await?;
        Ok(got.as_ref().and_then(|item| {
            let sliced = number(item, "b").zip(number(item, "u"));
            Some(Lease {
                owner: text(item, "o")?.to_owned(),
                since: Timestamp(number(item, "a")?),
                sliced: sliced.map(|(by, until)| Sliced {
                    by,
                    until: Timestamp(until),
                }),
            })
        }))
    }
}

/// An item as the index has it.
fn due_of(item: &Item) -> Option<Due> {
    Some(Due {
        at: number(item, DUE)?,
        pk: text(item, PK)?.to_owned(),
        sk: text(item, SK)?.to_owned(),
    })
}

const LEASE_PK: &str = "lease#sweep";
const LEASE_SK: &str = "l";

//! Overwriting what an erased thread left: its entries, rows, names and keys.
//!
//! Nothing is deleted that somebody might write again: a put that is under way meets the
//! key of its place, and a row or a name that the stream tells of late meets a newer one.
//! What is overwritten expires after a day, when no call and no record of the stream is
//! that old any more.

use super::Store;
use super::codec::entry_sk;
use super::direct::shapes::Request;
use super::directory::{AT, DIRECTORY_SK, LEAVING, Listed, THREAD, name_pk};
use super::error::StoreError;
use super::item::{DATA, DUE, DUE_SHARD, OPEN, OPEN_SINCE, SHARDS, TTL, n, s};
use super::records::{KEY_SK, key_pk};
use super::rows::{day_of, moment_sk, row_pk};
use super::units::Mechanism;
use baton_domain::time::DAY;
use baton_domain::{ConversationId, Fingerprint, ThreadId, Timestamp};

/// How long what was overwritten still stands.
pub const BLANKS_KEPT: i64 = DAY;

impl Store {
    /// Overwrites an entry: it keeps its place, its command's id and its times, and says
    /// nothing. Returns whether it had said anything.
    ///
    /// # Errors
    /// When the table cannot be written. That the entry has expired is no error.
    pub(crate) async fn blank_entry(
        &self,
        id: &ThreadId,
        seq: u64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sk = entry_sk(seq);
        let update = "SET #d = :nothing, #ttl = :ttl REMOVE #w, #due, #ds";
        let request = Request::update(&self.table, (id.as_str(), &sk), update)
            .only_if("attribute_exists(pk) AND #d <> :nothing")
            .name("#d", DATA)
            .name("#ttl", TTL)
            .name("#w", "w")
            .name("#due", DUE)
            .name("#ds", DUE_SHARD)
            .value(":nothing", s("[]"))
            .value(":ttl", n(now.plus(BLANKS_KEPT).seconds_up()));
        self.done(Mechanism::Erase, &request).await
    }

    /// Overwrites the row of a conversation that opened then, whether it is there yet or
    /// not; `seq` is that of the entry that erased it.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub(crate) async fn blank_row(
        &self,
        connection: &str,
        conversation: &ConversationId,
        opened_at: Timestamp,
        seq: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let shard = conversation.thread().shard(SHARDS);
        let pk = row_pk(connection, &day_of(opened_at), shard);
        let sk = moment_sk(opened_at, &conversation.to_string());
        let update = "SET #s = :seq, #ttl = :ttl REMOVE #d, #op, #os";
        let request = Request::update(&self.table, (&pk, &sk), update)
            .only_if("attribute_not_exists(#s) OR #s <= :seq")
            .name("#s", "s")
            .name("#ttl", TTL)
            .name("#d", DATA)
            .name("#op", OPEN)
            .name("#os", OPEN_SINCE)
            .value(":seq", n(seq))
            .value(":ttl", n(now.plus(BLANKS_KEPT).seconds_up()));
        self.done(Mechanism::Erase, &request).await?;
        Ok(())
    }

    /// Lets a name of a thread go, unless another thread has it, or this one took it after
    /// it was erased. For a day it still leads here, also where it was not listed yet: what
    /// comes again meets the erased thread and vanishes, and a late record of the stream
    /// lists nothing anew.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub(crate) async fn let_name_go(
        &self,
        digest: &str,
        erased: &Listed,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.let_go(digest, DIRECTORY_SK, erased, now).await
    }

    /// Lets a thread go that is listed under the name of its customer, likewise.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub(crate) async fn let_thread_go(
        &self,
        digest: &str,
        erased: &Listed,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.let_go(digest, erased.thread.as_str(), erased, now)
            .await
    }

    async fn let_go(
        &self,
        digest: &str,
        sk: &str,
        erased: &Listed,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let pk = name_pk(digest);
        let update = "SET #t = :thread, #cn = :cn, #a = :at, #ttl = :ttl, #x = :yes";
        let request = Request::update(&self.table, (&pk, sk), update)
            .only_if("attribute_not_exists(#a) OR (#t = :thread AND #a <= :at)")
            .name("#a", AT)
            .name("#ttl", TTL)
            .name("#x", LEAVING)
            .name("#t", THREAD)
            .name("#cn", "cn")
            .value(":cn", s(erased.connection.clone()))
            .value(":at", n(erased.at.0))
            .value(":ttl", n(now.plus(BLANKS_KEPT).seconds_up()))
            .value(":yes", n(1))
            .value(":thread", s(erased.thread.as_str()));
        self.done(Mechanism::Erase, &request).await?;
        Ok(())
    }

    /// Removes an idempotency key that led to this thread. The thread's own memory of it
    /// stays, so that the same call has no second effect.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub(crate) async fn remove_key(
        &self,
        key: Fingerprint,
        thread: &ThreadId,
    ) -> Result<(), StoreError> {
        let pk = key_pk(key);
        let request = Request::delete(&self.table, (&pk, KEY_SK))
            .only_if("#t = :thread")
            .name("#t", "t")
            .value(":thread", s(thread.as_str()));
        self.done(Mechanism::Erase, &request).await?;
        Ok(())
    }
}

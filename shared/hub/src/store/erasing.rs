//! Overwriting what an erased thread left: its entries, rows, names and keys.
//!
//! Nothing is deleted that somebody might write again: a put that is under way meets the
//! key of its place, and a row or a name that the stream tells of late meets a newer one.
//! What is overwritten expires after a day, when no call and no record of the stream is
//! that old any more.

use super::Store;
use super::codec::entry_sk;
use super::directory::{AT, DIRECTORY_SK, LEAVING, Listed, THREAD, name_pk};
use super::error::StoreError;
use super::item::{DATA, DUE, DUE_SHARD, OPEN, OPEN_SINCE, PK, SHARDS, SK, TTL, n, s};
use super::records::{KEY_SK, key_pk};
use super::rows::{day_of, moment_sk, row_pk};
use super::units::Mechanism;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
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
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PK, s(id.as_str()))
            .key(SK, s(entry_sk(seq)))
            .update_expression("SET #d = :nothing, #ttl = :ttl REMOVE #w, #due, #ds")
            .condition_expression("attribute_exists(pk) AND #d <> :nothing")
            .expression_attribute_names("#d", DATA)
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_names("#w", "w")
            .expression_attribute_names("#due", DUE)
            .expression_attribute_names("#ds", DUE_SHARD)
            .expression_attribute_values(":nothing", s("[]"))
            .expression_attribute_values(":ttl", n(now.plus(BLANKS_KEPT).seconds_up()))
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
            .send()
            .await;
        self.conditional(Mechanism::Erase, updated.map(|done| done.consumed_capacity))
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
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PK, s(row_pk(connection, &day_of(opened_at), shard)))
            .key(SK, s(moment_sk(opened_at, &conversation.to_string())))
            .update_expression("SET #s = :seq, #ttl = :ttl REMOVE #d, #op, #os")
            .condition_expression("attribute_not_exists(#s) OR #s <= :seq")
            .expression_attribute_names("#s", "s")
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_names("#d", DATA)
            .expression_attribute_names("#op", OPEN)
            .expression_attribute_names("#os", OPEN_SINCE)
            .expression_attribute_values(":seq", n(seq))
            .expression_attribute_values(":ttl", n(now.plus(BLANKS_KEPT).seconds_up()))
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
            .send()
            .await;
        self.conditional(Mechanism::Erase, updated.map(|done| done.consumed_capacity))
            .map(|_| ())
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
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PK, s(name_pk(digest)))
            .key(SK, s(sk))
            .update_expression("SET #t = :thread, #cn = :cn, #a = :at, #ttl = :ttl, #x = :yes")
            .condition_expression("attribute_not_exists(#a) OR (#t = :thread AND #a <= :at)")
            .expression_attribute_names("#a", AT)
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_names("#x", LEAVING)
            .expression_attribute_names("#t", THREAD)
            .expression_attribute_names("#cn", "cn")
            .expression_attribute_values(":cn", s(erased.connection.clone()))
            .expression_attribute_values(":at", n(erased.at.0))
            .expression_attribute_values(":ttl", n(now.plus(BLANKS_KEPT).seconds_up()))
            .expression_attribute_values(":yes", n(1))
            .expression_attribute_values(":thread", s(erased.thread.as_str()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        self.conditional(Mechanism::Erase, updated.map(|done| done.consumed_capacity))
            .map(|_| ())
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
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(PK, s(key_pk(key)))
            .key(SK, s(KEY_SK))
            .condition_expression("#t = :thread")
            .expression_attribute_names("#t", "t")
            .expression_attribute_values(":thread", s(thread.as_str()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match deleted {
            Ok(done) => self
                .units
                .count(Mechanism::Erase, true, done.consumed_capacity()),
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_conditional_check_failed_exception() => {
                    self.units.count_refused(Mechanism::Erase);
                }
                _ => return Err(StoreError::of("DeleteItem", &error)),
            },
        }
        Ok(())
    }
}

//! A thread's log: load, append, checkpoint, arm, search.

use super::Store;
use super::codec::{
    CHECKPOINT_SK, Checkpoint, ENTRY_PREFIX, SEQ, entry_item, entry_sk, read_checkpoint,
    read_entry, state_attributes,
};
use super::error::StoreError;
use super::item::{DUE, DUE_SHARD, Item, PK, SCHEMA, SK, TTL, n, s, shard_of, text};
use super::units::Mechanism;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure};
use baton_domain::time::DAY;
use baton_domain::{Entry, SCHEMA as CURRENT, Thread, ThreadId, Timestamp, apply_entry};

/// The checkpoint and up to 8 entries: what one Query reads first.
const FIRST_PAGE: i32 = 9;
/// Who read more tail entries than this writes a checkpoint.
pub const TAIL_LIMIT: usize = 7;
/// An entry above this many bytes of events is not written: DynamoDB takes items
/// up to 400 KB, all attributes included.
pub const ENTRY_LIMIT: usize = 300 * 1024;

/// A thread as read: the state, and what it was folded from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The thread's id.
    pub id: ThreadId,
    /// The state after the tail.
    pub thread: Thread,
    /// The entries after the checkpoint, in order, and perhaps some before it.
    pub tail: Vec<Entry>,
    /// How many entries the state was folded from since the checkpoint.
    pub folded: usize,
    /// The seq of the checkpoint's state half.
    pub checkpoint_seq: u64,
    /// The schema of the checkpoint's state half.
    pub checkpoint_schema: u32,
    /// The second armed on the checkpoint.
    pub checkpoint_due: Option<i64>,
}

impl Loaded {
    /// The moment armed on the checkpoint.
    #[must_use]
    pub fn armed_on_checkpoint(&self) -> Option<Timestamp> {
        self.checkpoint_due
            .map(|seconds| Timestamp(seconds * 1_000))
    }

    /// Folds in an entry that was appended after this was read.
    pub fn push(&mut self, entry: Entry) {
        if entry.seq == self.thread.seq + 1 {
            self.thread = apply_entry(std::mem::take(&mut self.thread), &entry);
            self.tail.push(entry);
            self.folded += 1;
        }
    }

    /// Whether so much was folded that a checkpoint is due.
    #[must_use]
    pub fn wants_checkpoint(&self) -> bool {
        self.folded > TAIL_LIMIT && self.checkpoint_schema <= CURRENT
    }
}

/// How an append went.
#[derive(Debug)]
pub enum Appended {
    /// It is in the log; perhaps an earlier try of ours had put it there.
    Yes,
    /// Another entry has that seq: this one.
    Lost(Box<Entry>),
}

impl Store {
    /// Reads a thread: one descending consistent Query, and more pages only where
    /// the entries do not reach the checkpoint.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn load(&self, id: &ThreadId) -> Result<Loaded, StoreError> {
        let mut checkpoint = Checkpoint::default();
        let mut newest_first: Vec<Entry> = Vec::new();
        let mut start = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", s(id.as_str()))
                .scan_index_forward(false)
                .consistent_read(true)
                .limit(if start.is_none() { FIRST_PAGE } else { 50 })
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| StoreError::of("Query", &error))?;
            self.units
                .count(Mechanism::Load, false, page.consumed_capacity());
            for item in page.items() {
                match text(item, SK) {
                    Some(CHECKPOINT_SK) => checkpoint = read_checkpoint(item),
                    Some(sk) if sk.starts_with(ENTRY_PREFIX) => {
                        newest_first.push(read_entry(item)?)
                    }
                    _ => {}
                }
            }
            start = page.last_evaluated_key().cloned();
            let covered = checkpoint.state.as_ref().map_or(0, |state| state.seq);
            let reached = newest_first
                .last()
                .is_some_and(|entry| entry.seq <= covered + 1);
            if start.is_none() || reached {
                break;
            }
        }
        newest_first.reverse();
        fold(id, checkpoint, newest_first)
    }

    /// Appends an entry behind the state that it was decided on.
    ///
    /// # Errors
    /// When the table cannot be written, or the entry is too large.
    pub async fn append(
        &self,
        id: &ThreadId,
        entry: &Entry,
        expires: Timestamp,
    ) -> Result<Appended, StoreError> {
        let item = entry_item(id, entry, expires.seconds_up())?;
        let size = text(&item, super::item::DATA).map_or(0, str::len);
        if size > ENTRY_LIMIT {
            return Err(StoreError::TooLarge(size));
        }
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
            .send()
            .await;
        let refused = match put {
            Ok(done) => {
                self.units
                    .count(Mechanism::Append, true, done.consumed_capacity());
                return Ok(Appended::Yes);
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                    self.units.count_refused(Mechanism::Append);
                    refused.item().cloned()
                }
                _ => return Err(StoreError::of("PutItem", &error)),
            },
        };
        let standing = match refused {
            Some(item) => read_entry(&item)?,
            // An engine that does not return the item is asked for it.
            None => self
                .entry(id, entry.seq)
                .await?
                .ok_or(StoreError::Contended)?,
        };
        if standing.command == entry.command {
            Ok(Appended::Yes)
        } else {
            Ok(Appended::Lost(Box::new(standing)))
        }
    }

    /// Reads one entry.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn entry(&self, id: &ThreadId, seq: u64) -> Result<Option<Entry>, StoreError> {
        let got = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PK, s(id.as_str()))
            .key(SK, s(entry_sk(seq)))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::of("GetItem", &error))?;
        self.units
            .count(Mechanism::LogSearch, false, got.consumed_capacity());
        Ok(got.item().map(read_entry).transpose()?)
    }

    /// Reads the entries from seq `from` on, ascending, at most `limit`.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn entries(
        &self,
        id: &ThreadId,
        from: u64,
        limit: usize,
        mechanism: Mechanism,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        let mut start = None;
        if limit == 0 {
            // DynamoDB takes no limit of zero.
            return Ok(entries);
        }
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":pk", s(id.as_str()))
                .expression_attribute_values(":from", s(entry_sk(from)))
                .expression_attribute_values(":to", s(entry_sk(9_999_999_999)))
                .consistent_read(true)
                .limit(i32::try_from(limit - entries.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| StoreError::of("Query", &error))?;
            self.units.count(mechanism, false, page.consumed_capacity());
            for item in page.items() {
                entries.push(read_entry(item)?);
            }
            start = page.last_evaluated_key().cloned();
            if start.is_none() || entries.len() >= limit {
                return Ok(entries);
            }
        }
    }

    /// Searches the log from its end back to entries appended before `back_to`, and
    /// stops at the first for which `found` answers true.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn search(
        &self,
        id: &ThreadId,
        back_to: Timestamp,
        mut found: impl FnMut(&Entry) -> bool,
    ) -> Result<bool, StoreError> {
        let mut start = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":pk", s(id.as_str()))
                .expression_attribute_values(":prefix", s(ENTRY_PREFIX))
                .scan_index_forward(false)
                .consistent_read(true)
                .limit(50)
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| StoreError::of("Query", &error))?;
            self.units
                .count(Mechanism::LogSearch, false, page.consumed_capacity());
            for item in page.items() {
                let entry = read_entry(item)?;
                if found(&entry) {
                    return Ok(true);
                }
                if entry.at < back_to {
                    return Ok(false);
                }
            }
            start = page.last_evaluated_key().cloned();
            if start.is_none() {
                return Ok(false);
            }
        }
    }

    /// Writes the state half of the checkpoint, if it is newer than what is there.
    ///
    /// # Errors
    /// When the table cannot be written. That the state there is newer is no error.
    pub async fn checkpoint(
        &self,
        id: &ThreadId,
        thread: &Thread,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let attributes = state_attributes(thread, checkpoint_ttl(expires))?;
        let (names, values, sets) = assignments(attributes);
        self.update_checkpoint(
            id,
            Mechanism::Checkpoint,
            format!("SET {sets}"),
            Some(
                "(attribute_not_exists(#s) OR #s < :s) AND (attribute_not_exists(#v) OR #v <= :v)"
                    .to_owned(),
            ),
            names,
            values,
        )
        .await
        .map(|_| ())
    }

    /// Puts the time of the next look on the checkpoint, if it still has the time
    /// that was read; `None` takes it off. With the state, where that is not older
    /// than the one there. Returns whether the time was put.
    ///
    /// A wake passes the state also where nothing was appended since the checkpoint:
    /// it is the same write, and it keeps the checkpoint of a thread that is open but
    /// silent from expiring before its next look.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn rearm(
        &self,
        id: &ThreadId,
        read: Option<i64>,
        next: Option<Timestamp>,
        state: Option<(&Thread, Timestamp)>,
    ) -> Result<bool, StoreError> {
        if let Some((thread, expires)) = state {
            let attributes =
                state_attributes(thread, checkpoint_ttl(expires.max(next.unwrap_or(expires))))?;
            let (names, values, sets) = assignments(attributes);
            let condition =
                "(attribute_not_exists(#s) OR #s <= :s) AND (attribute_not_exists(#v) OR #v <= :v)";
            if self
                .try_rearm(id, read, next, Some((names, values, sets, condition)))
                .await?
            {
                return Ok(true);
            }
        }
        if read.is_none() && next.is_none() {
            // Nothing armed, nothing to arm: an update would make an empty item.
            return Ok(true);
        }
        // One of the two halves has moved; the time alone may still be ours.
        self.try_rearm(id, read, next, None).await
    }

    async fn try_rearm(
        &self,
        id: &ThreadId,
        read: Option<i64>,
        next: Option<Timestamp>,
        state: Option<(Names, Item, String, &str)>,
    ) -> Result<bool, StoreError> {
        let (mut names, mut values, mut sets, also) = match state {
            Some((names, values, sets, condition)) => {
                (names, values, vec![sets], format!(" AND {condition}"))
            }
            None => (Names::new(), Item::new(), Vec::new(), String::new()),
        };
        names.push(("#due".to_owned(), DUE.to_owned()));
        let condition = match read {
            Some(read) => {
                values.insert(":read".to_owned(), n(read));
                format!("#due = :read{also}")
            }
            None => format!("attribute_not_exists(#due){also}"),
        };
        let mut expression = String::new();
        match next {
            Some(next) => {
                names.push(("#ds".to_owned(), DUE_SHARD.to_owned()));
                values.insert(":next".to_owned(), n(next.seconds_up()));
                values.insert(":ds".to_owned(), s(shard_of(id.as_str())));
                sets.push("#due = :next, #ds = :ds".to_owned());
                if also.is_empty() {
                    // A checkpoint that is only a time must not expire before it.
                    names.push(("#ttl".to_owned(), TTL.to_owned()));
                    values.insert(":ttl".to_owned(), n(checkpoint_ttl(next)));
                    sets.push("#ttl = if_not_exists(#ttl, :ttl)".to_owned());
                }
                expression.push_str(&format!("SET {}", sets.join(", ")));
            }
            None => {
                names.push(("#ds".to_owned(), DUE_SHARD.to_owned()));
                if !sets.is_empty() {
                    expression.push_str(&format!("SET {} ", sets.join(", ")));
                }
                expression.push_str("REMOVE #due, #ds");
            }
        }
        self.update_checkpoint(
            id,
            Mechanism::Wake,
            expression,
            Some(condition),
            names,
            values,
        )
        .await
    }

    async fn update_checkpoint(
        &self,
        id: &ThreadId,
        mechanism: Mechanism,
        expression: String,
        condition: Option<String>,
        names: Names,
        values: Item,
    ) -> Result<bool, StoreError> {
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PK, s(id.as_str()))
            .key(SK, s(CHECKPOINT_SK))
            .update_expression(expression)
            .set_condition_expression(condition)
            .set_expression_attribute_names(Some(names.into_iter().collect()))
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
            .send()
            .await;
        self.conditional(mechanism, updated.map(|done| done.consumed_capacity))
    }

    /// Takes the arming off an entry, if it is still what was read.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn disarm(&self, id: &ThreadId, seq: u64) -> Result<bool, StoreError> {
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PK, s(id.as_str()))
            .key(SK, s(entry_sk(seq)))
            .update_expression("REMOVE #due, #ds")
            .condition_expression("attribute_exists(#due)")
            .expression_attribute_names("#due", DUE)
            .expression_attribute_names("#ds", DUE_SHARD)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
            .send()
            .await;
        self.conditional(Mechanism::Wake, updated.map(|done| done.consumed_capacity))
    }
}

type Names = Vec<(String, String)>;

/// A checkpoint outlives the last entry it covers by seven days.
fn checkpoint_ttl(expires: Timestamp) -> i64 {
    expires.plus(7 * DAY).seconds_up()
}

fn assignments(attributes: Item) -> (Names, Item, String) {
    let mut names = Names::new();
    let mut values = Item::new();
    let mut sets = Vec::new();
    for (name, value) in attributes {
        sets.push(format!("#{name} = :{name}"));
        names.push((format!("#{name}"), name.clone()));
        values.insert(format!(":{name}"), value);
    }
    debug_assert!(
        values.contains_key(&format!(":{SEQ}")) && values.contains_key(&format!(":{SCHEMA}"))
    );
    sets.sort();
    (names, values, sets.join(", "))
}

/// # Errors
/// When entries are missing between the checkpoint and the end of the log: deciding
/// on such a state could append in the wrong place.
fn fold(id: &ThreadId, checkpoint: Checkpoint, tail: Vec<Entry>) -> Result<Loaded, StoreError> {
    let mut thread = checkpoint.state.unwrap_or_default();
    let mut folded = 0;
    for entry in &tail {
        if entry.seq == thread.seq + 1 {
            thread = apply_entry(thread, entry);
            folded += 1;
        }
    }
    if let Some(last) = tail.last()
        && last.seq > thread.seq
    {
        return Err(StoreError::Gap {
            after: thread.seq,
            found: last.seq,
        });
    }
    Ok(Loaded {
        id: id.clone(),
        thread,
        tail,
        folded,
        checkpoint_seq: checkpoint.seq,
        checkpoint_schema: checkpoint.schema,
        checkpoint_due: checkpoint.due,
    })
}

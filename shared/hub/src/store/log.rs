//! A thread's log: load, append, search.

use super::codec::{
    CHECKPOINT_SK, Checkpoint, ENTRY_PREFIX, entry_item, entry_sk, read_checkpoint, read_entry,
};
use super::direct::shapes::{Read, Request};
use super::error::StoreError;
use super::item::{SK, s, text};
use super::units::Mechanism;
use super::{Store, Written};
use baton_domain::{Entry, Mutation, SCHEMA as CURRENT, Thread, ThreadId, Timestamp, apply_entry};

/// The checkpoint and up to 8 entries: what one Query reads first.
const FIRST_PAGE: i32 = 9;
/// How often a thread is read whose log seems to have a hole.
const READ_TRIES: u32 = 3;
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
    /// A thread of which nobody has heard.
    #[must_use]
    pub fn nothing_yet(id: &ThreadId) -> Self {
        Self {
            id: id.clone(),
            thread: Thread::default(),
            tail: Vec::new(),
            folded: 0,
            checkpoint_seq: 0,
            checkpoint_schema: 0,
            checkpoint_due: None,
        }
    }

    /// The moment armed on the checkpoint.
    #[must_use]
    pub fn armed_on_checkpoint(&self) -> Option<Timestamp> {
        self.checkpoint_due
            .map(|seconds| Timestamp(seconds * 1_000))
    }

    /// Folds in an entry that was appended after this was read. One that was erased
    /// says nothing any more: the thread must be read again.
    pub fn push(&mut self, entry: Entry) {
        if entry.seq == self.thread.seq + 1 && !entry.is_blank() {
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
        // Where a long tail is read in pages, an erasure may overwrite what the next page
        // shows. By then its checkpoint stands above all of that.
        for _ in 1..READ_TRIES {
            match self.read(id, true).await {
                Err(StoreError::Gap { .. }) => {}
                read => return read,
            }
        }
        self.read(id, true).await
    }

    /// Like [`Store::load`], for who has seen entry `seq` already, in the stream: a
    /// read that need not be consistent costs half, and is repeated as a consistent
    /// one where it does not reach that entry yet.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn load_with(&self, id: &ThreadId, seq: u64) -> Result<Loaded, StoreError> {
        match self.read(id, false).await {
            Ok(loaded) if loaded.thread.seq >= seq => Ok(loaded),
            // A replica may show the pages of a long tail at different moments.
            Ok(_) | Err(StoreError::Gap { .. }) => self.load(id).await,
            Err(error) => Err(error),
        }
    }

    async fn read(&self, id: &ThreadId, consistent: bool) -> Result<Loaded, StoreError> {
        crate::metrics::about(id);
        let mut checkpoint = Checkpoint::default();
        let mut newest_first: Vec<Entry> = Vec::new();
        let mut start = None;
        loop {
            let limit = if start.is_none() { FIRST_PAGE } else { 50 };
            let request = Request::query(&self.table, "pk = :pk")
                .value(":pk", s(id.as_str()))
                .backwards()
                .consistent(consistent)
                .limit(limit)
                .after(start.as_ref());
            let page = self.ask(Mechanism::Load, &request).await?;
            for Read(item) in &page.items {
                match text(item, SK) {
                    Some(CHECKPOINT_SK) => checkpoint = read_checkpoint(item),
                    Some(sk) if sk.starts_with(ENTRY_PREFIX) => {
                        newest_first.push(read_entry(item)?)
                    }
                    _ => {}
                }
            }
            start = page.last_evaluated_key.map(|Read(key)| key);
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
        let mut request = Request::put(&self.table, &item).showing_what_stands();
        if !Mutation::AppendCondition.is_on() {
            request = request.only_if("attribute_not_exists(pk)");
        }
        let refused = match self.write(Mechanism::Append, &request).await? {
            Written::Yes => return Ok(Appended::Yes),
            Written::Refused(standing) => standing,
        };
        let standing = match refused {
            Some(item) => read_entry(&item)?,
            // An engine that does not return the item is asked for it.
            None => self
                .entry(id, entry.seq)
                .await?
                .ok_or(StoreError::Contended)?,
        };
        if standing.command == entry.command && !Mutation::CommandId.is_on() {
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
        let key = (id.as_str(), &*entry_sk(seq));
        let got = self.item(Mechanism::LogSearch, key, true).await?;
        Ok(got.as_ref().map(read_entry).transpose()?)
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
            let request = Request::query(&self.table, "pk = :pk AND sk BETWEEN :from AND :to")
                .value(":pk", s(id.as_str()))
                .value(":from", s(entry_sk(from)))
                .value(":to", s(entry_sk(9_999_999_999)))
                .consistent(true)
                .limit(i32::try_from(limit - entries.len()).unwrap_or(i32::MAX))
                .after(start.as_ref());
            let page = self.ask(mechanism, &request).await?;
            for Read(item) in &page.items {
                entries.push(read_entry(item)?);
            }
            start = page.last_evaluated_key.map(|Read(key)| key);
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
        let mut pages = self.pages(Mechanism::LogSearch, || {
            Request::query(&self.table, "pk = :pk AND begins_with(sk, :prefix)")
                .value(":pk", s(id.as_str()))
                .value(":prefix", s(ENTRY_PREFIX))
                .backwards()
                .consistent(true)
                .limit(50)
        });
        while let Some(page) = pages.next().await? {
            for Read(item) in &page {
                let entry = read_entry(item)?;
                if found(&entry) {
                    return Ok(true);
                }
                if entry.at < back_to {
                    return Ok(false);
                }
            }
        }
        Ok(false)
    }
}

/// # Errors
/// When entries are missing, or were erased, between the checkpoint and the end of the
/// log: deciding on such a state could append in the wrong place.
fn fold(id: &ThreadId, checkpoint: Checkpoint, tail: Vec<Entry>) -> Result<Loaded, StoreError> {
    let mut thread = checkpoint.state.unwrap_or_default();
    let mut folded = 0;
    for entry in &tail {
        if entry.seq == thread.seq + 1 && !entry.is_blank() {
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

//! Erasing: a thread forgets what was said in it and who it was.
//!
//! It is an append: the entry of the erasure closes what is open and cancels what has not
//! left. What that leaves to do in the table is pending work, derived from the state, and
//! due at once: whoever asked does it, and else the sweep. It is done in an order that can
//! end anywhere and begin again:
//!
//! 1. **The tombstone**: the checkpoint of a state at or behind the erasure. It has no
//!    names, but the seq, the epoch, the moment, and the hashes of ids. From now on nobody
//!    folds an older entry: every load ends at this checkpoint.
//! 2. **Traces elsewhere**, found through the entries, which still say where they are:
//!    conversation rows, names in the directory, idempotency keys, poison that names the
//!    thread.
//! 3. **The entries** before the erasure, the oldest first, are overwritten with nothing.
//! 4. An entry says that it is done.
//!
//! Who meets it half-way:
//!
//! - *A writer that read the thread before the erasure* puts its entry at a place that is
//!   taken, by the erasure or, long after, by an overwritten entry: a put under way needs
//!   the key, so nothing is deleted for a day. It reads the thread again, and decides anew
//!   on the tombstone. A lost race is never folded from an overwritten entry.
//! - *A writer whose entry is there, its answer lost*, finds its command's id in its place,
//!   also when that was overwritten: the command had its effect, and was erased.
//! - *A checkpoint written late*, of a state before the erasure, has a lower seq than the
//!   tombstone and is refused.
//! - *A reader of a long tail in pages* may see the old checkpoint and then overwritten
//!   entries: those cannot be folded, and it reads again.
//! - *The stream, late*: its records are told from the state of now, which is closed and
//!   erased. A row or a name that it would list meets one of the erasure, which is newer.
//!   What goes on the bus comes from the record itself, and is the bus's.
//! - *A delivery under way* may reach the customer; its outcome is not noted.
//! - *The customer*, writing again before all this is done, opens a new conversation behind
//!   the erasure; the tombstone is then the checkpoint of that state, and nothing of it is
//!   overwritten.
//! - *A second erasure* takes over what the first had left to do.

use crate::core::{Core, LAST_SEQ, Ran, RunError};
use crate::inbound::{CONVERSATION, CUSTOMER, directory_digest};
use crate::store::directory::Listed;
use crate::store::poison::POISON_KEPT;
use crate::store::{Loaded, Mechanism, StoreError};
use baton_domain::time::{DAY, SECOND};
use baton_domain::{
    Command, ConversationId, Entry, Event, Fingerprint, Policy, SCHEMA, ThreadId, Timestamp,
};
use std::collections::BTreeSet;

/// How many entries are read at once: they may be 300 KB each.
const ENTRIES_A_PAGE: usize = 40;
/// How long an append is tried against others that write to the thread.
const GIVES_UP: i64 = 10 * SECOND;
/// How long the entries of a connection are kept that is not configured any more.
const ORPHANS_KEPT: i64 = 90 * DAY;

/// What an erasure of a thread would take away, or has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The thread.
    pub thread: ThreadId,
    /// Its connection.
    pub connection: String,
    /// Entries that still say something, and may be erased.
    pub entries: usize,
    /// Conversations that began in them.
    pub conversations: usize,
    /// When the first of them was appended.
    pub from: Option<Timestamp>,
    /// When the last of them was appended.
    pub to: Option<Timestamp>,
    /// Whether a conversation is open.
    pub open: bool,
    /// Whether it was erased before and nothing has come since.
    pub erased: bool,
}

/// What is found of a thread in its entries, and has left traces elsewhere.
#[derive(Debug, Default)]
struct Traces {
    /// Entries that still say something: the first and the last seq.
    said: Option<(u64, u64)>,
    openings: Vec<(u64, Timestamp)>,
    sessions: BTreeSet<String>,
    conversations: BTreeSet<String>,
    customers: BTreeSet<String>,
    keys: BTreeSet<Fingerprint>,
}

impl Traces {
    fn note(&mut self, entry: &Entry) {
        if entry.is_blank() {
            return;
        }
        let first = self.said.map_or(entry.seq, |(first, _)| first);
        self.said = Some((first, entry.seq));
        let opened = |event: &Event| matches!(event, Event::Opened { .. });
        let opens = entry.events.iter().any(opened);
        for event in &entry.events {
            match event {
                Event::Opened { identity, .. } | Event::Renamed { identity } => {
                    if opened(event) {
                        self.openings.push((entry.seq, entry.at));
                    }
                    self.sessions.insert(identity.name.clone());
                    self.conversations.extend(identity.conversation.clone());
                    self.customers.extend(identity.customer.clone());
                }
                // Only a call that opened the conversation has its key as an item.
                Event::Queued {
                    key: Some(used), ..
                } if opens => {
                    self.keys.insert(used.key);
                }
                _ => {}
            }
        }
        self.sessions.remove("");
    }

    /// Whether a webhook's body is one of this thread's: it has the thread's own name, or
    /// the conversation's, as a JSON text.
    fn are_in(&self, body: &[u8]) -> bool {
        self.sessions
            .iter()
            .chain(&self.conversations)
            .filter_map(|name| serde_json::to_vec(name).ok())
            .any(|name| body.windows(name.len()).any(|part| part == name))
    }
}

impl Core {
    /// What an erasure of this thread would take away; `None` where there is no such
    /// thread.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn extent(&self, thread: &ThreadId) -> Result<Option<Extent>, StoreError> {
        let loaded = self.store.load(thread).await?;
        if loaded.thread.seq == 0 {
            return Ok(None);
        }
        let mut extent = Extent {
            thread: thread.clone(),
            connection: loaded.thread.identity.connection.clone(),
            entries: 0,
            conversations: 0,
            from: None,
            to: None,
            open: loaded.thread.open().is_some(),
            erased: loaded.thread.is_erased(),
        };
        let after_erasure = loaded.thread.erased_by;
        self.each_entry(thread, LAST_SEQ, |entry| {
            if entry.is_blank() || (extent.erased && entry.seq >= after_erasure) {
                return;
            }
            extent.entries += 1;
            extent.from.get_or_insert(entry.at);
            extent.to = Some(entry.at);
            let opened = |event: &Event| matches!(event, Event::Opened { .. });
            extent.conversations += entry.events.iter().filter(|event| opened(event)).count();
        })
        .await?;
        Ok(Some(extent))
    }

    /// The threads that a platform's name leads to, on this connection: the name of a
    /// session, of a conversation or of a customer.
    ///
    /// # Errors
    /// When the table or the id key cannot be read.
    pub async fn threads_named(
        &self,
        endpoint: &str,
        connection: &str,
        name: &str,
    ) -> Result<Vec<ThreadId>, StoreError> {
        let mut found = BTreeSet::new();
        let session = self.id_key.get().await?.thread(connection, name);
        if self.store.load(&session).await?.thread.seq > 0 {
            found.insert(session);
        }
        let conversation = directory_digest(self, endpoint, CONVERSATION, name).await?;
        let customer = directory_digest(self, endpoint, CUSTOMER, name).await?;
        let listed = self.store.listed(&conversation).await?;
        let of_customer = self.store.listed_threads(&customer).await?;
        found.extend(
            listed
                .into_iter()
                .chain(of_customer)
                .filter(|listed| listed.connection == connection)
                .map(|listed| listed.thread),
        );
        Ok(found.into_iter().collect())
    }

    /// Erases a thread, all of it, now: the append, and what it leaves to do. `false`
    /// where there was nothing to erase.
    ///
    /// # Errors
    /// When the table fails. What was appended stands, and the sweep goes on with it.
    pub async fn erase(&self, thread: &ThreadId) -> Result<bool, RunError> {
        let loaded = self.store.load(thread).await?;
        let ran = self.append_erasure(loaded).await?;
        let did = ran.entry.is_some() || ran.loaded.thread.forgetting.is_some();
        self.forget(ran.loaded).await?;
        Ok(did)
    }

    /// Appends the erasure; what it leaves to do is due at once.
    ///
    /// # Errors
    /// When the table fails, or races are lost until the end.
    pub async fn append_erasure(&self, loaded: Loaded) -> Result<Ran, RunError> {
        let (policy, keep) = self.led_by(&loaded).await;
        let give_up = self.clock.now().plus(GIVES_UP);
        self.run_by(loaded, &policy, keep, Command::Erase, give_up)
            .await
    }

    /// How the thread's connection leads its conversations, and how long it keeps
    /// messages. A thread can be erased whose connection is gone, or whose settings
    /// cannot be had.
    async fn led_by(&self, loaded: &Loaded) -> (Policy, i64) {
        let id = &loaded.thread.identity.connection;
        let settings = self.settings_with(id).await.ok();
        let connection = settings
            .as_ref()
            .and_then(|settings| settings.connections.get(id));
        match connection {
            Some(connection) => (connection.policy.clone(), connection.keep_messages),
            None => (Policy::gladly(None), ORPHANS_KEPT),
        }
    }

    /// Does what an erasure has left to do, if anything, and returns the thread after it.
    ///
    /// # Errors
    /// When the table or the id key cannot be had; it is still to be done then.
    pub(crate) async fn forget(&self, loaded: Loaded) -> Result<Loaded, StoreError> {
        let Some(erasure) = loaded.thread.forgetting else {
            return Ok(loaded);
        };
        let (policy, keep) = self.led_by(&loaded).await;
        let Some(loaded) = self.put_tombstone(loaded, erasure.0, keep).await? else {
            return Err(StoreError::Contended);
        };
        let last = erasure.0.saturating_sub(1);
        let mut traces = Traces::default();
        self.each_entry(&loaded.id, last, |entry| traces.note(entry))
            .await?;
        if let Some((first, last)) = traces.said {
            self.forget_traces(&loaded, &traces).await?;
            let now = self.clock.now();
            for seq in first..=last {
                self.store.blank_entry(&loaded.id, seq, now).await?;
            }
        }
        let give_up = self.clock.now().plus(GIVES_UP);
        let command = Command::Forgotten { erasure };
        match self.run_by(loaded, &policy, keep, command, give_up).await {
            Ok(ran) => Ok(ran.loaded),
            Err(RunError::Rejected(_, loaded)) => Ok(*loaded),
            Err(RunError::Store(error)) => Err(error),
        }
    }

    /// Sees to it that a checkpoint at or behind the erasure stands, and reads it back;
    /// `None` where it does not, as when a newer release keeps its own.
    async fn put_tombstone(
        &self,
        loaded: Loaded,
        erased_by: u64,
        keep: i64,
    ) -> Result<Option<Loaded>, StoreError> {
        let stands = |loaded: &Loaded| {
            loaded.checkpoint_seq >= erased_by && loaded.checkpoint_schema == SCHEMA
        };
        if stands(&loaded) {
            return Ok(Some(loaded));
        }
        let expires = loaded.thread.last_at.plus(keep.max(8 * DAY));
        self.store
            .checkpoint(&loaded.id, &loaded.thread, expires)
            .await?;
        let read_back = self.store.load(&loaded.id).await?;
        Ok(Some(read_back).filter(stands))
    }

    /// Rows, names, keys and poison.
    async fn forget_traces(&self, loaded: &Loaded, traces: &Traces) -> Result<(), StoreError> {
        let (id, thread, now) = (&loaded.id, &loaded.thread, self.clock.now());
        let connection = &thread.identity.connection;
        for (seq, at) in &traces.openings {
            let conversation = ConversationId::new(id, *seq);
            self.store
                .blank_row(connection, &conversation, *at, thread.erased_by, now)
                .await?;
        }
        let settings = self.settings_with(connection).await.ok();
        let endpoint = settings
            .as_ref()
            .and_then(|settings| settings.connections.get(connection))
            .map(|connection| connection.endpoint.as_str());
        let erased = Listed {
            thread: id.clone(),
            connection: connection.clone(),
            at: thread.erased_at.unwrap_or(now),
            leaving: true,
        };
        // Of a connection that is gone the names cannot be found; they expire, and lead to
        // a thread that knows nothing.
        if let Some(endpoint) = endpoint {
            for name in &traces.conversations {
                let digest = directory_digest(self, endpoint, CONVERSATION, name).await?;
                self.store.let_name_go(&digest, &erased, now).await?;
            }
            for name in &traces.customers {
                let digest = directory_digest(self, endpoint, CUSTOMER, name).await?;
                self.store.let_thread_go(&digest, &erased, now).await?;
            }
        }
        for key in &traces.keys {
            self.store.remove_key(*key, id).await?;
        }
        for back in 0..=POISON_KEPT / DAY {
            self.store
                .remove_poison_of(now.plus(-back * DAY), |body| traces.are_in(body))
                .await?;
        }
        Ok(())
    }

    /// Reads the thread's entries up to this seq, the oldest first.
    async fn each_entry(
        &self,
        id: &ThreadId,
        last: u64,
        mut see: impl FnMut(&Entry),
    ) -> Result<(), StoreError> {
        let mut from = 1;
        while from <= last {
            let page = self
                .store
                .entries(id, from, ENTRIES_A_PAGE, Mechanism::Erase)
                .await?;
            for entry in page.iter().filter(|entry| entry.seq <= last) {
                see(entry);
            }
            match page.last() {
                Some(newest) if page.len() >= ENTRIES_A_PAGE => from = newest.seq + 1,
                _ => break,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_the_threads_where_it_has_its_name_as_a_whole() {
        let traces = Traces {
            sessions: ["session-1".to_owned()].into(),
            conversations: ["conversation \"1\"".to_owned()].into(),
            ..Traces::default()
        };
        assert!(traces.are_in(br#"{"sessionId": "session-1", cut"#));
        assert!(traces.are_in(br#"["conversation \"1\""]"#));
        assert!(!traces.are_in(br#"{"sessionId": "session-12"}"#));
        assert!(!traces.are_in(b""));
    }
}

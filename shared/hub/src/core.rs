//! What every function needs: the store, the clock, the id key, the settings. And
//! running a command against a thread.

use crate::clock::Clock;
use crate::id_key::KeptIdKey;
use crate::settings::{Connection, Settings};
use crate::source::SettingsCache;
use crate::store::{Appended, Loaded, Mechanism, Store, StoreError};
use baton_domain::decide::NEWS_REACHES_BACK;
use baton_domain::time::{DAY, HOUR, MINUTE, SECOND};
use baton_domain::{
    Command, Entry, Event, Fingerprint, KeyUse, Mutation, Policy, Rejection, ThreadId, Timestamp,
    decide, plan,
};
use std::sync::Arc;

/// What every function needs.
#[derive(Clone, Debug)]
pub struct Core {
    /// The table.
    pub store: Store,
    /// Time and chance.
    pub clock: Clock,
    /// Computes thread ids and other names.
    pub id_key: KeptIdKey,
    /// Settings and secrets, cached.
    pub settings: SettingsCache,
}

/// A command's way through the log.
#[derive(Debug)]
pub struct Ran {
    /// The thread after it.
    pub loaded: Loaded,
    /// The entry that was appended; `None` where there was nothing to do.
    pub entry: Option<Entry>,
}

/// Why a command did not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It was turned down; the thread as it was then.
    #[error("{0}")]
    Rejected(Rejection, Box<Loaded>),
    /// The table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Core {
    /// The settings, at most 60 s old.
    ///
    /// # Errors
    /// When they have never been loaded and cannot be.
    pub async fn settings(&self) -> Result<Arc<Settings>, crate::source::SourceError> {
        self.settings.get(&self.clock).await
    }

    /// The settings, which shall know this connection: where they do not, it may have
    /// been added since they were read, and they are read again, though not often.
    ///
    /// # Errors
    /// When they have never been loaded and cannot be.
    pub async fn settings_with(
        &self,
        connection: &str,
    ) -> Result<Arc<Settings>, crate::source::SourceError> {
        let settings = self.settings().await?;
        if connection.is_empty() || settings.connections.contains_key(connection) {
            return Ok(settings);
        }
        Ok(self.newer_settings(settings).await)
    }

    /// Settings newer than these, where there are, asked for at most every few seconds.
    pub(crate) async fn newer_settings(&self, than: Arc<Settings>) -> Arc<Settings> {
        self.settings.newer(&self.clock, than).await
    }

    /// A thread as it was at the end of an earlier conversation of it; `None` where it
    /// has no conversation that began at this entry, or that was erased. Its opening says all that a
    /// conversation begins with, so that its own entries are enough.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn as_of(&self, id: &ThreadId, first_seq: u64) -> Result<Option<Loaded>, StoreError> {
        let Some(before) = first_seq.checked_sub(1).filter(|_| first_seq <= LAST_SEQ) else {
            return Ok(None);
        };
        let mut past = Loaded::nothing_yet(id);
        past.thread.seq = before;
        loop {
            let from = past.thread.seq + 1;
            let page = self
                .store
                .entries(id, from, ENTRIES_A_PAGE, Mechanism::Read)
                .await?;
            let full = page.len() >= ENTRIES_A_PAGE;
            let read = page.len();
            let of_it = page
                .into_iter()
                .take_while(|entry| entry.conversation == first_seq);
            let mut folded = 0;
            past.tail.clear();
            for entry in of_it {
                // Erased, or being erased just now.
                if entry.is_blank() {
                    return Ok(None);
                }
                past.push(entry);
                folded += 1;
            }
            if !full || folded < read {
                break;
            }
        }
        let found = past
            .thread
            .conversation
            .as_ref()
            .is_some_and(|conversation| conversation.first_seq == first_seq);
        Ok(found.then_some(past))
    }

    /// Runs a command against a thread: decides, appends, and where another entry
    /// came first, folds that in and decides again, until `give_up`. A lost race is
    /// not a failure.
    ///
    /// # Errors
    /// [`RunError::Rejected`] when the domain turns the command down;
    /// [`RunError::Store`] when the table fails or races are lost until the end.
    pub async fn run(
        &self,
        loaded: Loaded,
        connection: &Connection,
        command: Command,
        give_up: Timestamp,
    ) -> Result<Ran, RunError> {
        let keep = connection.keep_messages;
        self.run_by(loaded, &connection.policy, keep, command, give_up)
            .await
    }

    /// Like [`Core::run`], for a thread whose connection need not be configured any more:
    /// by this policy, its entries kept for `keep` milliseconds.
    ///
    /// # Errors
    /// As [`Core::run`].
    pub(crate) async fn run_by(
        &self,
        mut loaded: Loaded,
        policy: &Policy,
        keep: i64,
        mut command: Command,
        give_up: Timestamp,
    ) -> Result<Ran, RunError> {
        let id = loaded.id.clone();
        let command_id = self.clock.command_id();
        let mut lost = 0u32;
        loop {
            let now = self.clock.now();
            let events = match decide(&loaded.thread, &command, policy, now) {
                Ok(events) => events,
                Err(Rejection::EventsUnsure(unsure)) => {
                    self.look_up_events(&id, &mut command, &unsure).await?;
                    continue;
                }
                Err(Rejection::KeyUnsure) => {
                    if let Some(rejection) = self.look_up_key(&id, &mut command, now).await? {
                        return Err(RunError::Rejected(rejection, Box::new(loaded)));
                    }
                    continue;
                }
                Err(rejection) => return Err(RunError::Rejected(rejection, Box::new(loaded))),
            };
            if events.is_empty() {
                return Ok(Ran {
                    loaded,
                    entry: None,
                });
            }
            let due = loaded.armed_on_checkpoint();
            let (entry, _) = plan(&loaded.thread, events, command_id.clone(), policy, now, due);
            match self.append(&loaded, &entry, keep).await? {
                Appended::Yes => {
                    if loaded.wants_checkpoint() {
                        loaded.folded = 0;
                    }
                    loaded.push(entry.clone());
                    return Ok(Ran {
                        loaded,
                        entry: Some(entry),
                    });
                }
                Appended::Lost(standing) => {
                    if self.clock.now() >= give_up {
                        return Err(StoreError::Contended.into());
                    }
                    lost += 1;
                    look_again(&mut command);
                    if lost == 1 && !standing.is_blank() {
                        loaded.push(*standing);
                    } else {
                        // Many are writing: a read is cheaper than the next refusal.
                        self.pause(lost).await;
                        loaded = self.store.load(&id).await?;
                    }
                    // Our entry may be further back, its answer lost.
                    if let Some(ours) = loaded
                        .tail
                        .iter()
                        .rev()
                        .find(|entry| entry.command == command_id)
                        .filter(|_| !Mutation::CommandId.is_on())
                    {
                        let entry = Some(ours.clone());
                        return Ok(Ran { loaded, entry });
                    }
                }
            }
        }
    }

    /// Appends, and in parallel writes the checkpoint of the state that was read,
    /// if so much was read that one is due.
    async fn append(
        &self,
        loaded: &Loaded,
        entry: &Entry,
        keep: i64,
    ) -> Result<Appended, StoreError> {
        let expires = entry.at.plus(keep.max(8 * DAY));
        let append = self.store.append(&loaded.id, entry, expires);
        if !loaded.wants_checkpoint() {
            return append.await;
        }
        let checkpoint = self.store.checkpoint(&loaded.id, &loaded.thread, expires);
        let (appended, checkpointed) = tokio::join!(append, checkpoint);
        if let Err(error) = checkpointed {
            // The next writer does it; the log is the truth.
            tracing::warn!(error = %error, "the checkpoint was not written");
        }
        appended
    }

    async fn pause(&self, lost: u32) {
        let most = 20u64.saturating_mul(u64::from(lost)).min(200);
        let pause = self.clock.below(most);
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
    }

    /// Platform ids older than the thread remembers are searched in the log.
    async fn look_up_events(
        &self,
        id: &ThreadId,
        command: &mut Command,
        unsure: &[Fingerprint],
    ) -> Result<(), StoreError> {
        let Command::News {
            events, known_new, ..
        } = command
        else {
            return Ok(());
        };
        let oldest = events
            .iter()
            .map(|event| event.at)
            .min()
            .unwrap_or_default();
        let mut missing: Vec<Fingerprint> = unsure.to_vec();
        // A message that was read back may have come by its event, and the other way round.
        let messages: Vec<(Fingerprint, &str)> = events
            .iter()
            .filter(|event| unsure.contains(&event.id))
            .filter_map(|event| Some((event.id, event.message()?.0)))
            .collect();
        // An entry was appended after its events happened, give or take the clocks.
        let back_to = oldest
            .plus(-MINUTE)
            .max(self.clock.now().plus(-NEWS_REACHES_BACK));
        self.store
            .search(id, back_to, |entry| {
                for event in &entry.events {
                    if let Event::Received { event, .. } | Event::Heard { event, .. } = event {
                        missing.retain(|id| id != event);
                    }
                    if let Event::Received { id: message, .. } = event {
                        let told = |id| messages.contains(&(id, message.as_str()));
                        missing.retain(|id| !told(*id));
                    }
                }
                missing.is_empty()
            })
            .await?;
        // Those found are dropped from the command, the others are new.
        events.retain(|event| !unsure.contains(&event.id) || missing.contains(&event.id));
        known_new.extend(missing);
        Ok(())
    }

    /// A key that may have been dropped is searched in the log of the last 24 h.
    pub(crate) async fn look_up_key(
        &self,
        id: &ThreadId,
        command: &mut Command,
        now: Timestamp,
    ) -> Result<Option<Rejection>, StoreError> {
        let request = match command {
            Command::Send { request, .. }
            | Command::Control { request, .. }
            | Command::Open { request, .. } => request,
            _ => return Ok(None),
        };
        let Some(key) = request.key else {
            return Ok(None);
        };
        let mut found = None;
        self.store
            .search(id, now.plus(-24 * HOUR), |entry| {
                let used = entry.events.iter().enumerate().find_map(|(index, event)| {
                    let used = key_of(event).filter(|used| used.key == key.key)?;
                    Some((index, used))
                });
                if let Some((index, used)) = used
                    && now.since(entry.at) < 24 * HOUR
                {
                    let place =
                        baton_domain::Place(entry.seq, u32::try_from(index).unwrap_or(u32::MAX));
                    found = Some(if used.body == key.body {
                        Rejection::Repeated(place)
                    } else {
                        Rejection::KeyReused
                    });
                }
                found.is_some()
            })
            .await?;
        request.key_is_new = true;
        Ok(found)
    }
}

/// Whether a message that was read back has come by its event, the entry that was lost to
/// may tell: what is read back is looked up again.
fn look_again(command: &mut Command) {
    if let Command::News {
        events, known_new, ..
    } = command
    {
        let is_read_back = |id: &Fingerprint| {
            let mut events = events.iter();
            events.any(|event| event.id == *id && event.is_read_back())
        };
        known_new.retain(|id| !is_read_back(id));
    }
}

fn key_of(event: &Event) -> Option<KeyUse> {
    match event {
        Event::Queued { key, .. } | Event::ControlRequested { key, .. } => *key,
        _ => None,
    }
}

/// How many entries are read at once.
const ENTRIES_A_PAGE: usize = 200;
/// Keys of entries have ten digits.
pub(crate) const LAST_SEQ: u64 = 9_999_999_999;

/// How long an API call may take until it is answered with what is known.
pub const CALL_ANSWERS_WITHIN: i64 = 8 * SECOND;

//! What customers wait for: from the stream, tells bots and delivers what has no
//! live claim.

use crate::deliver::{Deliverer, RELAY_CLAIM};
use crate::metrics::{self, Count};
use crate::settings::{Connection, Settings};
use crate::store::{Loaded, StoreError};
use crate::stream::{Appended, BatchAnswer, StreamBatch, by_thread, entries};
use crate::telling::Teller;
use baton_domain::time::SECOND;
use baton_domain::{Command, Entry, Thread, ThreadId, Timestamp, Untold, WorkResult};
use std::sync::Arc;

/// How long a wake goes on telling before it leaves the rest to the next.
const TELLS_ON_FOR: i64 = 4 * SECOND;

/// What the bot has to be told again at `now`, if anything.
pub(crate) fn tell_due(thread: &Thread, now: Timestamp) -> Option<Untold> {
    thread
        .untold
        .filter(|untold| thread.bot_holds() && thread.leaving().is_none() && untold.next <= now)
}

/// What relaying needs.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Delivers.
    pub deliverer: Deliverer,
    /// Tells bots.
    pub teller: Teller,
}

impl Relay {
    /// Works through a batch: the threads concurrently, each in order. Only a
    /// refusing store makes records come again.
    pub async fn batch(&self, batch: StreamBatch) -> BatchAnswer {
        let entries = entries(batch);
        let order: Vec<String> = entries
            .iter()
            .map(|appended| appended.sequence_number.clone())
            .collect();
        let settings = match self.deliverer.core.settings().await {
            Ok(settings) => settings,
            Err(error) => {
                tracing::error!(error = %error, "a batch waits for the settings");
                return BatchAnswer::from_first(&order, &order);
            }
        };
        let mut running = Vec::new();
        // What leaves no work is the other consumer's.
        let leaving = entries
            .into_iter()
            .filter(|appended| appended.entry.leaves.tell || appended.entry.leaves.deliver)
            .collect();
        for (thread, appended) in by_thread(leaving) {
            let first = appended
                .first()
                .map(|first| first.sequence_number.clone())
                .unwrap_or_default();
            let relay = self.clone();
            let untold = appended
                .iter()
                .map(|appended| &appended.entry)
                .find(|entry| entry.leaves.tell)
                .map(|entry| entry.seq);
            // A task of its own: a panic stays inside and becomes an entry.
            let task = tokio::spawn({
                let thread = thread.clone();
                async move { relay.thread(&thread, appended).await }
            });
            running.push((thread, first, untold, task));
        }
        let mut failed = Vec::new();
        for (thread, first, untold, task) in running {
            let result = match task.await {
                Ok(result) => result,
                // A panic's words may quote what a customer wrote.
                Err(stopped) => {
                    tracing::error!(thread = %thread, panicked = stopped.is_panic(), "relaying stopped");
                    self.note_failure(&settings, &thread, untold).await
                }
            };
            if let Err(error) = result {
                tracing::warn!(thread = %thread, error = %error, "a record will come again");
                failed.push(first);
            }
        }
        BatchAnswer::from_first(&order, &failed)
    }

    async fn thread(&self, thread: &ThreadId, appended: Vec<Appended>) -> Result<(), StoreError> {
        let core = &self.deliverer.core;
        // A read at half the price, but for threads whose telling failed a moment ago: that
        // must be seen, or this would be told before what failed. A message appended after
        // a failure leaves no telling anyway.
        let last = appended.last().map_or(0, |appended| appended.entry.seq);
        let loaded = if self.teller.is_troubled(thread) {
            core.store.load(thread).await?
        } else {
            core.store.load_with(thread, last).await?
        };
        // The batch found settings, so these cannot fail.
        let Ok(settings) = core.settings_with(&loaded.thread.identity.connection).await else {
            return Ok(());
        };
        let settings = settings.as_ref();
        let Some(connection) = settings.connections.get(&loaded.thread.identity.connection) else {
            return Ok(());
        };
        // A stream that was stopped may tell of conversations that have ended since: what
        // was said there is not said in the present one.
        let present = loaded
            .thread
            .open()
            .map(|conversation| conversation.first_seq);
        let untold: Vec<Entry> = appended
            .into_iter()
            .map(|appended| appended.entry)
            .filter(|entry| entry.leaves.tell && Some(entry.conversation) == present)
            .collect();
        let tell = async {
            if untold.is_empty() {
                Ok(())
            } else {
                self.tell(connection, &loaded, &untold).await
            }
        };
        let deliver = async {
            if self.deliverer.calls.is_slow(&connection.base_url) {
                return self.leave_to_sweep(connection, loaded.clone()).await;
            }
            self.deliverer
                .claim_and_work_off(settings, connection, loaded.clone(), RELAY_CLAIM)
                .await
                .map(|_| ())
        };
        let (told, delivered) = tokio::join!(tell, deliver);
        told.and(delivered)
    }

    /// A platform that hangs must not hold up the stream, and with it everybody else: the
    /// work is put off by a second, which arms the thread for the sweep.
    async fn leave_to_sweep(
        &self,
        connection: &Connection,
        loaded: Loaded,
    ) -> Result<(), StoreError> {
        let core = &self.deliverer.core;
        let now = core.clock.now();
        let head = loaded.thread.outbox.first().map(|work| work.place);
        let Some(work) = head.filter(|_| loaded.thread.deliverable(now)) else {
            return Ok(());
        };
        let command = Command::Outcome {
            work,
            result: WorkResult::Retry {
                not_before: now.plus(SECOND),
                failure: false,
                detail: "left to the sweep: the platform is slow".to_owned(),
            },
            end_claim: None,
        };
        let give_up = now.plus(10 * SECOND);
        match core.run(loaded, connection, command, give_up).await {
            Ok(_) | Err(crate::core::RunError::Rejected(..)) => Ok(()),
            Err(crate::core::RunError::Store(error)) => Err(error),
        }
    }

    /// Tells the bot of these entries, if it still holds and no failure stands.
    async fn tell(
        &self,
        connection: &Connection,
        loaded: &Loaded,
        entries: &[Entry],
    ) -> Result<(), StoreError> {
        if !loaded.thread.bot_holds() || loaded.thread.untold.is_some() {
            return Ok(());
        }
        // Looked at before every call: a bot can become slow within a batch.
        for entry in entries {
            let (from, tried) = if let Some(patience) = self.teller.patience(connection) {
                let entry = std::slice::from_ref(entry);
                let told = self
                    .teller
                    .tell_within(connection, loaded, entry, patience)
                    .await;
                match told {
                    Ok(()) => continue,
                    Err((from, why)) => {
                        metrics::count(Count::BotNotTold);
                        tracing::warn!(connection = %connection.id, thread = %loaded.id, reason = %why, "the bot was not told");
                        (from, true)
                    }
                }
            } else {
                (entry.seq, false)
            };
            return self
                .tell_failed(connection, loaded.clone(), from, tried)
                .await;
        }
        Ok(())
    }

    async fn tell_failed(
        &self,
        connection: &Connection,
        loaded: Loaded,
        from: u64,
        tried: bool,
    ) -> Result<(), StoreError> {
        let core = &self.deliverer.core;
        self.teller.note_trouble(&loaded.id);
        let give_up = core.clock.now().plus(10 * SECOND);
        match core
            .run(
                loaded,
                connection,
                Command::TellFailed { from, tried },
                give_up,
            )
            .await
        {
            Ok(_) | Err(crate::core::RunError::Rejected(..)) => Ok(()),
            Err(crate::core::RunError::Store(error)) => Err(error),
        }
    }

    async fn note_failure(
        &self,
        settings: &Arc<Settings>,
        thread: &ThreadId,
        untold: Option<u64>,
    ) -> Result<(), StoreError> {
        // Outbound work is in the log, and its claim, if it was taken, is armed for.
        let Some(from) = untold else { return Ok(()) };
        let loaded = self.deliverer.core.store.load(thread).await?;
        match settings.connections.get(&loaded.thread.identity.connection) {
            Some(connection) => self.tell_failed(connection, loaded, from, true).await,
            None => Ok(()),
        }
    }

    /// Tells the bot again what a failure has held back, everything from it on.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn tell_again(
        &self,
        connection: &Connection,
        loaded: Loaded,
    ) -> Result<Loaded, StoreError> {
        let core = &self.deliverer.core;
        let now = core.clock.now();
        let Some(untold) = tell_due(&loaded.thread, now) else {
            return Ok(loaded);
        };
        let have = loaded
            .tail
            .first()
            .is_some_and(|entry| entry.seq <= untold.from);
        let entries: Vec<Entry> = if have {
            loaded
                .tail
                .iter()
                .filter(|entry| entry.seq >= untold.from)
                .cloned()
                .collect()
        } else {
            core.store
                .entries(
                    &loaded.id,
                    untold.from,
                    200,
                    crate::store::Mechanism::LogSearch,
                )
                .await?
        };
        let mut command = Command::TellSucceeded {
            through: entries.last().map_or(untold.from, |entry| entry.seq),
        };
        for (index, entry) in entries.iter().enumerate() {
            let entry = std::slice::from_ref(entry);
            if let Err((from, why)) = self.teller.tell(connection, &loaded, entry).await {
                metrics::count(Count::BotNotTold);
                tracing::warn!(connection = %connection.id, thread = %loaded.id, reason = %why, "the bot was not told again");
                command = Command::TellFailed { from, tried: true };
                break;
            }
            // The rest is due at once, in a telling of its own: no wake holds on to a
            // thread longer than the next is put off for it.
            if let Some(next) = entries.get(index + 1)
                && core.clock.now().since(now) >= TELLS_ON_FOR
            {
                command = Command::TellSucceeded {
                    through: next.seq - 1,
                };
                break;
            }
        }
        let give_up = core.clock.now().plus(10 * SECOND);
        match core.run(loaded, connection, command, give_up).await {
            Ok(ran) => Ok(ran.loaded),
            Err(crate::core::RunError::Rejected(_, loaded)) => Ok(*loaded),
            Err(crate::core::RunError::Store(error)) => Err(error),
        }
    }
}

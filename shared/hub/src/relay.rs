//! What customers wait for: from the stream, tells bots and delivers what has no
//! live claim.

use crate::deliver::{Deliverer, RELAY_CLAIM};
use crate::settings::{Connection, Settings};
use crate::store::{Loaded, StoreError};
use crate::stream::{Appended, BatchAnswer, StreamBatch, by_thread, entries};
use crate::telling::Teller;
use baton_domain::time::SECOND;
use baton_domain::{Command, Entry, ThreadId};
use std::sync::Arc;

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
        for (thread, appended) in by_thread(entries) {
            let first = appended
                .first()
                .map(|first| first.sequence_number.clone())
                .unwrap_or_default();
            let relay = self.clone();
            let settings = settings.clone();
            let from = appended.first().map_or(0, |first| first.entry.seq);
            // A task of its own: a panic stays inside and becomes an entry.
            let task = tokio::spawn({
                let thread = thread.clone();
                async move { relay.thread(&settings, &thread, appended).await }
            });
            running.push((thread, first, from, task));
        }
        let mut failed = Vec::new();
        for (thread, first, from, task) in running {
            let result = match task.await {
                Ok(result) => result,
                Err(panic) => {
                    tracing::error!(thread = %thread, error = %panic, "relaying panicked");
                    self.note_failure(&settings, &thread, from).await
                }
            };
            if let Err(error) = result {
                tracing::warn!(thread = %thread, error = %error, "a record will come again");
                failed.push(first);
            }
        }
        BatchAnswer::from_first(&order, &failed)
    }

    async fn thread(
        &self,
        settings: &Settings,
        thread: &ThreadId,
        appended: Vec<Appended>,
    ) -> Result<(), StoreError> {
        let loaded = self.deliverer.core.store.load(thread).await?;
        let Some(connection) = settings.connections.get(&loaded.thread.identity.connection) else {
            return Ok(());
        };
        let untold: Vec<Entry> = appended
            .into_iter()
            .map(|appended| appended.entry)
            .filter(|entry| entry.leaves.tell)
            .collect();
        let tell = async {
            if untold.is_empty() {
                Ok(())
            } else {
                self.tell(connection, &loaded, &untold).await
            }
        };
        let deliver = async {
            self.deliverer
                .claim_and_work_off(settings, connection, loaded.clone(), RELAY_CLAIM)
                .await
                .map(|_| ())
        };
        let (told, delivered) = tokio::join!(tell, deliver);
        told.and(delivered)
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
        let first = entries.first().map_or(0, |entry| entry.seq);
        let (from, tried) = if self.teller.is_slow(connection) {
            (first, false)
        } else {
            match self.teller.tell(connection, loaded, entries).await {
                Ok(()) => return Ok(()),
                Err((from, why)) => {
                    tracing::warn!(connection = %connection.id, thread = %loaded.id, reason = %why, "the bot was not told");
                    (from, true)
                }
            }
        };
        self.tell_failed(connection, loaded.clone(), from, tried)
            .await
    }

    async fn tell_failed(
        &self,
        connection: &Connection,
        loaded: Loaded,
        from: u64,
        tried: bool,
    ) -> Result<(), StoreError> {
        let core = &self.deliverer.core;
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
        from: u64,
    ) -> Result<(), StoreError> {
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
        let due = loaded
            .thread
            .untold
            .filter(|untold| loaded.thread.bot_holds() && untold.next <= now);
        let Some(untold) = due else { return Ok(loaded) };
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
        let through = entries.last().map_or(untold.from, |entry| entry.seq);
        let command = match self.teller.tell(connection, &loaded, &entries).await {
            Ok(()) => Command::TellSucceeded { through },
            Err((from, why)) => {
                tracing::warn!(connection = %connection.id, thread = %loaded.id, reason = %why, "the bot was not told again");
                Command::TellFailed { from, tried: true }
            }
        };
        let give_up = core.clock.now().plus(10 * SECOND);
        match core.run(loaded, connection, command, give_up).await {
            Ok(ran) => Ok(ran.loaded),
            Err(crate::core::RunError::Rejected(_, loaded)) => Ok(*loaded),
            Err(crate::core::RunError::Store(error)) => Err(error),
        }
    }
}

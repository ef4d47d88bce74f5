//! What may be late: from the stream, the bus, conversation rows, directory items,
//! and arming threads whose claim got no outcome.

use crate::bus::{Bus, BusEvent};
use crate::core::{Core, RunError};
use crate::facts::facts;
use crate::inbound::directory_digest;
use crate::settings::{Connection, Settings};
use crate::store::directory::Listed;
use crate::store::rows::Row;
use crate::store::{Loaded, StoreError};
use crate::stream::{Appended, BatchAnswer, StreamBatch, by_thread, entries};
use baton_domain::time::SECOND;
use baton_domain::timers::relied_on;
use baton_domain::{Command, ConversationId, Entry, Event, Identity, ThreadId, Timestamp};

/// How often arming is tried against others that arm, too.
const ARM_TRIES: u32 = 4;

/// What publishing needs.
#[derive(Clone, Debug)]
pub struct Publisher {
    /// Store, clock, settings.
    pub core: Core,
    /// The bus.
    pub bus: Bus,
}

impl Publisher {
    /// Works through a batch. What cannot be done now comes again.
    pub async fn batch(&self, batch: StreamBatch) -> BatchAnswer {
        let entries = entries(batch);
        let order: Vec<String> = entries
            .iter()
            .map(|appended| appended.sequence_number.clone())
            .collect();
        let settings = match self.core.settings().await {
            Ok(settings) => settings,
            Err(error) => {
                tracing::error!(error = %error, "a batch waits for the settings");
                return BatchAnswer::from_first(&order, &order);
            }
        };
        let mut failed = Vec::new();
        for (thread, appended) in by_thread(entries.clone()) {
            if let Err(error) = self.thread(&settings, &thread, &appended).await {
                tracing::warn!(thread = %thread, error = %error, "a record will come again");
                failed.extend(appended.first().map(|first| first.sequence_number.clone()));
            }
        }
        failed.extend(self.to_bus(&settings, &entries).await);
        BatchAnswer::from_first(&order, &failed)
    }

    /// Puts the facts of these entries on the bus; returns the records of those that
    /// were not taken.
    async fn to_bus(&self, settings: &Settings, entries: &[Appended]) -> Vec<String> {
        let mut events = Vec::new();
        let mut numbers = Vec::new();
        for appended in entries {
            let with_text = settings
                .connections
                .get(&appended.entry.connection)
                .is_some_and(|connection| connection.text_on_bus);
            for fact in facts(&appended.thread, &appended.entry, with_text) {
                events.push(BusEvent::from(&fact));
                numbers.push(appended.sequence_number.clone());
            }
        }
        match self.bus.put(&events).await {
            Ok(()) => Vec::new(),
            Err(error) => {
                tracing::warn!(error = %error, "events will be sent again");
                error
                    .places
                    .iter()
                    .filter_map(|place| numbers.get(*place).cloned())
                    .collect()
            }
        }
    }

    async fn thread(
        &self,
        settings: &Settings,
        thread: &ThreadId,
        appended: &[Appended],
    ) -> Result<(), StoreError> {
        for entry in appended.iter().map(|appended| &appended.entry) {
            if let Some(identity) = named(entry)
                && let Some(connection) = settings.connections.get(&entry.connection)
            {
                self.list_names(settings, thread, connection, identity, entry.at)
                    .await?;
            }
        }
        let open_claim = open_claim(appended);
        let row = appended.iter().any(|appended| appended.entry.leaves.row);
        if !row && open_claim.is_none() {
            return Ok(());
        }
        let loaded = self.core.store.load(thread).await?;
        if row && let Some(row) = row_of(&loaded) {
            self.core.store.put_row(&row).await?;
        }
        if let Some(until) = open_claim {
            self.arm_claim(loaded, until).await?;
        }
        Ok(())
    }

    /// Lists the thread's other names. A newer session of the same conversation
    /// replaces the older one, which is closed as moved before it loses its name, so
    /// that a crash in between repeats both.
    async fn list_names(
        &self,
        settings: &Settings,
        thread: &ThreadId,
        connection: &Connection,
        identity: &Identity,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(conversation) = &identity.conversation else {
            return Ok(());
        };
        let digest = directory_digest(
            &self.core,
            &connection.endpoint,
            "conversation",
            conversation,
        );
        if let Some(before) = self.core.store.listed(&digest).await? {
            if before.thread == *thread || before.at > at {
                return Ok(());
            }
            if let Some(connection) = settings.connections.get(&before.connection) {
                let loaded = self.core.store.load(&before.thread).await?;
                let give_up = self.core.clock.now().plus(10 * SECOND);
                match self
                    .core
                    .run(loaded, connection, Command::MovedAway, give_up)
                    .await
                {
                    Ok(_) | Err(RunError::Rejected(..)) => {}
                    Err(RunError::Store(error)) => return Err(error),
                }
            }
        }
        let listed = Listed {
            thread: thread.clone(),
            connection: connection.id.clone(),
            at,
        };
        self.core
            .store
            .list_name(&digest, &listed)
            .await
            .map(|_| ())
    }

    /// Arms a thread for the end of a claim that got no outcome.
    async fn arm_claim(&self, mut loaded: Loaded, until: Timestamp) -> Result<(), StoreError> {
        let now = self.core.clock.now();
        for _ in 0..ARM_TRIES {
            if loaded.thread.claimed_until != Some(until) {
                return Ok(());
            }
            let armed = relied_on(loaded.thread.armed, now)
                .into_iter()
                .chain(relied_on(loaded.armed_on_checkpoint(), now))
                .min();
            if armed.is_some_and(|armed| armed.seconds_up() <= until.seconds_up()) {
                return Ok(());
            }
            if self
                .core
                .store
                .rearm(&loaded.id, loaded.checkpoint_due, Some(until), None)
                .await?
            {
                return Ok(());
            }
            loaded = self.core.store.load(&loaded.id).await?;
        }
        Err(StoreError::Contended)
    }
}

fn named(entry: &Entry) -> Option<&Identity> {
    entry.events.iter().rev().find_map(|event| match event {
        Event::Opened { identity, .. } | Event::Renamed { identity } => Some(identity),
        _ => None,
    })
}

/// The end of a claim taken in this batch, if no outcome followed in it.
fn open_claim(appended: &[Appended]) -> Option<Timestamp> {
    let mut open = None;
    for event in appended.iter().flat_map(|appended| &appended.entry.events) {
        match event {
            Event::Claimed { until } => open = Some(*until),
            Event::ClaimEnded
            | Event::Sent { .. }
            | Event::Failed { .. }
            | Event::Settled { .. }
            | Event::Passed { work: Some(_), .. }
            | Event::Released { work: Some(_), .. }
            | Event::ControlFailed { .. }
            | Event::Closed { .. } => open = None,
            _ => {}
        }
    }
    open
}

/// The row of a thread's present conversation.
#[must_use]
pub fn row_of(loaded: &Loaded) -> Option<Row> {
    let conversation = loaded.thread.conversation.as_ref()?;
    let closing = conversation.closed.as_ref();
    Some(Row {
        conversation: ConversationId::new(&loaded.id, conversation.first_seq),
        connection: loaded.thread.identity.connection.clone(),
        seq: loaded.thread.seq,
        opened_at: conversation.opened_at,
        holder: conversation.holder.clone(),
        since: conversation.holder_since,
        epoch: loaded.thread.epoch,
        closed_at: closing.map(|closing| closing.at),
        reason: closing.map(|closing| closing.reason),
        ledger: conversation.ledger,
    })
}

//! What may be late: from the stream, the bus, conversation rows, directory items,
//! and arming threads whose claim got no outcome.

use crate::bus::{Bus, BusEvent, DETAIL_LIMIT};
use crate::core::{Core, RunError};
use crate::facts::facts;
use crate::inbound::{CONVERSATION, CUSTOMER, directory_digest};
use crate::settings::{Connection, Settings};
use crate::source::SourceError;
use crate::store::directory::{DIRECTORY_KEPT, Listed};
use crate::store::rows::Row;
use crate::store::{Loaded, StoreError};
use crate::stream::{Appended, BatchAnswer, StreamBatch, by_thread, entries};
use baton_domain::arming::relied_on;
use baton_domain::time::SECOND;
use baton_domain::{Command, ConversationId, Entry, Event, Identity, ThreadId, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

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
        // Settings that know the newest connection of the batch: what may go on the bus,
        // and where names are listed, depends on them.
        let settings = match self.settings_for(&entries).await {
            Ok(settings) => settings,
            Err(error) => {
                tracing::error!(error = %error, "a batch waits for the settings");
                return BatchAnswer::from_first(&order, &order);
            }
        };
        let mut running = Vec::new();
        for (thread, appended) in by_thread(entries.clone()) {
            let first = appended.first().map(|first| first.sequence_number.clone());
            let (publisher, settings, id) = (self.clone(), settings.clone(), thread.clone());
            // A task of its own, so that the threads go side by side and a panic stays
            // inside one.
            let task =
                tokio::spawn(async move { publisher.thread(&settings, &id, &appended).await });
            running.push((thread, first, task));
        }
        let mut failed = Vec::new();
        for (thread, first, task) in running {
            match task.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(thread = %thread, error = %error, "a record will come again");
                    failed.extend(first);
                }
                // It would come to the same again, and block the shard.
                Err(stopped) => {
                    tracing::error!(thread = %thread, panicked = stopped.is_panic(), "publishing stopped");
                }
            }
        }
        failed.extend(self.to_bus(&settings, &entries).await);
        BatchAnswer::from_first(&order, &failed)
    }

    async fn settings_for(&self, entries: &[Appended]) -> Result<Arc<Settings>, SourceError> {
        let settings = self.core.settings().await?;
        let unknown = entries
            .iter()
            .map(|appended| appended.entry.connection.as_str())
            .find(|id| !settings.connections.contains_key(*id));
        match unknown {
            Some(connection) => self.core.settings_with(connection).await,
            None => Ok(settings),
        }
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
            let told = facts(&appended.thread, &appended.entry, with_text);
            let bare = facts(&appended.thread, &appended.entry, false);
            for (fact, bare) in told.iter().zip(&bare) {
                let mut event = BusEvent::from(fact);
                // What the bus cannot take must not hold up all that comes after it.
                if event.detail.len() > DETAIL_LIMIT {
                    event = BusEvent::from(bare);
                }
                events.push(event);
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
        // Rows are conditional on their seq, so a read at half the price will do; arming
        // needs to know what is armed now.
        let last = appended.last().map_or(0, |appended| appended.entry.seq);
        let loaded = match open_claim {
            None => self.core.store.load_with(thread, last).await?,
            Some(_) => self.core.store.load(thread).await?,
        };
        if row {
            self.put_rows(&loaded, appended).await?;
        }
        if let Some(until) = open_claim {
            self.arm_claim(loaded, until).await?;
        }
        Ok(())
    }

    /// Writes the row of the present conversation, and of those that ended in this batch
    /// before it.
    async fn put_rows(&self, loaded: &Loaded, appended: &[Appended]) -> Result<(), StoreError> {
        let present = loaded
            .thread
            .conversation
            .as_ref()
            .map_or(0, |conversation| conversation.first_seq);
        for earlier in earlier_conversations(appended, present) {
            let past = self.core.as_of(&loaded.id, earlier).await?;
            if let Some(row) = past.as_ref().and_then(row_of) {
                self.core.store.put_row(&row).await?;
            }
        }
        if let Some(row) = row_of(loaded) {
            self.core.store.put_row(&row).await?;
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
        if let Some(customer) = &identity.customer {
            self.list_customer(thread, connection, customer, at).await?;
        }
        let Some(conversation) = &identity.conversation else {
            return Ok(());
        };
        let digest =
            directory_digest(&self.core, &connection.endpoint, CONVERSATION, conversation).await?;
        if let Some(before) = self.core.store.listed(&digest).await? {
            if before.at > at {
                return Ok(());
            }
            // The batch may have ended in between the last time.
            if before.thread == *thread && !before.leaving {
                return self.wake_waiting(&digest).await;
            }
            if before.thread != *thread
                && let Some(connection) = settings.connections.get(&before.connection)
            {
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
            leaving: false,
        };
        self.core.store.list_name(&digest, &listed).await?;
        self.wake_waiting(&digest).await
    }

    /// Events that came before this name was listed need not wait for their own time.
    async fn wake_waiting(&self, digest: &str) -> Result<(), StoreError> {
        let now = self.core.clock.now();
        self.core.store.wake_waiting(digest, now).await
    }

    /// Lists the thread under the name of its customer, for whoever asks that the customer
    /// be erased, for as long as what was said is kept.
    async fn list_customer(
        &self,
        thread: &ThreadId,
        connection: &Connection,
        customer: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let digest = directory_digest(&self.core, &connection.endpoint, CUSTOMER, customer).await?;
        let listed = Listed {
            thread: thread.clone(),
            connection: connection.id.clone(),
            at,
            leaving: false,
        };
        let expires = at.plus(connection.keep_messages.max(DIRECTORY_KEPT));
        self.core
            .store
            .list_thread(&digest, &listed, expires)
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
                .is_some_and(|armed| armed.seconds_up() <= until.seconds_up());
            let Some(next) = arm_for(until, loaded.armed_on_checkpoint(), now) else {
                return Ok(());
            };
            if armed {
                return Ok(());
            }
            if self
                .core
                .store
                .rearm(&loaded.id, loaded.checkpoint_due, Some(next), None)
                .await?
            {
                return Ok(());
            }
            loaded = self.core.store.load(&loaded.id).await?;
        }
        Err(StoreError::Contended)
    }
}

/// What to put on the checkpoint so that the thread is woken when its claim ends;
/// `None` where the time that is there does. A time that is ahead is never put later:
/// it is somebody's deadline. One that has passed is being looked at just now, perhaps
/// by a sweep that has not seen the claim: a second from now makes it look again.
fn arm_for(until: Timestamp, standing: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    match standing {
        Some(at) if at <= now => Some(until.min(now.plus(SECOND))),
        Some(at) if at.seconds_up() <= until.seconds_up() => None,
        _ => Some(until),
    }
}

/// The conversations before the present one whose rows these entries change.
fn earlier_conversations(appended: &[Appended], present: u64) -> BTreeSet<u64> {
    appended
        .iter()
        .filter(|appended| appended.entry.leaves.row)
        .map(|appended| appended.entry.conversation)
        .filter(|conversation| (1..present).contains(conversation))
        .collect()
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

/// The row of a thread's present conversation; none of one that was erased.
#[must_use]
pub fn row_of(loaded: &Loaded) -> Option<Row> {
    if loaded.thread.is_erased() {
        return None;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arming_for_a_claim_never_puts_a_deadline_later() {
        let (now, until) = (Timestamp(100_000), Timestamp(110_000));
        assert_eq!(arm_for(until, None, now), Some(until));
        assert_eq!(arm_for(until, Some(Timestamp(500_000)), now), Some(until));
        // bites: replacing a deadline that is three seconds ahead by the claim's end.
        assert_eq!(arm_for(until, Some(Timestamp(103_000)), now), None);
        let overdue = arm_for(until, Some(Timestamp(90_000)), now);
        assert_eq!(overdue, Some(Timestamp(101_000)));
    }
}

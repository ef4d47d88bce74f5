//! Waking a thread: fires what is due, arms it again, and goes on with what is pending.

use super::running::{Busy, Call, Running};
use super::{FIRES_AFTER, Sweep};
use crate::core::RunError;
use crate::deliver::{CLAIM, claimed_by};
use crate::metrics;
use crate::relay::tell_due;
use crate::settings::{Connection, Settings};
use crate::store::{Loaded, StoreError};
use baton_domain::arming::{Aside, Look, WATCH_EVERY, at_rest, next_look, watch_stands};
use baton_domain::time::DAY;
use baton_domain::{Command, Entry, Event, Mutation, ThreadId, Timestamp};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// How often a wake is tried against others that write to the thread.
const WAKE_TRIES: u32 = 4;
/// How often a thread is looked at whose connection is not in the settings.
const ORPHANS_WAIT: i64 = DAY;
/// How long it is looked at so.
const ORPHANS_KEPT: i64 = 8 * DAY;

impl Sweep {
    /// Wakes a thread. Where the row that brought it about is left standing, the answer is
    /// when to look again.
    pub(super) async fn wake(
        &self,
        id: &ThreadId,
        armed_entry: Option<u64>,
        running: &Running,
    ) -> Result<Option<Timestamp>, StoreError> {
        let core = self.core();
        let loaded = core.store.load(id).await?;
        if is_done_with(&loaded, armed_entry, core.clock.now()) {
            return Ok(None);
        }
        // First of all, and whether or not its connection is still configured.
        let loaded = core.forget(loaded).await?;
        let settings = match core.settings_with(&loaded.thread.identity.connection).await {
            Ok(settings) => settings,
            Err(error) => {
                tracing::error!(error = %error, "what is due waits for the settings");
                return Ok(None);
            }
        };
        let Some(connection) = settings.connections.get(&loaded.thread.identity.connection) else {
            return self.look_later(loaded, armed_entry).await;
        };
        // The claim is taken in the same entry where it can be used at once.
        let mut place = running.try_enter(Call::Deliver, &connection.id);
        let now = core.clock.now();
        let until = now.plus(CLAIM);
        let command = Command::Wake {
            claim_until: place.is_some().then_some(until),
            due_by: now.plus(-FIRES_AFTER),
        };
        let ran = match core.run(loaded, connection, command, until).await {
            Ok(ran) => ran,
            Err(RunError::Rejected(rejection, _)) => {
                tracing::error!(thread = %id, reason = %rejection, "a wake was turned down");
                return Ok(None);
            }
            Err(RunError::Store(error)) => return Err(error),
        };
        count_fired(ran.entry.as_ref());
        let owns = ran.entry.as_ref().and_then(claimed_by) == Some(until);
        let loaded = ran.loaded;
        let now = core.clock.now();
        let aside = Aside {
            tells: tell_due(&loaded.thread, now).is_some(),
            delivers: loaded.thread.deliverable(now),
        };
        let armed = self
            .arm_again(connection, loaded.clone(), armed_entry, aside)
            .await;
        if owns || aside.delivers {
            let owned = place.take().filter(|_| owns).map(|place| Owned {
                loaded: loaded.clone(),
                until,
                place,
            });
            self.deliver_aside(&settings, &connection.id, id, owned, running);
        }
        if aside.tells
            && let Some(busy) = running.take(Call::Tell, id)
        {
            self.tell_aside(&settings, &connection.id, id, busy, running);
        }
        armed
    }

    /// Delivers without holding up what is due elsewhere.
    fn deliver_aside(
        &self,
        settings: &Arc<Settings>,
        connection: &str,
        id: &ThreadId,
        owned: Option<Owned>,
        running: &Running,
    ) {
        let busy = running.take(Call::Deliver, id);
        // One that waits for a place is enough; a claim of our own is used in any case.
        if busy.is_none() && owned.is_none() {
            return;
        }
        let (deliverer, settings) = (self.relay.deliverer.clone(), settings.clone());
        let (connection, id, lanes) = (connection.to_owned(), id.clone(), running.clone());
        running.aside(async move {
            let _busy = busy;
            let Some(connection) = settings.connections.get(&connection) else {
                return;
            };
            let delivered = match owned {
                Some(owned) => {
                    let _place = owned.place;
                    deliverer
                        .work_off(&settings, connection, owned.loaded, owned.until)
                        .await
                }
                None => {
                    let Some(_place) = lanes.enter(Call::Deliver, &connection.id).await else {
                        return;
                    };
                    match deliverer.core.store.load(&id).await {
                        Ok(loaded) => {
                            deliverer
                                .claim_and_work_off(&settings, connection, loaded, CLAIM)
                                .await
                        }
                        Err(error) => Err(error),
                    }
                }
            };
            if let Err(error) = delivered {
                tracing::warn!(thread = %id, error = %error, "a delivery is left to a later wake");
            }
        });
    }

    /// Tells the bot again without holding up what is due elsewhere.
    fn tell_aside(
        &self,
        settings: &Arc<Settings>,
        connection: &str,
        id: &ThreadId,
        busy: Busy,
        running: &Running,
    ) {
        let (relay, settings) = (self.relay.clone(), settings.clone());
        let (connection, id, lanes) = (connection.to_owned(), id.clone(), running.clone());
        running.aside(async move {
            let _busy = busy;
            let Some(connection) = settings.connections.get(&connection) else {
                return;
            };
            let Some(_place) = lanes.enter(Call::Tell, &connection.id).await else {
                return;
            };
            let told = match relay.deliverer.core.store.load(&id).await {
                Ok(loaded) => relay.tell_again(connection, loaded).await,
                Err(error) => Err(error),
            };
            if let Err(error) = told {
                tracing::warn!(thread = %id, error = %error, "a telling is left to a later wake");
            }
        });
    }

    /// Puts the next look on the checkpoint, where nothing earlier is armed, and then
    /// takes the arming that brought us here off its entry.
    async fn arm_again(
        &self,
        connection: &Connection,
        mut loaded: Loaded,
        armed_entry: Option<u64>,
        aside: Aside,
    ) -> Result<Option<Timestamp>, StoreError> {
        for _ in 0..WAKE_TRIES {
            let now = self.core().clock.now();
            let standing = loaded.armed_on_checkpoint();
            let look = next_look(
                &loaded.thread,
                &connection.policy,
                now,
                standing,
                armed_entry,
                aside,
            );
            let armed = match look {
                Look::At(_) | Look::Watch(_) if Mutation::LazyRearming.is_on() => true,
                Look::Watch(next) => return Ok(Some(next)),
                Look::Stands => true,
                Look::At(next) => {
                    self.rearm(&loaded, connection.keep_messages, Some(next))
                        .await?
                }
                Look::Never => self.rearm(&loaded, connection.keep_messages, None).await?,
            };
            if armed {
                self.disarm(&loaded.id, armed_entry).await?;
                return Ok(None);
            }
            loaded = self.core().store.load(&loaded.id).await?;
        }
        // The row stays due; the next question finds it again.
        Ok(None)
    }

    /// A thread whose connection is not in the settings: removed, or left out by mistake.
    /// Nothing can be done for it now, but its timers must not be lost, and a watch that
    /// may be relied on goes on: the connection may come back.
    async fn look_later(
        &self,
        loaded: Loaded,
        armed_entry: Option<u64>,
    ) -> Result<Option<Timestamp>, StoreError> {
        let now = self.core().clock.now();
        if watch_stands(&loaded.thread, now, armed_entry) {
            return Ok(Some(now.plus(WATCH_EVERY)));
        }
        let gone = at_rest(&loaded.thread) || now.since(loaded.thread.last_at) > ORPHANS_KEPT;
        let stands = loaded.armed_on_checkpoint().is_some_and(|at| at > now);
        let next = (!gone).then(|| now.plus(ORPHANS_WAIT));
        if stands || self.rearm(&loaded, ORPHANS_KEPT, next).await? {
            self.disarm(&loaded.id, armed_entry).await?;
        }
        Ok(None)
    }

    async fn disarm(&self, id: &ThreadId, armed_entry: Option<u64>) -> Result<(), StoreError> {
        if let Some(seq) = armed_entry {
            self.core().store.disarm(id, seq).await?;
        }
        Ok(())
    }

    async fn rearm(
        &self,
        loaded: &Loaded,
        keep: i64,
        next: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let expires = loaded.thread.last_at.plus(keep.max(8 * DAY));
        // Also a state that is there already: its expiry must outlast the next look. It
        // costs nothing more beside the time.
        let ours = loaded.checkpoint_schema <= baton_domain::SCHEMA && loaded.thread.seq > 0;
        let state = ours.then_some((&loaded.thread, expires));
        self.core()
            .store
            .rearm(&loaded.id, loaded.checkpoint_due, next, state)
            .await
    }
}

/// Counts the timers that this entry fired, and how late they were.
fn count_fired(entry: Option<&Entry>) {
    let Some(entry) = entry else { return };
    for event in &entry.events {
        if let Event::DeadlineFired { due, .. } = event {
            metrics::fired(entry.at.since(*due));
        }
    }
}

/// Whether what the index offered has been dealt with: the index is behind, or another
/// sweep was faster. Who takes an arming away has put the next one where it belongs.
fn is_done_with(loaded: &Loaded, armed_entry: Option<u64>, now: Timestamp) -> bool {
    match armed_entry {
        // One that was read with the thread; an older one may be armed still.
        Some(seq) => loaded
            .tail
            .iter()
            .any(|entry| entry.seq == seq && entry.due.is_none()),
        None => loaded.armed_on_checkpoint().is_none_or(|at| at > now),
    }
}

/// A claim taken by this wake, with the place to use it.
struct Owned {
    loaded: Loaded,
    until: Timestamp,
    place: OwnedSemaphorePermit,
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_domain::{CommandId, IdKey, Leaves, Thread};

    fn armed(due: Option<Timestamp>, checkpoint_due: Option<i64>) -> Loaded {
        let entry = Entry {
            seq: 3,
            at: Timestamp(1_000),
            command: CommandId("command".to_owned()),
            connection: "shop".to_owned(),
            conversation: 1,
            epoch: 1,
            events: Vec::new(),
            leaves: Leaves::default(),
            due,
        };
        Loaded {
            id: IdKey::new(*b"test-secret-id-key-0123456789abc").thread("shop", "1"),
            thread: Thread::default(),
            tail: vec![entry],
            folded: 0,
            checkpoint_seq: 2,
            checkpoint_schema: 1,
            checkpoint_due,
        }
    }

    #[test]
    fn what_another_sweep_has_dealt_with_costs_a_read_only() {
        let now = Timestamp(60_000);
        let past = Some(Timestamp(59_000));
        assert!(is_done_with(&armed(None, None), Some(3), now));
        assert!(!is_done_with(&armed(past, None), Some(3), now));
        // bites: taking an entry that was not read for one that is not armed.
        assert!(!is_done_with(&armed(None, None), Some(1), now));
        assert!(is_done_with(&armed(past, None), None, now));
        assert!(is_done_with(&armed(past, Some(61)), None, now));
        assert!(!is_done_with(&armed(past, Some(60)), None, now));
    }
}

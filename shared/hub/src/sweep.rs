//! The running sweep: everything that is due.
//!
//! It runs from its tick until the next one has taken over, asks every shard of the
//! index every few seconds for what is due until the next question, sleeps to each
//! due time and fires. The index offers candidates only; the thread's own state and
//! the conditional append decide. Overlapping, lost, doubled and late ticks are
//! harmless.

use crate::bus::{Bus, BusEvent};
use crate::core::{Core, RunError};
use crate::deliver::CLAIM;
use crate::relay::Relay;
use crate::settings::{Connection, Settings};
use crate::store::due::{Due, DueKind};
use crate::store::item::SHARDS;
use crate::store::{Loaded, StoreError};
use baton_domain::time::{DAY, SECOND};
use baton_domain::timers::{at_rest, relied_on};
use baton_domain::{Command, ThreadId, Timestamp, next_wake};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How often every shard is asked.
const ASK_EVERY: i64 = 2 * SECOND;
/// How long after its time a thread is woken: the clock skew allowed for between
/// sandboxes, so that none finds its deadline still ahead.
const FIRES_AFTER: i64 = 500;
/// A sweep that nobody relieves ends by itself.
const RUNS_AT_MOST: i64 = 120 * SECOND;
/// More due rows than this are sliced and put on the bus.
const ALONE: usize = 500;
/// Rows in a slice: well under the bus's 256 KB at about 80 bytes a row.
pub const SLICE: usize = 2_000;
/// Threads worked on at once by one sweep.
const AT_ONCE: usize = 64;
/// How often a wake is tried against others that write to the thread.
const WAKE_TRIES: u32 = 4;
/// The bus event of a slice.
pub const SLICE_EVENT: &str = "sweep.slice";

/// What sweeping needs.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Delivers, and tells bots again.
    pub relay: Relay,
    /// Where slices go.
    pub bus: Bus,
}

/// A slice of what is due, for a sweep of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Slice {
    /// The candidates.
    pub rows: Vec<Due>,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows worked on.
    pub rows: usize,
    /// Rows put on the bus.
    pub sliced: usize,
}

impl Sweep {
    fn core(&self) -> &Core {
        &self.relay.deliverer.core
    }

    /// Runs from a tick until relieved, for at most `limit` milliseconds.
    ///
    /// # Errors
    /// When the table fails; the next tick goes on.
    pub async fn run(&self, limit: i64) -> Result<Swept, StoreError> {
        let clock = &self.core().clock;
        let began = clock.now();
        let owner = clock.token(10);
        self.core().store.take_lease(&owner, began).await?;
        let running = Running::new(self.clone());
        let mut swept = Swept::default();
        let end = began.plus(limit.min(RUNS_AT_MOST));
        loop {
            let asked = clock.now();
            if asked >= end || !self.is_owner(&owner).await? {
                break;
            }
            let until = asked.plus(ASK_EVERY);
            let rows = self.candidates(until, &running).await?;
            if rows.len() > ALONE {
                swept.sliced += self.slice(&rows).await;
            } else {
                swept.rows += rows.len();
                for row in rows {
                    running.start(row);
                }
            }
            clock.sleep_until(until).await;
        }
        running.finish().await;
        Ok(swept)
    }

    /// Works on a slice.
    pub async fn run_slice(&self, slice: Slice) -> Swept {
        let running = Running::new(self.clone());
        let swept = Swept {
            rows: slice.rows.len(),
            sliced: 0,
        };
        for row in slice.rows {
            running.start(row);
        }
        running.finish().await;
        swept
    }

    async fn is_owner(&self, owner: &str) -> Result<bool, StoreError> {
        Ok(self
            .core()
            .store
            .lease()
            .await?
            .is_none_or(|(present, _)| present == owner))
    }

    /// Everything due until then that is not being worked on already.
    async fn candidates(
        &self,
        until: Timestamp,
        running: &Running,
    ) -> Result<Vec<Due>, StoreError> {
        let mut rows = Vec::new();
        for shard in 0..SHARDS {
            let mut after: Option<Due> = None;
            loop {
                let page = self
                    .core()
                    .store
                    .due(shard, until.0.div_euclid(1_000), 1_000, after.as_ref())
                    .await?;
                let full = page.len() >= 1_000;
                after = page.last().cloned();
                rows.extend(page.into_iter().filter(|row| !running.has(row)));
                if !full {
                    break;
                }
            }
        }
        Ok(rows)
    }

    /// Puts slices on the bus; those that it does not take stay due.
    async fn slice(&self, rows: &[Due]) -> usize {
        let events: Vec<BusEvent> = rows
            .chunks(SLICE)
            .map(|rows| BusEvent {
                detail_type: SLICE_EVENT.to_owned(),
                detail: serde_json::to_string(&Slice {
                    rows: rows.to_vec(),
                })
                .unwrap_or_default(),
            })
            .collect();
        match self.bus.put(&events).await {
            Ok(()) => rows.len(),
            Err(error) => {
                tracing::error!(error = %error, "slices of what is due were not put on the bus");
                rows.len().saturating_sub(error.places.len() * SLICE)
            }
        }
    }

    /// Works on one candidate.
    async fn row(&self, row: &Due) -> Result<(), StoreError> {
        let settings = match self.core().settings().await {
            Ok(settings) => settings,
            Err(error) => {
                tracing::error!(error = %error, "what is due waits for the settings");
                return Ok(());
            }
        };
        match row.kind() {
            DueKind::Thread { id, seq } => self.wake(&settings, &id, seq).await,
            DueKind::Waiting => self.core().retry_waiting(&settings, row).await,
            DueKind::Unknown => Ok(()),
        }
    }

    /// Wakes a thread: fires what is due, goes on with what is pending, and sees to
    /// it that it is woken again.
    async fn wake(
        &self,
        settings: &Settings,
        id: &ThreadId,
        armed_entry: Option<u64>,
    ) -> Result<(), StoreError> {
        let loaded = self.core().store.load(id).await?;
        let Some(connection) = settings.connections.get(&loaded.thread.identity.connection) else {
            // Its connection was removed: nothing can be done for it any more.
            self.put_to_rest(loaded, DAY, armed_entry).await?;
            return Ok(());
        };
        let now = self.core().clock.now();
        let until = now.plus(CLAIM);
        let command = Command::Wake {
            claim_until: Some(until),
        };
        let ran = match self.core().run(loaded, connection, command, until).await {
            Ok(ran) => ran,
            Err(RunError::Rejected(rejection, _)) => {
                tracing::error!(thread = %id, reason = %rejection, "a wake was turned down");
                return Ok(());
            }
            Err(RunError::Store(error)) => return Err(error),
        };
        let mut loaded = ran.loaded;
        if loaded.thread.claimed_until == Some(until) {
            loaded = self
                .relay
                .deliverer
                .work_off(settings, connection, loaded, until)
                .await?;
        }
        loaded = self.relay.tell_again(connection, loaded).await?;
        self.arm_again(connection, loaded, armed_entry).await
    }

    /// Puts the next look on the checkpoint, where nothing earlier is armed, and then
    /// takes the arming that brought us here off its entry.
    async fn arm_again(
        &self,
        connection: &Connection,
        mut loaded: Loaded,
        armed_entry: Option<u64>,
    ) -> Result<(), StoreError> {
        for _ in 0..WAKE_TRIES {
            let now = self.core().clock.now();
            if at_rest(&loaded.thread) {
                return self
                    .put_to_rest(loaded, connection.keep_messages, armed_entry)
                    .await;
            }
            let next = next_wake(&loaded.thread, &connection.policy, now);
            // A look that is due at once is better a little later than a busy loop.
            let next = next.max(now.plus(SECOND));
            let by_entry = relied_on(loaded.thread.armed, now).is_some_and(|at| at <= next);
            let by_checkpoint =
                relied_on(loaded.armed_on_checkpoint(), now).is_some_and(|at| at <= next);
            let done = if by_checkpoint {
                true
            } else if by_entry && armed_entry.is_some() {
                true
            } else {
                let wanted = if by_entry { None } else { Some(next) };
                self.rearm(&loaded, connection.keep_messages, wanted)
                    .await?
            };
            if done {
                if let Some(seq) = armed_entry {
                    self.core().store.disarm(&loaded.id, seq).await?;
                }
                return Ok(());
            }
            loaded = self.core().store.load(&loaded.id).await?;
        }
        // The row stays due; the next question finds it again.
        Ok(())
    }

    /// The last checkpoint of a thread at rest; nothing is armed any more.
    async fn put_to_rest(
        &self,
        loaded: Loaded,
        keep: i64,
        armed_entry: Option<u64>,
    ) -> Result<(), StoreError> {
        if !self.rearm(&loaded, keep, None).await? {
            return Ok(());
        }
        if let Some(seq) = armed_entry {
            self.core().store.disarm(&loaded.id, seq).await?;
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
        let behind = loaded.folded > 0 && loaded.checkpoint_schema <= baton_domain::SCHEMA;
        let state = behind.then_some((&loaded.thread, expires));
        self.core()
            .store
            .rearm(&loaded.id, loaded.checkpoint_due, next, state)
            .await
    }
}

/// Rows being worked on.
struct Running {
    sweep: Sweep,
    rows: Arc<Mutex<BTreeSet<Due>>>,
    tasks: Mutex<JoinSet<()>>,
    permits: Arc<Semaphore>,
}

impl Running {
    fn new(sweep: Sweep) -> Self {
        Self {
            sweep,
            rows: Arc::default(),
            tasks: Mutex::default(),
            permits: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    fn has(&self, row: &Due) -> bool {
        self.rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(row)
    }

    fn start(&self, row: Due) {
        self.rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(row.clone());
        let sweep = self.sweep.clone();
        let rows = self.rows.clone();
        let permits = self.permits.clone();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            // Dropped on a panic, too, so that the row is offered again.
            let _row = InFlight {
                rows,
                row: row.clone(),
            };
            let fires = Timestamp(row.at * SECOND).plus(FIRES_AFTER);
            sweep.core().clock.sleep_until(fires).await;
            let Ok(_permit) = permits.acquire_owned().await else {
                return;
            };
            if let Err(error) = sweep.row(&row).await {
                tracing::warn!(error = %error, "what is due stays due");
            }
        });
    }

    async fn finish(self) {
        let mut tasks = self
            .tasks
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        while tasks.join_next().await.is_some() {}
    }
}

struct InFlight {
    rows: Arc<Mutex<BTreeSet<Due>>>,
    row: Due,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.row);
    }
}

//! The running sweep: everything that is due.
//!
//! It runs from its tick until the next one has taken over, asks every shard of the
//! index every few seconds for what is due until the next question, sleeps to each
//! due time and fires. The index offers candidates only; the thread's own state and
//! the conditional append decide. Overlapping, lost, doubled and late ticks are
//! harmless.

mod running;
mod wake;

use crate::bus::{Bus, BusEvent};
use crate::core::Core;
use crate::relay::Relay;
use crate::store::StoreError;
use crate::store::due::{Due, DueKind};
use crate::store::item::SHARDS;
use baton_domain::Timestamp;
use baton_domain::time::SECOND;
use running::Running;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often every shard is asked.
const ASK_EVERY: i64 = 2 * SECOND;
/// How long after its time a thread is woken: the clock skew allowed for between
/// sandboxes, so that none finds its deadline still ahead.
const FIRES_AFTER: i64 = 500;
/// A sweep that nobody relieves ends by itself.
const RUNS_AT_MOST: i64 = 120 * SECOND;
/// More due rows than this are sliced and put on the bus.
const ALONE: usize = 500;
/// Rows in a slice: some ten seconds of work at the processor share of 128 MB, so that
/// slices that wait for a sandbox are not done long after the others. At about 80 bytes a
/// row that is well under the bus's 256 KB.
pub const SLICE: usize = 1_000;
/// How long a slice's sweep lets calls wait for a place.
const SLICE_CALLS: Duration = Duration::from_secs(45);
/// Rows of a shard that one question takes; the rest waits for the next.
const SHARD_AT_MOST: usize = 5_000;
/// How long rows that were put on the bus are left to their slice.
const SLICED_FOR: i64 = 30 * SECOND;
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
        let running = Running::new(clock.clone(), began);
        let mut swept = Swept::default();
        let mut sliced = Sliced::default();
        let end = began.plus(limit.min(RUNS_AT_MOST));
        loop {
            let asked = clock.now();
            if asked >= end || !self.is_owner(&owner).await {
                break;
            }
            let until = asked.plus(ASK_EVERY);
            sliced.forget(asked);
            running.forget(asked);
            let rows = self.candidates(until, &running, &sliced).await;
            if rows.len() > ALONE {
                let taken = self.slice(&rows).await;
                swept.sliced += taken.len();
                sliced.remember(taken, asked);
            } else {
                swept.rows += rows.len();
                for row in rows {
                    self.start(row, &running);
                }
            }
            clock.sleep_until(until).await;
        }
        running.finish(Duration::ZERO).await;
        Ok(swept)
    }

    /// Works on a slice.
    pub async fn run_slice(&self, slice: Slice) -> Swept {
        let clock = &self.core().clock;
        // The sweep that sliced them offers them again then.
        let running = Running::new(clock.clone(), clock.now().plus(SLICED_FOR));
        let swept = Swept {
            rows: slice.rows.len(),
            sliced: 0,
        };
        for row in slice.rows {
            self.start(row, &running);
        }
        running.finish(SLICE_CALLS).await;
        swept
    }

    /// Whether no newer sweep has taken over. Where that cannot be learned this one goes
    /// on: two are harmless, none is not.
    async fn is_owner(&self, owner: &str) -> bool {
        match self.core().store.lease().await {
            Ok(lease) => lease.is_none_or(|(present, _)| present == owner),
            Err(error) => {
                tracing::warn!(error = %error, "the sweep's lease could not be read");
                true
            }
        }
    }

    /// What is due until then and not being worked on already. A shard that cannot be
    /// read is asked again by the next question; what is in hand goes on.
    async fn candidates(&self, until: Timestamp, running: &Running, sliced: &Sliced) -> Vec<Due> {
        let mut rows = Vec::new();
        for shard in 0..SHARDS {
            let asked = self.shard(shard, until, running, sliced, &mut rows).await;
            if let Err(error) = asked {
                tracing::warn!(shard, error = %error, "what is due could not be read");
            }
        }
        rows
    }

    async fn shard(
        &self,
        shard: u32,
        until: Timestamp,
        running: &Running,
        sliced: &Sliced,
        rows: &mut Vec<Due>,
    ) -> Result<(), StoreError> {
        let mut after: Option<Due> = None;
        let most = rows.len() + SHARD_AT_MOST;
        loop {
            let page = self
                .core()
                .store
                .due(shard, until.0.div_euclid(SECOND), 1_000, after.as_ref())
                .await?;
            let full = page.len() >= 1_000;
            after = page.last().cloned();
            rows.extend(
                page.into_iter()
                    .filter(|row| !running.has(row, until) && !sliced.has(row)),
            );
            if !full || rows.len() >= most {
                return Ok(());
            }
        }
    }

    /// Puts slices on the bus, and returns the rows of those that it took; the others
    /// stay due.
    async fn slice(&self, rows: &[Due]) -> Vec<Due> {
        let slices: Vec<&[Due]> = rows.chunks(SLICE).collect();
        let events: Vec<BusEvent> = slices
            .iter()
            .map(|rows| BusEvent {
                id: None,
                detail_type: SLICE_EVENT.to_owned(),
                detail: serde_json::to_string(&Slice {
                    rows: rows.to_vec(),
                })
                .unwrap_or_default(),
            })
            .collect();
        let refused = match self.bus.put(&events).await {
            Ok(()) => Vec::new(),
            Err(error) => {
                tracing::error!(error = %error, "slices of what is due were not put on the bus");
                error.places
            }
        };
        slices
            .iter()
            .enumerate()
            .filter(|(place, _)| !refused.contains(place))
            .flat_map(|(_, rows)| rows.iter().cloned())
            .collect()
    }

    /// Works on one candidate. Where it is left standing, the answer is when to look
    /// again.
    async fn row(&self, row: &Due, running: &Running) -> Result<Option<Timestamp>, StoreError> {
        match row.kind() {
            DueKind::Thread { id, seq } => self.wake(&id, seq, running).await,
            DueKind::Waiting => match self.core().settings().await {
                Ok(settings) => {
                    self.core().retry_waiting(&settings, row).await?;
                    Ok(None)
                }
                Err(error) => {
                    tracing::error!(error = %error, "what is due waits for the settings");
                    Ok(None)
                }
            },
            DueKind::Unknown => Ok(None),
        }
    }

    fn start(&self, row: Due, running: &Running) {
        let (sweep, in_hand, due) = (self.clone(), running.clone(), row.clone());
        running.start(row, move || {
            let (sweep, in_hand, due) = (sweep.clone(), in_hand.clone(), due.clone());
            async move {
                match sweep.row(&due, &in_hand).await {
                    Ok(next) => next,
                    Err(error) => {
                        tracing::warn!(error = %error, "what is due stays due");
                        None
                    }
                }
            }
        });
    }
}

/// Rows that were put on the bus not long ago: their slices need time to be worked on,
/// and would otherwise be put there again by every question.
#[derive(Debug, Default)]
struct Sliced(BTreeMap<Due, Timestamp>);

impl Sliced {
    fn has(&self, row: &Due) -> bool {
        self.0.contains_key(row)
    }

    fn remember(&mut self, rows: Vec<Due>, now: Timestamp) {
        let until = now.plus(SLICED_FOR);
        self.0.extend(rows.into_iter().map(|row| (row, until)));
    }

    fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, until| now < *until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: usize) -> Due {
        Due {
            at: 1_700_000_000,
            pk: format!("thr_{number:026}"),
            sk: "e#0000000001".to_owned(),
        }
    }

    #[test]
    fn a_slice_fits_a_bus_event() {
        let rows = (0..SLICE).map(row).collect();
        let detail = serde_json::to_string(&Slice { rows }).unwrap();
        assert!(detail.len() < crate::bus::DETAIL_LIMIT, "{}", detail.len());
    }

    #[test]
    fn sliced_rows_are_left_alone_for_a_while() {
        let mut sliced = Sliced::default();
        sliced.remember(vec![row(1)], Timestamp(0));
        sliced.forget(Timestamp(SLICED_FOR - 1));
        assert!(sliced.has(&row(1)) && !sliced.has(&row(2)));
        sliced.forget(Timestamp(SLICED_FOR));
        assert!(!sliced.has(&row(1)));
    }
}

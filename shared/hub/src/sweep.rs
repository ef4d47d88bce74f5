//! The running sweep: everything that is due.
//!
//! It runs from its tick until the next one has taken over, asks every shard of the
//! index every few seconds for what is due until the next question, sleeps to each
//! due time and fires. The index offers candidates only; the thread's own state and
//! the conditional append decide. Overlapping, lost, doubled and late ticks are
//! harmless.

mod inspect;
mod running;
mod wake;

use crate::bus::{Bus, BusEvent};
use crate::checkup::Armed;
use crate::core::Core;
use crate::relay::Relay;
use crate::store::StoreError;
use crate::store::due::{self, Due, DueKind};
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
/// A sweep that nobody relieves ends by itself: ticks that come when they like within
/// their minute are up to 119 s apart.
const RUNS_AT_MOST: i64 = 130 * SECOND;
/// More due rows than this are sliced and put on the bus: what one sandbox of 128 MB
/// works off until the next question.
const ALONE: usize = 150;
/// Most questions ask for what became due within this time: rows of watched threads stand
/// in the past and are looked at from memory.
const RECENT: i64 = 30 * SECOND;
/// How often all is asked for, however old: rows that the index showed late, and those
/// that somebody else was to look at.
const ALL_EVERY: i64 = 15 * SECOND;
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
    /// Which connections have their checks.
    pub armed: Armed,
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
        self.arm_checkups(&running);
        let mut swept = Swept::default();
        let mut sliced = Sliced::default();
        let end = began.plus(limit.min(RUNS_AT_MOST));
        let mut all_again = began;
        loop {
            let asked = clock.now();
            if asked >= end {
                break;
            }
            match self.lease(&owner).await {
                Holding::Ours(Some(before)) if asked == began => sliced.inherit(before),
                Holding::Ours(_) => {}
                Holding::Lost => break,
            }
            let until = asked.plus(ASK_EVERY);
            sliced.forget(asked);
            running.forget(asked);
            let mut window = Window {
                from: asked.plus(-RECENT),
                until,
                is_whole: true,
            };
            if asked >= all_again {
                all_again = asked.plus(ALL_EVERY);
                window.from = Timestamp(0);
            }
            let rows = self.candidates(&mut window, &running, &sliced).await;
            if rows.len() > ALONE {
                let taken = self.slice(&rows).await;
                swept.sliced += taken.len();
                // What only this sweep means to look at must be found by the next one.
                if window.is_whole && taken.len() == rows.len() && running.is_idle() {
                    self.tell_successor(&owner, until, asked).await;
                }
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
    async fn lease(&self, owner: &str) -> Holding {
        match self.core().store.lease().await {
            Ok(Some(lease)) if lease.owner != owner => Holding::Lost,
            Ok(lease) => Holding::Ours(lease.and_then(|lease| lease.sliced)),
            Err(error) => {
                tracing::warn!(error = %error, "the sweep's lease could not be read");
                Holding::Ours(None)
            }
        }
    }

    /// Leaves word for the sweep that takes over: without it that one would put
    /// everything on the bus once more.
    async fn tell_successor(&self, owner: &str, by: Timestamp, now: Timestamp) {
        let sliced = due::Sliced {
            by: by.0.div_euclid(SECOND),
            until: now.plus(SLICED_FOR),
        };
        if let Err(error) = self.core().store.note_sliced(owner, sliced).await {
            tracing::warn!(error = %error, "what was sliced could not be noted");
        }
    }

    /// What is due in the window and not being worked on already, and what stands and is
    /// to be looked at. A shard that cannot be read is asked again by the next question;
    /// what is in hand goes on.
    async fn candidates(
        &self,
        window: &mut Window,
        running: &Running,
        sliced: &Sliced,
    ) -> Vec<Due> {
        let mut rows = running.looks_by(window.until);
        rows.retain(|row| !sliced.has(row));
        for shard in 0..SHARDS {
            let asked = self.shard(shard, window, running, sliced, &mut rows).await;
            if let Err(error) = asked {
                window.is_whole = false;
                tracing::warn!(shard, error = %error, "what is due could not be read");
            }
        }
        rows.sort();
        rows.dedup();
        rows
    }

    async fn shard(
        &self,
        shard: u32,
        window: &mut Window,
        running: &Running,
        sliced: &Sliced,
        rows: &mut Vec<Due>,
    ) -> Result<(), StoreError> {
        let mut after: Option<Due> = None;
        let most = rows.len() + SHARD_AT_MOST;
        let seconds = |at: Timestamp| at.0.div_euclid(SECOND);
        let (from, until) = (seconds(window.from), seconds(window.until));
        loop {
            let store = &self.core().store;
            let page = store.due(shard, from, until, 1_000, after.as_ref()).await?;
            let full = page.len() >= 1_000;
            after = page.last().cloned();
            rows.extend(
                page.into_iter()
                    .filter(|row| !running.has(row, window.until) && !sliced.has(row)),
            );
            if !full {
                return Ok(());
            }
            if rows.len() >= most {
                window.is_whole = false;
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
            DueKind::Checkup(connection) => {
                self.check(row, &connection, running).await?;
                Ok(None)
            }
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
struct Sliced {
    own: BTreeMap<Due, Timestamp>,
    /// What the sweep before this one left to slices.
    inherited: Option<due::Sliced>,
}

impl Sliced {
    fn has(&self, row: &Due) -> bool {
        self.own.contains_key(row) || self.inherited.is_some_and(|before| row.at <= before.by)
    }

    fn inherit(&mut self, before: due::Sliced) {
        self.inherited = Some(before);
    }

    fn remember(&mut self, rows: Vec<Due>, now: Timestamp) {
        let until = now.plus(SLICED_FOR);
        self.own.extend(rows.into_iter().map(|row| (row, until)));
    }

    fn forget(&mut self, now: Timestamp) {
        self.own.retain(|_, until| now < *until);
        self.inherited = self.inherited.filter(|before| now < before.until);
    }
}

/// What a question asks for.
#[derive(Clone, Copy, Debug)]
struct Window {
    from: Timestamp,
    until: Timestamp,
    /// Whether the answer has everything in it.
    is_whole: bool,
}

/// The sweep's lease, as its taker sees it.
#[derive(Clone, Copy, Debug)]
enum Holding {
    /// Still its own, with what was sliced last.
    Ours(Option<due::Sliced>),
    /// A newer sweep has it.
    Lost,
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

        let (by, until) = (row(1).at, Timestamp(SLICED_FOR));
        sliced.inherit(due::Sliced { by, until });
        assert!(sliced.has(&row(1)));
        assert!(!sliced.has(&Due {
            at: by + 1,
            ..row(1)
        }));
        sliced.forget(until);
        assert!(!sliced.has(&row(1)));
    }
}

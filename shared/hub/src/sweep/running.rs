//! What a sweep has in hand: rows, and the slow calls beside them.
//!
//! Firing timers needs the table only and goes first. Calls to platforms and bots may
//! hang, so they go aside, in lanes: each connection has a few of its own for each kind
//! of call, and who hangs delays nobody but itself. A thread is armed before its calls
//! begin; calls that never began are made by a later wake.

use super::FIRES_AFTER;
use crate::clock::Clock;
use crate::store::due::Due;
use baton_domain::time::SECOND;
use baton_domain::{ThreadId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// Threads whose timers are fired at once by one sweep.
const AT_ONCE: usize = 64;
/// Calls of one kind that are made at once for one connection.
const LANE: usize = 16;

/// A row that stood and has not been offered for this long is gone.
const FORGET_AFTER: i64 = 60 * SECOND;

/// A kind of slow call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    /// Delivering to the platform.
    Deliver,
    /// Telling the bot.
    Tell,
}

/// What a sweep has in hand.
#[derive(Clone, Debug)]
pub(super) struct Running {
    clock: Clock,
    /// Until when it looks again by itself at rows that are left standing.
    stays_until: Timestamp,
    rows: Arc<Mutex<BTreeSet<Due>>>,
    /// Rows that were left standing, and when to look again.
    standing: Arc<Mutex<BTreeMap<Due, Timestamp>>>,
    tasks: Arc<Mutex<JoinSet<()>>>,
    aside: Arc<Mutex<JoinSet<()>>>,
    permits: Arc<Semaphore>,
    lanes: Arc<Mutex<Lanes>>,
}

#[derive(Debug, Default)]
struct Lanes {
    closed: bool,
    lanes: BTreeMap<(Call, String), Arc<Semaphore>>,
    busy: BTreeSet<(Call, ThreadId)>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Running {
    /// Where it ends before `stays_until`, looks at rows that stand until then are made
    /// by the rows' own tasks; later ones are somebody else's.
    pub(super) fn new(clock: Clock, stays_until: Timestamp) -> Self {
        Self {
            clock,
            stays_until,
            rows: Arc::default(),
            standing: Arc::default(),
            tasks: Arc::default(),
            aside: Arc::default(),
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            lanes: Arc::default(),
        }
    }

    /// Whether this row is being worked on, or is to be looked at after `until` only.
    pub(super) fn has(&self, row: &Due, until: Timestamp) -> bool {
        locked(&self.rows).contains(row)
            || locked(&self.standing)
                .get(row)
                .is_some_and(|look| *look > until)
    }

    /// Rows that were left standing and are to be looked at by then.
    pub(super) fn looks_by(&self, until: Timestamp) -> Vec<Due> {
        let rows = locked(&self.rows);
        locked(&self.standing)
            .iter()
            .filter(|(row, look)| **look <= until && !rows.contains(*row))
            .map(|(row, _)| row.clone())
            .collect()
    }

    /// Whether it has no row in hand, and none that it means to look at again.
    pub(super) fn is_idle(&self) -> bool {
        locked(&self.rows).is_empty() && locked(&self.standing).is_empty()
    }

    /// Forgets rows that nobody offers any more.
    pub(super) fn forget(&self, now: Timestamp) {
        locked(&self.standing).retain(|_, look| now.since(*look) < FORGET_AFTER);
    }

    /// Works on a row: waits until its time, then does `work` as one of a few at once.
    /// `work` answers when to look again, where the row is left standing. It is made when
    /// its turn comes: its requests need some 40 KB, and a slice has thousands of rows
    /// that wait.
    pub(super) fn start<Work>(&self, row: Due, work: impl Fn() -> Work + Send + Sync + 'static)
    where
        Work: Future<Output = Option<Timestamp>> + Send,
    {
        locked(&self.rows).insert(row.clone());
        let look = locked(&self.standing).remove(&row);
        let mut look = look.unwrap_or(Timestamp(row.at.saturating_mul(SECOND)));
        // Dropped on a panic, too, so that the row is offered again.
        let in_hand = InHand {
            rows: self.rows.clone(),
            row: row.clone(),
        };
        let running = self.clone();
        let mut tasks = locked(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let _in_hand = in_hand;
            loop {
                running.clock.sleep_until(look.plus(FIRES_AFTER)).await;
                let Ok(permit) = running.permits.acquire().await else {
                    return;
                };
                let next = Box::pin(work()).await;
                drop(permit);
                match next {
                    Some(next) if next <= running.stays_until => look = next,
                    Some(next) => {
                        locked(&running.standing).insert(row, next);
                        return;
                    }
                    None => return,
                }
            }
        });
    }

    /// Makes calls beside the rows.
    pub(super) fn aside(&self, calls: impl Future<Output = ()> + Send + 'static) {
        let mut aside = locked(&self.aside);
        while aside.try_join_next().is_some() {}
        aside.spawn(calls);
    }

    /// Marks the thread as having a call of this kind made or waiting; `None` where it
    /// has one.
    pub(super) fn take(&self, call: Call, thread: &ThreadId) -> Option<Busy> {
        let key = (call, thread.clone());
        locked(&self.lanes).busy.insert(key.clone()).then(|| Busy {
            lanes: self.lanes.clone(),
            key,
        })
    }

    /// A place in the connection's lane, if one is free.
    pub(super) fn try_enter(&self, call: Call, connection: &str) -> Option<OwnedSemaphorePermit> {
        self.lane(call, connection).try_acquire_owned().ok()
    }

    /// A place in the connection's lane; `None` once the sweep ends.
    pub(super) async fn enter(&self, call: Call, connection: &str) -> Option<OwnedSemaphorePermit> {
        let lane = self.lane(call, connection);
        lane.acquire_owned().await.ok()
    }

    fn lane(&self, call: Call, connection: &str) -> Arc<Semaphore> {
        let mut lanes = locked(&self.lanes);
        let closed = lanes.closed;
        let lane = lanes
            .lanes
            .entry((call, connection.to_owned()))
            .or_insert_with(|| Arc::new(Semaphore::new(LANE)));
        if closed {
            lane.close();
        }
        lane.clone()
    }

    /// Waits for all rows and for the calls that are being made; calls that still wait
    /// for a place after `patience` are not made.
    pub(super) async fn finish(self, patience: Duration) {
        drain(&self.tasks).await;
        if tokio::time::timeout(patience, drain(&self.aside))
            .await
            .is_err()
        {
            tracing::info!("calls that found no place are left to a later wake");
        }
        {
            let mut lanes = locked(&self.lanes);
            lanes.closed = true;
            lanes.lanes.values().for_each(|lane| lane.close());
        }
        drain(&self.aside).await;
    }
}

async fn drain(tasks: &Mutex<JoinSet<()>>) {
    std::future::poll_fn(|context| {
        loop {
            match locked(tasks).poll_join_next(context) {
                std::task::Poll::Ready(Some(_)) => {}
                std::task::Poll::Ready(None) => return std::task::Poll::Ready(()),
                std::task::Poll::Pending => return std::task::Poll::Pending,
            }
        }
    })
    .await;
}

struct InHand {
    rows: Arc<Mutex<BTreeSet<Due>>>,
    row: Due,
}

impl Drop for InHand {
    fn drop(&mut self) {
        locked(&self.rows).remove(&self.row);
    }
}

/// A thread with a call of a kind made or waiting, until this is dropped.
#[derive(Debug)]
pub(super) struct Busy {
    lanes: Arc<Mutex<Lanes>>,
    key: (Call, ThreadId),
}

impl Drop for Busy {
    fn drop(&mut self) {
        locked(&self.lanes).busy.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_domain::IdKey;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn calls_that_hang_delay_no_row_and_no_other_connection() {
        let running = Running::new(Clock::real(), Timestamp(0));
        let calls = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 * LANE {
            let (lanes, calls) = (running.clone(), calls.clone());
            running.aside(async move {
                if let Some(_place) = lanes.enter(Call::Tell, "dead").await {
                    calls.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        }
        tokio::task::yield_now().await;
        assert!(running.try_enter(Call::Tell, "dead").is_none());
        assert!(running.try_enter(Call::Deliver, "dead").is_some());
        assert!(running.try_enter(Call::Tell, "alive").is_some());
        let row = Due {
            at: 0,
            pk: "thr".to_owned(),
            sk: "z".to_owned(),
        };
        let (done, fired) = tokio::sync::oneshot::channel();
        let done = Mutex::new(Some(done));
        running.start(row.clone(), move || {
            let heard = locked(&done).take().map(|done| done.send(()));
            assert_eq!(heard, Some(Ok(())));
            async { None }
        });
        assert!(running.has(&row, Timestamp(0)));
        let in_time = tokio::time::timeout(Duration::from_millis(40), fired);
        in_time.await.expect("rows go first").expect("it fired");
        // What never found a place is not made by a sweep that ends.
        running.finish(Duration::ZERO).await;
        assert_eq!(calls.load(Ordering::SeqCst), LANE);
    }

    // bites: making the work of every row of a slice at once, 80 MB of it.
    #[tokio::test]
    async fn the_work_of_a_row_is_made_when_its_turn_comes() {
        let running = Running::new(Clock::real(), Timestamp(0));
        let (made, end) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        for number in 0..2 * AT_ONCE {
            let (made, end) = (made.clone(), end.clone());
            let row = Due {
                at: 0,
                pk: format!("thr{number}"),
                sk: "z".to_owned(),
            };
            running.start(row, move || {
                made.fetch_add(1, Ordering::SeqCst);
                let end = end.clone();
                async move {
                    let _ended = end.acquire().await;
                    None
                }
            });
        }
        for _ in 0..4 * AT_ONCE {
            tokio::task::yield_now().await;
        }
        assert_eq!(made.load(Ordering::SeqCst), AT_ONCE);
        end.add_permits(1);
        running.finish(Duration::ZERO).await;
        assert_eq!(made.load(Ordering::SeqCst), 2 * AT_ONCE);
    }

    #[test]
    fn a_thread_is_told_once_at_a_time() {
        let running = Running::new(Clock::real(), Timestamp(0));
        let thread = IdKey::new([1; 32]).thread("shop", "1");
        let busy = running.take(Call::Tell, &thread);
        assert!(busy.is_some());
        assert!(running.take(Call::Tell, &thread).is_none());
        assert!(running.take(Call::Deliver, &thread).is_some());
        drop(busy);
        assert!(running.take(Call::Tell, &thread).is_some());
    }
}

//! A clock that is real, or virtual and moved by the test that owns it, or that of the
//! tokio runtime, which may stand or run ahead.
//!
//! Times are milliseconds since the Unix epoch, as `i64`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;

/// How often [`Clock::run_until`] lets other tasks run after each sleeper it
/// wakes. A woken task needs a few turns to reach its next await point.
const TURNS_PER_WAKE: usize = 16;

/// A source of time and of sleep. Clones share the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    Real,
    Runtime {
        /// What it showed at `since`.
        began: i64,
        since: tokio::time::Instant,
    },
    Virtual(Mutex<VirtualTime>),
}

#[derive(Debug)]
struct VirtualTime {
    now: i64,
    next_order: u64,
    /// Keyed by wake-up time, then by the order of falling asleep.
    sleepers: BTreeMap<(i64, u64), oneshot::Sender<()>>,
}

impl Default for Clock {
    fn default() -> Self {
        Self::real()
    }
}

impl Clock {
    /// The machine's wall clock.
    #[must_use]
    pub fn real() -> Self {
        Self(Arc::new(Kind::Real))
    }

    /// A clock that stands at `now` (ms since the epoch) until it is moved.
    #[must_use]
    pub fn virtual_at(now: i64) -> Self {
        Self(Arc::new(Kind::Virtual(Mutex::new(VirtualTime {
            now,
            next_order: 0,
            sleepers: BTreeMap::new(),
        }))))
    }

    /// A clock that shows `now` (ms since the epoch) and goes on with the time of the
    /// tokio runtime that it is made on, which may be paused.
    #[must_use]
    pub fn of_runtime(now: i64) -> Self {
        Self(Arc::new(Kind::Runtime {
            began: now,
            since: tokio::time::Instant::now(),
        }))
    }

    /// Whether time moves only when told to.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        matches!(*self.0, Kind::Virtual(_))
    }

    /// The present time in ms since the epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        match &*self.0 {
            Kind::Real => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| {
                    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
                }),
            Kind::Runtime { began, since } => {
                let passed = since.elapsed().as_millis();
                began.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
            }
            Kind::Virtual(time) => lock(time).now,
        }
    }

    /// Moves a virtual clock to `at` and wakes whoever slept until then, the
    /// earliest first. Moving backwards changes the time and wakes nobody.
    /// On any other clock this does nothing.
    pub fn set(&self, at: i64) {
        if let Kind::Virtual(time) = &*self.0 {
            let mut time = lock(time);
            time.now = at;
            while let Some(entry) = time.sleepers.first_entry() {
                if entry.key().0 > at {
                    break;
                }
                // A sleeper that was dropped meanwhile is no failure.
                let _gone = entry.remove().send(());
            }
        }
    }

    /// Moves a virtual clock forward by `ms` milliseconds, see [`Clock::set`].
    pub fn advance(&self, ms: i64) {
        self.set(self.now().saturating_add(ms));
    }

    /// Moves a virtual clock to `at` step by step: each sleeper is woken at its
    /// own time and gets a chance to run before the next one. Returns at once on
    /// a real clock.
    pub async fn run_until(&self, at: i64) {
        if !self.is_virtual() {
            return;
        }
        while let Some(next) = self.next_wake().filter(|next| *next <= at) {
            self.set(next.max(self.now()));
            for _ in 0..TURNS_PER_WAKE {
                tokio::task::yield_now().await;
            }
        }
        self.set(at.max(self.now()));
    }

    /// When the next sleeper of a virtual clock wakes, in ms since the epoch.
    #[must_use]
    pub fn next_wake(&self) -> Option<i64> {
        match &*self.0 {
            Kind::Real | Kind::Runtime { .. } => None,
            Kind::Virtual(time) => lock(time).sleepers.keys().next().map(|(at, _)| *at),
        }
    }

    /// Sleeps until the clock shows `at` or later; returns at once if it does.
    pub async fn sleep_until(&self, at: i64) {
        match &*self.0 {
            Kind::Real | Kind::Runtime { .. } => {
                // The timer's clock and the wall clock may differ by a little.
                loop {
                    let left = at.saturating_sub(self.now());
                    let Ok(left) = u64::try_from(left) else {
                        return;
                    };
                    if left == 0 {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(left)).await;
                }
            }
            Kind::Virtual(time) => {
                let (woken, _bed) = {
                    let mut state = lock(time);
                    if state.now >= at {
                        return;
                    }
                    let key = (at, state.next_order);
                    state.next_order = state.next_order.wrapping_add(1);
                    let (wake, woken) = oneshot::channel();
                    state.sleepers.insert(key, wake);
                    (woken, Bed { time, key })
                };
                let _woken = woken.await;
            }
        }
    }

    /// Sleeps for `ms` milliseconds of this clock.
    pub async fn sleep(&self, ms: i64) {
        self.sleep_until(self.now().saturating_add(ms)).await;
    }
}

/// Takes a sleeper off the list when its future is dropped before its time.
struct Bed<'a> {
    time: &'a Mutex<VirtualTime>,
    key: (i64, u64),
}

impl Drop for Bed<'_> {
    fn drop(&mut self) {
        lock(self.time).sleepers.remove(&self.key);
    }
}

fn lock(time: &Mutex<VirtualTime>) -> MutexGuard<'_, VirtualTime> {
    time.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(
        clock: &Clock,
        at: i64,
        name: &'static str,
        woken: &Arc<Mutex<Vec<(i64, &'static str)>>>,
    ) {
        let (clock, woken) = (clock.clone(), Arc::clone(woken));
        tokio::spawn(async move {
            clock.sleep_until(at).await;
            woken.lock().unwrap().push((clock.now(), name));
        });
    }

    #[tokio::test]
    async fn sleepers_wake_in_order_each_at_its_own_time() {
        let clock = Clock::virtual_at(1_000);
        let woken = Arc::new(Mutex::new(Vec::new()));
        sleeper(&clock, 3_000, "third", &woken);
        sleeper(&clock, 2_000, "first", &woken);
        sleeper(&clock, 2_000, "second", &woken);
        sleeper(&clock, 9_000, "later", &woken);
        tokio::task::yield_now().await;

        clock.run_until(5_000).await;

        assert_eq!(clock.now(), 5_000);
        assert_eq!(
            *woken.lock().unwrap(),
            [(2_000, "first"), (2_000, "second"), (3_000, "third")]
        );
        assert_eq!(clock.next_wake(), Some(9_000));
    }

    #[tokio::test]
    async fn a_time_that_has_come_needs_no_sleep() {
        let clock = Clock::virtual_at(10);
        clock.sleep_until(10).await;
        clock.sleep_until(-5).await;
        clock.advance(5);
        assert_eq!(clock.now(), 15);
    }

    #[tokio::test]
    async fn a_dropped_sleeper_leaves_nothing_behind() {
        let clock = Clock::virtual_at(0);
        tokio::select! {
            () = clock.sleep(100) => panic!("time does not move by itself"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(clock.next_wake(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_of_the_runtime_goes_with_it() {
        let clock = Clock::of_runtime(1_000);
        let (woken, real) = (clock.clone(), SystemTime::now());
        tokio::spawn(async move { woken.sleep(3_600_000).await });
        clock.sleep_until(7_201_000).await;
        assert_eq!(clock.now(), 7_201_000);
        assert!(real.elapsed().unwrap() < Duration::from_secs(60));
    }

    #[tokio::test]
    async fn a_real_clock_moves_by_itself_and_cannot_be_set() {
        let clock = Clock::real();
        let before = clock.now();
        clock.set(0);
        clock.sleep(2).await;
        assert!(clock.now() >= before + 2);
        assert!(!clock.is_virtual());
    }
}

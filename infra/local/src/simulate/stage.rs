//! What all parts of a run share: the time, the weather, the story.

use super::story::Story;
use super::weather::{Fault, Weather};
use crate::engine;
use baton_domain::Timestamp;
use baton_simulators::clock::Clock as PartyClock;
use baton_simulators::random::Random;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// When every run begins, in ms since the epoch: some noon.
pub(super) const BEGINS: i64 = 1_796_126_400_000;

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Time, weather and story of one run.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) seed: u64,
    pub(super) weather: Weather,
    pub(super) story: Story,
    /// The true time, by which the platform goes.
    pub(super) clock: PartyClock,
    healed: AtomicBool,
    struck: Mutex<BTreeMap<Fault, u64>>,
}

impl Stage {
    /// On the present runtime, whose time is paused.
    pub(super) fn new(seed: u64, weather: Weather, story: Story) -> Arc<Self> {
        Arc::new(Self {
            seed,
            weather,
            story,
            clock: PartyClock::of_runtime(BEGINS),
            healed: AtomicBool::new(false),
            struck: Mutex::default(),
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.clock.now())
    }

    pub(super) fn random(&self, name: &str) -> Random {
        Random::keyed(self.seed, name)
    }

    /// Whether this fault strikes now; then it is counted.
    pub(super) fn strikes(&self, fault: Fault, random: &mut Random) -> bool {
        let chance = self.weather.of(fault);
        // Also where nothing can strike any more, so that streams of numbers stay apart.
        let strikes = chance > 0.0 && random.chance(chance) && !self.is_healed();
        if strikes {
            *locked(&self.struck).entry(fault).or_default() += 1;
        }
        strikes
    }

    /// Counts a fault that was decided elsewhere.
    pub(super) fn count(&self, fault: Fault, times: u64) {
        if times > 0 {
            *locked(&self.struck).entry(fault).or_default() += times;
        }
    }

    /// No fault strikes from now on.
    pub(super) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    pub(super) fn struck(&self) -> BTreeMap<Fault, u64> {
        locked(&self.struck).clone()
    }

    pub(super) fn note(&self, who: &str, what: impl FnOnce() -> String) {
        self.story.note(self.clock.now() - BEGINS, who, what);
    }
}

/// The database's clock.
#[derive(Debug)]
pub(super) struct EngineTime(pub(super) PartyClock);

impl engine::Clock for EngineTime {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.0.now() / 1_000).unwrap_or_default()
    }

    fn now_unix_secs_f64(&self) -> f64 {
        // Milliseconds of this century are exact in an f64.
        #[allow(clippy::cast_precision_loss)]
        let millis = self.0.now() as f64;
        millis / 1_000.0
    }
}

/// A random time from `least` to `most` milliseconds.
pub(super) fn between(random: &mut Random, least: u64, most: u64) -> Duration {
    Duration::from_millis(least + random.below(most.saturating_sub(least) + 1))
}

pub(super) async fn pause(millis: i64) {
    tokio::time::sleep(Duration::from_millis(
        u64::try_from(millis).unwrap_or_default(),
    ))
    .await;
}

//! The minute rule, and what may become of its ticks.

use super::fleet::Fleet;
use super::time::{BEGIN, Time};
use baton_domain::time::{MINUTE, SECOND};
use baton_local::invoke::Functions;
use baton_simulators::random::Random;

/// What becomes of the minute's ticks, counted from 0 at the begin.
#[derive(Clone, Debug, Default)]
pub struct Ticks {
    /// How late within its minute a tick comes at most, in milliseconds, each as it
    /// happens: EventBridge promises no second of the minute.
    pub jitter: u64,
    /// Ticks that never come.
    pub lost: Vec<u64>,
    /// Ticks that come twice at once.
    pub doubled: Vec<u64>,
    /// Ticks that come 90 s later still.
    pub late: Vec<u64>,
}

/// How much later a late tick comes.
const LATE: i64 = 90 * SECOND;

impl Ticks {
    /// The usual: each 0 to 59 s late.
    #[must_use]
    pub fn jittered() -> Self {
        Self {
            jitter: 59_000,
            ..Self::default()
        }
    }

    /// When ticks come in so many minutes, in order.
    fn times(&self, minutes: u64, seed: u64) -> Vec<i64> {
        let mut random = Random::keyed(seed, "ticks");
        let mut times = Vec::new();
        for minute in 0..minutes {
            let jitter = random.below(self.jitter + 1);
            let late = if self.late.contains(&minute) { LATE } else { 0 };
            let at = |ms: u64| i64::try_from(ms).unwrap_or_default();
            let time = at(minute) * MINUTE + at(jitter) + late;
            if !self.lost.contains(&minute) {
                times.push(time);
            }
            if self.doubled.contains(&minute) {
                times.push(time);
            }
        }
        times.sort_unstable();
        times
    }

    /// Calls the sweep for so many minutes.
    pub async fn run(self, time: Time, fleet: Fleet, minutes: u64, seed: u64) {
        let mut calls = tokio::task::JoinSet::new();
        for at in self.times(minutes, seed) {
            time.reach(BEGIN.plus(at)).await;
            while calls.try_join_next().is_some() {}
            let event = serde_json::json!({
                "source": "aws.events", "detail-type": "Scheduled Event", "detail": {},
            });
            calls.spawn(fleet.invoke("sweep", event.to_string().into_bytes()));
        }
        // A sweep that nobody relieves ends by itself.
        while calls.join_next().await.is_some() {}
    }
}

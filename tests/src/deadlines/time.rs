//! Virtual time: tokio's paused clock, which jumps to the next timer whenever nothing
//! is left to do, as the one true time; and sandboxes whose clocks are off from it.

use baton_domain::Timestamp;
use baton_hub::{Clock, World};
use baton_local::engine::Clock as EngineClock;
use baton_simulators::random::Random;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// 2026-11-20T10:00:00Z, when every run begins.
pub const BEGIN: Timestamp = Timestamp(1_795_168_800_000);

/// The true time.
#[derive(Clone, Copy, Debug)]
pub struct Time(Instant);

impl Time {
    /// Begins now, within a runtime whose clock is paused.
    #[must_use]
    pub fn begin() -> Self {
        Self(Instant::now())
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        BEGIN.plus(i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// Waits until this moment of the true time.
    pub async fn reach(&self, at: Timestamp) {
        let after = u64::try_from(at.since(BEGIN)).unwrap_or_default();
        tokio::time::sleep_until(self.0 + std::time::Duration::from_millis(after)).await;
    }

    /// A clock that is `skew` milliseconds ahead of it, with chances of its own.
    #[must_use]
    pub fn clock(&self, skew: i64, seed: u64) -> Clock {
        Clock::of(std::sync::Arc::new(Skewed {
            time: *self,
            skew,
            random: Mutex::new(Random::new(seed)),
        }))
    }
}

impl EngineClock for Time {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.now().0 / 1_000).unwrap_or_default()
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of this century are exact"
    )]
    fn now_unix_secs_f64(&self) -> f64 {
        self.now().0 as f64 / 1e3
    }
}

#[derive(Debug)]
struct Skewed {
    time: Time,
    skew: i64,
    random: Mutex<Random>,
}

impl World for Skewed {
    fn now(&self) -> Timestamp {
        self.time.now().plus(self.skew)
    }

    fn random(&self, buffer: &mut [u8]) {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in buffer {
            *byte = random.next_u64().to_le_bytes()[0];
        }
    }
}

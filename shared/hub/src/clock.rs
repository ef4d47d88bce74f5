//! The one clock and the one source of randomness. Waiting is `tokio::time`, which
//! tests can pause; what time it is, and what is random, is asked here.

use baton_domain::{CommandId, Timestamp};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time and chance, as the hub sees them.
pub trait World: Send + Sync + fmt::Debug {
    /// What time it is.
    fn now(&self) -> Timestamp;
    /// Fills the buffer with random bytes.
    fn random(&self, buffer: &mut [u8]);
}

/// The machine's clock and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealWorld;

impl World for RealWorld {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn random(&self, buffer: &mut [u8]) {
        if getrandom::fill(buffer).is_err() {
            // No entropy is as good as no machine; ids must still differ.
            let now = self.now().0.to_be_bytes();
            for (to, from) in buffer.iter_mut().zip(now.iter().rev().cycle()) {
                *to = *from;
            }
        }
    }
}

/// A shared [`World`] with the few things made from it.
#[derive(Clone, Debug)]
pub struct Clock(Arc<dyn World>);

impl Clock {
    /// The machine's.
    #[must_use]
    pub fn real() -> Self {
        Self(Arc::new(RealWorld))
    }

    /// Any other, for tests.
    #[must_use]
    pub fn of(world: Arc<dyn World>) -> Self {
        Self(world)
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// A fresh command id.
    #[must_use]
    pub fn command_id(&self) -> CommandId {
        let mut bytes = [0; 10];
        self.0.random(&mut bytes);
        CommandId::from_random(bytes)
    }

    /// A number from 0 up to, not including, `below`.
    #[must_use]
    pub fn below(&self, below: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.random(&mut bytes);
        u64::from_be_bytes(bytes) % below.max(1)
    }

    /// `length` random bytes as base32 text.
    #[must_use]
    pub fn token(&self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.0.random(&mut bytes);
        data_encoding::BASE32_NOPAD
            .encode(&bytes)
            .to_ascii_lowercase()
    }

    /// Waits until this moment; at once if it has passed.
    pub async fn sleep_until(&self, at: Timestamp) {
        let wait = at.since(self.now());
        if let Ok(wait) = u64::try_from(wait) {
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }
}

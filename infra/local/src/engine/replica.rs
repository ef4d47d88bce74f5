//! A copy of the database that lags behind, from which stale index reads are
//! answered: dynoxide's own indexes are never behind their table.

use super::operation::{self, Answer};
use super::store::failed;
use super::{EngineError, ManualClock};
use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::storage::Storage;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// The copy, and the successful writes that it has not seen yet.
pub(super) struct Replica {
    storage: Storage,
    lifecycle: VectorIndexLifecycle,
    clock: ManualClock,
    journal: VecDeque<Noted>,
}

struct Noted {
    at: Instant,
    at_secs: u64,
    what: Write,
}

enum Write {
    Call { operation: String, body: Vec<u8> },
    Sweep,
}

impl Replica {
    pub(super) fn of(storage: &Storage) -> Result<Self, EngineError> {
        let clock = ManualClock::new(0);
        let copy = storage.backup_to_memory().map_err(failed)?;
        let mut storage = Storage::memory().map_err(failed)?.with_clock(clock.arc());
        storage.restore_from_connection(&copy).map_err(failed)?;
        Ok(Self {
            storage,
            lifecycle: VectorIndexLifecycle::new(),
            clock,
            journal: VecDeque::new(),
        })
    }

    pub(super) fn note(&mut self, operation: &str, body: &[u8], now_secs: u64) {
        self.push(
            now_secs,
            Write::Call {
                operation: operation.to_owned(),
                body: body.to_vec(),
            },
        );
    }

    pub(super) fn note_sweep(&mut self, now_secs: u64) {
        self.push(now_secs, Write::Sweep);
    }

    fn push(&mut self, at_secs: u64, what: Write) {
        self.journal.push_back(Noted {
            at: Instant::now(),
            at_secs,
            what,
        });
    }

    /// Repeats what is at least `lag` old, in its order and at its time, so that
    /// every condition holds again.
    pub(super) fn advance(&mut self, now: Instant, lag: Duration) {
        while let Some(noted) = self
            .journal
            .pop_front_if(|noted| now.saturating_duration_since(noted.at) >= lag)
        {
            self.clock.set(noted.at_secs);
            let done = match &noted.what {
                Write::Call { operation, body } => {
                    operation::carry_out(&self.storage, &self.lifecycle, operation, body)
                        .is_success()
                }
                Write::Sweep => {
                    operation::finish(dynoxide::ttl::sweep_expired_items(&self.storage)).is_ok()
                }
            };
            if !done {
                tracing::error!("the lagging copy refused a write that its original took");
            }
        }
    }

    pub(super) fn answer(&self, operation: &str, body: &[u8]) -> Answer {
        operation::carry_out(&self.storage, &self.lifecycle, operation, body)
    }
}

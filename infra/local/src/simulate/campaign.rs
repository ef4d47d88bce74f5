//! Many seeds: on several threads, each with a runtime of its own.

use super::run::{Outcome, RunError, run};
use super::stage::locked;
use super::story::Telling;
use super::weather::Fault;
use crate::template::Template;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Which seeds, and by how many threads.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// Threads.
    pub jobs: usize,
}

/// What came of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds that were run.
    pub seeds: u64,
    /// Simulated time, in ms.
    pub simulated: i64,
    /// Messages, in and out.
    pub messages: u64,
    /// Calls of functions.
    pub calls: u64,
    /// Sandboxes.
    pub sandboxes: u64,
    /// Faults that struck, by kind.
    pub struck: BTreeMap<Fault, u64>,
    /// The seeds that failed, in order, each with the first promise that was broken.
    pub failed: BTreeMap<u64, &'static str>,
    /// How long it took.
    pub took: Duration,
}

impl Summary {
    fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.simulated += outcome.simulated;
        self.messages += outcome.messages;
        self.calls += outcome.calls;
        self.sandboxes += outcome.sandboxes;
        for (fault, times) in &outcome.struck {
            *self.struck.entry(*fault).or_default() += times;
        }
        if let Some(first) = outcome.findings.first() {
            self.failed.insert(outcome.seed, first.promise);
        }
    }

    /// Seeds a minute.
    #[must_use]
    pub fn seeds_a_minute(&self) -> f64 {
        // Counts of seeds are far below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let seeds = self.seeds as f64;
        seeds * 60.0 / self.took.as_secs_f64().max(0.001)
    }
}

impl Campaign {
    /// Runs them all; `done` is called after each with the summary so far.
    ///
    /// # Errors
    /// When a run could not be made.
    pub fn run(
        &self,
        template: &Arc<Template>,
        done: impl Fn(&Summary) + Sync,
    ) -> Result<Summary, RunError> {
        let began = Instant::now();
        let next = AtomicU64::new(self.from);
        let end = self.from.saturating_add(self.seeds);
        let summary = Mutex::new(Summary::default());
        let work = || -> Result<(), RunError> {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    return Ok(());
                }
                let outcome = run(seed, template, Telling::default())?;
                let mut summary = locked(&summary);
                summary.add(&outcome);
                summary.took = began.elapsed();
                done(&summary);
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.jobs.max(1)).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(RunError::Platform("a run panicked".to_owned())))
            })
        })?;
        Ok(locked(&summary).clone())
    }
}

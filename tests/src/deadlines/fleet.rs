//! The function `sweep` as Lambda runs it: sandboxes that take one call at a time, a
//! limit on how many there are, and a queue of calls that nobody waits for.
//!
//! A call that finds no place is tried again after 1, 2, 4 ... seconds. Source: Lambda
//! developer guide, "How Lambda handles errors and retries with asynchronous
//! invocation": throttled events go back to the queue, "the retry interval increases
//! exponentially from 1 second after the first attempt to a maximum of 5 minutes".

use super::cloud::{Cloud, Failed};
use super::sandbox::Size;
use baton_functions::streams::{self, SweepEvent};
use baton_hub::Core;
use baton_hub::bus::Bus;
use baton_hub::checkup::Armed;
use baton_hub::deliver::Deliverer;
use baton_hub::relay::Relay;
use baton_hub::sweep::Sweep;
use baton_hub::telling::Teller;
use baton_local::bus::Bus as LocalBus;
use baton_local::dead_letters::DeadLetters;
use baton_local::invoke::{BoxFuture, Functions, InvokeError};
use baton_simulators::random::Random;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// From an event to the start of its call.
const ON_ITS_WAY: Duration = Duration::from_millis(300);
/// A new sandbox's start.
const COLD_START: Duration = Duration::from_millis(300);
/// The longest wait of a throttled call.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// How sandboxes are.
#[derive(Clone, Copy, Debug)]
pub struct Sandboxes {
    /// What each is given.
    pub size: Size,
    /// How far a clock is off at most, in milliseconds.
    pub skew: u64,
    /// How many run at once at most; `None` takes the template's reserved concurrency.
    pub limit: Option<usize>,
}

/// The function with its sandboxes. Clones share them.
#[derive(Clone)]
pub struct Fleet(Arc<Shared>);

struct Shared {
    cloud: Arc<Cloud>,
    sandboxes: Sandboxes,
    limit: usize,
    timeout: Duration,
    bus: OnceLock<LocalBus>,
    state: Mutex<State>,
}

struct State {
    free: Vec<Sandbox>,
    running: usize,
    random: Random,
    seen: Seen,
}

#[derive(Clone)]
struct Sandbox {
    sweep: Sweep,
}

/// What a run has seen of its sandboxes.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Sandboxes made.
    pub made: usize,
    /// The most that ran at once.
    pub at_once: usize,
    /// Calls that found no place at first.
    pub throttled: usize,
    /// Calls of slices.
    pub slices: usize,
    /// Calls that ran out of time or failed.
    pub failed: Vec<String>,
    /// What the sweeps' requests were, over all sandboxes.
    pub stores: Vec<baton_hub::store::Store>,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").finish_non_exhaustive()
    }
}

impl Fleet {
    /// The template's function over this store, and the bus that calls it.
    ///
    /// # Errors
    /// When the template has no such function.
    pub fn new(cloud: &Arc<Cloud>, sandboxes: Sandboxes, seed: u64) -> Result<Self, Failed> {
        let spec = cloud.template.function("sweep").ok_or("no sweep")?;
        let reserved = spec.reserved_concurrency.unwrap_or(1_000);
        let fleet = Self(Arc::new(Shared {
            cloud: Arc::clone(cloud),
            sandboxes,
            limit: sandboxes.limit.unwrap_or(usize::try_from(reserved)?),
            timeout: spec.timeout,
            bus: OnceLock::new(),
            state: Mutex::new(State {
                free: Vec::new(),
                running: 0,
                random: Random::keyed(seed, "sandboxes"),
                seen: Seen::default(),
            }),
        }));
        let bus = LocalBus::new(
            "baton-bus",
            &cloud.template.bus_rules,
            Arc::new(fleet.clone()),
            DeadLetters::memory(),
            Arc::new(cloud.time),
        );
        let _first = fleet.0.bus.set(bus);
        Ok(fleet)
    }

    /// What was seen.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.state().seen.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sandbox that is free, or a new one, and whether it is new; `None` where as
    /// many run as may.
    fn enter(&self) -> Option<(Sandbox, bool)> {
        let mut state = self.state();
        if state.running >= self.0.limit {
            state.seen.throttled += 1;
            return None;
        }
        state.running += 1;
        state.seen.at_once = state.seen.at_once.max(state.running);
        if let Some(sandbox) = state.free.pop() {
            return Some((sandbox, false));
        }
        state.seen.made += 1;
        let number = state.seen.made;
        let most = self.0.sandboxes.skew;
        let off = state.random.below(2 * most + 1);
        let skew = i64::try_from(off).unwrap_or_default() - i64::try_from(most).unwrap_or_default();
        let name = format!("sweep-{number}-{}", state.random.next_u64());
        let core = self.0.cloud.core(&name, self.0.sandboxes.size, skew);
        state.seen.stores.push(core.store.clone());
        drop(state);
        match self.sandbox(core) {
            Ok(sandbox) => Some((sandbox, true)),
            Err(error) => {
                let mut state = self.state();
                state.running -= 1;
                state.seen.failed.push(error.to_string());
                None
            }
        }
    }

    fn sandbox(&self, core: Core) -> Result<Sandbox, Failed> {
        let calls = self.0.cloud.calls(core.clock.clone());
        let bus = self.0.bus.get().ok_or("no bus")?;
        Ok(Sandbox {
            sweep: Sweep {
                relay: Relay {
                    teller: Teller::new(calls.clone()),
                    deliverer: Deliverer { core, calls },
                },
                bus: Bus::new(bus.client(), "baton-bus"),
                armed: Armed::off(),
            },
        })
    }

    async fn call(self, payload: Vec<u8>) -> Result<Vec<u8>, InvokeError> {
        let failed = |error: &dyn std::fmt::Display| InvokeError::Failed(error.to_string());
        let event: SweepEvent = serde_json::from_slice(&payload).map_err(|error| failed(&error))?;
        if payload_is_slice(&payload) {
            self.state().seen.slices += 1;
        }
        tokio::time::sleep(ON_ITS_WAY).await;
        let mut wait = Duration::from_secs(1);
        let (sandbox, new) = loop {
            if let Some(entered) = self.enter() {
                break entered;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        };
        if new {
            tokio::time::sleep(COLD_START).await;
        }
        let swept = streams::sweep(sandbox.sweep.clone(), event);
        let swept = tokio::time::timeout(self.0.timeout, swept).await;
        let mut state = self.state();
        state.running -= 1;
        match swept {
            Ok(Ok(answer)) => {
                state.free.push(sandbox);
                serde_json::to_vec(&answer).map_err(|error| failed(&error))
            }
            // Lambda throws away a sandbox that ran out of time.
            Err(_) => {
                state.seen.failed.push("out of time".to_owned());
                Err(InvokeError::TimedOut(self.0.timeout))
            }
            Ok(Err(error)) => {
                state.free.push(sandbox);
                state.seen.failed.push(error.to_string());
                Err(failed(&error))
            }
        }
    }
}

fn payload_is_slice(payload: &[u8]) -> bool {
    // The rest of a tick's event is a few hundred bytes.
    payload.len() > 2_000
}

impl Functions for Fleet {
    fn invoke(
        &self,
        _function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        Box::pin(self.clone().call(payload))
    }
}

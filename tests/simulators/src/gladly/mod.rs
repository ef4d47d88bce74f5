//! A simulated Gladly: REST API, webhooks, customers, agents, faults and records.
//!
//! It enforces what Gladly's published API description ("Gladly API 1.0", OpenAPI
//! document of mid-2025) says; where that is silent the reading chosen here stands
//! in [`GladlyConfig`] or at the place in question.
//!
//! ```no_run
//! # async fn story() -> Result<(), Box<dyn std::error::Error>> {
//! use baton_simulators::clock::Clock;
//! use baton_simulators::gladly::{GladlyConfig, GladlySim, WebhookConfig};
//!
//! let clock = Clock::virtual_at(1_750_000_000_000);
//! let gladly = GladlySim::with_clock(GladlyConfig::default(), clock.clone());
//! let served = gladly.serve().await?;
//! gladly.connect(WebhookConfig::new("http://127.0.0.1:9000/hook")).await?;
//! gladly.customer_writes("ada", "where is my order")?;
//! clock.advance(300_000);
//! gladly.quiesce().await;
//! assert!(gladly.sessions_of("ada")[0].closed_at.is_some());
//! # Ok(()) }
//! ```

mod agents;
mod api;
mod automation;
mod config;
mod content;
mod control;
mod conversations;
mod customers;
mod delivery;
mod directory;
mod event_names;
mod events;
mod faults;
mod gate;
mod html;
mod merging;
mod oracle;
mod posting;
mod refusal;
mod state;
#[cfg(test)]
mod tests;
mod webhooks;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

pub use config::{AgentConfig, AutoAgent, DeliveryOrder, GladlyConfig, InboxConfig, LateCall};
pub use customers::{CustomerView, Written};
pub use delivery::{Attempt, AttemptOutcome, Delivery, DeliveryState, Release};
pub use faults::{ApiFault, ApiRule, Chance, Faults, WebhookFaults};
pub use oracle::{
    Call, ClosedBy, Line, MenuItem, Said, SessionState, SessionTranscript, Speaker, Violation,
    ViolationKind,
};
pub use webhooks::{RequestLog, WebhookConfig};

use crate::clock::Clock;
use crate::serving::{self, Served};
use state::World;

/// One attempt to deliver a webhook.
#[derive(Clone, Debug)]
pub struct WebhookPost {
    /// Where it goes.
    pub url: String,
    /// What authenticates it.
    pub headers: HeaderMap,
    /// The JSON that is sent.
    pub body: String,
}

/// A webhook under way: the status that it was answered with, if it was.
pub type Exchange = Pin<Box<dyn Future<Output = Option<u16>> + Send>>;

/// Takes webhooks to their receiver in place of sockets.
type Carrier = Arc<dyn Fn(WebhookPost) -> Exchange + Send + Sync>;

/// A handle to one simulated Gladly; clones are the same one. Methods that make
/// it send something are to be called within a Tokio runtime: outside one, it is
/// sent at the next call within.
#[derive(Clone)]
pub struct GladlySim(Arc<Inner>);

struct Inner {
    clock: Clock,
    world: Mutex<World>,
    http: OnceLock<Option<reqwest::Client>>,
    carrier: OnceLock<Carrier>,
    /// Tells the driver that an earlier timer was set, or that all is over.
    wake: Arc<Notify>,
    driven: AtomicBool,
    /// Counts what happened, so that waiting needs no polling.
    changes: watch::Sender<u64>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.wake.notify_one();
    }
}

impl std::fmt::Debug for GladlySim {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("GladlySim").finish_non_exhaustive()
    }
}

impl GladlySim {
    /// A new organization on the machine's clock.
    #[must_use]
    pub fn new(config: GladlyConfig) -> Self {
        Self::with_clock(config, Clock::real())
    }

    /// A new organization on a clock of the test's choice.
    #[must_use]
    pub fn with_clock(config: GladlyConfig, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            clock,
            world: Mutex::new(World::new(config)),
            http: OnceLock::new(),
            carrier: OnceLock::new(),
            wake: Arc::new(Notify::new()),
            driven: AtomicBool::new(false),
            changes: watch::channel(0).0,
        }))
    }

    /// The API below `/api/v1` and the control API below `/control`. It works the
    /// same when nested below a path of another router.
    pub fn router(&self) -> Router {
        Router::new()
            .nest("/api/v1", api::routes(self))
            .nest("/control", control::routes())
            .with_state(self.clone())
    }

    /// Serves [`GladlySim::router`] on a free local port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn serve(&self) -> std::io::Result<Served> {
        // Brings the driver to life, so that timers run without any call.
        self.act(|_, _| ());
        serving::serve(self.router()).await
    }

    /// The clock all of it goes by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// A copy of the settings in force.
    #[must_use]
    pub fn config(&self) -> GladlyConfig {
        self.read(|world| world.config.clone())
    }

    /// Changes settings while it runs.
    pub fn configure(&self, change: impl FnOnce(&mut GladlyConfig)) {
        self.act(|world, _| change(&mut world.config));
    }

    /// Replaces the faults; the default has none.
    pub fn set_faults(&self, faults: Faults) {
        self.act(|world, _| world.faults = faults);
    }

    /// Runs every timer that is due and waits until no webhook is on its way and
    /// none is due. Retries that lie ahead on the clock are not waited for.
    pub async fn quiesce(&self) {
        let mut changes = self.0.changes.subscribe();
        loop {
            changes.mark_unchanged();
            if self.read(|world| world.in_flight == 0) {
                return;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until `reached` holds, looking again whenever anything happened here.
    /// False if it did not within `limit` of real time.
    pub async fn wait_until(&self, limit: Duration, reached: impl Fn(&Self) -> bool) -> bool {
        let mut changes = self.0.changes.subscribe();
        let look = async {
            loop {
                changes.mark_unchanged();
                if reached(self) {
                    return;
                }
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(limit, look).await.is_ok()
    }

    /// Does something to the world, as of now, and sends what came of it.
    pub(crate) fn act<T>(&self, action: impl FnOnce(&mut World, i64) -> T) -> T {
        let result = self.turn(action);
        self.tell_change();
        result
    }

    /// Looks at the world as of now. It is no change unless something was due.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        let (result, changed) = self.turn(|world, _| (look(world), world.just_settled));
        if changed {
            self.tell_change();
        }
        result
    }

    fn tell_change(&self) {
        self.0
            .changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// What is due at this moment precedes what is done at it.
    fn turn<T>(&self, action: impl FnOnce(&mut World, i64) -> T) -> T {
        let runtime = Handle::try_current().ok();
        let mut started = Vec::new();
        let result = {
            let mut world = self.0.world.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.0.clock.now();
            let due = world.next_due();
            world.settle(now);
            if runtime.is_some() {
                world.launch(&mut started);
            }
            let result = action(&mut world, now);
            if runtime.is_some() {
                world.launch(&mut started);
            }
            if world.next_due() != due {
                self.0.wake.notify_one();
            }
            result
        };
        if let Some(runtime) = runtime {
            for number in started {
                runtime.spawn(self.clone().attempt(number));
            }
            if !self.0.driven.swap(true, Ordering::Relaxed) {
                runtime.spawn(drive(Arc::downgrade(&self.0)));
            }
        }
        result
    }

    /// Lets `carry` take webhooks to their receiver within this process, instead of
    /// sockets. Only the first counts, and only if nothing was sent before.
    pub fn carry_webhooks(&self, carry: impl Fn(WebhookPost) -> Exchange + Send + Sync + 'static) {
        let _first = self.0.carrier.set(Arc::new(carry));
    }

    pub(crate) fn carrier(&self) -> Option<&Carrier> {
        self.0.carrier.get()
    }

    /// The client for webhooks, if the machine can make one.
    pub(crate) fn http(&self) -> Option<&reqwest::Client> {
        self.0.http.get_or_init(|| serving::client().ok()).as_ref()
    }
}

/// Runs timers at their time for as long as the simulator exists.
async fn drive(inner: Weak<Inner>) {
    loop {
        let Some(sim) = inner.upgrade().map(GladlySim) else {
            return;
        };
        let next = sim.read(World::next_due);
        let (clock, wake) = (sim.0.clock.clone(), Arc::clone(&sim.0.wake));
        drop(sim);
        match next {
            // In a fixed order, so that a seed replays.
            Some(at) => tokio::select! {
                biased;
                () = clock.sleep_until(at) => {}
                () = wake.notified() => {}
            },
            None => wake.notified().await,
        }
    }
}

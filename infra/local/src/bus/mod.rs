//! EventBridge in this process: `PutEvents` behind the AWS SDK's own HTTP
//! interface, and the template's rules, which call functions.
//!
//! - `entry` checks entries and makes events of them;
//! - `connector` is the SDK's HTTP client;
//! - `envelope` is the form of an event.

mod connector;
mod entry;
pub(crate) mod envelope;

#[cfg(test)]
mod tests;

use crate::dead_letters::DeadLetters;
use crate::engine::Clock;
use crate::invoke::{Functions, call_for_event};
use crate::template::BusRule;
use aws_credential_types::Credentials;
use aws_sdk_eventbridge::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many events can be read again.
const RECENT: usize = 1_000;

/// Makes entries fail, for tests.
pub trait BusFaults: Send + Sync + 'static {
    /// The error code and message that an entry of `PutEvents` gets instead of
    /// being taken, such as `InternalFailure`.
    fn fail(&self, entry: &Value) -> Option<(String, String)>;
}

/// A handle to the bus; clones share it.
#[derive(Clone)]
pub struct Bus {
    shared: Arc<Shared>,
    faults: Option<Arc<dyn BusFaults>>,
}

struct Shared {
    name: String,
    rules: Vec<BusRule>,
    functions: Arc<dyn Functions>,
    dead_letters: DeadLetters,
    clock: Arc<dyn Clock>,
    recent: Mutex<VecDeque<Value>>,
    taken: watch::Sender<u64>,
    running: watch::Sender<usize>,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus")
            .field("name", &self.shared.name)
            .finish()
    }
}

impl Bus {
    /// A bus of this name. Rules call functions on the tokio runtime that
    /// `PutEvents` is called on.
    #[must_use]
    pub fn new(
        name: &str,
        rules: &[BusRule],
        functions: Arc<dyn Functions>,
        dead_letters: DeadLetters,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                name: name.to_owned(),
                rules: rules.to_vec(),
                functions,
                dead_letters,
                clock,
                recent: Mutex::default(),
                taken: watch::channel(0).0,
                running: watch::channel(0).0,
            }),
            faults: None,
        }
    }

    /// The same bus, through `faults`.
    #[must_use]
    pub fn with_faults(&self, faults: Arc<dyn BusFaults>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            faults: Some(faults),
        }
    }

    /// What the AWS SDK sends its requests through. It serves `PutEvents`.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// A client with test credentials and the SDK's own retries.
    #[must_use]
    pub fn client(&self) -> aws_sdk_eventbridge::Client {
        let config = aws_sdk_eventbridge::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(crate::REGION))
            .endpoint_url("http://events.localhost")
            .credentials_provider(Credentials::from_keys("test-key-id", "test-secret", None))
            .http_client(self.http_client())
            .build();
        aws_sdk_eventbridge::Client::from_conf(config)
    }

    /// The last thousand events that were taken, oldest first, as rules see them.
    #[must_use]
    pub fn recent(&self) -> Vec<Value> {
        lock(&self.shared.recent).iter().cloned().collect()
    }

    /// How many events were taken; changes with each call that brings some.
    #[must_use]
    pub fn taken(&self) -> watch::Receiver<u64> {
        self.shared.taken.subscribe()
    }

    /// Waits until no rule's call is running.
    pub async fn idle(&self) {
        // The sender lives as long as this handle.
        let _ = self
            .shared
            .running
            .subscribe()
            .wait_for(|running| *running == 0)
            .await;
    }

    /// Keeps an event, and calls what its rules name.
    fn take(&self, event: Value) {
        for rule in &self.shared.rules {
            if rule.pattern.matches(&event) {
                let running = Running::start(&self.shared);
                let call = call_for_event(
                    Arc::clone(&self.shared.functions),
                    rule.function.clone(),
                    event.clone(),
                    rule.maximum_retry_attempts,
                    self.shared.dead_letters.clone(),
                );
                tokio::spawn(async move {
                    call.await;
                    drop(running);
                });
            }
        }
        let mut recent = lock(&self.shared.recent);
        if recent.len() >= RECENT {
            recent.pop_front();
        }
        recent.push_back(event);
        drop(recent);
        self.shared
            .taken
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// A call that is counted while it runs, also if it panics.
struct Running(Arc<Shared>);

impl Running {
    fn start(shared: &Arc<Shared>) -> Self {
        shared.running.send_modify(|running| *running += 1);
        Self(Arc::clone(shared))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0
            .running
            .send_modify(|running| *running = running.saturating_sub(1));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The sandboxes of every function: one call at a time each, new ones where none is free,
//! put away now and then, and stopped when a call takes longer than its function may.

use super::bot::SimulatedBot;
use super::due::DueBoard;
use super::outside::Outside;
use super::sandbox::Sandbox;
use super::stage::{Stage, between, locked};
use super::weather::Fault;
use super::wire::{End, Wire};
use crate::bus::Bus as LocalBus;
use crate::engine::{Call, Engine, Faults};
use crate::functions::{App, call};
use crate::hub::{TABLE, app};
use crate::invoke::{BoxFuture, Functions, InvokeError};
use crate::template::Template;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_smithy_types::timeout::TimeoutConfig;
use axum::Router;
use baton_domain::IdKey;
use baton_hub::bus::Bus;
use baton_hub::calls::Calls;
use baton_hub::checkup::Armed;
use baton_hub::settings::Settings;
use baton_hub::source::{FixedSettings, SettingsCache};
use baton_hub::store::Store;
use baton_hub::{Clock, Core};
use baton_simulators::random::Random;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;
use tokio::sync::oneshot;

/// The functions' own limits on a request to the database and on one try of it.
const STORE_TAKES: Duration = Duration::from_millis(2_500);
const STORE_TRY: Duration = Duration::from_millis(1_000);
const STORE_TRIES: u32 = 3;

/// What all sandboxes are made from.
pub(super) struct Parts {
    pub(super) stage: Arc<Stage>,
    pub(super) template: Arc<Template>,
    pub(super) engine: Engine,
    pub(super) settings: Settings,
    pub(super) id_key: IdKey,
    pub(super) gladly: Router,
    pub(super) bot: SimulatedBot,
}

/// All sandboxes. Clones are the same.
#[derive(Clone)]
pub(super) struct Fleet(Arc<Inner>);

/// A fleet, as what it owns knows it: platform, bot and bus call the hub that calls them,
/// and were each to own the other, no run would ever leave the memory.
#[derive(Clone)]
pub(super) struct FarFleet(Weak<Inner>);

impl FarFleet {
    /// The fleet; `None` once its run is over.
    pub(super) fn get(&self) -> Option<Fleet> {
        self.0.upgrade().map(Fleet)
    }
}

struct Inner {
    parts: Parts,
    due: DueBoard,
    bus: OnceLock<LocalBus>,
    idle: Mutex<BTreeMap<String, Vec<Member>>>,
    made: Mutex<BTreeMap<String, u32>>,
    random: Mutex<Random>,
    sweeps: Mutex<Vec<Swept>>,
    sweeping: Mutex<Vec<Arc<Sandbox>>>,
    calls: Mutex<u64>,
}

struct Member {
    sandbox: Arc<Sandbox>,
    app: App,
}

/// A time in which a sweep ran, in ms since the epoch; the end is missing while it runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Swept {
    pub(super) from: i64,
    pub(super) to: Option<i64>,
}

/// How far an index is behind its table, in ms.
#[derive(Debug)]
struct Behind(u64);

impl Faults for Behind {
    fn index_lag(&self, _: &Call<'_>) -> Option<Duration> {
        Some(Duration::from_millis(self.0))
    }
}

impl Fleet {
    pub(super) fn new(parts: Parts) -> Self {
        let random = Mutex::new(parts.stage.random("fleet"));
        let due = DueBoard::new(&parts.engine);
        Self(Arc::new(Inner {
            due,
            parts,
            bus: OnceLock::new(),
            idle: Mutex::default(),
            made: Mutex::default(),
            random,
            sweeps: Mutex::default(),
            sweeping: Mutex::default(),
            calls: Mutex::default(),
        }))
    }

    /// For what the fleet owns.
    pub(super) fn far_view(&self) -> FarFleet {
        FarFleet(Arc::downgrade(&self.0))
    }

    /// The bus calls the fleet, and the fleet the bus: it is given once both are there.
    pub(super) fn connect(&self, bus: LocalBus) {
        let _first = self.0.bus.set(bus);
    }

    pub(super) fn stage(&self) -> &Arc<Stage> {
        &self.0.parts.stage
    }

    pub(super) fn template(&self) -> &Arc<Template> {
        &self.0.parts.template
    }

    /// What is due, and when.
    pub(super) fn due(&self) -> &DueBoard {
        &self.0.due
    }

    /// Ends the sweeps that run now, where nothing will be due for a while.
    pub(super) fn end_sweeps(&self) {
        for sandbox in std::mem::take(&mut *locked(&self.0.sweeping)) {
            sandbox.kill();
        }
    }

    /// The rule rested from then until now, since nothing was due: any sweep would have
    /// found nothing, so the time counts as if one had run.
    pub(super) fn note_rest(&self, from: i64) {
        let to = Some(self.stage().clock.now());
        locked(&self.0.sweeps).push(Swept { from, to });
    }

    /// When sweeps ran.
    pub(super) fn sweeps(&self) -> Vec<Swept> {
        locked(&self.0.sweeps).clone()
    }

    /// How many calls there were, and how many sandboxes.
    pub(super) fn counts(&self) -> (u64, u64) {
        let made = locked(&self.0.made);
        let sandboxes = made.values().map(|made| u64::from(*made)).sum();
        (*locked(&self.0.calls), sandboxes)
    }

    fn below(&self, limit: usize) -> usize {
        let drawn = locked(&self.0.random).below(limit as u64);
        usize::try_from(drawn).unwrap_or_default()
    }

    fn take(&self, function: &str) -> Member {
        let free = {
            let mut idle = locked(&self.0.idle);
            let free = idle.entry(function.to_owned()).or_default();
            match free.len() {
                0 => None,
                count => Some(free.swap_remove(self.below(count))),
            }
        };
        free.unwrap_or_else(|| self.make(function))
    }

    fn make(&self, function: &str) -> Member {
        let number = {
            let mut made = locked(&self.0.made);
            let number = made.entry(function.to_owned()).or_default();
            *number += 1;
            *number
        };
        let parts = &self.0.parts;
        let sandbox = Sandbox::new(&parts.stage, format!("{function}#{number}"));
        let lag = 200 + sandbox.below(4_000);
        let engine = parts.engine.with_faults(Arc::new(Behind(lag)));
        let database = Wire {
            sandbox: sandbox.clone(),
            end: End::Database,
            to: SharedHttpConnector::new(parts.engine.clone()),
            behind: SharedHttpConnector::new(engine),
            due: Some(self.0.due.clone()),
        };
        let clock = Clock::of(sandbox.clone());
        let core = Core {
            store: Store::new(dynamodb(database), TABLE),
            clock: clock.clone(),
            id_key: parts.id_key.clone().into(),
            settings: SettingsCache::new(Arc::new(FixedSettings(parts.settings.clone()))),
        };
        let outside = Outside {
            sandbox: sandbox.clone(),
            gladly: parts.gladly.clone(),
            bot: parts.bot.clone(),
        };
        let calls = Calls::carried(Arc::new(outside), clock, 0);
        let bus = Bus::new(self.eventbridge(&sandbox), "baton");
        let mut app = app(core, bus, calls);
        // What is simulated is the log and its timers; checks would keep the rule from
        // resting.
        app.sweep.armed = Armed::off();
        Member { app, sandbox }
    }

    fn eventbridge(&self, sandbox: &Arc<Sandbox>) -> aws_sdk_eventbridge::Client {
        use aws_sdk_eventbridge::config::retry::{RetryConfig, RetryPartition, TokenBucket};
        use aws_sdk_eventbridge::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
        let config = aws_sdk_eventbridge::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(crate::REGION))
            .endpoint_url("http://events.localhost")
            .allow_no_auth()
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(timeouts())
            .retry_config(RetryConfig::standard())
            .retry_partition(
                RetryPartition::custom(sandbox.name.clone())
                    .token_bucket(TokenBucket::builder().build())
                    .build(),
            );
        let config = match self.0.bus.get() {
            Some(bus) => {
                let to = SharedHttpConnector::new(bus.clone());
                config.http_client(Wire {
                    sandbox: sandbox.clone(),
                    end: End::Bus,
                    behind: to.clone(),
                    to,
                    due: None,
                })
            }
            None => config,
        };
        aws_sdk_eventbridge::Client::from_conf(config.build())
    }

    async fn run(self, function: String, payload: Vec<u8>) -> Result<Vec<u8>, InvokeError> {
        let stage = self.stage().clone();
        let timeout = self
            .template()
            .function(&function)
            .map_or(Duration::from_secs(15), |spec| spec.timeout);
        *locked(&self.0.calls) += 1;
        // A request reaches its sandbox after a while, a new one after longer.
        let reaches = between(&mut locked(&self.0.random), 1, 8);
        tokio::time::sleep(reaches).await;
        let member = self.take(&function);
        let sandbox = member.sandbox.clone();
        let sweep = (function == "sweep").then(|| self.sweep_begins(&sandbox));
        sandbox.thaw();
        let app = member.app.clone();
        // A task of its own: a panic is an error answer, as on Lambda.
        let mut handler = tokio::spawn(async move { call(app, &function, &payload).await });
        let answer = tokio::select! {
            biased;
            () = sandbox.dies() => Err(InvokeError::Failed("the process was killed".to_owned())),
            answer = &mut handler => answer.unwrap_or_else(|panic| {
                stage.note(&sandbox.name, || format!("PANICKED: {panic}"));
                Err(InvokeError::Failed(panic.to_string()))
            }),
            () = tokio::time::sleep(timeout) => {
                stage.note(&sandbox.name, || format!("STOPPED after {timeout:?}"));
                sandbox.kill();
                Err(InvokeError::TimedOut(timeout))
            }
        };
        if let Some(place) = sweep {
            self.sweep_ends(place, &sandbox);
        }
        sandbox.freeze();
        if sandbox.is_struck(Fault::Recycled) {
            sandbox.kill();
        }
        if !sandbox.is_dead() {
            let name = sandbox
                .name
                .split('#')
                .next()
                .unwrap_or_default()
                .to_owned();
            locked(&self.0.idle).entry(name).or_default().push(member);
        }
        answer
    }

    fn sweep_begins(&self, sandbox: &Arc<Sandbox>) -> usize {
        locked(&self.0.sweeping).push(sandbox.clone());
        let mut sweeps = locked(&self.0.sweeps);
        sweeps.push(Swept {
            from: self.stage().clock.now(),
            to: None,
        });
        sweeps.len() - 1
    }

    fn sweep_ends(&self, place: usize, sandbox: &Arc<Sandbox>) {
        locked(&self.0.sweeping).retain(|one| !Arc::ptr_eq(one, sandbox));
        if let Some(swept) = locked(&self.0.sweeps).get_mut(place) {
            swept.to = Some(self.stage().clock.now());
        }
    }
}

impl Functions for Fleet {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let (answer, answered) = oneshot::channel();
        let run = self.clone().run(function.to_owned(), payload);
        // Whoever waits no longer does not stop the call.
        tokio::spawn(async move {
            let _gone = answer.send(run.await);
        });
        Box::pin(async move {
            answered
                .await
                .unwrap_or_else(|_| Err(InvokeError::Failed("it has ended".to_owned())))
        })
    }
}

impl Functions for FarFleet {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        match self.get() {
            Some(fleet) => fleet.invoke(function, payload),
            None => Box::pin(async { Err(InvokeError::Failed("the run is over".to_owned())) }),
        }
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(STORE_TRY)
        .operation_timeout(STORE_TAKES)
        .build()
}

/// A client with the functions' own limits, and a budget of retries of its own: the SDK
/// shares one among all clients of a process.
fn dynamodb(wire: Wire) -> aws_sdk_dynamodb::Client {
    use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition, TokenBucket};
    use aws_sdk_dynamodb::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
    let partition = RetryPartition::custom(wire.sandbox.name.clone())
        .token_bucket(TokenBucket::builder().build())
        .build();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static(crate::REGION))
        .endpoint_url("http://dynamodb.localhost")
        // Nobody checks signatures here, and making them takes longer than the rest.
        .allow_no_auth()
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts())
        .retry_config(RetryConfig::standard().with_max_attempts(STORE_TRIES))
        .retry_partition(partition)
        .http_client(wire)
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

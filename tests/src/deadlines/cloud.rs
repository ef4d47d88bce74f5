//! What all sandboxes share: the store with its limits, and a witness of what happens
//! to it at which true time.

use super::capacity::{Capacity, Target};
use super::sandbox::{Size, Wire, Write};
use super::time::Time;
use baton_domain::{Policy, ThreadId, Timestamp};
use baton_hub::calls::{Calls, Carried, Carrier, NoAnswer};
use baton_hub::settings::{Bot, BotFormat, Connection, Platform, SecretText, Settings};
use baton_hub::source::{FixedSettings, SettingsCache};
use baton_hub::store::Store;
use baton_hub::{Clock, Core};
use baton_local::engine::{Call, Engine, Faults, Location};
use baton_local::template::Template;
use baton_simulators::random::Random;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Any failure of a run.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The table's name.
pub const TABLE: &str = "baton-table";

/// What DynamoDB does in a run.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// How far the index is behind the table at most, in milliseconds.
    pub index_lag: u64,
    /// Partitions of the table, each of 1,000 write units a second, as the index's;
    /// `None` takes whatever comes.
    pub partitions: Option<usize>,
    /// The seed of all chances.
    pub seed: u64,
}

/// The store, and who watches it.
#[derive(Debug)]
pub struct Cloud {
    /// The true time.
    pub time: Time,
    /// The template that everything is taken from.
    pub template: Template,
    engine: Engine,
    plain: Engine,
    capacity: Option<Mutex<Capacity>>,
    closed: Mutex<BTreeMap<String, Vec<Timestamp>>>,
    settings: Settings,
    carrier: OnceLock<Arc<dyn Carrier>>,
}

/// Carries nothing: nobody is there.
#[derive(Debug)]
struct Nobody;

impl Carrier for Nobody {
    fn carry(&self, _request: reqwest::Request) -> Carried {
        Box::pin(async { Err(NoAnswer::NotSent) })
    }
}

/// Write units a second that a partition takes. Source: DynamoDB developer guide,
/// "Best practices for designing and using partition keys".
const UNITS_A_SECOND: f64 = 1_000.0;

impl Cloud {
    /// A table in memory, for a hub with these connections.
    ///
    /// # Errors
    /// When the database cannot be made.
    pub async fn new(
        weather: Weather,
        connections: impl IntoIterator<Item = (String, Policy)>,
    ) -> Result<Arc<Self>, Failed> {
        let time = Time::begin();
        let template = Template::builtin()?;
        let plain = Engine::open_with_clock(Location::Memory, Arc::new(time))?;
        plain.create_table(&template.table, TABLE).await?;
        let engine = if weather.index_lag > 0 {
            plain.with_faults(Arc::new(Lag {
                most: weather.index_lag,
                random: Mutex::new(Random::keyed(weather.seed, "index lag")),
            }))
        } else {
            plain.clone()
        };
        let capacity = weather
            .partitions
            .map(|count| Mutex::new(Capacity::new(count, UNITS_A_SECOND, time.now())));
        Ok(Arc::new(Self {
            time,
            template,
            engine,
            plain,
            capacity,
            closed: Mutex::default(),
            settings: settings(connections),
            carrier: OnceLock::new(),
        }))
    }

    /// Lets outbound calls be carried; without, nobody is there. Only the first counts.
    pub fn carried_by(&self, carrier: Arc<dyn Carrier>) {
        let _first = self.carrier.set(carrier);
    }

    /// The outbound client of a sandbox.
    #[must_use]
    pub fn calls(&self, clock: Clock) -> Calls {
        let carrier = self.carrier.get().cloned();
        Calls::carried(carrier.unwrap_or_else(|| Arc::new(Nobody)), clock, 0)
    }

    /// The store's engine as sandboxes see it.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The store's engine as it is.
    #[must_use]
    pub fn plain_engine(&self) -> &Engine {
        &self.plain
    }

    /// The core of a sandbox of its own, of this size, with a clock `skew`
    /// milliseconds ahead.
    #[must_use]
    pub fn core(self: &Arc<Self>, name: &str, size: Size, skew: i64) -> Core {
        let client = Wire::client(self, size, name);
        self.core_over(Store::new(client, TABLE), name, skew)
    }

    /// A core with no limits in its way, for those who set a scene.
    #[must_use]
    pub fn free_core(self: &Arc<Self>, name: &str, skew: i64) -> Core {
        self.core_over(Store::new(self.plain.client(), TABLE), name, skew)
    }

    fn core_over(&self, store: Store, name: &str, skew: i64) -> Core {
        let clock: Clock = self.time.clock(skew, Random::keyed(7, name).next_u64());
        Core {
            store,
            clock,
            id_key: baton_domain::IdKey::new(*b"test-secret-id-key-0123456789abc").into(),
            settings: SettingsCache::new(Arc::new(FixedSettings(self.settings.clone()))),
        }
    }

    /// The settings of this connection.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn connection(&self, id: &str) -> &Connection {
        &self.settings.connections[id]
    }

    /// When each thread's conversation was closed, in true time, as often as it was.
    #[must_use]
    pub fn closed(&self) -> BTreeMap<String, Vec<Timestamp>> {
        lock(&self.closed).clone()
    }

    /// How many conversations have been closed.
    #[must_use]
    pub fn closings(&self) -> usize {
        lock(&self.closed).len()
    }

    /// How many writes were throttled.
    #[must_use]
    pub fn throttled(&self) -> u64 {
        self.capacity
            .as_ref()
            .map_or(0, |capacity| lock(capacity).throttled)
    }

    pub(super) fn target(&self, write: &Write) -> Target {
        match &self.capacity {
            Some(capacity) => lock(capacity).target(&write.pk, write.shard),
            None => Target {
                table: 0,
                index: None,
            },
        }
    }

    pub(super) fn admits(&self, target: Target) -> bool {
        let now = self.time.now();
        self.capacity
            .as_ref()
            .is_none_or(|capacity| lock(capacity).admits(target, now))
    }

    /// Counts the write, by the capacity that the answer tells; a refused one costs a
    /// unit, too.
    pub(super) fn consume(&self, target: Target, answer: &[u8]) {
        let Some(capacity) = &self.capacity else {
            return;
        };
        let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
        let units = |path: &str| answer.pointer(path).and_then(serde_json::Value::as_f64);
        let total = units("/ConsumedCapacity/CapacityUnits").unwrap_or(1.0);
        let table = units("/ConsumedCapacity/Table/CapacityUnits").unwrap_or(total);
        lock(capacity).consume(target, table, total - table);
    }

    pub(super) fn witness(&self, write: &Write) {
        let closes = write
            .entry
            .as_ref()
            .is_some_and(|events| events.contains("\"conversation.closed\""));
        if closes {
            let now = self.time.now();
            let mut closed = lock(&self.closed);
            closed.entry(write.pk.clone()).or_default().push(now);
        }
    }

    /// Threads that are still offered by the index, whatever their time.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn still_due(self: &Arc<Self>) -> Result<Vec<ThreadId>, Failed> {
        let core = self.free_core("auditor", 0);
        let mut threads = Vec::new();
        for shard in 0..baton_hub::store::item::SHARDS {
            let mut after = None;
            loop {
                let page = core
                    .store
                    .due(shard, 0, i64::MAX / 2, 1_000, after.as_ref());
                let page = page.await?;
                let full = page.len() >= 1_000;
                after = page.last().cloned();
                threads.extend(page.iter().filter_map(|due| ThreadId::parse(&due.pk).ok()));
                if !full {
                    break;
                }
            }
        }
        Ok(threads)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn settings(connections: impl IntoIterator<Item = (String, Policy)>) -> Settings {
    let connections = connections
        .into_iter()
        .map(|(id, policy)| (id.clone(), connection(id, policy)));
    Settings {
        revision: "1".to_owned(),
        connections: connections.collect(),
        ..Settings::default()
    }
}

fn connection(id: String, policy: Policy) -> Connection {
    let bot = Bot {
        url: format!("http://{id}.bots.test/hook"),
        format: BotFormat::Gladly,
        basic: Some(("hub".to_owned(), SecretText::new("test-secret-bot"))),
        signing_keys: Vec::new(),
    };
    Connection {
        id,
        endpoint: "gladly-main".to_owned(),
        platform: Platform::Gladly,
        // Nothing is there, and nothing here calls it.
        base_url: "http://127.0.0.1:9".to_owned(),
        addresses: Vec::new(),
        api_user: "api@example.test".to_owned(),
        api_token: SecretText::new("test-secret-api"),
        bot: Some(bot),
        policy,
        text_on_bus: false,
        keep_messages: 90 * baton_domain::time::DAY,
        repair_webhook: true,
    }
}

/// An index that is behind its table, now less, now more.
struct Lag {
    most: u64,
    random: Mutex<Random>,
}

impl Faults for Lag {
    fn index_lag(&self, _call: &Call<'_>) -> Option<Duration> {
        let lag = lock(&self.random).below(self.most + 1);
        Some(Duration::from_millis(lag))
    }
}

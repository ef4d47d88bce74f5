//! A webhook's credentials change on a stack while Gladly delivers: functions with caches
//! of their own, each at an age of its own, refuse none of them.

use super::{Applying, Orders};
use crate::commands::reach::{Kind, Reached};
use crate::dead_letters::DeadLetters;
use crate::engine::Engine;
use crate::hub::{TABLE, open_engine};
use crate::place::{Letters, Operator, SecretPlace, StoredSettings};
use crate::template::Template;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use baton_domain::{IdKey, Policy, Timestamp};
use baton_hub::clock::{RealWorld, World};
use baton_hub::inbound::{Reception, Webhook};
use baton_hub::settings::{
    Connection, Endpoint, Platform, SecretText, Settings, WebhookCredentials,
};
use baton_hub::source::{FOLLOWED_AFTER, SettingsCache};
use baton_hub::store::Store;
use baton_hub::{Clock, Core};
use baton_simulators::gladly::{AttemptOutcome, GladlyConfig, GladlySim};
use baton_simulators::serving::{Served, serve};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const ENDPOINT: &str = "gladly-main";
/// A second here is so many to the hub.
const SPEED: i64 = 40;
const FUNCTIONS: usize = 6;
/// One of so many webhooks goes to the last function, whose settings grow old.
const SELDOM: usize = 40;

/// Time that runs faster.
#[derive(Debug)]
struct Hurry(Timestamp);

impl World for Hurry {
    fn now(&self) -> Timestamp {
        self.0.plus(RealWorld.now().since(self.0) * SPEED)
    }

    fn random(&self, buffer: &mut [u8]) {
        RealWorld.random(buffer);
    }
}

/// A stack: a table, secrets, and functions that take webhooks by turns.
struct Stage {
    engine: Engine,
    secrets: SecretPlace,
    clock: Clock,
    gladly: GladlySim,
    platform: Served,
    front: Served,
    /// What the last webhook carried.
    carried: Arc<Mutex<String>>,
}

impl Stage {
    async fn set() -> Self {
        let engine = open_engine(None).expect("a database in memory");
        let template = Template::builtin().expect("it is checked by its own tests");
        let made = engine.create_table(&template.table, TABLE).await;
        made.expect("a table");
        let secrets = SecretPlace::memory();
        let clock = Clock::of(Arc::new(Hurry(RealWorld.now())));
        let functions: Vec<Core> = (0..FUNCTIONS)
            .map(|_| core(&engine, &secrets, &clock).0)
            .collect();
        let carried = Arc::new(Mutex::new(String::new()));
        let front = front(functions, Arc::clone(&carried));
        let front = serve(front).await.expect("a port");
        let gladly = GladlySim::new(GladlyConfig::default());
        let platform = gladly.serve().await.expect("a port");
        Self {
            engine,
            secrets,
            clock,
            gladly,
            platform,
            front,
            carried,
        }
    }

    fn settings(&self, password: &str) -> Settings {
        let sim = self.gladly.config();
        let endpoint = Endpoint {
            id: ENDPOINT.to_owned(),
            platform: Platform::Gladly,
            accepts: vec![WebhookCredentials {
                basic: Some(("baton".to_owned(), SecretText::new(password))),
                ..WebhookCredentials::default()
            }],
        };
        let connection = Connection {
            id: "shop-chat".to_owned(),
            endpoint: ENDPOINT.to_owned(),
            platform: Platform::Gladly,
            base_url: self.platform.base_url.clone(),
            addresses: Vec::new(),
            api_user: sim.agent_email,
            api_token: SecretText::new(sim.api_token),
            bot: None,
            policy: Policy::gladly(None),
            text_on_bus: false,
            keep_messages: 90 * baton_domain::time::DAY,
            repair_webhook: true,
        };
        Settings {
            endpoints: [(endpoint.id.clone(), endpoint)].into(),
            connections: [(connection.id.clone(), connection)].into(),
            public_url: Some(self.front.base_url.clone()),
            ..Settings::default()
        }
    }

    /// What `baton apply` does, by somebody who has just started it.
    async fn apply(&self, password: &str, no_wait: bool) -> Result<usize, String> {
        self.apply_all(&self.settings(password), no_wait).await
    }

    async fn apply_all(&self, wanted: &Settings, no_wait: bool) -> Result<usize, String> {
        let (core, settings) = core(&self.engine, &self.secrets, &self.clock);
        let letters = Letters::Local(DeadLetters::memory(), None);
        let operator = Operator {
            core,
            settings,
            letters,
        };
        let applying = Applying {
            hub: &Reached::here("the stack shop".to_owned(), Kind::Stack, operator),
            orders: &Orders {
                yes: true,
                no_wait,
                ..Orders::default()
            },
            clock: &self.clock,
        };
        applying.apply(wanted).await
    }

    /// The passwords that the applied settings take, and whether they have an end.
    async fn taken(&self) -> Vec<(String, bool)> {
        let (core, _) = core(&self.engine, &self.secrets, &self.clock);
        let settings = core.settings().await.expect("they can be read");
        let sets = settings.endpoints[ENDPOINT].accepts.iter();
        sets.map(|set| {
            let (_, password) = set.basic.as_ref().expect("a password");
            (password.reveal().to_owned(), set.until.is_some())
        })
        .collect()
    }

    /// Customers write without a pause for as long as this is held.
    fn customers(&self) -> Customers {
        let gladly = self.gladly.clone();
        Customers(tokio::spawn(async move {
            for number in 0_u32.. {
                let name = format!("customer {}", number % 50);
                gladly.customer_writes(&name, "hello").expect("they can");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }))
    }

    /// Whether a webhook that is sent now carries this password.
    async fn carries(&self, password: &str) -> bool {
        let written = self.gladly.customer_writes("ada", "hello");
        written.expect("she can");
        let settled = |sim: &GladlySim| {
            let deliveries = sim.deliveries();
            deliveries
                .iter()
                .all(|delivery| !delivery.attempts.is_empty())
        };
        assert!(
            self.gladly
                .wait_until(Duration::from_secs(10), settled)
                .await
        );
        let carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        let expected = format!("baton:{password}");
        *carried == format!("Basic {}", base64_of(&expected))
    }

    /// Every webhook was taken at its first attempt; how many there were.
    async fn none_refused(&self) -> usize {
        self.gladly.quiesce().await;
        let deliveries = self.gladly.deliveries();
        for delivery in &deliveries {
            let outcomes: Vec<AttemptOutcome> = delivery
                .attempts
                .iter()
                .map(|attempt| attempt.outcome)
                .collect();
            assert!(
                matches!(outcomes[..], [AttemptOutcome::Answered(200..=299)]),
                "{outcomes:?}"
            );
        }
        deliveries.len()
    }
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

struct Customers(tokio::task::JoinHandle<()>);

impl Drop for Customers {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn core(engine: &Engine, secrets: &SecretPlace, clock: &Clock) -> (Core, Arc<StoredSettings>) {
    let store = Store::new(engine.client(), TABLE);
    let settings = StoredSettings::new(None, store.clone(), secrets.clone());
    let settings = Arc::new(settings);
    let core = Core {
        store,
        clock: clock.clone(),
        id_key: IdKey::new([7; 32]).into(),
        settings: SettingsCache::new(settings.clone()),
    };
    (core, settings)
}

/// In API Gateway's place.
fn front(functions: Vec<Core>, carried: Arc<Mutex<String>>) -> Router {
    let turn = Arc::new(AtomicUsize::new(0));
    let functions = Arc::new(functions);
    Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        let place = match turn % SELDOM {
            0 => FUNCTIONS - 1,
            other => other % (FUNCTIONS - 1),
        };
        let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        if let Some(authorization) = headers.get("authorization") {
            *carried.lock().unwrap_or_else(PoisonError::into_inner) = text(authorization);
        }
        let headers = headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)));
        let webhook = Webhook {
            endpoint: ENDPOINT.to_owned(),
            headers: headers.collect(),
            body: body.to_vec(),
        };
        match functions[place].receive(Platform::Gladly, &webhook).await {
            Reception::Accepted(_) => StatusCode::OK,
            Reception::Unauthorized => StatusCode::UNAUTHORIZED,
            Reception::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    })
}

fn pairs<const N: usize>(sets: [(&str, bool); N]) -> Vec<(String, bool)> {
    let owned = |(password, ends): (&str, bool)| (password.to_owned(), ends);
    sets.map(owned).to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_apply_rotates_while_gladly_delivers_and_none_is_refused() {
    let stage = Stage::set().await;
    assert_eq!(stage.apply("test-one", false).await, Ok(0));
    let customers = stage.customers();
    tokio::time::sleep(Duration::from_millis(500)).await;
    // bites: telling Gladly right after the first write (`FOLLOWED_AFTER` of nothing).
    let began = stage.clock.now();
    assert_eq!(stage.apply("test-two", false).await, Ok(0));
    assert!(stage.clock.now().since(began) >= FOLLOWED_AFTER);
    assert_eq!(
        stage.taken().await,
        pairs([("test-two", false), ("test-one", true)])
    );
    // Functions that learned of the first step only now.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    drop(customers);
    assert!(stage.carries("test-two").await);
    let webhooks = stage.none_refused().await;
    assert!(webhooks > 100, "they went on: {webhooks}");

    // The second time nothing is done.
    let began = stage.clock.now();
    assert_eq!(stage.apply("test-two", false).await, Ok(0));
    assert!(stage.clock.now().since(began) < FOLLOWED_AFTER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_wait_or_is_refused_goes_on_with_the_former_ones() {
    let stage = Stage::set().await;
    assert_eq!(stage.apply("test-one", false).await, Ok(0));
    let both = pairs([("test-one", false), ("test-two", false)]);
    for _ in 0..2 {
        assert_eq!(stage.apply("test-two", true).await, Ok(0));
        assert_eq!(stage.taken().await, both);
        assert!(stage.carries("test-one").await);
    }
    let spent = u64::try_from(FOLLOWED_AFTER / SPEED).expect("it is positive");
    tokio::time::sleep(Duration::from_millis(spent)).await;

    // Gladly does not change its webhook: the hub goes on with both.
    let (wanted, token) = (stage.settings("test-two"), stage.gladly.config().api_token);
    stage
        .gladly
        .configure(|sim| sim.api_token = "test-other-token".to_owned());
    assert_eq!(stage.apply_all(&wanted, true).await, Ok(1));
    assert_eq!(stage.taken().await, both);
    stage
        .gladly
        .configure(|sim| sim.api_token.clone_from(&token));
    assert!(stage.carries("test-one").await);

    let began = stage.clock.now();
    assert_eq!(stage.apply("test-two", true).await, Ok(0));
    assert!(stage.clock.now().since(began) < FOLLOWED_AFTER);
    assert!(stage.carries("test-two").await);
    stage.none_refused().await;
}

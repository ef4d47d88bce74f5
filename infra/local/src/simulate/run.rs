//! One run: a seed, from its first message to the verdict.

use super::bot::{SimulatedBot, TOKEN};
use super::calls::{CallRecord, Client};
use super::customers::{Customer, Operator, Spans, platform};
use super::eraser::Eraser;
use super::fleet::{Fleet, Parts};
use super::gateway::{self, HUB};
use super::oracle::{Evidence, Finding, Log, judge};
use super::outside::{BOT, GLADLY};
use super::shards::Shards;
use super::stage::{BEGINS, EngineTime, Stage, locked, pause};
use super::story::{Line, Story, Telling};
use super::ticks;
use super::weather::{Fault, Weather, unit};
use crate::bus::{Bus as LocalBus, BusFaults};
use crate::dead_letters::DeadLetters;
use crate::engine::{Engine, EngineError, Location};
use crate::hub::TABLE;
use crate::invoke::Functions;
use crate::template::Template;
use baton_domain::{IdKey, OnBotSilence, Policy};
use baton_hub::settings::{
    Bot, BotFormat, Connection, Endpoint, Platform, SecretText, Settings, WebhookCredentials,
};
use baton_hub::source::token_hash;
use baton_hub::store::records::{Role, TokenRecord};
use baton_hub::store::rows::day_of;
use baton_hub::store::{Mechanism, Store, StoreError};
use baton_simulators::gladly::{
    AttemptOutcome, Chance, DeliveryOrder, DeliveryState, Faults, GladlySim, SessionState,
    WebhookConfig, WebhookFaults,
};
use baton_simulators::random::Random;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const CONNECTION: &str = "shop-chat";
const ENDPOINT: &str = "gladly-main";
const OPERATOR_TOKEN: &str = "test-token-simulated-operator";
const WEBHOOK_USER: &str = "webhook-user";
const WEBHOOK_PASSWORD: &str = "test-secret-webhook";

/// How long the hub may take after everything was healed, in simulated ms.
const CATCHES_UP_WITHIN: i64 = 4 * 3_600_000;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Everything that was not as it should be; empty is good.
    pub findings: Vec<Finding>,
    /// The story, if it was asked for.
    pub lines: Vec<Line>,
    /// A digest of every call and answer, if it was asked for.
    pub digest: u64,
    /// How long the run took, in simulated ms.
    pub simulated: i64,
    /// Messages, in and out.
    pub messages: u64,
    /// Calls of functions.
    pub calls: u64,
    /// Sandboxes.
    pub sandboxes: u64,
    /// Faults that struck.
    pub struck: BTreeMap<Fault, u64>,
}

/// Why a run could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The runtime.
    #[error("the runtime: {0}")]
    Runtime(#[from] std::io::Error),
    /// The database.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The table, read without faults.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The simulated platform.
    #[error("the simulated platform: {0}")]
    Platform(String),
}

/// Runs a seed on this thread, in a runtime of its own whose time is paused.
///
/// # Errors
/// When it cannot be made; that the hub fails is a finding.
pub fn run(seed: u64, template: &Arc<Template>, telling: Telling) -> Result<Outcome, RunError> {
    run_in(Weather::of_seed(seed), seed, template, telling)
}

/// Runs a seed in another weather than its own.
///
/// # Errors
/// As [`run`].
pub fn run_in(
    weather: Weather,
    seed: u64,
    template: &Arc<Template>,
    telling: Telling,
) -> Result<Outcome, RunError> {
    // The SDK's jitter comes from the thread's own generator.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(play(weather, seed, template, telling))
}

/// Puts entries on the bus, or not, and keeps the details of those that it took.
#[derive(Debug)]
struct BusWatch {
    stage: Arc<Stage>,
    random: Mutex<Random>,
    taken: Mutex<Vec<Value>>,
}

impl BusFaults for BusWatch {
    fn fail(&self, entry: &Value) -> Option<(String, String)> {
        if self
            .stage
            .strikes(Fault::BusEntryFails, &mut locked(&self.random))
        {
            return Some((
                "InternalFailure".to_owned(),
                "a fault of the simulation".to_owned(),
            ));
        }
        let detail = entry.get("Detail").and_then(Value::as_str);
        let detail = detail.and_then(|detail| serde_json::from_str(detail).ok());
        locked(&self.taken).extend::<Option<Value>>(detail);
        None
    }
}

async fn play(
    weather: Weather,
    seed: u64,
    template: &Arc<Template>,
    telling: Telling,
) -> Result<Outcome, RunError> {
    let stage = Stage::new(seed, weather, Story::new(telling));
    let mut random = stage.random("settings");
    let spans = Spans::of_seed(&mut random);
    let gladly_config = platform(seed, &mut random);
    let engine =
        Engine::open_with_clock(Location::Memory, Arc::new(EngineTime(stage.clock.clone())))?;
    engine.create_table(&template.table, TABLE).await?;
    let store = Store::new(engine.client(), TABLE);
    for (token, role) in [(TOKEN, Role::Bot), (OPERATOR_TOKEN, Role::Admin)] {
        let record = TokenRecord {
            name: "simulated".to_owned(),
            role,
            connections: None,
            agent: None,
            expires: None,
        };
        store.put_token(&token_hash(token), &record).await?;
    }
    let gladly = GladlySim::with_clock(gladly_config, stage.clock.clone());
    let settings = settings(&gladly, spans, &mut random);
    let policy = settings
        .connections
        .get(CONNECTION)
        .map_or_else(|| Policy::gladly(None), |it| it.policy.clone());
    let id_key = IdKey::new(*b"test-secret-id-key-0123456789abc");
    let bot = SimulatedBot::new(&stage);
    let fleet = Fleet::new(Parts {
        stage: stage.clone(),
        template: template.clone(),
        engine: engine.clone(),
        settings,
        id_key: id_key.clone(),
        gladly: gladly.router(),
        bot: bot.clone(),
    });
    let watch = Arc::new(BusWatch {
        stage: stage.clone(),
        random: Mutex::new(stage.random("bus")),
        taken: Mutex::default(),
    });
    let functions: Arc<dyn Functions> = Arc::new(fleet.far_view());
    let bus = LocalBus::new(
        "baton",
        &template.bus_rules,
        functions,
        DeadLetters::memory(),
        Arc::clone(engine.clock()),
    );
    fleet.connect(bus.with_faults(watch.clone()));
    let record = Arc::new(CallRecord::default());
    bot.connect(&fleet, &record);
    connect_platform(&gladly, &fleet).await?;
    set_webhook_faults(&stage, &gladly, &mut random);
    let shards = Shards::start(&fleet, &engine);
    ticks::start(&fleet);
    stage.note("run", || {
        let kinds: Vec<String> = stage
            .weather
            .kinds()
            .map(|(fault, chance)| format!("{} {chance:.4}", fault.name()))
            .collect();
        format!("{spans:?}; {}", kinds.join(", "))
    });

    let mut living = tokio::task::JoinSet::new();
    let customers = 1 + random.below(4);
    for number in 1..=customers {
        living.spawn(
            Customer {
                stage: stage.clone(),
                gladly: gladly.clone(),
                name: format!("c{number}"),
                messages: 1 + random.below(7),
                spans,
            }
            .live(),
        );
    }
    living.spawn(
        Operator {
            stage: stage.clone(),
            gladly: gladly.clone(),
            client: Client {
                fleet: fleet.clone(),
                token: OPERATOR_TOKEN,
                record: record.clone(),
            },
            id_key: id_key.clone(),
            connection: CONNECTION,
            acts: random.below(3),
        }
        .live(),
    );
    let eraser = tokio::spawn(
        Eraser {
            stage: stage.clone(),
            gladly: gladly.clone(),
            fleet: fleet.clone(),
            token: OPERATOR_TOKEN,
            id_key: id_key.clone(),
            connection: CONNECTION,
        }
        .live(),
    );
    while living.join_next().await.is_some() {}
    let erasures = eraser.await.unwrap_or_default();

    stage.note("run", || {
        "the last customer has written; all faults end".to_owned()
    });
    stage.heal();
    gladly.set_faults(Faults::default());
    catch_up(&stage, &gladly, &shards).await;
    stage.note("run", || "the end".to_owned());

    let mut logs = BTreeMap::new();
    for session in gladly.transcript() {
        let thread = id_key.thread(CONNECTION, &session.session_id);
        let entries = store.entries(&thread, 1, 100_000, Mechanism::Read).await?;
        let loaded = store.load(&thread).await?;
        let log = Log {
            thread,
            entries,
            loaded,
        };
        logs.insert(session.session_id, log);
    }
    let mut rows = Vec::new();
    for day in [BEGINS, BEGINS + 86_400_000] {
        let day = day_of(baton_domain::Timestamp(day));
        rows.extend(store.rows_of_day(CONNECTION, &day).await?);
    }
    let table = engine.contents(TABLE).await?;
    let evidence = Evidence {
        policy,
        spans,
        sessions: gladly.transcript(),
        deliveries: gladly.deliveries(),
        told: bot.told(),
        calls: record.all(),
        bus: locked(&watch.taken).clone(),
        logs,
        rows,
        sweeps: fleet.sweeps(),
        erasures,
        table,
        stage: stage.clone(),
    };
    let copies = evidence.deliveries.iter().filter(|it| it.copy > 0).count();
    stage.count(Fault::WebhookRepeated, copies as u64);
    let attempts = evidence.deliveries.iter().flat_map(|it| &it.attempts);
    let lost = attempts.filter(|it| matches!(it.outcome, AttemptOutcome::AnswerLost(_)));
    stage.count(Fault::WebhookAnswerLost, lost.count() as u64);
    let findings = judge(&evidence);
    let messages = evidence
        .sessions
        .iter()
        .flat_map(|session| &session.lines)
        .filter(|line| line.is_message())
        .count();
    let (calls, sandboxes) = fleet.counts();
    let (lines, digest) = stage.story.end();
    Ok(Outcome {
        seed,
        findings,
        lines,
        digest,
        simulated: stage.clock.now() - BEGINS,
        messages: messages as u64,
        calls,
        sandboxes,
        struck: stage.struck(),
    })
}

/// Lets the hub come to rest: until the platform has nothing more to say, nobody is with
/// the bot, and the stream is read; and then for the time of a few ticks.
async fn catch_up(stage: &Stage, gladly: &GladlySim, shards: &Shards) {
    let ends = stage.clock.now() + CATCHES_UP_WITHIN;
    let mut rested = 0;
    while rested < 3 && stage.clock.now() < ends {
        pause(60_000).await;
        let told = gladly
            .deliveries()
            .iter()
            .all(|delivery| delivery.state != DeliveryState::Pending);
        let served = gladly
            .transcript()
            .iter()
            .all(|session| session.state != SessionState::Automation);
        rested = if told && served && shards.are_read() {
            rested + 1
        } else {
            0
        };
    }
}

fn settings(gladly: &GladlySim, spans: Spans, random: &mut Random) -> Settings {
    let config = gladly.config();
    let mut policy = Policy::gladly(Some(config.default_inbox.id.clone()));
    policy.timers.customer_silent = Some(spans.customer_silent);
    policy.timers.bot_owes = Some(spans.bot_owes);
    if random.below(4) == 0 {
        policy.on_bot_silence = OnBotSilence::Close;
    }
    let connection = Connection {
        id: CONNECTION.to_owned(),
        endpoint: ENDPOINT.to_owned(),
        platform: Platform::Gladly,
        base_url: GLADLY.to_owned(),
        addresses: vec![config.app_address.clone()],
        api_user: config.agent_email.clone(),
        api_token: SecretText::new(config.api_token.clone()),
        bot: Some(Bot {
            url: BOT.to_owned(),
            format: BotFormat::Baton,
            basic: None,
            signing_keys: Vec::new(),
        }),
        policy,
        text_on_bus: false,
        keep_messages: 90 * baton_domain::time::DAY,
        repair_webhook: true,
    };
    let endpoint = Endpoint {
        id: ENDPOINT.to_owned(),
        platform: Platform::Gladly,
        accepts: vec![WebhookCredentials {
            basic: Some((WEBHOOK_USER.to_owned(), SecretText::new(WEBHOOK_PASSWORD))),
            headers: Vec::new(),
            until: None,
        }],
    };
    Settings {
        revision: "1".to_owned(),
        endpoints: BTreeMap::from([(endpoint.id.clone(), endpoint)]),
        connections: BTreeMap::from([(connection.id.clone(), connection)]),
        public_url: Some(HUB.to_owned()),
    }
}

async fn connect_platform(gladly: &GladlySim, fleet: &Fleet) -> Result<(), RunError> {
    let to = fleet.far_view();
    gladly.carry_webhooks(move |post| gateway::webhook(to.get(), post));
    let webhook = WebhookConfig::new(&format!("{HUB}/webhooks/gladly/{ENDPOINT}"))
        .basic(WEBHOOK_USER, WEBHOOK_PASSWORD)
        .event("AUTOMATION/MESSAGE_SENT")
        .event("CONVERSATION/CLOSED")
        .event("CONVERSATION_ASSIGNEE/UPDATED")
        .event("CUSTOMER/MERGED");
    for _ in 0..20 {
        if gladly.connect(webhook.clone()).await.is_ok() {
            return Ok(());
        }
    }
    Err(RunError::Platform(
        "the webhook could not be enabled".to_owned(),
    ))
}

fn set_webhook_faults(stage: &Stage, gladly: &GladlySim, random: &mut Random) {
    let chance = |fault: Fault| match stage.weather.of(fault) {
        chance if chance > 0.0 => Chance::Probability(chance),
        _ => Chance::Never,
    };
    gladly.set_faults(Faults {
        webhook: WebhookFaults {
            duplicate: chance(Fault::WebhookRepeated),
            copies: 1 + u32::try_from(random.below(7)).unwrap_or(0),
            concurrent: random.below(2) == 0,
            delay: chance(Fault::WebhookDelayed),
            delay_ms: if unit(random) < 0.5 { 2_000 } else { 30_000 },
            reorder: chance(Fault::WebhookOvertaken),
            reorder_ms: 5_000,
            lose_answer: chance(Fault::WebhookAnswerLost),
        },
        api: Vec::new(),
    });
    if random.below(2) == 0 {
        gladly.configure(|config| config.delivery_order = DeliveryOrder::Concurrent);
    }
}

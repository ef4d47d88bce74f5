//! The platform switches the webhook off, and the hub finds out, switches it on again and
//! fetches what it did not hear.

use crate::gate::Gate;
use crate::stage::{SOON, message_event};
use baton_domain::{Event, HolderKind, Timestamp};
use baton_hub::checkup::State;
use baton_hub::facts::iso;
use baton_hub::source::token_hash;
use baton_hub::store::Mechanism;
use baton_hub::store::records::{Role, TokenRecord};
use baton_local::commands::{Running, ServeOptions, serve};
use baton_local::demo_settings::DemoTimers;
use baton_simulators::bot::{BotConfig, SampleBot};
use baton_simulators::gladly::{GladlyConfig, GladlySim, Speaker, WebhookConfig};
use baton_simulators::serving::Served;
use serde_json::Value;
use std::time::Duration;

const CONNECTION: &str = "shop-chat";
const TOKEN: &str = "test-token-bot";

/// A hub behind a gate, its platform and its bot.
struct World {
    running: Running,
    gate: Gate,
    gladly: GladlySim,
    bot: SampleBot,
    webhook: String,
    _served: [Served; 2],
}

fn settings(gate: &str, gladly: &str, bot: &str, sim: &GladlyConfig, repair: bool) -> String {
    let (address, inbox) = (&sim.app_address, &sim.default_inbox.id);
    let (email, token) = (&sim.agent_email, &sim.api_token);
    format!(
        r#"[hub]
public_url = "{gate}"
[[endpoint]]
id = "gladly-main"
platform = "gladly"
[endpoint.secrets]
username = "webhook-user"
password = "test-secret-webhook"
[[connection]]
id = "{CONNECTION}"
endpoint = "gladly-main"
base_url = "{gladly}"
addresses = ["{address}"]
default_inbox = "{inbox}"
repair_webhook = {repair}
[connection.secrets]
agent_email = "{email}"
api_token = "{token}"
[connection.bot]
url = "{bot}"
format = "gladly"
"#
    )
}

impl World {
    async fn new(name: &str, sim: GladlyConfig, repair: bool) -> Self {
        let gate = Gate::new().await;
        let sim = GladlyConfig {
            // Two and a half seconds instead of 95 minutes.
            retry_scale: 0.000_45,
            events_behind_ms: 0,
            ..sim
        };
        let gladly = GladlySim::new(sim.clone());
        let platform = gladly.serve().await.expect("the platform is served");
        let bot = SampleBot::new(BotConfig {
            token: TOKEN.to_owned(),
            ..BotConfig::default()
        });
        let bot_served = bot.serve().await.expect("the bot is served");
        let toml = settings(
            gate.url(),
            &platform.base_url,
            &bot_served.base_url,
            &sim,
            repair,
        );
        let file = std::env::temp_dir().join(format!("baton-{name}-{}.toml", std::process::id()));
        std::fs::write(&file, toml).expect("the configuration is written");
        let options = ServeOptions {
            host: "127.0.0.1".to_owned(),
            port: 0,
            data: None,
            config: Some(file.clone()),
            timers: DemoTimers::default(),
        };
        let running = serve(&options).await.expect("the hub starts");
        let _gone = std::fs::remove_file(file);
        gate.lead_to(&running.base_url);
        bot.configure(|bot| bot.base_url = format!("{}/gladly", running.base_url));
        let record = TokenRecord {
            name: "bot".to_owned(),
            role: Role::Bot,
            connections: None,
            agent: None,
            expires: None,
        };
        let store = &running.hub.core.store;
        let kept = store.put_token(&token_hash(TOKEN), &record).await;
        kept.expect("the token is kept");
        let url = format!("{}/webhooks/gladly/gladly-main", gate.url());
        let webhook = WebhookConfig::new(&url)
            .basic("webhook-user", "test-secret-webhook")
            .event("CONVERSATION/CLOSED")
            .event("CONVERSATION_ASSIGNEE/UPDATED")
            .event("CUSTOMER/MERGED");
        let webhook = gladly.connect(webhook).await.expect("it is enabled");
        Self {
            running,
            gate,
            gladly,
            bot,
            webhook,
            _served: [platform, bot_served],
        }
    }

    fn write(&self, name: &str, text: &str) {
        let written = self.gladly.customer_writes(name, text);
        written.expect("the customer can write");
    }

    /// Waits until it is so.
    async fn until(&self, what: &str, mut is: impl AsyncFnMut() -> bool) {
        let end = tokio::time::Instant::now() + SOON;
        while !is().await {
            assert!(tokio::time::Instant::now() < end, "waited in vain: {what}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn state(&self) -> State {
        let kept = self.running.hub.core.store.checkup(CONNECTION).await;
        let kept = kept.expect("the table can be read");
        kept.map(|kept| State::read(&kept.data)).unwrap_or_default()
    }

    /// Makes the connection's next check due now, and waits until the sweep has made it.
    async fn check(&self, change: impl FnOnce(&mut State)) {
        let core = &self.running.hub.core;
        let (store, now) = (&core.store, core.clock.now());
        store
            .arm_checkup(CONNECTION, now)
            .await
            .expect("it is armed");
        let kept = store.checkup(CONNECTION).await.expect("it can be read");
        let kept = kept.expect("it is armed");
        let mut state = State::read(&kept.data);
        change(&mut state);
        let data = state.to_json();
        let moved = store.keep_checkup(CONNECTION, kept.due, &data, now).await;
        assert!(
            moved.expect("the table can be written"),
            "nobody checks now"
        );
        let due = now.seconds_up();
        self.until("the check", async || {
            let kept = core.store.checkup(CONNECTION).await;
            let kept = kept.expect("the table can be read").expect("it is armed");
            // Claimed for a minute while it is made.
            kept.due != due && kept.data != data
        })
        .await;
    }

    /// Makes the webhook be looked at now.
    async fn look(&self) {
        self.check(|state| {
            state.looked_at = None;
            state.examined_at = Some(Timestamp(i64::MAX / 4));
        })
        .await;
    }

    /// Waits until the present pass through the gap is over.
    async fn pass(&self, passes: usize) {
        self.until("a pass through the gap", async || {
            let state = self.state().await;
            state.gap.is_none_or(|gap| gap.passes >= passes)
        })
        .await;
    }

    async fn switched_off(&self) {
        let off = |sim: &GladlySim| sim.webhook_enabled(&self.webhook) == Some(false);
        assert!(self.gladly.wait_until(SOON, off).await, "Gladly gives up");
    }

    /// What is in the log of the customer's sessions, as the platform's ids of messages.
    async fn logged(&self, name: &str) -> Vec<String> {
        let hub = &self.running.hub;
        let key = hub.core.id_key.held().expect("a key");
        let mut ids = Vec::new();
        for session in self.gladly.sessions_of(name) {
            let thread = key.thread(CONNECTION, &session.session_id);
            let entries = hub.core.store.entries(&thread, 1, 1_000, Mechanism::Read);
            for entry in entries.await.expect("the log") {
                ids.extend(entry.events.iter().filter_map(|event| match event {
                    Event::Received { id, .. } => Some(id.clone()),
                    _ => None,
                }));
            }
        }
        ids
    }

    /// What the customer wrote to the bot, as the platform has it.
    fn written(&self, name: &str) -> (Vec<String>, Vec<String>) {
        let sessions = self.gladly.sessions_of(name);
        let lines = sessions.iter().flat_map(|session| &session.lines);
        let own = lines.filter(|line| line.from == Speaker::Customer && line.is_message());
        own.map(|line| (line.message_id.clone(), line.text().to_owned()))
            .unzip()
    }

    /// The texts of this customer that the bot was told, in order.
    fn told(&self, name: &str) -> Vec<String> {
        let told = self.bot.told();
        let texts = told.iter().filter_map(|told| told.text.clone());
        texts.filter(|text| text.contains(name)).collect()
    }

    /// Everything that these customers wrote is in the log once and in order, and the bot
    /// was told each once, in order.
    async fn nothing_is_lost_or_doubled(&self, names: &[&str]) {
        for name in names {
            let (ids, texts) = self.written(name);
            self.until(&format!("the bot is told what {name} wrote"), async || {
                self.told(name).len() >= texts.len()
            })
            .await;
            assert_eq!(self.logged(name).await, ids, "{name}");
            assert_eq!(self.told(name), texts, "{name}");
        }
        let violations = self.gladly.violations();
        assert!(
            violations.is_empty(),
            "the platform complains: {violations:#?}"
        );
    }

    fn on_bus(&self, name: &str) -> Vec<Value> {
        let mut events = self.running.hub.bus.recent();
        events.retain(|event| event["detail-type"] == name);
        events
    }

    /// Customers talk; then the hub takes nothing in, until the platform gives up.
    async fn outage(&self) {
        for name in ["ada", "bob", "dora"] {
            self.write(name, &format!("silent hello from {name}"));
        }
        self.look().await;
        assert!(self.state().await.on_at.is_some(), "it is on");
        self.until("the bot has heard all", async || {
            ["ada", "bob", "dora"]
                .iter()
                .all(|name| self.told(name).len() == 1)
        })
        .await;
        self.running
            .hub
            .caught_up()
            .await
            .expect("the stream is read");
        self.gate.close(true);
        for number in 1..=3 {
            self.write("ada", &format!("silent {number} by ada while it fails"));
            self.write("bob", &format!("silent {number} by bob while it fails"));
        }
        self.switched_off().await;
        self.write("ada", "silent last of ada while it is off");
        self.write("carl", "silent first of carl while it is off");
    }
}

#[tokio::test]
async fn a_webhook_that_was_switched_off_is_repaired_and_nothing_is_lost_or_doubled() {
    let world = World::new("repair", GladlyConfig::default(), true).await;
    world.outage().await;
    // While deliveries still fail, so does switching it on.
    world.look().await;
    assert_eq!(world.gladly.webhook_enabled(&world.webhook), Some(false));
    world.look().await;
    assert_eq!(world.on_bus("webhook.disabled").len(), 1, "told once");
    assert_eq!(world.on_bus("webhook.repaired"), [] as [Value; 0]);

    world.gate.close(false);
    world.look().await;
    assert_eq!(world.gladly.webhook_enabled(&world.webhook), Some(true));
    let repaired = world.on_bus("webhook.repaired");
    assert_eq!(repaired.len(), 1);
    assert_eq!(repaired[0]["detail"]["data"]["by"], "hub");
    world.pass(1).await;
    world
        .nothing_is_lost_or_doubled(&["ada", "bob", "dora"])
        .await;

    // A retry that was on its way comes after all, as an event that nobody has seen.
    let sessions = world.gladly.sessions_of("ada");
    let mut lines = sessions[0].lines.iter().rev();
    let line = lines.find(|line| line.from == Speaker::Customer);
    let line = line.expect("she wrote");
    let late = message_event(
        "a-late-event",
        &sessions[0].session_id,
        &line.message_id,
        line.text(),
        &iso(Timestamp(line.at)),
    );
    let url = format!("{}/webhooks/gladly/gladly-main", world.gate.url());
    let request = reqwest::Client::new().post(url).body(late);
    let request = request.basic_auth("webhook-user", Some("test-secret-webhook"));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);

    // Nobody knew of Carl's session until it speaks again.
    world.write("carl", "silent second of carl");
    world
        .until("carl is heard", async || world.told("carl").len() == 1)
        .await;
    world
        .running
        .hub
        .caught_up()
        .await
        .expect("the stream is read");
    for passes in 2..=3 {
        let now = world.running.hub.core.clock.now();
        let soon = |state: &mut State| {
            if let Some(gap) = &mut state.gap {
                gap.next = now;
            }
        };
        world.check(soon).await;
        world.pass(passes).await;
    }
    assert_eq!(world.state().await.gap, None, "it is filled");
    world
        .until("all of carl", async || world.told("carl").len() == 2)
        .await;
    let (mut ids, mut logged) = (world.written("carl").0, world.logged("carl").await);
    ids.sort();
    logged.sort();
    assert_eq!(logged, ids, "late, but there, and once");
    world
        .nothing_is_lost_or_doubled(&["ada", "bob", "dora"])
        .await;
}

#[tokio::test]
async fn where_the_events_api_tells_what_customers_said_new_sessions_are_found_at_once() {
    let sim = GladlyConfig {
        automation_events: true,
        ..GladlyConfig::default()
    };
    let world = World::new("repair-events", sim, true).await;
    world.outage().await;
    world.gate.close(false);
    world.look().await;
    world.pass(1).await;
    world
        .nothing_is_lost_or_doubled(&["ada", "bob", "carl", "dora"])
        .await;
}

#[tokio::test]
async fn what_is_fetched_while_it_also_comes_is_there_once() {
    let world = World::new("repair-race", GladlyConfig::default(), true).await;
    world.write("eve", "silent hello from eve");
    world.look().await;
    world
        .until("eve is heard", async || world.told("eve").len() == 1)
        .await;
    world
        .running
        .hub
        .caught_up()
        .await
        .expect("the stream is read");
    world.gate.close(true);
    for number in 1..=20 {
        world.write("eve", &format!("silent {number} by eve"));
    }
    world.switched_off().await;
    world.gate.close(false);
    // Retries of the platform, under ids of events that nobody has seen, while the same
    // messages are fetched.
    let session = world.gladly.sessions_of("eve").remove(0);
    let (ids, texts) = world.written("eve");
    let written = session.lines.iter();
    let written = written.filter(|line| line.from == Speaker::Customer && line.is_message());
    let retries = async {
        for (number, line) in written.enumerate().skip(1) {
            let (event, id) = (format!("late-{number}"), &line.message_id);
            // Recorded a moment after the message.
            let at = iso(Timestamp(line.at + 1_500));
            let late = message_event(&event, &session.session_id, id, line.text(), &at);
            let url = format!("{}/webhooks/gladly/gladly-main", world.gate.url());
            let request = reqwest::Client::new().post(url).body(late);
            let request = request.basic_auth("webhook-user", Some("test-secret-webhook"));
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 200);
        }
    };
    let repair = async {
        world.look().await;
        world.pass(1).await;
    };
    tokio::join!(repair, retries);
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(world.logged("eve").await), sorted(ids));
    let told = async || world.told("eve").len() >= texts.len();
    world.until("eve is heard", told).await;
    assert_eq!(sorted(world.told("eve")), sorted(texts.clone()));
}

#[tokio::test]
async fn what_agents_did_meanwhile_is_followed() {
    let world = World::new("repair-agents", GladlyConfig::default(), true).await;
    world.write("dora", "agent, please: dora");
    world
        .until("dora is handed off", async || queued(&world).await == 1)
        .await;
    world.look().await;
    world.gate.close(true);
    world.gladly.agent_accepts("dora", None).expect("she can");
    world.gladly.agent_closes("dora").expect("she can");
    world.switched_off().await;
    assert_eq!(queued(&world).await, 1, "the hub did not hear of it");
    world.gate.close(false);
    world.look().await;
    world
        .until("the close is known", async || queued(&world).await == 0)
        .await;
    let closed = world.on_bus("conversation.closed");
    assert_eq!(closed[0]["detail"]["data"]["reason"], "agent", "{closed:?}");
}

async fn queued(world: &World) -> usize {
    let store = &world.running.hub.core.store;
    let rows = store.open_rows(CONNECTION, HolderKind::Queue, 10, None);
    rows.await.expect("the index can be read").len()
}

#[tokio::test]
async fn where_repairing_is_not_allowed_it_is_told_and_the_gap_filled_once_somebody_did() {
    let world = World::new("repair-by-hand", GladlyConfig::default(), false).await;
    world.outage().await;
    world.gate.close(false);
    world.look().await;
    world.look().await;
    assert_eq!(world.gladly.webhook_enabled(&world.webhook), Some(false));
    let told = world.on_bus("webhook.disabled");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["detail"]["data"]["repairs"], false);
    assert!(told[0]["detail"]["data"]["switched_off_at"].is_string());
    let enabled = world.gladly.enable_webhook(&world.webhook).await;
    enabled.expect("its PING is answered");
    world.look().await;
    world.pass(1).await;
    world
        .nothing_is_lost_or_doubled(&["ada", "bob", "dora"])
        .await;
    assert_eq!(
        world.on_bus("webhook.repaired")[0]["detail"]["data"]["by"],
        "platform"
    );
}

#[tokio::test]
async fn a_connection_is_checked_each_day_and_the_bus_is_told() {
    let world = World::new("checked", GladlyConfig::default(), true).await;
    let examine = |state: &mut State| {
        state.looked_at = Some(Timestamp(i64::MAX / 4));
        state.examined_at = None;
    };
    world.check(examine).await;
    let checked = world.on_bus("connection.checked");
    let last = &checked.last().expect("it was told")["detail"]["data"];
    assert_eq!(last["errors"], 0, "{last}");
    assert_eq!(world.on_bus("connection.unhealthy"), [] as [Value; 0]);
    // A look when all is well: what it costs, every five minutes. (6 write units, 1 read.)
    world.look().await;
    let units = world.running.hub.core.store.units();
    let before = units.tallies()[&Mechanism::Checkup];
    let core = &world.running.hub.core;
    let kept = core.store.checkup(CONNECTION).await.expect("it is kept");
    let due = Timestamp(kept.expect("it is armed").due * 1_000);
    assert!(
        due.since(core.clock.now()) > 200_000,
        "not before five minutes"
    );
    world.look().await;
    let after = units.tallies()[&Mechanism::Checkup];
    // Making it due, and waiting for it, is the test's.
    let (write, calls) = (after.write - before.write, after.calls - before.calls);
    assert!(write <= 10.0, "{write} write units in {calls} requests");
    world.bot.configure(|bot| bot.dead = true);
    world.check(examine).await;
    let ill = world.on_bus("connection.unhealthy");
    assert_eq!(
        ill[0]["detail"]["data"]["findings"][0]["code"],
        "bot_refuses"
    );
}

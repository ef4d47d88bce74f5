//! The platform switches the webhook off, and the hub finds out, switches it on again and
//! fetches what it did not hear.
//!
//! | module | subject |
//! |---|---|
//! | `filled` | what was missed is fetched, without a duplicate |
//! | `checked` | what is told, and by hand repaired, and the daily check |

mod checked;
mod filled;

use crate::gate::Gate;
use crate::stage::SOON;
use baton_domain::{Event, Timestamp};
use baton_hub::checkup::State;
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

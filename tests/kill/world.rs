//! A hub of processes between a simulated platform and a sample bot.

use crate::load::Chat;
use crate::storm::Watch;
use baton_domain::Thread;
use baton_local::engine::Faults;
use baton_local::gateway;
use baton_local::invoke::Functions;
use baton_local::schedule::Schedules;
use baton_local::streams::Streams;
use baton_simulators::bot::{BotConfig, SampleBot};
use baton_simulators::gladly::{GladlyConfig, GladlySim, WebhookConfig};
use baton_simulators::serving::{Served, serve};
use baton_tests::built;
use baton_tests::sandboxes::Sandboxes;
use baton_tests::scene::{
    BOT_PASSWORD, BOT_USER, ENDPOINT, Parties, Scene, TABLE, WEBHOOK_PASSWORD, WEBHOOK_USER,
    thread_of,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The minute rule, faster: a sweep that was killed is missing until the next tick.
const TICK: Duration = Duration::from_secs(10);
/// Gladly's own waits of 30 s, 5 min, 30 min and 1 h, faster. Five failures switch a
/// webhook off, here as there.
const RETRY_SCALE: f64 = 0.01;

pub(crate) struct World {
    pub(crate) gladly: GladlySim,
    pub(crate) bot: SampleBot,
    pub(crate) sandboxes: Sandboxes,
    pub(crate) scene: Scene,
    pub(crate) webhook: String,
    /// The base URL of webhooks and API.
    pub(crate) front: String,
    log: PathBuf,
    streams: Streams,
    schedules: Schedules,
    _served: [Served; 3],
}

impl World {
    /// Everything running and connected.
    pub(crate) async fn set(seed: u64) -> Self {
        Self::in_weather(seed, None, &Watch::default()).await
    }

    /// The same, with functions that see the database through these faults, and are
    /// watched from where HTTP comes in.
    pub(crate) async fn in_weather(
        seed: u64,
        faults: Option<Arc<dyn Faults>>,
        watch: &Watch,
    ) -> Self {
        let gladly = GladlySim::new(GladlyConfig {
            retry_scale: RETRY_SCALE,
            // The limit is another test's subject; here it would only thin out the load.
            rate_limit: None,
            seed,
            ..GladlyConfig::default()
        });
        let platform = gladly.serve().await.expect("a port");
        let bot = SampleBot::new(BotConfig {
            webhook_credentials: Some((BOT_USER.to_owned(), BOT_PASSWORD.to_owned())),
            token: "test-token-bot".to_owned(),
            tries: 12,
            backoff_ms: 50,
            ..BotConfig::default()
        });
        let bot_served = bot.serve().await.expect("a port");
        let config = gladly.config();
        let parties = Parties {
            gladly: platform.base_url.clone(),
            address: config.app_address.clone(),
            credentials: (config.agent_email.clone(), config.api_token.clone()),
            inbox: config.default_inbox.id.clone(),
            bot: bot_served.base_url.clone(),
        };
        let name = format!(
            "baton-kill-{}-{}.log",
            std::process::id(),
            platform.address.port()
        );
        let log = std::env::temp_dir().join(name);
        let binaries = built::functions(&[]).expect("the functions can be built");
        let sandboxes = Sandboxes::serve(&binaries, &log).await.expect("a port");
        let functions: Arc<dyn Functions> = Arc::new(sandboxes.clone());
        // Kills make the bot late, which is no reason here to take it the conversation.
        let scene = Scene::with(
            &parties,
            "bot_owes = \"200s\"",
            faults,
            Arc::clone(&functions),
        )
        .await
        .expect("the scene can be set");
        for spec in &scene.template.functions {
            let mut environment = scene.environment(&spec.name).expect("an environment");
            environment.insert("RUST_LOG".to_owned(), "warn".to_owned());
            sandboxes.add(&spec.name, environment, spec.timeout);
        }
        let clock = Arc::clone(scene.engine.clock());
        let front = gateway::router(
            Arc::clone(&scene.template),
            watch.over(Arc::clone(&functions)),
            clock.clone(),
        );
        let front = serve(front).await.expect("a port");
        bot.configure(|bot| bot.base_url = format!("{}/gladly", front.base_url));
        let (streams, letters) = (&scene.template.streams, &scene.dead_letters);
        let streams = Streams::start(&scene.engine, TABLE, streams, &functions, letters)
            .await
            .expect("the stream can be read");
        let mut ticks = scene.template.schedules.clone();
        ticks.iter_mut().for_each(|tick| tick.every = TICK);
        let schedules = Schedules::start(&ticks, &functions, &scene.dead_letters, &clock);
        let webhook = format!("{}/webhooks/gladly/{ENDPOINT}", front.base_url);
        let webhook = WebhookConfig::new(&webhook)
            .basic(WEBHOOK_USER, WEBHOOK_PASSWORD)
            .event("AUTOMATION/MESSAGE_SENT")
            .event("CONVERSATION/CLOSED")
            .event("CONVERSATION_ASSIGNEE/UPDATED");
        let webhook = gladly
            .connect(webhook)
            .await
            .expect("the hub answers the PING");
        Self {
            gladly,
            bot,
            sandboxes,
            scene,
            webhook,
            front: front.base_url.clone(),
            log,
            streams,
            schedules,
            _served: [platform, bot_served, front],
        }
    }

    /// What the hub knows of a session.
    pub(crate) async fn thread(&self, session: &str) -> Thread {
        let loaded = self.scene.store.load(&thread_of(session)).await;
        loaded.expect("the thread can be read").thread
    }

    /// Waits until the hub has nothing left to do for any of them; false if that takes
    /// longer than the limit.
    pub(crate) async fn settles(&self, chats: &[Chat], limit: Duration) -> bool {
        let end = Instant::now() + limit;
        for chat in chats {
            loop {
                let thread = self.thread(&chat.session).await;
                let ended = thread.open().is_none() || !chat.ends();
                if thread.outbox.is_empty() && thread.untold.is_none() && ended {
                    break;
                }
                if Instant::now() > end {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        true
    }

    /// Ends everything that runs.
    pub(crate) async fn end(self) {
        self.schedules.stop().await;
        self.streams.stop().await;
        let _gone = std::fs::remove_file(&self.log);
    }
}

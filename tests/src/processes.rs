//! A hub of real processes, one for each sandbox, between a simulated platform and a
//! sample bot: everything over sockets, but for what AWS itself does, which is the local
//! hub's.

use crate::sandboxes::Sandboxes;
use crate::scene::{
    BOT_PASSWORD, BOT_USER, ENDPOINT, Failed, Parties, Scene, TABLE, WEBHOOK_PASSWORD,
    WEBHOOK_USER, thread_of,
};
use baton_domain::Thread;
use baton_local::engine::Faults;
use baton_local::gateway;
use baton_local::invoke::Functions;
use baton_local::schedule::Schedules;
use baton_local::streams::Streams;
use baton_simulators::bot::{BotConfig, SampleBot};
use baton_simulators::gladly::{GladlyConfig, GladlySim, WebhookConfig};
use baton_simulators::serving::{Served, serve};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What is in front of the functions: takes them, and answers what is called instead.
pub type Around = Box<dyn FnOnce(Arc<dyn Functions>) -> Arc<dyn Functions> + Send>;

/// What a hub of processes is made from.
pub struct Plan {
    /// The folder of the functions' binaries.
    pub binaries: PathBuf,
    /// Decides the simulated platform's ids.
    pub seed: u64,
    /// How often the sweep's rule ticks.
    pub tick: Duration,
    /// Gladly's waits before it delivers again, times this.
    pub retry_scale: f64,
    /// Lines of `[connection.timers]`.
    pub timers: String,
    /// The functions' level of logs.
    pub log_level: &'static str,
    /// How the functions see the database.
    pub faults: Option<Arc<dyn Faults>>,
    /// What every call of a function passes through.
    pub around_all: Option<Around>,
    /// What calls from the HTTP front pass through.
    pub around_http: Option<Around>,
    /// The bot, but for where it lives and its credentials.
    pub bot: BotConfig,
}

impl Plan {
    /// The template's schedule, Gladly's waits and timers, no faults.
    #[must_use]
    pub fn new(binaries: PathBuf) -> Self {
        Self {
            binaries,
            seed: 0,
            tick: Duration::from_secs(60),
            retry_scale: 1.0,
            timers: String::new(),
            log_level: "info",
            faults: None,
            around_all: None,
            around_http: None,
            bot: BotConfig::default(),
        }
    }
}

/// A running hub of processes.
pub struct ProcessHub {
    /// The platform.
    pub gladly: GladlySim,
    /// The bot.
    pub bot: SampleBot,
    /// The functions' processes.
    pub sandboxes: Sandboxes,
    /// The table, the bus, and AWS on a local port.
    pub scene: Scene,
    /// The id of the platform's webhook.
    pub webhook: String,
    /// The base URL of webhooks and API.
    pub front: String,
    log: PathBuf,
    streams: Streams,
    schedules: Schedules,
    _served: [Served; 3],
}

impl fmt::Debug for ProcessHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessHub")
            .field("front", &self.front)
            .finish_non_exhaustive()
    }
}

impl ProcessHub {
    /// Starts everything and connects it.
    ///
    /// # Errors
    /// When a port cannot be bound, or something does not start.
    pub async fn start(plan: Plan) -> Result<Self, Failed> {
        let gladly = GladlySim::new(GladlyConfig {
            retry_scale: plan.retry_scale,
            // The limit is another test's subject; here it would only thin out the load.
            rate_limit: None,
            seed: plan.seed,
            ..GladlyConfig::default()
        });
        let platform = gladly.serve().await?;
        let bot = SampleBot::new(BotConfig {
            webhook_credentials: Some((BOT_USER.to_owned(), BOT_PASSWORD.to_owned())),
            token: "test-token-bot".to_owned(),
            ..plan.bot
        });
        let bot_served = bot.serve().await?;
        let config = gladly.config();
        let parties = Parties {
            gladly: platform.base_url.clone(),
            address: config.app_address.clone(),
            credentials: (config.agent_email.clone(), config.api_token.clone()),
            inbox: config.default_inbox.id.clone(),
            bot: bot_served.base_url.clone(),
        };
        let name = format!(
            "baton-functions-{}-{}.log",
            std::process::id(),
            platform.address.port()
        );
        let log = std::env::temp_dir().join(name);
        let sandboxes = Sandboxes::serve(&plan.binaries, &log).await?;
        let mut functions: Arc<dyn Functions> = Arc::new(sandboxes.clone());
        if let Some(around) = plan.around_all {
            functions = around(functions);
        }
        let scene =
            Scene::with(&parties, &plan.timers, plan.faults, Arc::clone(&functions)).await?;
        for spec in &scene.template.functions {
            let mut environment = scene.environment(&spec.name)?;
            environment.insert("RUST_LOG".to_owned(), plan.log_level.to_owned());
            sandboxes.add(&spec.name, environment, spec.timeout);
        }
        let clock = Arc::clone(scene.engine.clock());
        let for_http = match plan.around_http {
            Some(around) => around(Arc::clone(&functions)),
            None => Arc::clone(&functions),
        };
        let front = gateway::router(Arc::clone(&scene.template), for_http, clock.clone());
        let front = serve(front).await?;
        bot.configure(|bot| bot.base_url = format!("{}/gladly", front.base_url));
        let (streams, letters) = (&scene.template.streams, &scene.dead_letters);
        let streams = Streams::start(&scene.engine, TABLE, streams, &functions, letters).await?;
        let mut ticks = scene.template.schedules.clone();
        ticks.iter_mut().for_each(|tick| tick.every = plan.tick);
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
            .map_err(|error| format!("the hub did not answer the PING: {error:?}"))?;
        Ok(Self {
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
        })
    }

    /// What the hub knows of a session.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn thread(&self, session: &str) -> Result<Thread, Failed> {
        Ok(self.scene.store.load(&thread_of(session)).await?.thread)
    }

    /// Where the functions write their logs.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until the stream's readers have read everything there is.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub async fn caught_up(&self) -> Result<(), Failed> {
        Ok(self.streams.caught_up().await?)
    }

    /// Ends everything that runs.
    pub async fn end(self) {
        self.schedules.stop().await;
        self.streams.stop().await;
        let _gone = std::fs::remove_file(&self.log);
    }
}

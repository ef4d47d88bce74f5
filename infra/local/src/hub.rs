//! The whole hub on one machine: every function behind an HTTP front, the embedded
//! database, its stream, the bus and the schedule, put together as the template says.

#[cfg(test)]
mod directory_tests;

use crate::bins::Bins;
use crate::bus::Bus as LocalBus;
use crate::dead_letters::DeadLetters;
use crate::engine::{Clock as EngineClock, Engine, EngineError, Location};
use crate::functions::{App, InProcess};
use crate::gateway;
use crate::invoke::Functions;
use crate::place::letters::{Records, Replays};
use crate::place::{Letters, Operator, SecretPlace, StoredSettings};
use crate::schedule::Schedules;
use crate::streams::{StreamError, Streams};
use crate::template::{Template, TemplateError};
use axum::Router;
use baton_domain::IdKey;
use baton_hub::api::{Api, OutboundApi};
use baton_hub::bus::Bus;
use baton_hub::calls::Calls;
use baton_hub::checkup::Armed;
use baton_hub::deliver::Deliverer;
use baton_hub::publish::Publisher;
use baton_hub::relay::Relay;
use baton_hub::settings::Settings;
use baton_hub::source::{SettingsCache, SettingsSource, TokenCache};
use baton_hub::store::Store;
use baton_hub::sweep::Sweep;
use baton_hub::telling::Teller;
use baton_hub::{Clock, Core};
use std::sync::Arc;
use std::time::Duration;

/// The table's name; nothing outside the process sees it.
pub const TABLE: &str = "baton";
/// How long a stop waits for the stream's readers.
const STREAM_SETTLES_WITHIN: Duration = Duration::from_secs(5);
/// How often expired items are removed.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);

/// What a local hub is made from.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The database.
    pub engine: Engine,
    /// Endpoints, connections, secrets; `None` takes those that were applied, and follows
    /// them.
    pub settings: Option<Settings>,
    /// The key of thread ids.
    pub id_key: IdKey,
    /// Time and chance.
    pub clock: Clock,
}

/// Why a hub did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The template in this program is not what it should be.
    #[error("the template: {0}")]
    Template(#[from] TemplateError),
    /// The database.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The stream.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// Files of the data folder.
    #[error("the data folder: {0}")]
    Files(#[from] std::io::Error),
    /// The HTTP client.
    #[error("the HTTP client: {0}")]
    Client(String),
}

/// A running hub.
pub struct LocalHub {
    /// The core, for looking inside.
    pub core: Core,
    /// The use cases, for the operator's commands.
    pub api: Api,
    /// Tells bots, for the PING at the start.
    pub teller: Teller,
    /// The bus.
    pub bus: LocalBus,
    /// What was given up.
    pub dead_letters: DeadLetters,
    /// The request bins.
    pub bins: Bins,
    /// Where the settings come from.
    pub settings: Arc<StoredSettings>,
    engine: Engine,
    template: Arc<Template>,
    functions: Arc<dyn Functions>,
    streams: Streams,
    schedules: Schedules,
    expiry: tokio::task::JoinHandle<()>,
}

impl std::fmt::Debug for LocalHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalHub")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

impl LocalHub {
    /// The functions, called as API Gateway, the stream or a rule calls them.
    #[must_use]
    pub fn functions(&self) -> &Arc<dyn Functions> {
        &self.functions
    }

    /// Every item of the table, as text: for tests of what is not there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn contents(&self) -> Result<Vec<String>, EngineError> {
        self.engine.contents(TABLE).await
    }

    /// Starts everything behind the front: table, stream, bus, schedule.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let template = Arc::new(Template::builtin()?);
        let engine = parts.engine;
        engine.create_table(&template.table, TABLE).await?;
        let dead_letters = match engine.data_folder() {
            Some(folder) => DeadLetters::in_folder(folder)?,
            None => DeadLetters::memory(),
        };
        let in_process = InProcess::default();
        let functions: Arc<dyn Functions> = Arc::new(in_process.clone());
        let engine_clock: Arc<dyn EngineClock> = Arc::clone(engine.clock());
        let bus = LocalBus::new(
            "baton",
            &template.bus_rules,
            Arc::clone(&functions),
            dead_letters.clone(),
            Arc::clone(&engine_clock),
        );
        let store = Store::new(engine.client(), TABLE);
        let secrets = match engine.data_folder() {
            Some(folder) => SecretPlace::in_folder(folder),
            None => SecretPlace::memory(),
        };
        let settings = StoredSettings::new(parts.settings, store.clone(), secrets);
        let settings = Arc::new(settings);
        let source: Arc<dyn SettingsSource> = settings.clone();
        let core = Core {
            store,
            clock: parts.clock.clone(),
            id_key: parts.id_key.into(),
            settings: SettingsCache::new(source),
        };
        crate::tls::install();
        let calls = Calls::new(parts.clock.clone(), 1)
            .map_err(|error| StartError::Client(error.to_string()))?;
        let app = app(core, Bus::new(bus.client(), "baton"), calls);
        let (api, core, teller) = (
            app.api.clone(),
            app.api.core.clone(),
            app.relay.teller.clone(),
        );
        in_process.start(app);
        let streams =
            Streams::start(&engine, TABLE, &template.streams, &functions, &dead_letters).await?;
        let schedules = Schedules::start(
            &template.schedules,
            &functions,
            &dead_letters,
            &engine_clock,
        );
        let expiry = tokio::spawn({
            let engine = engine.clone();
            async move { engine.keep_swept(EXPIRE_EVERY).await }
        });
        Ok(Self {
            core,
            api,
            teller,
            bus,
            dead_letters,
            bins: Bins::new(engine_clock),
            settings,
            engine,
            template,
            functions,
            streams,
            schedules,
            expiry,
        })
    }

    /// What an operator's commands reach.
    #[must_use]
    pub fn operator(&self) -> Operator {
        let replays = Replays {
            records: Records::Engine(self.engine.clone()),
            functions: Arc::clone(&self.functions),
            mappings: self.template.streams.clone(),
        };
        Operator {
            core: self.core.clone(),
            settings: self.settings.clone(),
            letters: Letters::Local(self.dead_letters.clone(), Some(replays)),
        }
    }

    /// The HTTP front: the template's routes, and the request bins below `/bin`.
    pub fn router(&self) -> Router {
        let clock = Arc::clone(self.engine.clock());
        gateway::router(
            Arc::clone(&self.template),
            Arc::clone(&self.functions),
            clock,
        )
        .merge(self.bins.router())
    }

    /// Waits until the stream's readers have read everything there is.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub async fn caught_up(&self) -> Result<(), StartError> {
        Ok(self.streams.caught_up().await?)
    }

    /// Stops: the schedule first, then the stream's readers, who finish their batch.
    pub async fn stop(self) {
        self.schedules.stop().await;
        self.expiry.abort();
        let _settled = tokio::time::timeout(STREAM_SETTLES_WITHIN, self.streams.stop()).await;
    }
}

/// Everything the handlers need, over one core.
pub(crate) fn app(core: Core, bus: Bus, calls: Calls) -> App {
    let deliverer = Deliverer {
        core: core.clone(),
        calls: calls.clone(),
    };
    let api = Api {
        core: core.clone(),
        tokens: TokenCache::default(),
    };
    let relay = Relay {
        deliverer: deliverer.clone(),
        teller: Teller::new(calls),
    };
    App {
        outbound: OutboundApi {
            api: api.clone(),
            deliverer,
        },
        api,
        publisher: Publisher {
            core,
            bus: bus.clone(),
        },
        sweep: Sweep {
            relay: relay.clone(),
            bus,
            armed: Armed::default(),
        },
        relay,
    }
}

/// Opens the database of a data folder, or one in memory.
///
/// # Errors
/// When it cannot be opened.
pub fn open_engine(data: Option<&std::path::Path>) -> Result<Engine, EngineError> {
    Engine::open(match data {
        Some(folder) => Location::File(folder.join("table.db")),
        None => Location::Memory,
    })
}

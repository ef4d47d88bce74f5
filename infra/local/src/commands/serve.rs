//! `baton serve`.

use super::{operator, private};
use crate::demo_settings::{self, BOT_PATH, CONNECTION, DemoTimers, GLADLY_PATH, TOKENS};
use crate::hub::{LocalHub, Parts, StartError, open_engine};
use axum::Router;
use baton_domain::IdKey;
use baton_hub::Clock;
use baton_hub::config::render_file;
use baton_hub::settings::Settings;
use baton_hub::source::token_hash;
use baton_simulators::bot::SampleBot;
use baton_simulators::gladly::{GladlyConfig, GladlySim};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How a hub is served.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The address to listen on.
    pub host: String,
    /// The port; 0 takes any.
    pub port: u16,
    /// The data folder; `None` keeps everything in memory.
    pub data: Option<PathBuf>,
    /// The configuration; `None` is the demonstration.
    pub config: Option<PathBuf>,
    /// The demonstration's timers.
    pub timers: DemoTimers,
}

/// Why a hub is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration has mistakes; the text shows them all.
    #[error("{0}")]
    Config(String),
    /// The address cannot be listened on.
    #[error("{address}: {problem}")]
    Listen {
        /// The address.
        address: String,
        /// Why, and what to do.
        problem: String,
    },
    /// The data folder.
    #[error("{0}")]
    Data(String),
    /// The hub did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The demonstration's webhook could not be enabled.
    #[error("the simulated Gladly: {0}")]
    Simulated(String),
}

/// A hub that is being served.
#[derive(Debug)]
pub struct Running {
    /// Where: `http://127.0.0.1:8787`.
    pub base_url: String,
    /// The hub.
    pub hub: LocalHub,
    /// The demonstration's platform and bot, where it is one.
    pub simulated: Option<(GladlySim, SampleBot)>,
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Stops: no new requests, then everything behind them.
    pub async fn stop(self) {
        let _told = self.stop.send(true);
        let _ended = tokio::time::timeout(std::time::Duration::from_secs(5), self.server).await;
        self.hub.stop().await;
    }
}

/// Serves a hub until it is stopped.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(options: &ServeOptions) -> Result<Running, ServeError> {
    let address = format!("{}:{}", options.host, options.port);
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| ServeError::Listen {
            problem: match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    "the port is in use; choose another with --port".to_owned()
                }
                _ => error.to_string(),
            },
            address: address.clone(),
        })?;
    let port = listener
        .local_addr()
        .map(|address| address.port())
        .unwrap_or(options.port);
    let base_url = format!("http://{}:{port}", reachable(&options.host));
    let gladly = GladlyConfig::default();
    let settings = match &options.config {
        Some(path) => from_file(path)?,
        None => demo_settings::settings(&base_url, &gladly, options.timers)
            .map_err(ServeError::Config)?,
    };
    let id_key = match &options.data {
        Some(folder) => private::id_key(folder),
        None => private::random_key().map(|key| IdKey::new(key.into_bytes())),
    }
    .map_err(ServeError::Data)?;
    let engine = open_engine(options.data.as_deref()).map_err(StartError::from)?;
    let hub = LocalHub::start(Parts {
        engine,
        settings,
        id_key,
        clock: Clock::real(),
    })
    .await?;
    let mut router = hub.router();
    let simulated = options.config.is_none().then(|| {
        (
            GladlySim::new(gladly),
            SampleBot::new(demo_settings::bot(&base_url)),
        )
    });
    if let Some((gladly, bot)) = &simulated {
        router = router
            .nest(GLADLY_PATH, gladly.router())
            .nest(BOT_PATH, bot.router());
    }
    let (stop, stopped) = watch::channel(false);
    let server = tokio::spawn(accept(listener, router, stopped));
    if let Some(folder) = &options.data {
        operator::listen(folder, &hub.core).map_err(ServeError::Data)?;
    }
    if let Some((gladly, _)) = &simulated {
        for (token, role) in TOKENS {
            let record = demo_settings::token_record(role);
            let kept = hub.core.store.put_token(&token_hash(token), &record).await;
            kept.map_err(|error| ServeError::Data(error.to_string()))?;
        }
        gladly
            .connect(demo_settings::webhook(&base_url))
            .await
            .map_err(ServeError::Simulated)?;
    }
    Ok(Running {
        base_url,
        hub,
        simulated,
        stop,
        server,
    })
}

async fn accept(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let until = async move {
        let _told = stopped.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, service)
        .with_graceful_shutdown(until)
        .await
    {
        tracing::error!(error = %error, "the HTTP front ended");
    }
}

/// The host under which this machine reaches what listens on `host`.
fn reachable(host: &str) -> &str {
    match host {
        "0.0.0.0" | "::" | "[::]" => "127.0.0.1",
        host => host,
    }
}

/// The settings of a configuration file.
fn from_file(path: &Path) -> Result<Settings, ServeError> {
    let checked = super::check::check_file(path).map_err(ServeError::Config)?;
    let toml = std::fs::read_to_string(path).unwrap_or_default();
    let file = path.display().to_string();
    match checked.settings {
        Some(settings) => {
            if !checked.mistakes.is_empty() {
                eprintln!("{}", render_file(&file, &checked.mistakes, &toml));
            }
            Ok(settings)
        }
        None => Err(ServeError::Config(render_file(
            &file,
            &checked.mistakes,
            &toml,
        ))),
    }
}

/// The command: serves until Ctrl-C or SIGTERM.
pub(super) async fn run(options: ServeOptions) -> Result<(), String> {
    log_to_stderr();
    let running = serve(&options).await.map_err(|error| error.to_string())?;
    greet(&running, &options);
    ping_bots(&running).await;
    wait_for_stop().await;
    println!("Stopping; everything accepted is in {}.", place(&options));
    running.stop().await;
    Ok(())
}

fn place(options: &ServeOptions) -> String {
    options.data.as_ref().map_or_else(
        || "memory, and gone now".to_owned(),
        |folder| folder.display().to_string(),
    )
}

/// The first screen: what runs where, and what to try next.
fn greet(running: &Running, options: &ServeOptions) {
    let base = &running.base_url;
    println!("Baton runs at {base}  (health: {base}/health, API: {base}/openapi.json)");
    match &options.data {
        Some(folder) => println!("  data       {}", folder.display()),
        None => println!("  data       in memory: gone when this stops"),
    }
    if running.simulated.is_some() {
        println!(
            "  Gladly     simulated, at {base}{GLADLY_PATH}   bot: a sample, at {base}{BOT_PATH}"
        );
        println!(
            "  tokens     demo-bot-token, demo-admin-token, demo-agent-token, demo-reader-token"
        );
        println!("Write as a customer, then look at the chat:");
        println!(
            "  curl -d '{{\"text\":\"hello\"}}' -H 'content-type: application/json' {base}{GLADLY_PATH}/control/customers/ada/messages"
        );
        println!("  curl {base}{GLADLY_PATH}/control/customers/ada");
        println!("See what the hub made of it (and `baton timeline ID` for one of them):");
        println!(
            "  curl -H 'authorization: Bearer demo-admin-token' '{base}/v1/conversations?connection={CONNECTION}'"
        );
        println!("`baton demo` plays a whole story. Ctrl-C stops.");
    } else {
        println!("  webhooks   {base}/webhooks/gladly/<endpoint>");
        println!("  tokens     `baton token create --help`");
        println!("  requests   {base}/bin/<name> shows what was posted there");
    }
}

/// Asks every connection's bot whether it is there, and says which are not.
async fn ping_bots(running: &Running) {
    let Ok(settings) = running.hub.core.settings().await else {
        return;
    };
    for connection in settings
        .connections
        .values()
        .filter(|connection| connection.bot.is_some())
    {
        let id = running.hub.core.clock.token(10);
        if let Err(error) = running.hub.teller.ping(connection, &id).await {
            eprintln!(
                "The bot of {} did not answer its PING: {error}. Messages are told again and again; check its URL.",
                connection.id
            );
        }
    }
}

async fn wait_for_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupted = tokio::signal::ctrl_c();
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        let _interrupted = interrupted.await;
        return;
    };
    tokio::select! {
        _ = interrupted => {}
        _ = terminated.recv() => {}
    }
}

fn log_to_stderr() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let _already = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .try_init();
}

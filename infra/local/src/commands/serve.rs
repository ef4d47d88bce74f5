//! `baton serve`.

use super::screen::first_screen;
use super::{operator, private, say};
use crate::demo_settings::{self, BOT_PATH, DemoTimers, GLADLY_PATH, TOKENS};
use crate::engine::Engine;
use crate::hub::{LocalHub, Parts, StartError, TABLE, open_engine};
use crate::template::Template;
use axum::Router;
use axum::routing::get;
use baton_domain::{IdKey, Timestamp};
use baton_hub::Clock;
use baton_hub::config::render_file;
use baton_hub::settings::Settings;
use baton_hub::source::token_hash;
use baton_hub::store::{Store, StoreError};
use baton_simulators::bot::SampleBot;
use baton_simulators::gladly::{GladlyConfig, GladlySim};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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
    /// The configuration; `None` is what was applied to the data folder, or else the
    /// demonstration.
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
    /// Others would reach the demonstration.
    #[error(
        "{0}: the demonstration listens on this machine only, since everybody knows its tokens and its simulated Gladly asks for none. Leave --host away, or name a configuration with --config"
    )]
    Exposed(SocketAddr),
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

/// Where the settings of a served hub come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsFrom {
    /// The configuration, read at the start.
    File,
    /// What was applied to the data folder; followed.
    Applied,
    /// The demonstration.
    Demonstration,
}

/// A hub that is being served.
#[derive(Debug)]
pub struct Running {
    /// Where: `http://127.0.0.1:8787`.
    pub base_url: String,
    /// Whether other machines can reach it.
    pub exposed: bool,
    /// Where its settings come from.
    pub settings: SettingsFrom,
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
    let listener = listen(options).await?;
    let bound = listener
        .local_addr()
        .map_err(|error| ServeError::Data(error.to_string()))?;
    // First the database: who holds its lock may make the key.
    let engine = open_engine(options.data.as_deref()).map_err(StartError::from)?;
    let from = match &options.config {
        Some(_) => SettingsFrom::File,
        None if is_applied(&engine).await? => SettingsFrom::Applied,
        None => SettingsFrom::Demonstration,
    };
    if from == SettingsFrom::Demonstration && !bound.ip().is_loopback() {
        return Err(ServeError::Exposed(bound));
    }
    let base_url = base_url(&options.host, bound);
    let gladly = simulated_gladly(options.data.is_some());
    let settings = match &options.config {
        Some(path) => Some(from_file(path)?),
        None if from == SettingsFrom::Applied => None,
        None => Some(
            demo_settings::settings(&base_url, &gladly, options.timers)
                .map_err(ServeError::Config)?,
        ),
    };
    let id_key = match &options.data {
        Some(folder) => private::id_key(folder),
        None => private::random_key().map(|key| IdKey::new(key.into_bytes())),
    }
    .map_err(ServeError::Data)?;
    let hub = LocalHub::start(Parts {
        engine,
        settings,
        id_key,
        clock: Clock::real(),
    })
    .await?;
    let mut router = hub.router();
    let simulated = (from == SettingsFrom::Demonstration).then(|| {
        (
            GladlySim::new(gladly),
            SampleBot::new(demo_settings::bot(&base_url)),
        )
    });
    if let Some((gladly, bot)) = &simulated {
        router = router
            .route("/", get(first_screen(&base_url, options, from)))
            .nest(GLADLY_PATH, gladly.router())
            .nest(BOT_PATH, bot.router());
    }
    // Before the first call, which would remember what it found for a minute.
    demonstration_tokens(&hub.core.store, simulated.is_some())
        .await
        .map_err(|error| ServeError::Data(error.to_string()))?;
    let (stop, stopped) = watch::channel(false);
    let server = tokio::spawn(accept(listener, router, stopped));
    if let Some(folder) = &options.data {
        operator::listen(folder, hub.operator()).map_err(ServeError::Data)?;
    }
    if let Some((gladly, _)) = &simulated {
        gladly
            .connect(demo_settings::webhook(&base_url))
            .await
            .map_err(ServeError::Simulated)?;
    }
    Ok(Running {
        base_url,
        exposed: !bound.ip().is_loopback(),
        settings: from,
        hub,
        simulated,
        stop,
        server,
    })
}

/// Whether settings were applied to this database.
async fn is_applied(engine: &Engine) -> Result<bool, ServeError> {
    let template = Template::builtin().map_err(StartError::from)?;
    let made = engine.create_table(&template.table, TABLE).await;
    made.map_err(StartError::from)?;
    let standing = Store::new(engine.client(), TABLE).standing_settings().await;
    let standing = standing.map_err(|error| ServeError::Data(error.to_string()))?;
    Ok(standing.is_some())
}

/// Keeps the demonstration's tokens, or ends those that an earlier demonstration left in
/// the data folder: everybody knows them.
async fn demonstration_tokens(store: &Store, wanted: bool) -> Result<(), StoreError> {
    for (token, role) in TOKENS {
        let hash = token_hash(token);
        let mut record = demo_settings::token_record(role);
        if !wanted {
            if store.token(&hash).await?.is_none() {
                continue;
            }
            record.expires = Some(Timestamp(0));
        }
        store.put_token(&hash, &record).await?;
    }
    Ok(())
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

/// The demonstration's Gladly. It forgets at every start and a data folder does not:
/// there, ids that came again would be taken for what was already said.
fn simulated_gladly(kept: bool) -> GladlyConfig {
    let mut config = GladlyConfig::default();
    if kept {
        config.seed = Clock::real().below(u64::MAX);
    }
    config
}

async fn listen(options: &ServeOptions) -> Result<TcpListener, ServeError> {
    let host = options.host.trim_matches(['[', ']']);
    let bound = TcpListener::bind((host, options.port)).await;
    bound.map_err(|error| ServeError::Listen {
        address: format!("{}:{}", options.host, options.port),
        problem: match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "the port is in use; choose another with --port".to_owned()
            }
            _ => error.to_string(),
        },
    })
}

/// Where this machine reaches what listens there: by the name it was given, by the
/// address in brackets where it is one of IPv6.
fn base_url(host: &str, bound: SocketAddr) -> String {
    if host.trim_matches(['[', ']']).parse::<IpAddr>().is_err() {
        return format!("http://{host}:{}", bound.port());
    }
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, bound.port()))
}

/// The settings of a configuration file.
pub(super) fn from_file(path: &Path) -> Result<Settings, ServeError> {
    let checked = super::check::check_file(path).map_err(ServeError::Config)?;
    let toml = std::fs::read_to_string(path).unwrap_or_default();
    let file = path.display().to_string();
    match checked.settings {
        Some(settings) => {
            if !checked.mistakes.is_empty() {
                let warnings = render_file(&file, &checked.mistakes, &toml);
                eprintln!("{}\n", warnings.trim_end());
            }
            Ok(settings)
        }
        None => {
            let mistakes = render_file(&file, &checked.mistakes, &toml);
            Err(ServeError::Config(mistakes.trim_end().to_owned()))
        }
    }
}

/// The command: serves until Ctrl-C or SIGTERM.
pub(super) async fn run(options: ServeOptions) -> Result<(), String> {
    log_to_stderr();
    let running = serve(&options).await.map_err(|error| error.to_string())?;
    say(&first_screen(&running.base_url, &options, running.settings));
    if running.exposed {
        eprintln!(
            "Other machines can reach this hub: plain HTTP, and /bin/ asks for no token. Put a TLS proxy in front that forwards only /webhooks/, /v1/ and /gladly/."
        );
    }
    ping_bots(&running).await;
    wait_for_stop().await;
    say(&format!(
        "Stopping; everything accepted is in {}.\n",
        place(&options)
    ));
    running.stop().await;
    Ok(())
}

fn place(options: &ServeOptions) -> String {
    options.data.as_ref().map_or_else(
        || "memory, and gone now".to_owned(),
        |folder| folder.display().to_string(),
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use baton_hub::source::TokenCache;

    #[test]
    fn the_base_url_is_one_that_this_machine_can_call() {
        for (host, bound, url) in [
            ("127.0.0.1", "127.0.0.1:8787", "http://127.0.0.1:8787"),
            ("0.0.0.0", "0.0.0.0:8787", "http://127.0.0.1:8787"),
            ("::", "[::]:8787", "http://[::1]:8787"),
            ("[::1]", "[::1]:8787", "http://[::1]:8787"),
            ("localhost", "127.0.0.1:8787", "http://localhost:8787"),
        ] {
            let bound = bound.parse().expect("an address");
            assert_eq!(base_url(host, bound), url, "{host}");
        }
    }

    #[tokio::test]
    async fn tokens_of_an_earlier_demonstration_end() {
        let engine = open_engine(None).expect("a database in memory");
        let template = Template::builtin().expect("it is checked by its own tests");
        let made = engine.create_table(&template.table, TABLE).await;
        made.expect("a table");
        let store = Store::new(engine.client(), TABLE);
        let (token, _) = TOKENS[1];
        let clock = Clock::real();
        demonstration_tokens(&store, false)
            .await
            .expect("it writes");
        let kept = store.token(&token_hash(token)).await.expect("it reads");
        assert_eq!(kept, None, "nothing is left where nothing was");
        for (wanted, valid) in [(true, true), (false, false), (true, true)] {
            demonstration_tokens(&store, wanted)
                .await
                .expect("it writes");
            let caller = TokenCache::default().caller(token, &store, &clock).await;
            assert_eq!(caller.expect("it reads").is_some(), valid);
        }
    }

    #[test]
    fn what_is_said_after_a_restart_is_not_taken_for_a_repetition() {
        let session = || {
            let gladly = GladlySim::new(simulated_gladly(true));
            let written = gladly.customer_writes("ada", "hello").expect("she can");
            written.session_id.expect("with the bot")
        };
        assert_ne!(session(), session());
        assert_eq!(simulated_gladly(false).seed, GladlyConfig::default().seed);
    }

    #[tokio::test]
    async fn a_demonstration_is_not_served_to_others() {
        let options = ServeOptions {
            host: "0.0.0.0".to_owned(),
            port: 0,
            data: None,
            config: None,
            timers: DemoTimers::default(),
        };
        let refused = serve(&options).await.expect_err("its tokens are known");
        assert!(matches!(refused, ServeError::Exposed(_)), "{refused}");
    }
}

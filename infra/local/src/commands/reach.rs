//! How a command reaches the hub it is about: by the socket of one that runs, or by doing
//! the hub's part itself, on the data folder of one that does not or on a stack on AWS.

use super::{operator, private};
use crate::dead_letters::DeadLetters;
use crate::functions::InProcess;
use crate::hub::{TABLE, app, open_engine};
use crate::invoke::Functions;
use crate::place::letters::{Records, Replays};
use crate::place::stack::{Stack, StackNames};
use crate::place::{Letters, Operator, SecretPlace, StoredSettings};
use crate::template::Template;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use baton_hub::bus::Bus;
use baton_hub::calls::Calls;
use baton_hub::settings::Settings;
use baton_hub::source::{SettingsCache, SettingsSource};
use baton_hub::store::Store;
use baton_hub::{Clock, Core};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tower_service::Service;

/// Where the hub is.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PlaceArguments {
    /// The data folder of a hub on this machine.
    #[arg(long, default_value = ".baton", global = true)]
    data: PathBuf,
    /// The CloudFormation stack of a hub on AWS.
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "table")]
    stack: Option<String>,
    /// Its region; without it, that of the environment.
    #[arg(long, global = true)]
    region: Option<String>,
    #[command(flatten)]
    parts: PartArguments,
}

/// A stack by its parts.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "A hub on AWS by its parts, instead of --stack")]
struct PartArguments {
    /// The table.
    #[arg(long, global = true, value_name = "NAME")]
    table: Option<String>,
    /// The secret with credentials.
    #[arg(long, global = true, value_name = "ARN")]
    secret: Option<String>,
    /// The secret with the key of thread ids.
    #[arg(long, global = true, value_name = "ARN")]
    id_key: Option<String>,
    /// The event bus.
    #[arg(long, global = true, value_name = "NAME")]
    bus: Option<String>,
    /// The queue of dead letters.
    #[arg(long, global = true, value_name = "URL")]
    dead_letters_url: Option<String>,
}

/// A hub that can be asked.
pub(super) struct Reached {
    /// What it is called to people.
    pub(super) title: String,
    /// What it is.
    pub(super) kind: Kind,
    way: Way,
}

/// What kind of hub was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One that runs on this machine.
    Running,
    /// The data folder of one that does not.
    Folder,
    /// A stack on AWS.
    Stack,
}

enum Way {
    Socket(PathBuf),
    Here(Router),
}

impl PlaceArguments {
    /// Reaches the hub. `makes_folder`: where there is no data folder one is made.
    pub(super) async fn reach(&self, makes_folder: bool) -> Result<Reached, String> {
        self.reach_with(makes_folder, None).await
    }

    /// Reaches the hub. Where it is a data folder and settings are `given`, they count
    /// instead of what was applied to it.
    pub(super) async fn reach_with(
        &self,
        makes_folder: bool,
        given: Option<Settings>,
    ) -> Result<Reached, String> {
        crate::tls::install();
        let region = self.region.as_deref();
        if let Some(stack) = &self.stack {
            return on_aws(Stack::named(stack, region).await?);
        }
        let parts = &self.parts;
        if let Some(table) = &parts.table {
            let secret = parts.secret.clone();
            let names = StackNames {
                table: table.clone(),
                secret: secret.ok_or("--table is one part of a hub on AWS: add --secret")?,
                id_key: parts.id_key.clone(),
                bus: parts.bus.clone(),
                dead_letters: parts.dead_letters_url.clone(),
            };
            return on_aws(Stack::of_parts(names, region).await?);
        }
        let socket = operator::socket(&self.data);
        if UnixStream::connect(&socket).await.is_ok() {
            return Ok(Reached {
                title: format!("the running hub of {}", self.data.display()),
                kind: Kind::Running,
                way: Way::Socket(socket),
            });
        }
        if !makes_folder && !self.data.exists() {
            return Err(format!(
                "there is no data folder {}; name another with --data, or a stack with --stack",
                self.data.display()
            ));
        }
        in_folder(&self.data, given).await
    }
}

/// The data folder of a hub that does not run.
async fn in_folder(folder: &Path, given: Option<Settings>) -> Result<Reached, String> {
    let engine = open_engine(Some(folder)).map_err(|error| error.to_string())?;
    let id_key = private::id_key(folder)?;
    let template = Template::builtin().map_err(|error| error.to_string())?;
    engine
        .create_table(&template.table, TABLE)
        .await
        .map_err(|error| error.to_string())?;
    let store = Store::new(engine.client(), TABLE);
    let letters = DeadLetters::in_folder(folder).map_err(|error| error.to_string())?;
    let settings = StoredSettings::new(given, store.clone(), SecretPlace::in_folder(folder));
    let settings = Arc::new(settings);
    let source: Arc<dyn SettingsSource> = settings.clone();
    let core = Core {
        store,
        clock: Clock::real(),
        id_key: id_key.into(),
        settings: SettingsCache::new(source),
    };
    let operator = Operator {
        core,
        settings,
        letters: Letters::Local(letters, None),
    };
    let title = format!("the data folder {}", folder.display());
    Ok(Reached::here(title, Kind::Folder, operator))
}

fn on_aws(stack: Stack) -> Result<Reached, String> {
    let store = stack.store();
    let settings = StoredSettings::new(None, store.clone(), stack.secrets());
    let settings = Arc::new(settings);
    let source: Arc<dyn SettingsSource> = settings.clone();
    let core = Core {
        store,
        clock: Clock::real(),
        id_key: stack.id_key(),
        settings: SettingsCache::new(source),
    };
    let template = Template::builtin().map_err(|error| error.to_string())?;
    let calls = Calls::new(Clock::real(), 0).map_err(|error| error.to_string())?;
    // Only a replay puts anything on it; without a name its events are refused.
    let bus = Bus::new(stack.events(), stack.names.bus.clone().unwrap_or_default());
    let functions = InProcess::default();
    functions.start(app(core.clone(), bus, calls));
    let functions: Arc<dyn Functions> = Arc::new(functions);
    let letters = Letters::Queue {
        client: stack.queues(),
        url: stack.names.dead_letters.clone(),
        replays: Replays {
            records: Records::Stack(stack.streams()),
            functions,
            mappings: template.streams,
        },
    };
    let operator = Operator {
        core,
        settings,
        letters,
    };
    Ok(Reached::here(stack.title, Kind::Stack, operator))
}

impl Reached {
    /// One whose part is done in this process.
    pub(super) fn here(title: String, kind: Kind, operator: Operator) -> Self {
        Self {
            title,
            kind,
            way: Way::Here(operator::router(operator)),
        }
    }

    /// Asks, and gives status and body of the answer.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> Result<(u16, String), String> {
        match &self.way {
            Way::Socket(socket) => {
                let mut stream = UnixStream::connect(socket)
                    .await
                    .map_err(|error| format!("the running hub: {error}"))?;
                let body = body.unwrap_or_default();
                let request = format!(
                    "{method} {path} HTTP/1.1\r\nhost: operator\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                exchange(&mut stream, &request).await
            }
            Way::Here(router) => {
                let request = Request::builder()
                    .method(method)
                    .uri(path)
                    .header("content-type", "application/json")
                    .body(Body::from(body.unwrap_or_default()))
                    .map_err(|error| error.to_string())?;
                let answer = match router.clone().call(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                };
                let status = answer.status().as_u16();
                let body = axum::body::to_bytes(answer.into_body(), usize::MAX)
                    .await
                    .map_err(|error| error.to_string())?;
                Ok((status, String::from_utf8_lossy(&body).into_owned()))
            }
        }
    }

    /// Asks for JSON. Anything but a success is an error in the hub's words.
    pub(super) async fn json<Answer: serde::de::DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> Result<Answer, String> {
        let text = self.text(method, path, body).await?;
        serde_json::from_str(&text).map_err(|error| format!("{}: its answer: {error}", self.title))
    }

    /// Asks for text. Anything but a success is an error in the hub's words.
    pub(super) async fn text(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> Result<String, String> {
        match self.ask(method, path, body).await? {
            (200..=299, text) => Ok(text),
            (status, text) if text.is_empty() => Err(format!("{} answered {status}", self.title)),
            (_, text) => Err(text),
        }
    }
}

async fn exchange(stream: &mut UnixStream, request: &str) -> Result<(u16, String), String> {
    let words = |error: std::io::Error| format!("the running hub: {error}");
    stream.write_all(request.as_bytes()).await.map_err(words)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(words)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or("the running hub gave no answer")?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    Ok((status, body.to_owned()))
}

/// What the hub answers when it cannot: its words for the operator.
pub(super) type Refusal = (axum::http::StatusCode, String);

/// The table or a file failed.
pub(super) fn down(error: impl std::fmt::Display) -> Refusal {
    (
        axum::http::StatusCode::SERVICE_UNAVAILABLE,
        error.to_string(),
    )
}

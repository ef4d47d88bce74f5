//! `baton erase`: a customer's words and names leave the table.

use super::{operator, private, serve};
use crate::hub::{TABLE, open_engine};
use crate::template::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use baton_domain::ThreadId;
use baton_hub::erase::Extent;
use baton_hub::facts::iso;
use baton_hub::settings::Settings;
use baton_hub::source::{FixedSettings, SettingsCache};
use baton_hub::store::Store;
use baton_hub::{Clock, Core};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is to be erased.
#[derive(Debug, clap::Args)]
pub(super) struct EraseArguments {
    #[command(flatten)]
    what: What,
    /// Only show what would be erased.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// The data folder.
    #[arg(long, default_value = ".baton")]
    data: PathBuf,
    /// The configuration, where no hub runs on the folder.
    #[arg(long)]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// A thread (`thr_...`).
    #[arg(long, value_name = "ID")]
    thread: Option<String>,
    /// The thread of this conversation (`cnv_...`), with all its other conversations.
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
    /// All threads of a connection that the platform's id leads to: that of a session, of
    /// a conversation or of a customer.
    #[arg(long, num_args = 2, value_names = ["CONNECTION", "NAME"], allow_hyphen_values = true)]
    customer: Option<Vec<String>>,
}

/// What is asked of the hub.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Asked {
    /// This thread.
    Thread(ThreadId),
    /// The threads of a connection that a platform's name leads to.
    Customer {
        /// The connection.
        connection: String,
        /// The name.
        name: String,
    },
}

impl What {
    fn asked(self) -> Result<Asked, String> {
        match self {
            Self {
                customer: Some(words),
                ..
            } => match <[String; 2]>::try_from(words) {
                Ok([connection, name]) => Ok(Asked::Customer { connection, name }),
                Err(_) => Err("--customer takes a connection and a name".to_owned()),
            },
            Self {
                thread: Some(id), ..
            } => ThreadId::parse(&id)
                .map(Asked::Thread)
                .map_err(|error| error.to_string()),
            Self { conversation, .. } => {
                let id = conversation.unwrap_or_default();
                match operator::named(&id)? {
                    (thread, Some(_)) => Ok(Asked::Thread(thread)),
                    (_, None) => Err(format!("`{id}` is a thread: use --thread")),
                }
            }
        }
    }
}

/// One thread, as it is shown before anything is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    thread: ThreadId,
    connection: String,
    conversations: usize,
    entries: usize,
    from: String,
    to: String,
    open: bool,
    erased: bool,
}

impl From<Extent> for Line {
    fn from(extent: Extent) -> Self {
        Self {
            thread: extent.thread,
            connection: extent.connection,
            conversations: extent.conversations,
            entries: extent.entries,
            from: extent.from.map(iso).unwrap_or_default(),
            to: extent.to.map(iso).unwrap_or_default(),
            open: extent.open,
            erased: extent.erased,
        }
    }
}

/// What became of a thread.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    thread: ThreadId,
    done: bool,
    words: String,
}

/// The running hub's part.
pub(super) fn routes() -> Router<Core> {
    Router::new()
        .route("/erasures/plan", post(planned))
        .route("/erasures", post(erased))
}

type Refused = (StatusCode, String);

async fn planned(
    State(core): State<Core>,
    Json(asked): Json<Asked>,
) -> Result<Json<Vec<Line>>, Refused> {
    plan(&core, &asked)
        .await
        .map(Json)
        .map_err(|words| (StatusCode::CONFLICT, words))
}

async fn erased(
    State(core): State<Core>,
    Json(threads): Json<Vec<ThreadId>>,
) -> Json<Vec<Outcome>> {
    Json(erase(&core, &threads).await)
}

/// What would be erased.
async fn plan(core: &Core, asked: &Asked) -> Result<Vec<Line>, String> {
    let threads: BTreeSet<ThreadId> = match asked {
        Asked::Thread(thread) => [thread.clone()].into(),
        Asked::Customer { connection, name } => {
            let settings = core.settings().await.map_err(|error| error.to_string())?;
            let found = settings.connections.get(connection).ok_or_else(|| {
                let known: Vec<&str> = settings.connections.keys().map(String::as_str).collect();
                format!(
                    "there is no connection `{connection}`; these are configured: {}",
                    known.join(", ")
                )
            })?;
            core.threads_named(&found.endpoint, connection, name)
                .await
                .map_err(|error| error.to_string())?
                .into_iter()
                .collect()
        }
    };
    let mut lines = Vec::new();
    for thread in threads {
        let extent = core.extent(&thread).await;
        lines.extend(extent.map_err(|error| error.to_string())?.map(Line::from));
    }
    Ok(lines)
}

async fn erase(core: &Core, threads: &[ThreadId]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for thread in threads {
        let (done, words) = match core.erase(thread).await {
            Ok(true) => (true, "erased".to_owned()),
            Ok(false) => (true, "nothing was left to erase".to_owned()),
            Err(error) => (
                false,
                format!(
                    "{error}; run this again. What was begun is gone on with by the running hub"
                ),
            ),
        };
        outcomes.push(Outcome {
            thread: thread.clone(),
            done,
            words,
        });
    }
    outcomes
}

/// The command.
pub(super) async fn run(arguments: EraseArguments) -> Result<(), String> {
    let EraseArguments {
        what,
        dry_run,
        yes,
        data,
        config,
    } = arguments;
    let asked = what.asked()?;
    let hub = Hub::of(&data, config).await?;
    let lines = hub.plan(&asked).await?;
    super::say(&table(&lines));
    let threads: Vec<ThreadId> = lines.iter().map(|line| line.thread.clone()).collect();
    let left: usize = lines.iter().map(|line| line.entries).sum();
    if threads.is_empty() || dry_run {
        return Ok(());
    }
    if left > 0 && !yes {
        confirm(threads.len())?;
    }
    let outcomes = hub.erase(&threads).await?;
    for outcome in &outcomes {
        super::say(&format!("{}  {}\n", outcome.thread, outcome.words));
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.done).count();
    match failed {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} were not erased", outcomes.len())),
    }
}

/// Asks whoever sits there.
fn confirm(threads: usize) -> Result<(), String> {
    let mut input = std::io::stdin().lock();
    if !std::io::stdin().is_terminal() {
        return Err("nothing was erased: add --yes where nobody can be asked".to_owned());
    }
    super::say(&format!(
        "This cannot be undone. Type `erase` to erase {threads} thread(s): "
    ));
    let mut answer = String::new();
    input
        .read_line(&mut answer)
        .map_err(|error| error.to_string())?;
    if answer.trim() == "erase" {
        Ok(())
    } else {
        Err("nothing was erased".to_owned())
    }
}

fn table(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "There is no such thread.\n".to_owned();
    }
    let mut text = format!(
        "{:<30}  {:<20}  {:>13}  {:>7}  {:<24}  {:<24}  state\n",
        "thread", "connection", "conversations", "entries", "from", "to"
    );
    for line in lines {
        let state = match (line.erased, line.open) {
            (true, _) => "erased",
            (false, true) => "open",
            (false, false) => "closed",
        };
        text += &format!(
            "{:<30}  {:<20}  {:>13}  {:>7}  {:<24}  {:<24}  {state}\n",
            line.thread.to_string(),
            line.connection,
            line.conversations,
            line.entries,
            line.from,
            line.to,
        );
    }
    text
}

/// The hub that is asked: the one that runs on the folder, or the folder itself.
enum Hub {
    Running(PathBuf),
    Folder(Box<Core>),
}

impl Hub {
    async fn of(folder: &Path, config: Option<PathBuf>) -> Result<Self, String> {
        if operator::is_running(folder).await {
            return Ok(Self::Running(folder.to_owned()));
        }
        if !folder.exists() {
            return Err(format!(
                "there is no data folder {}; name another with --data",
                folder.display()
            ));
        }
        let settings = settings(config)?;
        let engine = open_engine(Some(folder)).map_err(|error| error.to_string())?;
        let template = Template::builtin().map_err(|error| error.to_string())?;
        engine
            .create_table(&template.table, TABLE)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self::Folder(Box::new(Core {
            store: Store::new(engine.client(), TABLE),
            clock: Clock::real(),
            id_key: private::id_key(folder)?.into(),
            settings: SettingsCache::new(Arc::new(FixedSettings(settings))),
        })))
    }

    async fn plan(&self, asked: &Asked) -> Result<Vec<Line>, String> {
        match self {
            Self::Folder(core) => plan(core, asked).await,
            Self::Running(folder) => ask(folder, "/erasures/plan", asked).await,
        }
    }

    async fn erase(&self, threads: &[ThreadId]) -> Result<Vec<Outcome>, String> {
        match self {
            Self::Folder(core) => Ok(erase(core, threads).await),
            Self::Running(folder) => ask(folder, "/erasures", &threads).await,
        }
    }
}

/// The settings that the folder's hub would run with: they say where names are listed.
fn settings(config: Option<PathBuf>) -> Result<Settings, String> {
    let usual = PathBuf::from("baton.toml");
    let config = config.or_else(|| usual.exists().then_some(usual));
    let path = config.ok_or(
        "no hub runs on this folder: start it, or name its configuration with --config, which says where names are listed",
    )?;
    serve::from_file(&path).map_err(|error| error.to_string())
}

async fn ask<Answer: serde::de::DeserializeOwned>(
    folder: &Path,
    path: &str,
    body: &impl Serialize,
) -> Result<Answer, String> {
    let body = serde_json::to_string(body).map_err(|error| error.to_string())?;
    let answer = operator::ask(folder, "POST", path, Some(body)).await;
    match answer.ok_or("the hub has stopped")?? {
        (200, text) => serde_json::from_str(&text)
            .map_err(|error| format!("the running hub's answer: {error}")),
        (409, words) => Err(words),
        (404, _) => Err("the running hub is older than this program: restart it".to_owned()),
        (status, _) => Err(format!("the running hub answered {status}")),
    }
}

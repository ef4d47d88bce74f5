//! `baton erase`: a customer's words and names leave the table.

use super::reach::{PlaceArguments, Refusal};
use super::{serve, timeline};
use crate::place::Operator;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use baton_domain::ThreadId;
use baton_hub::Core;
use baton_hub::erase::Extent;
use baton_hub::facts::iso;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

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
    #[command(flatten)]
    place: PlaceArguments,
    /// The configuration, where no hub runs on the data folder and none was applied to it:
    /// it says where names are listed.
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
                match timeline::named(&id)? {
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
pub(super) fn routes() -> Router<Operator> {
    Router::new()
        .route("/erasures/plan", post(planned))
        .route("/erasures", post(erased))
}

async fn planned(
    State(core): State<Core>,
    Json(asked): Json<Asked>,
) -> Result<Json<Vec<Line>>, Refusal> {
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
        place,
        config,
    } = arguments;
    let asked = what.asked()?;
    let given = config.map(|path| serve::from_file(&path)).transpose();
    let given = given.map_err(|error| error.to_string())?;
    let hub = place.reach_with(false, given).await?;
    let body = |error: serde_json::Error| error.to_string();
    let question = serde_json::to_string(&asked).map_err(body)?;
    let lines: Vec<Line> = hub.json("POST", "/erasures/plan", Some(question)).await?;
    super::say(&table(&lines));
    let threads: Vec<ThreadId> = lines.iter().map(|line| line.thread.clone()).collect();
    let left: usize = lines.iter().map(|line| line.entries).sum();
    if threads.is_empty() || dry_run {
        return Ok(());
    }
    if left > 0 && !yes {
        confirm(threads.len())?;
    }
    let threads = serde_json::to_string(&threads).map_err(body)?;
    let outcomes: Vec<Outcome> = hub.json("POST", "/erasures", Some(threads)).await?;
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

//! `baton poison`: webhooks that could not be used.

use super::chosen::{Outcome, Which, report};
use super::reach::{Kind, PlaceArguments, Reached};
use crate::place::Operator;
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use baton_hub::Core;
use baton_hub::facts::iso;
use baton_hub::poison::Replayed;
use baton_hub::store::poison::PoisonId;
use clap::Subcommand;
use serde::{Deserialize, Serialize};

#[derive(Debug, Subcommand)]
pub(super) enum PoisonCommand {
    /// Lists the records, oldest first: id, when, endpoint, bytes, replays, what is wrong.
    List {
        /// How many of the newest.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Prints the body of one record. It shows what a customer wrote.
    Show {
        /// The record (`psn_...`).
        id: String,
    },
    /// Has records taken in as if they came again. Those that are poison still stay.
    Replay(Which),
}

/// A line of the list.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    id: String,
    at: String,
    endpoint: String,
    bytes: usize,
    replays: u32,
    problem: String,
}

/// All records, and those of the newest that were asked for.
#[derive(Debug, Serialize, Deserialize)]
struct List {
    all: usize,
    newest: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Limit {
    limit: usize,
}

fn outcome(id: &PoisonId, replayed: Replayed) -> Outcome {
    let (gone, words) = match replayed {
        Replayed::TakenIn(what) => (true, format!("taken in ({what})")),
        Replayed::Still(problem) => (false, format!("still poison: {problem}")),
        Replayed::Cut => (
            false,
            "cannot be taken in: only its beginning was kept".into(),
        ),
        Replayed::Gone => (false, "there is no such record".into()),
        Replayed::Unavailable => (false, "the table or the settings cannot be had".into()),
    };
    Outcome {
        id: id.to_string(),
        gone,
        words,
    }
}

/// The running hub's part.
pub(super) fn routes() -> Router<Operator> {
    Router::new()
        .route("/poison", get(list))
        .route("/poison/{id}", get(show))
        .route("/poison/{id}/replay", post(replay))
        .route("/poison/replay", post(replay_all))
}

async fn list(
    State(core): State<Core>,
    Query(Limit { limit }): Query<Limit>,
) -> Result<Json<List>, StatusCode> {
    let notes = core.poisoned().await.map_err(|_| DOWN)?;
    let all = notes.len();
    let newest = notes.into_iter().skip(all.saturating_sub(limit));
    let newest = newest.map(|note| Line {
        id: note.id.to_string(),
        at: iso(note.at),
        endpoint: note.endpoint,
        bytes: note.length,
        replays: note.replays,
        problem: note.problem,
    });
    Ok(Json(List {
        all,
        newest: newest.collect(),
    }))
}

async fn show(
    State(core): State<Core>,
    UrlPath(id): UrlPath<String>,
) -> Result<String, StatusCode> {
    let id = PoisonId::parse(&id).ok_or(StatusCode::NOT_FOUND)?;
    let poison = core.poison(&id).await.map_err(|_| DOWN)?;
    let poison = poison.ok_or(StatusCode::NOT_FOUND)?;
    Ok(String::from_utf8_lossy(&poison.body).into_owned())
}

async fn replay(
    State(core): State<Core>,
    UrlPath(id): UrlPath<String>,
) -> Result<Json<Vec<Outcome>>, StatusCode> {
    let id = PoisonId::parse(&id).ok_or(StatusCode::NOT_FOUND)?;
    let replayed = core.replay_poison(&id).await.map_err(|_| DOWN)?;
    Ok(Json(vec![outcome(&id, replayed)]))
}

async fn replay_all(State(core): State<Core>) -> Result<Json<Vec<Outcome>>, StatusCode> {
    let mut outcomes = Vec::new();
    for note in core.poisoned().await.map_err(|_| DOWN)? {
        let replayed = core.replay_poison(&note.id).await;
        // What was replayed before a failure is told all the same.
        let replayed = replayed.unwrap_or(Replayed::Unavailable);
        outcomes.push(outcome(&note.id, replayed));
    }
    Ok(Json(outcomes))
}

const DOWN: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
const NONE: &str = "No webhook is kept as poison.\n";

/// The command.
pub(super) async fn run(command: PoisonCommand, place: &PlaceArguments) -> Result<(), String> {
    let hub = place.reach(false).await?;
    match command {
        PoisonCommand::List { limit } => {
            let list: List = hub
                .json("GET", &format!("/poison?limit={limit}"), None)
                .await?;
            super::say(&table(&list));
            Ok(())
        }
        PoisonCommand::Show { id } => {
            let body = ask(&hub, "GET", &format!("/poison/{}", known(&id)?), &id).await?;
            super::say(&format!("{body}\n"));
            Ok(())
        }
        PoisonCommand::Replay(which) => {
            if hub.kind == Kind::Folder {
                return Err(format!(
                    "no hub runs on {}, and taking in takes one: start it, or name its folder with --data",
                    hub.title
                ));
            }
            let path = which.path("poison", Some("replay"), known)?;
            let id = which.id.unwrap_or_default();
            let answer = ask(&hub, "POST", &path, &id).await?;
            let outcomes: Vec<Outcome> =
                serde_json::from_str(&answer).map_err(|error| error.to_string())?;
            report(&outcomes, NONE)
        }
    }
}

/// An id as it is written. It becomes a path: nothing else may get into that.
fn known(id: &str) -> Result<String, String> {
    PoisonId::parse(id)
        .map(|id| id.to_string())
        .ok_or_else(|| format!("`{id}` is not a poison record (`psn_...`)"))
}

async fn ask(hub: &Reached, method: &str, path: &str, id: &str) -> Result<String, String> {
    match hub.ask(method, path, None).await? {
        (200, text) => Ok(text),
        (404, _) => Err(format!("there is no poison record {id}")),
        (status, _) => Err(format!("{} answered {status}", hub.title)),
    }
}

fn table(list: &List) -> String {
    if list.newest.is_empty() {
        return NONE.to_owned();
    }
    let wide = |of: fn(&Line) -> usize, least| list.newest.iter().map(of).fold(least, usize::max);
    let (id, endpoint) = (
        wide(|line| line.id.len(), 2),
        wide(|line| line.endpoint.len(), 8),
    );
    let mut text = format!(
        "{:<id$}  {:<24}  {:<endpoint$}  {:>8}  {:>7}  what is wrong\n",
        "id", "when", "endpoint", "bytes", "replays"
    );
    for line in &list.newest {
        text += &format!(
            "{:<id$}  {:<24}  {:<endpoint$}  {:>8}  {:>7}  {}\n",
            line.id, line.at, line.endpoint, line.bytes, line.replays, line.problem
        );
    }
    if list.all > list.newest.len() {
        text += &format!("The newest {} of {}.\n", list.newest.len(), list.all);
    }
    text
}

//! `baton dead-letters`: calls that were given up.

use super::chosen::{Outcome, Which, report};
use super::reach::{PlaceArguments, Refusal, down};
use crate::place::Operator;
use crate::place::letters::{Letter, Replayed};
use axum::extract::{Path as UrlPath, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Subcommand;
use serde::{Deserialize, Serialize};

#[derive(Debug, Subcommand)]
pub(super) enum DeadLettersCommand {
    /// Lists them, oldest first: what, why, and what replaying will do (the default).
    List,
    /// Does once more what they are about. What fails again stays.
    Replay(Which),
    /// Removes them without doing anything.
    Drop(Which),
}

/// A letter, for people.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    id: String,
    at: String,
    function: String,
    gist: String,
    reason: String,
    remedy: String,
}

impl Line {
    fn of(letter: &Letter) -> Self {
        Self {
            id: letter.id.clone(),
            at: letter.at.clone(),
            function: letter.function.clone(),
            gist: letter.gist(),
            reason: letter.reason.clone(),
            remedy: letter.remedy().to_owned(),
        }
    }
}

pub(super) fn routes() -> Router<Operator> {
    Router::new()
        .route("/dead-letters", get(list).delete(drop_all))
        .route("/dead-letters/replay", post(replay_all))
        .route("/dead-letters/{id}", axum::routing::delete(drop_one))
        .route("/dead-letters/{id}/replay", post(replay_one))
}

async fn list(State(operator): State<Operator>) -> Result<Json<Vec<Line>>, Refusal> {
    let letters = operator.letters.list().await.map_err(down)?;
    Ok(Json(letters.iter().map(Line::of).collect()))
}

async fn replay_all(State(operator): State<Operator>) -> Result<Json<Vec<Outcome>>, Refusal> {
    replay(&operator, None).await
}

async fn replay_one(
    State(operator): State<Operator>,
    UrlPath(id): UrlPath<String>,
) -> Result<Json<Vec<Outcome>>, Refusal> {
    replay(&operator, Some(&id)).await
}

async fn replay(operator: &Operator, id: Option<&str>) -> Result<Json<Vec<Outcome>>, Refusal> {
    let replayed = operator.letters.replay(id).await.map_err(down)?;
    let outcomes = replayed.into_iter().map(|(letter, outcome)| {
        let (gone, words) = match outcome {
            Replayed::Done(words) => (true, words),
            Replayed::Needless(words) => (true, words.to_owned()),
            Replayed::Stays(words) => (false, format!("stays: {words}")),
        };
        Outcome {
            id: letter.id,
            gone,
            words,
        }
    });
    Ok(Json(outcomes.collect()))
}

async fn drop_all(State(operator): State<Operator>) -> Result<Json<Vec<Outcome>>, Refusal> {
    discard(&operator, None).await
}

async fn drop_one(
    State(operator): State<Operator>,
    UrlPath(id): UrlPath<String>,
) -> Result<Json<Vec<Outcome>>, Refusal> {
    discard(&operator, Some(&id)).await
}

async fn discard(operator: &Operator, id: Option<&str>) -> Result<Json<Vec<Outcome>>, Refusal> {
    let dropped = operator.letters.discard(id).await.map_err(down)?;
    let outcomes = dropped.into_iter().map(|letter| Outcome {
        id: letter.id,
        gone: true,
        words: "dropped".to_owned(),
    });
    Ok(Json(outcomes.collect()))
}

/// The command.
pub(super) async fn run(
    command: Option<DeadLettersCommand>,
    place: &PlaceArguments,
) -> Result<(), String> {
    let hub = place.reach(false).await?;
    let (method, done, which) = match command.unwrap_or(DeadLettersCommand::List) {
        DeadLettersCommand::List => {
            let lines: Vec<Line> = hub.json("GET", "/dead-letters", None).await?;
            super::say(&shown(&lines));
            return Ok(());
        }
        DeadLettersCommand::Replay(which) => ("POST", Some("replay"), which),
        DeadLettersCommand::Drop(which) => ("DELETE", None, which),
    };
    let path = which.path("dead-letters", done, known)?;
    let outcomes: Vec<Outcome> = hub.json(method, &path, None).await?;
    match which.id {
        Some(id) if outcomes.is_empty() => Err(format!("there is no dead letter {id}")),
        _ => report(&outcomes, NONE),
    }
}

const NONE: &str = "There are no dead letters.\n";

/// An id as it is written. It becomes a path: nothing else may get into that.
fn known(id: &str) -> Result<String, String> {
    let good = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match good {
        true => Ok(id.to_owned()),
        false => Err(format!(
            "`{id}` is no dead letter; `baton dead-letters` lists them"
        )),
    }
}

fn shown(lines: &[Line]) -> String {
    if lines.is_empty() {
        return NONE.to_owned();
    }
    let mut text = String::new();
    for line in lines {
        text += &format!(
            "{}  {}  {}: {}\n          why      {}\n          replay   {}\n",
            line.id, line.at, line.function, line.gist, line.reason, line.remedy
        );
    }
    text
}

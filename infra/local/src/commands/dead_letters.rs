//! `baton dead-letters`: calls that were given up.

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

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The letter, as the list calls it.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<String>,
    /// All of them.
    #[arg(long)]
    all: bool,
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

/// What became of one.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    id: String,
    gone: bool,
    words: String,
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
    let (method, path, id) = match command.unwrap_or(DeadLettersCommand::List) {
        DeadLettersCommand::List => {
            let lines: Vec<Line> = hub.json("GET", "/dead-letters", None).await?;
            super::say(&shown(&lines));
            return Ok(());
        }
        DeadLettersCommand::Replay(Which { id: None, .. }) => {
            ("POST", "/dead-letters/replay".to_owned(), None)
        }
        DeadLettersCommand::Replay(Which { id: Some(id), .. }) => (
            "POST",
            format!("/dead-letters/{}/replay", known(&id)?),
            Some(id),
        ),
        DeadLettersCommand::Drop(Which { id: None, .. }) => {
            ("DELETE", "/dead-letters".to_owned(), None)
        }
        DeadLettersCommand::Drop(Which { id: Some(id), .. }) => {
            ("DELETE", format!("/dead-letters/{}", known(&id)?), Some(id))
        }
    };
    let outcomes: Vec<Outcome> = hub.json(method, &path, None).await?;
    for outcome in &outcomes {
        super::say(&format!("{}  {}\n", outcome.id, outcome.words));
    }
    let stay = outcomes.iter().filter(|outcome| !outcome.gone).count();
    match (outcomes.len(), stay, id) {
        (0, _, Some(id)) => Err(format!("there is no dead letter {id}")),
        (0, _, None) => {
            super::say("There are no dead letters.\n");
            Ok(())
        }
        (_, 0, _) => Ok(()),
        (all, stay, _) => Err(format!("{stay} of {all} stay")),
    }
}

/// An id as it is written. It becomes a path: nothing else may get into that.
fn known(id: &str) -> Result<&str, String> {
    let good = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match good {
        true => Ok(id),
        false => Err(format!(
            "`{id}` is no dead letter; `baton dead-letters` lists them"
        )),
    }
}

fn shown(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "There are no dead letters.\n".to_owned();
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

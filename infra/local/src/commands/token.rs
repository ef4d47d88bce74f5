//! `baton token`.

use super::reach::{Kind, PlaceArguments, Reached, Refusal, down};
use crate::place::Operator;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::routing::{delete, get};
use axum::{Json, Router};
use baton_domain::Timestamp;
use baton_domain::time::DAY;
use baton_hub::facts::iso;
use baton_hub::source::token_hash;
use baton_hub::store::records::{Role, TokenRecord};
use baton_hub::{Clock, Core};
use clap::Subcommand;
use serde::{Deserialize, Serialize};

/// How much of a hash names a token.
const NAMED_BY: usize = 8;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Makes a token and prints it, once.
    Create(CreateArguments),
    /// Lists them: name, role, connections, end, and the beginning of the hash.
    List,
    /// Ends one, everywhere within a minute.
    Revoke {
        /// Its name, or the beginning of its hash; of one token alone.
        which: String,
    },
}

/// A token to be kept.
#[derive(Debug, Serialize, Deserialize)]
struct NewToken {
    /// Its hash.
    hash: String,
    /// What it may do.
    record: TokenRecord,
}

/// What a new token is for.
#[derive(Debug, clap::Args)]
pub(super) struct CreateArguments {
    /// bot, agent, admin or reader.
    #[arg(long, value_parser = role)]
    role: Role,
    /// A connection it may touch; can be repeated. Without any: all.
    #[arg(long = "connection")]
    connections: Vec<String>,
    /// Who the bearer is; required for an agent.
    #[arg(long)]
    agent: Option<String>,
    /// A name for people.
    #[arg(long, default_value = "")]
    name: String,
    /// After how many days it ends; without any, never.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    days: Option<u16>,
}

fn role(text: &str) -> Result<Role, String> {
    match text {
        "bot" => Ok(Role::Bot),
        "agent" => Ok(Role::Agent),
        "admin" => Ok(Role::Admin),
        "reader" => Ok(Role::Reader),
        other => Err(format!(
            "`{other}` is not a role; choose bot, agent, admin or reader"
        )),
    }
}

pub(super) fn routes() -> Router<Operator> {
    Router::new()
        .route("/tokens", get(tokens).post(keep_token))
        .route("/tokens/{hash}", delete(forget_token))
}

async fn keep_token(
    State(core): State<Core>,
    Json(new): Json<NewToken>,
) -> Result<StatusCode, Refusal> {
    let kept = core.store.put_token(&new.hash, &new.record).await;
    kept.map(|()| StatusCode::NO_CONTENT).map_err(down)
}

async fn tokens(State(core): State<Core>) -> Result<Json<Vec<NewToken>>, Refusal> {
    let tokens = core.store.tokens().await.map_err(down)?;
    let tokens = tokens.into_iter();
    Ok(Json(
        tokens
            .map(|(hash, record)| NewToken { hash, record })
            .collect(),
    ))
}

async fn forget_token(
    State(core): State<Core>,
    UrlPath(hash): UrlPath<String>,
) -> Result<StatusCode, Refusal> {
    let gone = core.store.remove_token(&hash).await;
    gone.map(|()| StatusCode::NO_CONTENT).map_err(down)
}

/// The command.
pub(super) async fn run(command: TokenCommand, place: &PlaceArguments) -> Result<(), String> {
    match command {
        TokenCommand::Create(arguments) => create(arguments, place).await,
        TokenCommand::List => {
            let hub = place.reach(false).await?;
            super::say(&table(&known(&hub).await?, Clock::real().now()));
            Ok(())
        }
        TokenCommand::Revoke { which } => {
            let hub = place.reach(false).await?;
            let tokens = known(&hub).await?;
            let token = one(&tokens, &which)?;
            let path = format!("/tokens/{}", token.hash);
            hub.text("DELETE", &path, None).await?;
            super::say(&format!(
                "{} is revoked. Whoever has used it within the last minute can go on for the rest of that minute.\n",
                called(token)
            ));
            Ok(())
        }
    }
}

/// Makes a token, keeps its hash, prints it once.
async fn create(arguments: CreateArguments, place: &PlaceArguments) -> Result<(), String> {
    if arguments.role == Role::Agent && arguments.agent.is_none() {
        return Err("an agent's token names the agent: add --agent ID".to_owned());
    }
    let clock = Clock::real();
    let token = fresh()?;
    let expires = arguments.days.map(|days| expires(clock.now(), days));
    let new = NewToken {
        hash: token_hash(&token),
        record: TokenRecord {
            name: arguments.name,
            role: arguments.role,
            connections: (!arguments.connections.is_empty()).then_some(arguments.connections),
            agent: arguments.agent,
            expires,
        },
    };
    let body = serde_json::to_string(&new).map_err(|error| error.to_string())?;
    let hub = place.reach(true).await?;
    hub.text("POST", "/tokens", Some(body)).await?;
    println!("{token}");
    let known = match hub.kind {
        Kind::Running => "The running hub knows it at once.",
        Kind::Folder => "No hub runs there now; the next one knows it.",
        Kind::Stack => "The functions know it at once.",
    };
    eprintln!(
        "Keep it: only its hash is stored, in {}. {known}",
        hub.title
    );
    Ok(())
}

async fn known(hub: &Reached) -> Result<Vec<NewToken>, String> {
    hub.json("GET", "/tokens", None).await
}

/// The one token of this name, or whose hash begins so.
fn one<'t>(tokens: &'t [NewToken], which: &str) -> Result<&'t NewToken, String> {
    let which = which.trim();
    let by_hash = |token: &&NewToken| {
        which.len() >= NAMED_BY && token.hash.starts_with(&which.to_ascii_lowercase())
    };
    let mut found: Vec<&NewToken> = tokens.iter().filter(by_hash).collect();
    if found.is_empty() {
        found = tokens
            .iter()
            .filter(|token| !which.is_empty() && token.record.name == which)
            .collect();
    }
    match found.as_slice() {
        [token] => Ok(token),
        [] => Err(format!(
            "there is no token `{which}`: name one by its name, or by {NAMED_BY} or more digits of its hash; `baton token list` shows both"
        )),
        several => Err(format!(
            "{} tokens are called `{which}`: name one by its hash, {}",
            several.len(),
            several
                .iter()
                .map(|token| shortly(&token.hash))
                .collect::<Vec<_>>()
                .join(" or ")
        )),
    }
}

fn shortly(hash: &str) -> &str {
    hash.get(..NAMED_BY).unwrap_or(hash)
}

fn called(token: &NewToken) -> String {
    match token.record.name.as_str() {
        "" => format!("The token {}", shortly(&token.hash)),
        name => format!("The token {} ({name})", shortly(&token.hash)),
    }
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Bot => "bot",
        Role::Agent => "agent",
        Role::Admin => "admin",
        Role::Reader => "reader",
    }
}

fn table(tokens: &[NewToken], now: Timestamp) -> String {
    if tokens.is_empty() {
        return "There are no tokens; `baton token create` makes one.\n".to_owned();
    }
    let head = ["hash", "name", "role", "connections", "ends"].map(str::to_owned);
    let mut rows = vec![head];
    for token in tokens {
        let record = &token.record;
        let role = match &record.agent {
            Some(agent) => format!("{} {agent}", role_word(record.role)),
            None => role_word(record.role).to_owned(),
        };
        rows.push([
            shortly(&token.hash).to_owned(),
            record.name.clone(),
            role,
            match &record.connections {
                None => "all".to_owned(),
                Some(connections) => connections.join(", "),
            },
            match record.expires {
                None => "never".to_owned(),
                Some(end) if end <= now => "ended".to_owned(),
                Some(end) => iso(end),
            },
        ]);
    }
    super::columns(&rows)
}

/// A new token: 160 random bits. Without randomness there is none.
fn fresh() -> Result<String, String> {
    let mut bytes = [0u8; 20];
    getrandom::fill(&mut bytes).map_err(|error| format!("no randomness: {error}"))?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("bat_{digits}"))
}

fn expires(now: Timestamp, days: u16) -> Timestamp {
    now.plus(i64::from(days) * DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(hash: &str, name: &str) -> NewToken {
        NewToken {
            hash: hash.to_owned(),
            record: TokenRecord {
                name: name.to_owned(),
                role: Role::Bot,
                connections: Some(vec!["shop".to_owned()]),
                agent: None,
                expires: Some(Timestamp(1_000)),
            },
        }
    }

    #[test]
    fn a_token_is_named_by_what_is_its_alone() {
        let tokens = [
            token("0123456789abcdef", "shop bot"),
            token("0123456799999999", "shop bot"),
            token("fedcba9876543210", "other"),
        ];
        let named = |which: &str| one(&tokens, which).map(|token| token.hash.clone());
        assert_eq!(named("other"), Ok("fedcba9876543210".to_owned()));
        assert_eq!(named("FEDCBA98"), Ok("fedcba9876543210".to_owned()));
        assert_eq!(named("012345678"), Ok("0123456789abcdef".to_owned()));
        // bites: taking the first of several.
        assert!(named("shop bot").is_err_and(|error| error.contains("01234567 or")));
        assert!(named("01234567").is_err());
        assert!(named("fedc").is_err(), "too short to be meant");
        assert!(named("").is_err());
    }

    #[test]
    fn the_list_shows_the_beginning_of_the_hash() {
        let tokens = [token("0123456789abcdef", "shop bot")];
        let text = table(&tokens, Timestamp(0));
        assert!(text.contains("01234567  shop bot"), "{text}");
        assert!(!text.contains("0123456789"), "{text}");
        assert!(text.contains("1970-01-01T00:00:01"), "{text}");
        assert!(table(&tokens, Timestamp(1_000)).contains("ended"));
    }
}

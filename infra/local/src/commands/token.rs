//! `baton token`.

use super::operator::{self, NewToken};
use super::private;
use crate::hub::{TABLE, open_engine};
use crate::template::Template;
use baton_domain::Timestamp;
use baton_domain::time::DAY;
use baton_hub::Clock;
use baton_hub::source::token_hash;
use baton_hub::store::Store;
use baton_hub::store::records::{Role, TokenRecord};
use std::path::PathBuf;

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
    /// The data folder.
    #[arg(long, default_value = ".baton")]
    data: PathBuf,
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

/// The command: makes a token, keeps its hash, prints it once.
pub(super) async fn run(arguments: CreateArguments) -> Result<(), String> {
    if arguments.role == Role::Agent && arguments.agent.is_none() {
        return Err("an agent's token names the agent: add --agent ID".to_owned());
    }
    let clock = Clock::real();
    let token = fresh()?;
    let expires = arguments.days.map(|days| expires(clock.now(), days));
    let record = TokenRecord {
        name: arguments.name,
        role: arguments.role,
        connections: (!arguments.connections.is_empty()).then_some(arguments.connections),
        agent: arguments.agent,
        expires,
    };
    let new = NewToken {
        token: token.clone(),
        record,
    };
    let body = serde_json::to_string(&new).map_err(|error| error.to_string())?;
    let known = match operator::ask(&arguments.data, "POST", "/tokens", Some(body)).await {
        Some(Ok((204, _))) => "The running hub knows it at once.",
        Some(Ok((status, _))) => return Err(format!("the running hub answered {status}")),
        Some(Err(error)) => return Err(error),
        None => {
            keep(&arguments.data, &new).await?;
            "No hub runs there now; the next one knows it."
        }
    };
    println!("{token}");
    eprintln!(
        "Keep it: only its hash is stored, in {}. {known}",
        arguments.data.display()
    );
    Ok(())
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

/// Writes to the data folder of a hub that does not run.
async fn keep(folder: &std::path::Path, new: &NewToken) -> Result<(), String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let engine = open_engine(Some(folder)).map_err(|error| words(&error))?;
    private::id_key(folder)?;
    let template = Template::builtin().map_err(|error| words(&error))?;
    engine
        .create_table(&template.table, TABLE)
        .await
        .map_err(|error| words(&error))?;
    Store::new(engine.client(), TABLE)
        .put_token(&token_hash(&new.token), &new.record)
        .await
        .map_err(|error| words(&error))
}

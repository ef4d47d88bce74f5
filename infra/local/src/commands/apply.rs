//! `baton apply`: from a checked file to a hub that follows it.

use super::check;
use super::reach::{Kind, PlaceArguments, Reached};
use super::settings::{Replacement, Standing};
use baton_hub::Clock;
use baton_hub::calls::Calls;
use baton_hub::config::{How, Item, Plan, Written, plan, revision_of};
use baton_hub::registration::{Registration, organizations, register};
use baton_hub::settings::Settings;
use baton_hub::store::settings::{SettingsChange, WebhookSeen};
use baton_hub::telling::Teller;
use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

/// What is applied, and how.
#[derive(Debug, clap::Args)]
pub(super) struct ApplyArguments {
    /// The configuration; `--config` says the same.
    #[arg(value_name = "FILE", default_value = "baton.toml")]
    file: PathBuf,
    /// The configuration.
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "file")]
    config: Option<PathBuf>,
    /// Shows the plan and stops.
    #[arg(long)]
    dry_run: bool,
    /// Does not ask.
    #[arg(long)]
    yes: bool,
    /// Who applies it, for the history; without it, the user of this machine.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    place: PlaceArguments,
}

/// The command.
pub(super) async fn run(arguments: ApplyArguments) -> Result<(), String> {
    let file = arguments.config.clone().unwrap_or(arguments.file.clone());
    let wanted = check::accepted(&file)?;
    let hub = arguments.place.reach(true).await?;
    let clock = Clock::real();
    let standing: Standing = hub.json("GET", "/settings", None).await?;
    let version = Plan::fresh_version(clock.now(), &clock.token(5));
    let plan = plan(
        standing.document.as_deref(),
        &standing.secrets,
        &wanted,
        &version,
        clock.now(),
    )
    .map_err(|error| format!("{}: {error}", hub.title))?;
    super::say(&shown(&plan, &hub.title));
    let applied = match &plan.written {
        Some(_) if arguments.dry_run => {
            super::say("Nothing was written (--dry-run).\n");
            return Ok(());
        }
        Some(written) => {
            if !arguments.yes && !confirmed(&hub.title)? {
                super::say("Nothing was written.\n");
                return Ok(());
            }
            let by = arguments.by.clone().unwrap_or_else(user);
            write(&hub, &standing, written, &plan, &by, &clock).await?;
            super::say(&followed(&hub, &standing));
            true
        }
        None => false,
    };
    if arguments.dry_run {
        return Ok(());
    }
    let started = start(&hub, &wanted, &plan, applied, &clock).await?;
    match started {
        0 => Ok(()),
        1 => Err("the settings are in force, and 1 thing above needs a look".to_owned()),
        more => Err(format!(
            "the settings are in force, and {more} things above need a look"
        )),
    }
}

async fn write(
    hub: &Reached,
    standing: &Standing,
    written: &Written,
    plan: &Plan,
    by: &str,
    clock: &Clock,
) -> Result<(), String> {
    let replacement = Replacement {
        was: standing.document.clone(),
        secrets_held: standing.secrets_held.clone(),
        secrets: written.secrets.clone(),
        document: written.document.clone(),
        change: SettingsChange {
            at: clock.now(),
            by: by.to_owned(),
            through: "apply".to_owned(),
            revision: revision_of(&written.document),
            items: plan.items.iter().map(Item::note).collect(),
        },
    };
    let body = serde_json::to_string(&replacement).map_err(|error| error.to_string())?;
    hub.text("PUT", "/settings", Some(body)).await.map(drop)
}

fn followed(hub: &Reached, standing: &Standing) -> String {
    match hub.kind {
        Kind::Running if standing.given => "Applied; the running hub follows within a minute. It was started with a configuration file: at its next start that file counts again, or, without one, what was applied.\n".to_owned(),
        Kind::Running => "Applied; the running hub follows within a minute.\n".to_owned(),
        Kind::Folder => "Applied; the next `baton serve` without a configuration file runs with it.\n".to_owned(),
        Kind::Stack => "Applied; the functions follow within a minute.\n".to_owned(),
    }
}

/// What begins with the new settings: bots get their `PING`, platforms their webhooks.
/// Says what went wrong, and gives how much.
async fn start(
    hub: &Reached,
    wanted: &Settings,
    plan: &Plan,
    applied: bool,
    clock: &Clock,
) -> Result<usize, String> {
    crate::tls::install();
    let calls = Calls::new(clock.clone(), 0).map_err(|error| error.to_string())?;
    let teller = Teller::new(calls.clone());
    let mut wrong = 0;
    for connection in touched(wanted, plan) {
        let Some(connection) = wanted.connections.get(&connection) else {
            continue;
        };
        if connection.bot.is_none() {
            continue;
        }
        match teller.ping(connection, &clock.token(10)).await {
            Ok(()) => super::say(&format!("{}: the bot answers its PING\n", connection.id)),
            Err(error) => {
                wrong += 1;
                super::say(&format!(
                    "{}: the bot does not answer its PING: {error}. Messages are told again and again; check its URL and credentials\n",
                    connection.id
                ));
            }
        }
    }
    for id in endpoints_to_look_at(hub, wanted, plan).await? {
        let Some(endpoint) = wanted.endpoints.get(&id) else {
            continue;
        };
        if hub.kind == Kind::Folder {
            // Nobody would answer the platform's PING.
            if applied {
                super::say(&format!(
                    "{id}: its webhook was not looked at, since no hub runs here: apply again when one does\n"
                ));
            }
            continue;
        }
        let resend = secrets_changed(plan, &id);
        for connection in organizations(wanted, &id) {
            let registered = register(
                &calls,
                clock,
                wanted.public_url.as_deref(),
                endpoint,
                connection,
                resend,
            )
            .await;
            let words = match &registered.registration {
                Registration::Right => "the webhook is as it should be".to_owned(),
                Registration::Made => "the webhook was made and switched on".to_owned(),
                Registration::Mended(parts) => {
                    format!("the webhook was set right: {}", parts.join(", "))
                }
                Registration::Wrong(problem) => {
                    wrong += 1;
                    problem.clone()
                }
            };
            super::say(&format!("{id}: {words}\n"));
            let seen = serde_json::to_string(&registered.seen(clock.now()));
            let seen = seen.map_err(|error| error.to_string())?;
            hub.text("PUT", &format!("/webhooks/{id}"), Some(seen))
                .await?;
        }
    }
    Ok(wrong)
}

/// Connections that are new, or whose bot is to be reached in another way.
fn touched(wanted: &Settings, plan: &Plan) -> BTreeSet<String> {
    let of_bot = |item: &&Item| {
        item.kind == "connection"
            && (item.how == How::New
                || item
                    .fields
                    .iter()
                    .any(|field| field.name.starts_with("bot")))
    };
    let touched = plan.items.iter().filter(of_bot).map(|item| item.id.clone());
    touched
        .filter(|id| wanted.connections.contains_key(id))
        .collect()
}

/// Endpoints whose webhook may not be as it should be: those that were changed, by
/// themselves or by a new connection, and those that were found wrong the last time or
/// never looked at.
async fn endpoints_to_look_at(
    hub: &Reached,
    wanted: &Settings,
    plan: &Plan,
) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    for item in &plan.items {
        match item.kind {
            "hub" => found.extend(wanted.endpoints.keys().cloned()),
            "endpoint" => {
                found.insert(item.id.clone());
            }
            _ => {
                let connection = wanted.connections.get(&item.id);
                found.extend(connection.map(|connection| connection.endpoint.clone()));
            }
        }
    }
    for id in wanted.endpoints.keys() {
        if found.contains(id) {
            continue;
        }
        let seen: Option<WebhookSeen> = hub.json("GET", &format!("/webhooks/{id}"), None).await?;
        if seen.is_none_or(|seen| !seen.problem.is_empty()) {
            found.insert(id.clone());
        }
    }
    Ok(found)
}

/// Whether an endpoint's credentials change, which the platform cannot be asked for.
fn secrets_changed(plan: &Plan, endpoint: &str) -> bool {
    plan.items.iter().any(|item| {
        let secret = |name: &str| name.starts_with("secrets.");
        item.kind == "endpoint"
            && item.id == endpoint
            && (item.how == How::New || item.fields.iter().any(|field| secret(&field.name)))
    })
}

fn user() -> String {
    let named = |name| {
        std::env::var(name)
            .ok()
            .filter(|user: &String| !user.is_empty())
    };
    named("USER")
        .or_else(|| named("LOGNAME"))
        .unwrap_or_else(|| "operator".to_owned())
}

/// Asks; a program that nobody can answer is not asked.
fn confirmed(title: &str) -> Result<bool, String> {
    if !std::io::stdin().is_terminal() {
        return Err(
            "nobody can be asked here: add --yes to apply, or --dry-run to look".to_owned(),
        );
    }
    super::say(&format!("Apply this to {title}? [y/N] "));
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| error.to_string())?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The plan, for people. Of a secret only that it changes.
fn shown(plan: &Plan, title: &str) -> String {
    if plan.is_empty() {
        return format!("{title}: nothing to change\n");
    }
    let mut text = format!("{title}:\n");
    for item in &plan.items {
        let sign = match item.how {
            How::New => '+',
            How::Changed => '~',
            How::Gone => '-',
        };
        let name = match item.id.is_empty() {
            true => item.kind.to_owned(),
            false => format!("{} {}", item.kind, item.id),
        };
        text += &format!("  {sign} {name} ({})\n", item.how.as_str());
        for field in &item.fields {
            text += &match &field.values {
                Some((was, becomes)) => format!("      {}: {was} -> {becomes}\n", field.name),
                None => format!("      {}: changed\n", field.name),
            };
        }
        if item.how == How::Gone && item.kind == "connection" {
            text += "      its conversations go on by themselves, without bot and timers\n";
        }
    }
    if plan.items.is_empty() {
        text += "  ~ the secrets are written again\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_hub::config::Field;

    #[test]
    fn a_plan_shows_fields_and_no_secret() {
        let item = |how, fields| Item {
            kind: "connection",
            id: "shop".to_owned(),
            how,
            fields,
        };
        let fields = vec![
            Field {
                name: "timers.bot_owes".to_owned(),
                values: Some(("60s".to_owned(), "45s".to_owned())),
            },
            Field {
                name: "secrets.api_token".to_owned(),
                values: None,
            },
        ];
        let plan = Plan {
            items: vec![item(How::Changed, fields), item(How::Gone, Vec::new())],
            written: Some(Written {
                secrets: None,
                document: "{}".to_owned(),
            }),
        };
        let text = shown(&plan, "the stack shop");
        assert!(text.contains("~ connection shop (changed)"), "{text}");
        assert!(text.contains("timers.bot_owes: 60s -> 45s"), "{text}");
        assert!(text.contains("secrets.api_token: changed"), "{text}");
        assert!(text.contains("- connection shop (gone)"), "{text}");
        assert!(shown(&Plan::default(), "x").contains("nothing to change"));
    }
}

//! What begins with new settings: bots get their `PING`, platforms their webhooks.

use crate::commands::reach::{Kind, Reached};
use crate::commands::say;
use baton_hub::Clock;
use baton_hub::calls::Calls;
use baton_hub::config::{How, Item, Plan};
use baton_hub::registration::{Registration, organizations, register};
use baton_hub::settings::Settings;
use baton_hub::store::settings::WebhookSeen;
use baton_hub::telling::Teller;
use std::collections::BTreeSet;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Started {
    /// How many things need a look.
    pub(super) wrong: usize,
    /// Endpoints whose platform has not taken all that it was told.
    pub(super) untold: BTreeSet<String>,
}

/// What begins with the new settings: bots get their `PING`, platforms their webhooks.
/// `rotating` are the endpoints whose webhooks get other credentials. Says what went wrong.
pub(super) async fn start(
    hub: &Reached,
    wanted: &Settings,
    plan: &Plan,
    rotating: &BTreeSet<String>,
    clock: &Clock,
) -> Result<Started, String> {
    crate::tls::install();
    let calls = Calls::new(clock.clone(), 0).map_err(|error| error.to_string())?;
    let teller = Teller::new(calls.clone());
    let mut started = Started::default();
    for connection in touched(wanted, plan) {
        let Some(connection) = wanted.connections.get(&connection) else {
            continue;
        };
        if connection.bot.is_none() {
            continue;
        }
        match teller.ping(connection, &clock.token(10)).await {
            Ok(()) => say(&format!("{}: the bot answers its PING\n", connection.id)),
            Err(error) => {
                started.wrong += 1;
                say(&format!(
                    "{}: the bot does not answer its PING: {error}. Messages are told again and again; check its URL and credentials\n",
                    connection.id
                ));
            }
        }
    }
    let mut endpoints = endpoints_to_look_at(hub, wanted, plan).await?;
    endpoints.extend(rotating.iter().cloned());
    for id in endpoints {
        let Some(endpoint) = wanted.endpoints.get(&id) else {
            continue;
        };
        if hub.kind == Kind::Folder {
            // Nobody would answer the platform's PING.
            if !plan.is_empty() {
                say(&format!(
                    "{id}: its webhook was not looked at, since no hub runs here: apply again when one does\n"
                ));
            }
            continue;
        }
        let resend = rotating.contains(&id) || credentials_changed(plan, &id);
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
                    started.wrong += 1;
                    started.untold.insert(id.clone());
                    problem.clone()
                }
            };
            say(&format!("{id}: {words}\n"));
            let seen = serde_json::to_string(&registered.seen(clock.now()));
            let seen = seen.map_err(|error| error.to_string())?;
            hub.text("PUT", &format!("/webhooks/{id}"), Some(seen))
                .await?;
        }
    }
    Ok(started)
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

/// Whether other credentials of an endpoint's webhook are taken, which the platform cannot
/// be asked for.
fn credentials_changed(plan: &Plan, endpoint: &str) -> bool {
    plan.items.iter().any(|item| {
        let of_webhook = |name: &str| name.starts_with("secrets.") || name == "accepts";
        item.kind == "endpoint"
            && item.id == endpoint
            && (item.how == How::New || item.fields.iter().any(|field| of_webhook(&field.name)))
    })
}

//! `baton connections`: what is configured, and how the webhooks were seen last.

use super::reach::{PlaceArguments, Refusal, down};
use crate::place::Operator;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use baton_domain::Desk;
use baton_hub::facts::iso;
use baton_hub::settings::{BotFormat, Connection};
use baton_hub::store::settings::WebhookSeen;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A line of the list: nothing that is a secret, and of URLs the host alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    id: String,
    endpoint: String,
    platform: String,
    addresses: String,
    bot: String,
    desk: String,
    webhook: String,
}

pub(super) fn routes() -> Router<Operator> {
    Router::new().route("/connections", get(list))
}

async fn list(State(operator): State<Operator>) -> Result<Json<Vec<Line>>, Refusal> {
    let settings = operator.core.settings().await.map_err(down)?;
    let mut seen = BTreeMap::new();
    for endpoint in settings.endpoints.keys() {
        let found = operator.core.store.webhook_seen(endpoint).await;
        seen.insert(endpoint.clone(), found.map_err(down)?);
    }
    let lines = settings.connections.values().map(|connection| {
        let seen = seen.get(&connection.endpoint).and_then(Option::as_ref);
        line(connection, seen)
    });
    Ok(Json(lines.collect()))
}

fn line(connection: &Connection, seen: Option<&WebhookSeen>) -> Line {
    Line {
        id: connection.id.clone(),
        endpoint: connection.endpoint.clone(),
        platform: connection.platform.as_str().to_owned(),
        addresses: match connection.addresses.is_empty() {
            true => "all others".to_owned(),
            false => connection.addresses.join(", "),
        },
        bot: match &connection.bot {
            None => "none".to_owned(),
            Some(bot) => {
                let format = match bot.format {
                    BotFormat::Baton => "baton",
                    BotFormat::Gladly => "gladly",
                };
                format!("{} ({format})", host(&bot.url))
            }
        },
        desk: match &connection.policy.desk {
            Desk::None => "none".to_owned(),
            Desk::Platform => connection.platform.as_str().to_owned(),
            Desk::App(app) => format!("app {app}"),
            Desk::Hub => "the hub's own".to_owned(),
        },
        webhook: match seen {
            None => "not looked at".to_owned(),
            Some(seen) if seen.problem.is_empty() => format!("on ({})", iso(seen.at)),
            Some(seen) => format!("{} ({})", seen.problem, iso(seen.at)),
        },
    }
}

/// The host of a URL: without user, password, path and query, which may hold secrets.
fn host(url: &str) -> String {
    let parsed = reqwest::Url::parse(url).ok();
    let host = parsed.as_ref().and_then(|url| url.host_str());
    host.unwrap_or_default().to_owned()
}

/// The command.
pub(super) async fn run(place: &PlaceArguments) -> Result<(), String> {
    let hub = place.reach(false).await?;
    let lines: Vec<Line> = hub.json("GET", "/connections", None).await?;
    super::say(&table(&lines));
    Ok(())
}

fn table(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "No connection is configured; `baton apply` takes them from a file.\n".to_owned();
    }
    let head = Line {
        id: "connection".to_owned(),
        endpoint: "endpoint".to_owned(),
        platform: "platform".to_owned(),
        addresses: "addresses".to_owned(),
        bot: "bot".to_owned(),
        desk: "desk".to_owned(),
        webhook: "webhook".to_owned(),
    };
    let columns = |line: &Line| {
        [
            line.id.clone(),
            line.endpoint.clone(),
            line.platform.clone(),
            line.addresses.clone(),
            line.bot.clone(),
            line.desk.clone(),
            line.webhook.clone(),
        ]
    };
    let rows: Vec<[String; 7]> = std::iter::once(&head).chain(lines).map(columns).collect();
    super::columns(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_bots_url_only_the_host_is_shown() {
        assert_eq!(
            host("https://user:test-secret@bot.acme.com/hook?key=test-secret"),
            "bot.acme.com"
        );
        assert_eq!(host("nonsense"), "");
    }

    #[test]
    fn the_list_has_a_line_for_each() {
        let line = Line {
            id: "shop-chat".to_owned(),
            webhook: "on".to_owned(),
            ..Line::default()
        };
        let text = table(&[line]);
        assert_eq!(text.lines().count(), 2);
        assert!(text.starts_with("connection"), "{text}");
        assert!(table(&[]).contains("baton apply"));
    }
}

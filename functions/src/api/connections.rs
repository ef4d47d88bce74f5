//! What is configured, as far as it is no secret; and whether the hub is well.

use super::Answer;
use super::call::{self, READERS};
use crate::http::{HttpRequest, HttpResponse};
use crate::problem::{Kind, Problem, pages};
use baton_domain::time::SECOND;
use baton_domain::{Desk, OnBotSilence, Policy, QueueLimit};
use baton_hub::api::{Api, ApiError};
use baton_hub::settings::{BotFormat, Connection};
use serde::Serialize;
use utoipa::ToSchema;

/// One connection: never its secrets, nor where its bot is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "shop-chat",
    "platform": "gladly",
    "host": "acme.gladly.com",
    "addresses": ["app_1"],
    "desk": "platform",
    "default_inbox": "inbox_1",
    "bot_format": "gladly",
    "timers": {
        "customer_silent_s": 300,
        "bot_owes_s": 60,
        "on_bot_silence": "handoff",
        "customer_waits_s": null,
        "customer_silent_agent_s": 86400,
        "agent_silent_s": null,
        "queue_limit_s": null,
        "on_queue_limit": null
    }
}))]
pub struct ConnectionObject {
    /// Its id.
    pub id: String,
    /// Its platform.
    pub platform: &'static str,
    /// The host of the platform's API.
    pub host: String,
    /// The addresses customers write to; empty takes any address of its endpoint.
    pub addresses: Vec<String>,
    /// Where agents work: `none`, `platform`, `app` or `hub`.
    pub desk: &'static str,
    /// Where a handoff without a target goes; missing where the platform decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_inbox: Option<String>,
    /// How its bot is spoken to, `baton` or `gladly`; missing where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bot_format: Option<&'static str>,
    /// What may fire, and when.
    pub timers: TimersObject,
}

/// Spans in seconds; `null` where a timer is off.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimersObject {
    /// The bot holds and the customer is silent: close.
    pub customer_silent_s: Option<i64>,
    /// The bot holds and owes an answer.
    pub bot_owes_s: Option<i64>,
    /// What follows then: `handoff` or `close`.
    pub on_bot_silence: &'static str,
    /// A seat of the hub holds and the customer waits: one reminder.
    pub customer_waits_s: Option<i64>,
    /// A seat of the hub holds and the customer is silent: close.
    pub customer_silent_agent_s: Option<i64>,
    /// A seat of the hub holds and is silent: back to the default inbox.
    pub agent_silent_s: Option<i64>,
    /// The hub's queue holds for so long.
    pub queue_limit_s: Option<i64>,
    /// What follows then: `bot`, `inbox` or `notify`.
    pub on_queue_limit: Option<&'static str>,
}

/// All connections that the token may touch.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectionList {
    /// The connections, by id.
    pub connections: Vec<ConnectionObject>,
}

/// How the hub is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "ok", "version": "0.1.0"}))]
pub struct HealthObject {
    /// `ok`.
    pub status: &'static str,
    /// The release.
    pub version: &'static str,
}

impl From<&Connection> for ConnectionObject {
    fn from(connection: &Connection) -> Self {
        Self {
            id: connection.id.clone(),
            platform: connection.platform.as_str(),
            host: host(&connection.base_url).to_owned(),
            addresses: connection.addresses.clone(),
            desk: match connection.policy.desk {
                Desk::None => "none",
                Desk::Platform => "platform",
                Desk::App(_) => "app",
                Desk::Hub => "hub",
            },
            default_inbox: connection.policy.default_inbox.clone(),
            bot_format: connection.bot.as_ref().map(|bot| match bot.format {
                BotFormat::Baton => "baton",
                BotFormat::Gladly => "gladly",
            }),
            timers: (&connection.policy).into(),
        }
    }
}

impl From<&Policy> for TimersObject {
    fn from(policy: &Policy) -> Self {
        let timers = &policy.timers;
        let seconds = |span: Option<i64>| span.map(|span| span / SECOND);
        Self {
            customer_silent_s: seconds(timers.customer_silent),
            bot_owes_s: seconds(timers.bot_owes),
            on_bot_silence: match policy.on_bot_silence {
                OnBotSilence::Handoff => "handoff",
                OnBotSilence::Close => "close",
            },
            customer_waits_s: seconds(timers.customer_waits),
            customer_silent_agent_s: seconds(timers.customer_silent_agent),
            agent_silent_s: seconds(timers.agent_silent),
            queue_limit_s: seconds(timers.queue_limit.as_ref().map(|(span, _)| *span)),
            on_queue_limit: timers.queue_limit.as_ref().map(|(_, then)| match then {
                QueueLimit::ToBot => "bot",
                QueueLimit::ToInbox(_) => "inbox",
                QueueLimit::Notify => "notify",
            }),
        }
    }
}

/// The host of a URL: without user, password, path and query, which may hold secrets.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

/// List connections
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    get,
    path = "/v1/connections",
    tag = "connections",
    operation_id = "listConnections",
    responses(
        (status = 200, description = "All that the token may touch", body = ConnectionList),
        super::openapi::ReadRefusals,
    )
)]
pub async fn list(api: Api, request: HttpRequest) -> Answer {
    let caller = call::caller(&api, &request, READERS).await?;
    call::only_query(&request, &[])?;
    let settings = api.settings().await?;
    let touched = settings
        .connections
        .values()
        .filter(|connection| caller.may_touch(&connection.id));
    let connections = touched.map(ConnectionObject::from).collect();
    Ok(HttpResponse::json(200, &ConnectionList { connections }))
}

/// Read a connection
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    get,
    path = "/v1/connections/{id}",
    tag = "connections",
    operation_id = "readConnection",
    params(("id" = String, Path, description = "Id of the connection")),
    responses(
        (status = 200, description = "The connection", body = ConnectionObject),
        super::openapi::ReadRefusals,
    )
)]
pub async fn one(api: Api, request: HttpRequest) -> Answer {
    let caller = call::caller(&api, &request, READERS).await?;
    call::only_query(&request, &[])?;
    let settings = api.settings().await?;
    let connection = settings
        .connections
        .get(call::id(&request))
        .filter(|connection| caller.may_touch(&connection.id))
        .ok_or(ApiError::NotFound)?;
    Ok(HttpResponse::json(200, &ConnectionObject::from(connection)))
}

/// Ask whether the hub is well
///
/// Without a token. 503 when the table cannot be read.
///
/// # Errors
/// 503.
#[utoipa::path(
    get,
    path = "/health",
    tag = "hub",
    operation_id = "health",
    security(()),
    responses(
        (status = 200, description = "The table can be read", body = HealthObject),
        super::openapi::HealthRefusals,
    )
)]
pub async fn health(api: Api, _request: HttpRequest) -> Answer {
    // The cheapest read there is; what it finds does not matter.
    api.core
        .store
        .settings_document()
        .await
        .map_err(ApiError::from)?;
    let health = HealthObject {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(HttpResponse::json(200, &health).with_header("cache-control", "no-store"))
}

/// Read what a problem means
///
/// The page behind the `type` of a problem document, without a token: HTML, or markdown
/// where `Accept` asks for it.
///
/// # Errors
/// 404 for a name that no problem has.
#[utoipa::path(
    get,
    path = "/problems/{name}",
    tag = "hub",
    operation_id = "readProblem",
    security(()),
    params(("name" = String, Path, description = "The last part of the `type`")),
    responses(
        (status = 200, description = "The page", content_type = "text/html", body = String),
        super::openapi::PageRefusals,
    )
)]
pub async fn problem(_api: Api, request: HttpRequest) -> Answer {
    let name = request.path_parameter("name").unwrap_or_default();
    pages::page(name, request.header("accept")).ok_or_else(|| {
        Problem::new(
            Kind::NotFound,
            "No problem of the hub has this name. Follow the `type` of a problem document.",
        )
    })
}

/// Read this description
///
/// OpenAPI 3.1, without a token.
///
/// # Errors
/// None.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "hub",
    operation_id = "openapi",
    security(()),
    responses((status = 200, description = "The description of the Baton API", body = Object))
)]
pub async fn openapi(api: Api, _request: HttpRequest) -> Answer {
    let public_url = api
        .settings()
        .await
        .ok()
        .and_then(|settings| settings.public_url.clone());
    let response = HttpResponse::json(200, &super::openapi::description(public_url.as_deref()));
    Ok(response.with_header("cache-control", "public, max-age=300"))
}

/// A path or method that the hub does not have. The token is checked all the same, so
/// that without one every path looks alike.
///
/// # Errors
/// Always: 401, 404, or 405 with the methods that the path has.
pub async fn unknown(api: Api, request: HttpRequest) -> Answer {
    call::caller(&api, &request, READERS).await?;
    let allowed = super::openapi::methods(&request.path);
    if !allowed.is_empty() {
        return Err(Problem::method(request.method(), &allowed));
    }
    let detail = format!(
        "There is no call {} on this path. All calls are listed at /openapi.json.",
        request.method()
    );
    Err(Problem::new(Kind::NotFound, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_hub::settings::{Bot, Platform, SecretText};

    #[test]
    fn only_the_host_of_a_url_is_shown() {
        assert_eq!(host("https://acme.gladly.com"), "acme.gladly.com");
        assert_eq!(
            host("http://user:test-secret@127.0.0.1:9000/path?key=test-secret#x"),
            "127.0.0.1:9000"
        );
        assert_eq!(host("https://host?token=test-secret@x"), "host");
        assert_eq!(host(""), "");
    }

    #[test]
    fn no_secret_is_shown() {
        let secret = || SecretText::new("test-secret");
        let connection = Connection {
            id: "shop-chat".to_owned(),
            endpoint: "gladly-main".to_owned(),
            platform: Platform::Gladly,
            base_url: "https://acme.gladly.com".to_owned(),
            addresses: vec!["app_1".to_owned()],
            api_user: "test-secret-user@example.com".to_owned(),
            api_token: secret(),
            bot: Some(Bot {
                url: "https://bot.example.com/test-secret".to_owned(),
                format: BotFormat::Gladly,
                basic: Some(("test-secret".to_owned(), secret())),
                signing_keys: vec![secret()],
            }),
            policy: Policy::gladly(Some("inbox_1".to_owned())),
            text_on_bus: false,
            keep_messages: 0,
            repair_webhook: true,
        };
        let shown = serde_json::to_value(ConnectionObject::from(&connection)).expect("JSON");
        assert!(!shown.to_string().contains("test-secret"), "{shown}");
        assert_eq!(shown["timers"]["customer_silent_s"], 300);
        assert_eq!(
            (&shown["desk"], &shown["bot_format"]),
            (&"platform".into(), &"gladly".into())
        );
        assert!(shown["timers"]["agent_silent_s"].is_null());
    }
}

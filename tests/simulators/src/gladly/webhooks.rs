//! Webhooks: their settings and the API to administer them.
//!
//! Gladly API 1.0 (OpenAPI), Webhooks: created disabled, at most 20, name up to
//! 200 characters, the URL unique among them; secrets are never read back; when
//! one is enabled or its URL changes a PING must be answered with 200.

use std::collections::{BTreeMap, VecDeque};

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::GladlySim;
use super::event_names::known_event;
use super::oracle::ViolationKind;
use super::refusal::{Answer, Outcome, Refusal, iso, put};
use super::state::World;

/// Request logs kept per webhook (Gladly API 1.0).
const LOG_LENGTH: usize = 100;
const NAME_MAX: usize = 200;

/// A webhook to set up with [`GladlySim::connect`].
#[derive(Clone, Debug, Default)]
pub struct WebhookConfig {
    /// Where events go.
    pub url: String,
    /// Basic credentials: user name and password.
    pub credentials: Option<(String, String)>,
    /// Static headers, such as `X-Gladly-token`.
    pub headers: BTreeMap<String, String>,
    /// Names of the events to send.
    pub events: Vec<String>,
}

impl WebhookConfig {
    /// A webhook for the customer's messages, without credentials.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.into(),
            events: vec!["AUTOMATION/MESSAGE_RECEIVED".into()],
            ..Self::default()
        }
    }

    /// Adds Basic credentials.
    #[must_use]
    pub fn basic(mut self, username: &str, password: &str) -> Self {
        self.credentials = Some((username.into(), password.into()));
        self
    }

    /// Adds a static header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Adds an event.
    #[must_use]
    pub fn event(mut self, name: &str) -> Self {
        self.events.push(name.into());
        self
    }
}

/// One entry of a webhook's request log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestLog {
    /// When the request left, in ms since the epoch.
    pub at: i64,
    /// `PING` or the event's name.
    pub event_type: String,
    /// The event's id; empty for a PING.
    pub event_id: String,
    /// What came of it.
    pub outcome: super::delivery::AttemptOutcome,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) events: Vec<String>,
    pub(crate) credentials: Option<(String, String)>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) enabled: bool,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) disabled_due_to_retries: Option<i64>,
    log: VecDeque<RequestLog>,
}

impl Webhook {
    pub(crate) fn record(&mut self, entry: RequestLog) {
        if self.log.len() == LOG_LENGTH {
            self.log.pop_front();
        }
        self.log.push_back(entry);
    }

    /// The headers that authenticate a delivery.
    pub(crate) fn authentication(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some((username, password)) = &self.credentials {
            let basic = format!(
                "Basic {}",
                STANDARD.encode(format!("{username}:{password}"))
            );
            if let Ok(value) = HeaderValue::from_str(&basic) {
                headers.insert(AUTHORIZATION, value);
            }
        }
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            ) {
                headers.insert(name, value);
            }
        }
        headers
    }

    fn view(&self) -> Value {
        let mut view = json!({
            "id": self.id,
            "name": self.name,
            "url": self.url,
            "events": self.events,
            "enabled": self.enabled,
            "hasCredentials": self.credentials.is_some(),
            "headerKeys": self.headers.keys().collect::<Vec<_>>(),
            "createdAt": iso(self.created_at),
            "updatedAt": iso(self.updated_at),
        });
        put(
            &mut view,
            "disabledAtDueToRetryLimit",
            self.disabled_due_to_retries.map(iso),
        );
        view
    }

    /// Takes over what `body` names and leaves the rest.
    fn change(&mut self, body: &Map<String, Value>) -> Result<(), Refusal> {
        if let Some(name) = body.get("name") {
            self.name = text(name, "name")?;
            if self.name.chars().count() > NAME_MAX {
                return Err(bad(
                    "name",
                    "too_long",
                    "is too long (maximum is 200 characters)",
                ));
            }
        }
        if let Some(url) = body.get("url") {
            self.url = text(url, "url")?;
        }
        if let Some(events) = body.get("events") {
            self.events = events_of(events)?;
        }
        match body.get("credentials") {
            None => {}
            Some(Value::Null) => self.credentials = None,
            Some(Value::Object(credentials)) => {
                let of =
                    |key: &str| text(credentials.get(key).unwrap_or(&Value::Null), "credentials");
                self.credentials = Some((of("username")?, of("password")?));
                if let Some(realm) = credentials.get("realm").filter(|realm| !realm.is_null()) {
                    text(realm, "credentials")?;
                }
            }
            Some(_) => return Err(bad("credentials", "invalid", "must be an object")),
        }
        match body.get("headers") {
            None => {}
            Some(Value::Null) => self.headers.clear(),
            Some(Value::Object(headers)) => {
                self.headers = headers
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), text(value, "headers")?)))
                    .collect::<Result<_, Refusal>>()?;
            }
            Some(_) => return Err(bad("headers", "invalid", "must be an object")),
        }
        Ok(())
    }
}

fn bad(attr: &'static str, code: &'static str, detail: &str) -> Refusal {
    Refusal::attr(attr, code, detail).because(ViolationKind::InvalidValue)
}

fn text(value: &Value, attr: &'static str) -> Result<String, Refusal> {
    match value.as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(bad(attr, "blank", "can't be blank")),
    }
}

fn events_of(value: &Value) -> Result<Vec<String>, Refusal> {
    let names = value.as_array().map(Vec::as_slice).unwrap_or_default();
    if names.is_empty() {
        return Err(bad("events", "blank", "can't be blank"));
    }
    let read = |name: &Value| match name.as_str() {
        Some(name) if known_event(name) => Ok(name.to_owned()),
        _ => Err(bad("events", "invalid", "is not an event name")),
    };
    names.iter().map(read).collect()
}

/// Whether a plain `http` URL stays on this machine: tests have no certificates.
fn is_here(url: &str) -> bool {
    let authority = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split(['/', '?', '#']).next())
        .unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    };
    // Names below `.test` reach nobody (RFC 2606); simulations carry them themselves.
    host.is_some_and(|host| {
        host == "localhost"
            || host.ends_with(".test")
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    })
}

impl World {
    pub(crate) fn webhook(&self, id: &str) -> Option<&Webhook> {
        self.webhooks.iter().find(|webhook| webhook.id == id)
    }

    pub(crate) fn webhook_mut(&mut self, id: &str) -> Option<&mut Webhook> {
        self.webhooks.iter_mut().find(|webhook| webhook.id == id)
    }

    fn check_url(&self, webhook: &Webhook) -> Result<(), Refusal> {
        let secure = webhook.url.starts_with("https://")
            || (self.config.http_webhooks && is_here(&webhook.url));
        if !secure {
            return Err(bad("url", "invalid", "must be an HTTPS URL"));
        }
        let taken = |other: &&Webhook| other.id != webhook.id && other.url == webhook.url;
        match self.webhooks.iter().find(taken) {
            Some(_) => Err(bad("url", "taken", "has already been taken")),
            None => Ok(()),
        }
    }

    /// Adds a disabled webhook and returns its id.
    fn create_webhook(&mut self, body: &Map<String, Value>, now: i64) -> Result<String, Refusal> {
        if self.webhooks.len() >= self.config.max_webhooks {
            return Err(
                Refusal::general("too_long", "an organization may have 20 webhooks")
                    .because(ViolationKind::LimitExceeded),
            );
        }
        for required in ["name", "url", "events"] {
            if body.get(required).is_none() {
                return Err(bad(required, "blank", "can't be blank"));
            }
        }
        let mut webhook = Webhook {
            id: self.random.slug(),
            created_at: now,
            updated_at: now,
            ..Webhook::default()
        };
        webhook.change(body)?;
        self.check_url(&webhook)?;
        let id = webhook.id.clone();
        self.webhooks.push(webhook);
        Ok(id)
    }

    pub(crate) fn list_webhooks(&self) -> Answer {
        Answer::ok(self.webhooks.iter().map(Webhook::view).collect())
    }

    pub(crate) fn show_webhook(&self, id: &str) -> Outcome {
        let webhook = self.webhook(id).ok_or_else(Refusal::not_found)?;
        Ok(Answer::ok(webhook.view()))
    }

    pub(crate) fn delete_webhook(&mut self, id: &str) -> Outcome {
        self.webhook(id).ok_or_else(Refusal::not_found)?;
        self.webhooks.retain(|webhook| webhook.id != id);
        Ok(Answer::no_content())
    }
}

impl GladlySim {
    /// `POST /webhooks`. One that asks to be enabled must answer its PING, else it
    /// is not created.
    pub(crate) async fn post_webhook(&self, body: &Map<String, Value>, prefix: &str) -> Outcome {
        let id = self.act(|world, now| world.create_webhook(body, now))?;
        if body.get("enabled").and_then(Value::as_bool) == Some(true)
            && let Err(refusal) = self.switch_on(&id).await
        {
            self.act(|world, _| world.webhooks.retain(|webhook| webhook.id != id));
            return Err(refusal);
        }
        Ok(Answer::created(format!("{prefix}/api/v1/webhooks/{id}")))
    }

    /// `PATCH /webhooks/{id}`: nothing changes if the PING it calls for fails.
    pub(crate) async fn patch_webhook(&self, id: &str, body: &Map<String, Value>) -> Outcome {
        let (before, after) = self.act(|world, now| {
            let before = world.webhook(id).cloned().ok_or_else(Refusal::not_found)?;
            let mut after = before.clone();
            after.change(body)?;
            world.check_url(&after)?;
            after.updated_at = now;
            if let Some(enabled) = body.get("enabled") {
                after.enabled = enabled
                    .as_bool()
                    .ok_or_else(|| bad("enabled", "invalid", "must be true or false"))?;
            }
            Ok::<_, Refusal>((before, after))
        })?;
        let enabling = after.enabled && !before.enabled;
        if enabling || after.url != before.url {
            self.ping(&after).await?;
        }
        self.act(|world, _| {
            let webhook = world.webhook_mut(id).ok_or_else(Refusal::not_found)?;
            let log = std::mem::take(&mut webhook.log);
            let disabled = webhook.disabled_due_to_retries.filter(|_| !enabling);
            *webhook = after;
            webhook.log = log;
            webhook.disabled_due_to_retries = disabled;
            Ok(Answer::no_content())
        })
    }

    async fn switch_on(&self, id: &str) -> Result<(), Refusal> {
        let enable = Map::from_iter([("enabled".to_owned(), Value::Bool(true))]);
        self.patch_webhook(id, &enable).await.map(drop)
    }

    /// Sets a webhook up and enables it, as an administrator does on Gladly's
    /// settings page. Returns its id.
    ///
    /// # Errors
    /// What is wrong with the settings, or that the PING was not answered with 200.
    pub async fn connect(&self, webhook: WebhookConfig) -> Result<String, String> {
        let mut body = Map::new();
        body.insert("name".into(), "Automation".into());
        body.insert("url".into(), webhook.url.into());
        body.insert("events".into(), webhook.events.into());
        body.insert("headers".into(), json!(webhook.headers));
        if let Some((username, password)) = webhook.credentials {
            body.insert(
                "credentials".into(),
                json!({"username": username, "password": password}),
            );
        }
        let id = self
            .act(|world, now| world.create_webhook(&body, now))
            .map_err(|refusal| refusal.message())?;
        if let Err(refusal) = self.switch_on(&id).await {
            self.act(|world, _| world.webhooks.retain(|webhook| webhook.id != id));
            return Err(refusal.message());
        }
        Ok(id)
    }

    /// Enables a webhook again after Gladly switched it off, PING included.
    ///
    /// # Errors
    /// That it does not exist, or that the PING was not answered with 200.
    pub async fn enable_webhook(&self, id: &str) -> Result<(), String> {
        self.switch_on(id)
            .await
            .map_err(|refusal| refusal.message())
    }

    /// Whether a webhook is enabled; `None` if there is no such webhook.
    #[must_use]
    pub fn webhook_enabled(&self, id: &str) -> Option<bool> {
        self.read(|world| world.webhook(id).map(|webhook| webhook.enabled))
    }

    /// The last 100 requests to a webhook, the oldest first.
    #[must_use]
    pub fn webhook_log(&self, id: &str) -> Vec<RequestLog> {
        self.read(|world| {
            let webhook = world.webhook(id);
            webhook.map_or_else(Vec::new, |webhook| webhook.log.iter().cloned().collect())
        })
    }
}

//! The hub's webhook at the platform: there, on, with the right events and credentials.
//!
//! Where the platform's API allows it (Gladly) a missing one is made and a wrong one is
//! set right; what cannot be done is told with what to do.

use crate::calls::Calls;
use crate::settings::{Connection, Endpoint, Platform, Settings};
use crate::store::settings::WebhookSeen;
use baton_domain::time::SECOND;
use baton_platforms::gladly::limits::WEBHOOKS_MAX;
use baton_platforms::gladly::webhooks::{self, EVENTS, WebhookChange};
use baton_platforms::gladly::{Answer, Operation, classify};
use baton_platforms::http::{Credentials, HttpCall};
use std::time::Duration;

/// How long a call may take. Gladly's answer may wait for a `PING`, which has 15 s.
const CALL_TAKES_AT_MOST: Duration = Duration::from_secs(25);
/// A hub that has just got an endpoint may not know it yet: it asks for newer settings
/// once in 5 s. So a `PING` that failed is asked for again after this.
const PING_AGAIN_AFTER: i64 = 6 * SECOND;
/// How often one is asked for.
const PINGS: u32 = 3;

/// What became of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It is as it should be.
    Right,
    /// It was made and switched on.
    Made,
    /// These of its parts were set right.
    Mended(Vec<&'static str>),
    /// It is not as it should be: what is wrong, and what to do.
    Wrong(String),
}

/// What was found, with the platform's id of the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The endpoint.
    pub endpoint: String,
    /// The platform's id, where there is a webhook.
    pub id: Option<String>,
    /// What became of it.
    pub registration: Registration,
}

impl Registered {
    /// The same as it is kept.
    #[must_use]
    pub fn seen(&self, at: baton_domain::Timestamp) -> WebhookSeen {
        let problem = match &self.registration {
            Registration::Wrong(problem) => problem.clone(),
            _ => String::new(),
        };
        WebhookSeen {
            at,
            id: self.id.clone(),
            enabled: problem.is_empty(),
            problem,
        }
    }
}

/// Where the platform is to send an endpoint's events.
#[must_use]
pub fn webhook_url(public_url: &str, endpoint: &Endpoint) -> String {
    let platform = endpoint.platform.as_str();
    format!("{public_url}/webhooks/{platform}/{}", endpoint.id)
}

/// The webhook as it should be, on and with the credentials that are in force.
#[must_use]
pub fn wanted(public_url: &str, endpoint: &Endpoint) -> WebhookChange {
    let now = endpoint.accepts.first();
    let basic = now.and_then(|set| set.basic.as_ref());
    let headers = now.map(|set| set.headers.as_slice()).unwrap_or_default();
    WebhookChange {
        name: Some(format!("Baton {}", endpoint.id)),
        url: Some(webhook_url(public_url, endpoint)),
        events: Some(EVENTS.map(str::to_owned).to_vec()),
        credentials: Some(
            basic.map(|(user, password)| (user.clone(), password.reveal().to_owned())),
        ),
        headers: Some(
            headers
                .iter()
                .map(|(name, value)| (name.clone(), value.reveal().to_owned()))
                .collect(),
        ),
        enabled: Some(true),
    }
}

/// The organizations of an endpoint: one connection for each base URL, whose credentials
/// speak for it.
#[must_use]
pub fn organizations<'s>(settings: &'s Settings, endpoint: &str) -> Vec<&'s Connection> {
    let mut found: Vec<&Connection> = Vec::new();
    for connection in settings.connections.values() {
        let known = |other: &&Connection| other.base_url == connection.base_url;
        if connection.endpoint == endpoint && !found.iter().any(known) {
            found.push(connection);
        }
    }
    found
}

/// Makes or mends the webhook of an endpoint in the organization of `connection`.
/// `resend_secrets` where its credentials were changed: they cannot be compared.
pub async fn register(
    calls: &Calls,
    clock: &crate::Clock,
    public_url: Option<&str>,
    endpoint: &Endpoint,
    connection: &Connection,
    resend_secrets: bool,
) -> Registered {
    let mut registered = Registered {
        endpoint: endpoint.id.clone(),
        id: None,
        registration: Registration::Right,
    };
    let Some(public_url) = public_url else {
        registered.registration = Registration::Wrong(
            "`hub.public_url` is not set, so the platform cannot be told where to send events: set it and apply again".to_owned(),
        );
        return registered;
    };
    let Platform::Gladly = endpoint.platform;
    let gladly = Gladly {
        calls,
        clock,
        connection,
    };
    let wanted = wanted(public_url, endpoint);
    registered.registration = match gladly
        .register(&wanted, resend_secrets, &mut registered.id)
        .await
    {
        Ok(registration) => registration,
        Err(problem) => Registration::Wrong(problem),
    };
    registered
}

struct Gladly<'a> {
    calls: &'a Calls,
    clock: &'a crate::Clock,
    connection: &'a Connection,
}

impl Gladly<'_> {
    async fn register(
        &self,
        wanted: &WebhookChange,
        resend_secrets: bool,
        id: &mut Option<String>,
    ) -> Result<Registration, String> {
        let (listed, body) = self.ask(Operation::ListWebhooks, &webhooks::list()).await?;
        if !matches!(listed, Answer::Accepted { .. }) {
            return Err(self.refused("Gladly does not list its webhooks", &listed));
        }
        let there = webhooks::read_all(&body)
            .ok_or("Gladly's list of webhooks cannot be read; try again later")?;
        let ours = there
            .iter()
            .find(|webhook| Some(&webhook.url) == wanted.url.as_ref());
        let Some(ours) = ours else {
            if there.len() >= WEBHOOKS_MAX {
                return Err(format!(
                    "the organization has {WEBHOOKS_MAX} webhooks, as many as Gladly allows: remove one in Gladly's settings, then apply again"
                ));
            }
            let disabled = WebhookChange {
                enabled: None,
                ..wanted.clone()
            };
            let call = webhooks::create(&disabled);
            let (made, _) = self.ask(Operation::CreateWebhook, &call).await?;
            let Answer::Accepted { platform_id } = &made else {
                return Err(self.refused("Gladly does not make the webhook", &made));
            };
            let made = platform_id
                .as_ref()
                .ok_or("Gladly made a webhook and did not say which: apply again")?;
            *id = Some(made.clone());
            self.enable(made).await?;
            return Ok(Registration::Made);
        };
        *id = Some(ours.id.clone());
        let mut change = ours.missing(wanted, resend_secrets);
        let off = change.enabled.take().is_some();
        let mut mended = Vec::new();
        for (part, differs) in [
            ("events", change.events.is_some()),
            ("credentials", change.credentials.is_some()),
            ("headers", change.headers.is_some()),
            ("enabled", off),
        ] {
            if differs {
                mended.push(part);
            }
        }
        if !change.is_empty() {
            let call = webhooks::patch(&ours.id, &change);
            let (changed, _) = self.ask(Operation::ChangeWebhook, &call).await?;
            if !matches!(changed, Answer::Accepted { .. }) {
                return Err(self.refused("Gladly does not change the webhook", &changed));
            }
        }
        if off {
            self.enable(&ours.id).await?;
        }
        Ok(match mended.is_empty() {
            true => Registration::Right,
            false => Registration::Mended(mended),
        })
    }

    /// Switches a webhook on: last of all, when it has everything else.
    async fn enable(&self, id: &str) -> Result<(), String> {
        let on = WebhookChange {
            enabled: Some(true),
            ..WebhookChange::default()
        };
        let call = webhooks::patch(id, &on);
        let mut pings = 0;
        loop {
            pings += 1;
            let (answer, _) = self.ask(Operation::ChangeWebhook, &call).await?;
            match answer {
                Answer::Accepted { .. } => return Ok(()),
                Answer::Refused { .. } | Answer::Transient | Answer::RateLimited { .. }
                    if pings < PINGS =>
                {
                    let again = self.clock.now().plus(PING_AGAIN_AFTER);
                    self.clock.sleep_until(again).await;
                }
                answer => {
                    return Err(self.refused(
                        "the webhook is there and off: Gladly does not switch it on, which it does only if its PING to `hub.public_url` is answered 200. See that the hub runs there and is reached from outside, then apply again",
                        &answer,
                    ));
                }
            }
        }
    }

    async fn ask(
        &self,
        operation: Operation,
        call: &HttpCall,
    ) -> Result<(Answer, Vec<u8>), String> {
        let credentials = Credentials::Basic {
            user: self.connection.api_user.clone(),
            password: self.connection.api_token.reveal().to_owned(),
        };
        let base = &self.connection.base_url;
        let answered = self
            .calls
            .call(base, call, Some(&credentials), CALL_TAKES_AT_MOST)
            .await
            .map_err(|error| {
                format!(
                    "Gladly's API ({error}): see `base_url` of the connection {}",
                    self.connection.id
                )
            })?;
        Ok((classify(operation, &answered.reply()), answered.body))
    }

    fn refused(&self, what: &str, answer: &Answer) -> String {
        let id = &self.connection.id;
        match answer {
            Answer::Unauthorized => format!(
                "Gladly refuses the credentials of the connection {id}: see `agent_email` and `api_token`, and that the agent is an API User"
            ),
            Answer::Refused { code, detail } if detail.is_empty() => format!("{what} ({code})"),
            Answer::Refused { code, detail } => format!("{what} ({code}: {detail})"),
            Answer::RateLimited { .. } => format!("{what} (too many requests); apply again later"),
            Answer::NotOurs => format!("{what} (it is not there any more); apply again"),
            _ => format!("{what} (it fails now); apply again later"),
        }
    }
}

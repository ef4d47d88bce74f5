//! What a hub is told about its endpoints and connections. Read from `baton.toml` on
//! one machine, from the table and the stack's secret on AWS; here it is typed and
//! checked.

use crate::store::records::Role;
use baton_domain::{Policy, Timestamp};
use std::collections::BTreeMap;
use std::fmt;

/// A text that must not be printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// The platforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// Gladly's messaging automation.
    Gladly,
}

impl Platform {
    /// The word in settings and URLs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gladly => "gladly",
        }
    }
}

/// Everything one release of the settings says.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The revision: changes with every change.
    pub revision: String,
    /// Inbound webhooks, by id.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Entry points that customers write to, by id.
    pub connections: BTreeMap<String, Connection>,
    /// Where the hub is reached from outside, without a slash at the end.
    pub public_url: Option<String>,
}

/// One inbound webhook URL of one platform account or app.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its id, also in the URL.
    pub id: String,
    /// The platform that calls it.
    pub platform: Platform,
    /// The credentials that the platform sends. Several sets are accepted at once
    /// while they are rotated.
    pub accepts: Vec<WebhookCredentials>,
}

impl Endpoint {
    /// The sets that are taken at this time.
    pub fn accepted(&self, now: Timestamp) -> impl Iterator<Item = &WebhookCredentials> {
        let lasts = move |set: &&WebhookCredentials| set.until.is_none_or(|until| now < until);
        self.accepts.iter().filter(lasts)
    }
}

/// One set of credentials that a webhook may carry. All that is configured in a set
/// must match.
#[derive(Clone, Debug, Default)]
pub struct WebhookCredentials {
    /// Basic: user name and password.
    pub basic: Option<(String, SecretText)>,
    /// Static headers: name and value.
    pub headers: Vec<(String, SecretText)>,
    /// Until when former credentials are taken; `None` has no end.
    pub until: Option<Timestamp>,
}

impl WebhookCredentials {
    /// Whether both demand the same of a webhook.
    #[must_use]
    pub fn demands_as(&self, other: &Self) -> bool {
        self.basic == other.basic && self.headers == other.headers
    }
}

/// One entry point that customers write to.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its id.
    pub id: String,
    /// The endpoint its events come to.
    pub endpoint: String,
    /// Its platform: the endpoint's.
    pub platform: Platform,
    /// Where the platform's API is, without a slash at the end.
    pub base_url: String,
    /// The addresses customers write to: Glad Apps, pages, numbers. Empty takes any
    /// address of the endpoint.
    pub addresses: Vec<String>,
    /// User and password (or agent e-mail and token) for the platform's API.
    pub api_user: String,
    /// See `api_user`.
    pub api_token: SecretText,
    /// Its bot.
    pub bot: Option<Bot>,
    /// How conversations are led.
    pub policy: Policy,
    /// Whether bus events carry message text.
    pub text_on_bus: bool,
    /// How long messages are kept, in milliseconds; at least 8 days.
    pub keep_messages: i64,
    /// Whether its platform's webhook is switched on again when the platform switched it
    /// off.
    pub repair_webhook: bool,
}

/// A connection's bot.
#[derive(Clone, Debug)]
pub struct Bot {
    /// Where it is told.
    pub url: String,
    /// In which format.
    pub format: BotFormat,
    /// Basic credentials, for format `gladly`.
    pub basic: Option<(String, SecretText)>,
    /// Signing keys (`whsec_...`), for format `baton`; several during rotation.
    pub signing_keys: Vec<SecretText>,
}

/// How a bot is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BotFormat {
    /// CloudEvents 1.0, signed as Standard Webhooks.
    Baton,
    /// Gladly's envelope with Basic credentials.
    Gladly,
}

impl Settings {
    /// The connection that an event to this endpoint and address belongs to.
    #[must_use]
    pub fn connection_for(&self, endpoint: &str, address: &str) -> Option<&Connection> {
        let of_endpoint = || {
            self.connections
                .values()
                .filter(|connection| connection.endpoint == endpoint)
        };
        of_endpoint()
            .find(|connection| connection.addresses.iter().any(|known| known == address))
            .or_else(|| of_endpoint().find(|connection| connection.addresses.is_empty()))
    }
}

/// Who is calling the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What the caller may do.
    pub role: Role,
    /// The connections the caller may touch; `None` is all.
    pub connections: Option<Vec<String>>,
    /// Who the caller is, for agents.
    pub agent: Option<String>,
    /// A hash of the token: the scope of idempotency keys.
    pub token_hash: String,
    /// When the token ends.
    pub expires: Option<Timestamp>,
}

impl Caller {
    /// Whether the caller may touch this connection.
    #[must_use]
    pub fn may_touch(&self, connection: &str) -> bool {
        self.connections
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|id| id == connection))
    }
}

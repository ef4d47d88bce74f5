//! Endpoints and connections in JSON. A field that was added later has a default, so that
//! older documents stay readable.

use super::policy::{PolicyForm, TimersForm};
use super::vault::Vault;
use super::{BadDocument, platform};
use crate::settings::{
    Bot, BotFormat, Connection, Endpoint, Platform, SecretText, WebhookCredentials,
};
use baton_domain::Timestamp;
use serde::{Deserialize, Serialize};

/// The formats' words.
const FORMATS: [(BotFormat, &str); 2] =
    [(BotFormat::Baton, "baton"), (BotFormat::Gladly, "gladly")];

#[derive(Serialize, Deserialize)]
pub(super) struct EndpointForm {
    id: String,
    platform: String,
    /// The sets of credentials, without the credentials.
    #[serde(default)]
    accepts: Vec<AcceptsForm>,
}

#[derive(Serialize, Deserialize)]
struct AcceptsForm {
    /// Whether the set has a user name and a password.
    #[serde(default)]
    basic: bool,
    /// The names of its headers.
    #[serde(default)]
    headers: Vec<String>,
    /// Until when the set is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

impl EndpointForm {
    pub(super) fn of(endpoint: &Endpoint, secrets: &mut Vault) -> Self {
        let accepts = endpoint.accepts.iter().enumerate().map(|(index, set)| {
            let prefix = set_prefix(&endpoint.id, index);
            secrets.put_pair(&prefix, set.basic.as_ref());
            for (name, value) in &set.headers {
                secrets.put(format!("{prefix}/headers/{name}"), value.reveal());
            }
            let headers = set.headers.iter().map(|(name, _)| name.clone()).collect();
            AcceptsForm {
                basic: set.basic.is_some(),
                headers,
                until: set.until,
            }
        });
        Self {
            id: endpoint.id.clone(),
            platform: endpoint.platform.as_str().to_owned(),
            accepts: accepts.collect(),
        }
    }

    pub(super) fn into_endpoint(self, secrets: &Vault) -> Result<Endpoint, BadDocument> {
        let mut accepts = Vec::new();
        for (index, set) in self.accepts.into_iter().enumerate() {
            let prefix = set_prefix(&self.id, index);
            let basic = secrets.get_pair(&prefix, set.basic)?;
            let mut headers = Vec::new();
            for name in set.headers {
                let value = SecretText::new(secrets.get(format!("{prefix}/headers/{name}"))?);
                headers.push((name, value));
            }
            accepts.push(WebhookCredentials {
                basic,
                headers,
                until: set.until,
            });
        }
        Ok(Endpoint {
            platform: known_platform(&self.platform)?,
            id: self.id,
            accepts,
        })
    }
}

/// The present set, then those before it.
fn set_prefix(endpoint: &str, index: usize) -> String {
    match index {
        0 => format!("endpoint/{endpoint}"),
        1 => format!("endpoint/{endpoint}/previous"),
        older => format!("endpoint/{endpoint}/previous/{older}"),
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::config) struct ConnectionForm {
    id: String,
    endpoint: String,
    platform: String,
    base_url: String,
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bot: Option<BotForm>,
    policy: PolicyForm,
    #[serde(default)]
    text_on_bus: bool,
    /// Milliseconds.
    pub(in crate::config) keep_messages: i64,
    #[serde(default = "on")]
    repair_webhook: bool,
}

/// What a setting is in documents that are older than it.
fn on() -> bool {
    true
}

#[derive(Serialize, Deserialize)]
struct BotForm {
    url: String,
    format: String,
    /// Whether it has a user name and a password.
    #[serde(default)]
    basic: bool,
    /// How many signing keys it has.
    #[serde(default)]
    signing_keys: usize,
}

impl ConnectionForm {
    /// Its timers.
    pub(in crate::config) fn timers(&self) -> &TimersForm {
        &self.policy.timers
    }

    pub(super) fn of(connection: &Connection, secrets: &mut Vault) -> Self {
        let prefix = format!("connection/{}", connection.id);
        // Named as on Gladly's screens, the one platform there is.
        secrets.put(format!("{prefix}/agent_email"), &connection.api_user);
        secrets.put(format!("{prefix}/api_token"), connection.api_token.reveal());
        Self {
            id: connection.id.clone(),
            endpoint: connection.endpoint.clone(),
            platform: connection.platform.as_str().to_owned(),
            base_url: connection.base_url.clone(),
            addresses: connection.addresses.clone(),
            bot: connection
                .bot
                .as_ref()
                .map(|bot| BotForm::of(bot, &prefix, secrets)),
            policy: PolicyForm::of(&connection.policy),
            text_on_bus: connection.text_on_bus,
            keep_messages: connection.keep_messages,
            repair_webhook: connection.repair_webhook,
        }
    }

    pub(super) fn into_connection(self, secrets: &Vault) -> Result<Connection, BadDocument> {
        let prefix = format!("connection/{}", self.id);
        Ok(Connection {
            endpoint: self.endpoint,
            platform: known_platform(&self.platform)?,
            base_url: self.base_url,
            addresses: self.addresses,
            api_user: secrets.get(format!("{prefix}/agent_email"))?.to_owned(),
            api_token: SecretText::new(secrets.get(format!("{prefix}/api_token"))?),
            bot: self
                .bot
                .map(|bot| bot.into_bot(&prefix, secrets))
                .transpose()?,
            policy: self.policy.into_policy(),
            text_on_bus: self.text_on_bus,
            keep_messages: self.keep_messages,
            repair_webhook: self.repair_webhook,
            id: self.id,
        })
    }
}

impl BotForm {
    fn of(bot: &Bot, connection: &str, secrets: &mut Vault) -> Self {
        let prefix = format!("{connection}/bot");
        secrets.put_pair(&prefix, bot.basic.as_ref());
        for (index, key) in bot.signing_keys.iter().enumerate() {
            secrets.put(format!("{prefix}/signing_keys/{index}"), key.reveal());
        }
        let word = FORMATS
            .iter()
            .find(|(format, _)| *format == bot.format)
            .map(|(_, word)| *word);
        Self {
            url: bot.url.clone(),
            format: word.unwrap_or_default().to_owned(),
            basic: bot.basic.is_some(),
            signing_keys: bot.signing_keys.len(),
        }
    }

    fn into_bot(self, connection: &str, secrets: &Vault) -> Result<Bot, BadDocument> {
        let prefix = format!("{connection}/bot");
        let format = FORMATS
            .iter()
            .find(|(_, word)| *word == self.format)
            .map(|(format, _)| *format);
        let format = format.ok_or_else(|| BadDocument::UnknownWord {
            what: "bot format",
            word: self.format.clone(),
        })?;
        let mut signing_keys = Vec::new();
        for index in 0..self.signing_keys {
            signing_keys.push(SecretText::new(
                secrets.get(format!("{prefix}/signing_keys/{index}"))?,
            ));
        }
        Ok(Bot {
            url: self.url,
            format,
            basic: secrets.get_pair(&prefix, self.basic)?,
            signing_keys,
        })
    }
}

fn known_platform(word: &str) -> Result<Platform, BadDocument> {
    platform(word).ok_or_else(|| BadDocument::UnknownWord {
        what: "platform",
        word: word.to_owned(),
    })
}

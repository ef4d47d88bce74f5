//! The demonstration: what a hub is without a configuration. A simulated Gladly, a
//! sample bot, and tokens that are no secrets.

use baton_hub::config::{CheckContext, check, render};
use baton_hub::settings::Settings;
use baton_hub::store::records::{Role, TokenRecord};
use baton_simulators::bot::BotConfig;
use baton_simulators::gladly::{GladlyConfig, WebhookConfig};

/// The demonstration's connection.
pub const CONNECTION: &str = "demo-chat";
/// The demonstration's endpoint.
pub const ENDPOINT: &str = "gladly-demo";
/// Where the simulated Gladly is mounted.
pub const GLADLY_PATH: &str = "/sim/gladly";
/// Where the sample bot is mounted.
pub const BOT_PATH: &str = "/sim/bot";
/// The demonstration's tokens: role and text.
pub const TOKENS: [(&str, Role); 4] = [
    ("demo-bot-token", Role::Bot),
    ("demo-admin-token", Role::Admin),
    ("demo-agent-token", Role::Agent),
    ("demo-reader-token", Role::Reader),
];

const WEBHOOK_USER: &str = "webhook-user";
const WEBHOOK_PASSWORD: &str = "demo-webhook-password";
const BOT_USER: &str = "hub";
const BOT_PASSWORD: &str = "demo-bot-password";

/// How long the demonstration's timers are.
#[derive(Clone, Copy, Debug)]
pub struct DemoTimers {
    /// The customer's silence, in seconds.
    pub customer_silent: u32,
    /// The bot's silence, in seconds.
    pub bot_owes: u32,
}

impl Default for DemoTimers {
    fn default() -> Self {
        Self {
            customer_silent: 300,
            bot_owes: 60,
        }
    }
}

/// The settings of a demonstration reached at `base` (`http://127.0.0.1:8787`), as a
/// configuration file would say it.
#[must_use]
pub fn document(base: &str, gladly: &GladlyConfig, timers: DemoTimers) -> String {
    let inbox = &gladly.default_inbox.id;
    let (address, email, token) = (&gladly.app_address, &gladly.agent_email, &gladly.api_token);
    let DemoTimers {
        customer_silent,
        bot_owes,
    } = timers;
    format!(
        r#"[hub]
public_url = "{base}"

[[endpoint]]
id = "{ENDPOINT}"
platform = "gladly"
[endpoint.secrets]
username = "{WEBHOOK_USER}"
password = "{WEBHOOK_PASSWORD}"

[[connection]]
id = "{CONNECTION}"
endpoint = "{ENDPOINT}"
base_url = "{base}{GLADLY_PATH}"
addresses = ["{address}"]
default_inbox = "{inbox}"
[connection.secrets]
agent_email = "{email}"
api_token = "{token}"
[connection.bot]
url = "{base}{BOT_PATH}"
format = "gladly"
[connection.bot.secrets]
username = "{BOT_USER}"
password = "{BOT_PASSWORD}"
[connection.timers]
preset = "gladly"
customer_silent = "{customer_silent}s"
bot_owes = "{bot_owes}s"
"#
    )
}

/// The settings of a demonstration.
///
/// # Errors
/// The mistakes in its document, as text; there are none.
pub fn settings(base: &str, gladly: &GladlyConfig, timers: DemoTimers) -> Result<Settings, String> {
    let toml = document(base, gladly, timers);
    let context = CheckContext {
        tracked_by_git: false,
        env: &|_| None,
    };
    let checked = check(&toml, &context);
    checked
        .settings
        .ok_or_else(|| render(&checked.mistakes, &toml))
}

/// The webhook that the simulated Gladly calls.
#[must_use]
pub fn webhook(base: &str) -> WebhookConfig {
    WebhookConfig::new(&format!("{base}/webhooks/gladly/{ENDPOINT}"))
        .basic(WEBHOOK_USER, WEBHOOK_PASSWORD)
        .event("AUTOMATION/MESSAGE_SENT")
        .event("CONVERSATION/CLOSED")
        .event("CONVERSATION_ASSIGNEE/UPDATED")
        .event("CUSTOMER/MERGED")
}

/// The sample bot's settings: it speaks to the hub's Gladly-compatible face.
#[must_use]
pub fn bot(base: &str) -> BotConfig {
    BotConfig {
        token: TOKENS
            .first()
            .map(|(token, _)| (*token).to_owned())
            .unwrap_or_default(),
        webhook_credentials: Some((BOT_USER.to_owned(), BOT_PASSWORD.to_owned())),
        ..BotConfig::calling(&format!("{base}/gladly"))
    }
}

/// The records of the demonstration's tokens.
#[must_use]
pub fn token_record(role: Role) -> TokenRecord {
    TokenRecord {
        name: "demonstration".to_owned(),
        role,
        connections: Some(vec![CONNECTION.to_owned()]),
        agent: (role == Role::Agent).then(|| "demo-agent".to_owned()),
        expires: None,
    }
}

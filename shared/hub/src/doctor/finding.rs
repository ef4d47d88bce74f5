//! What is told of something that is not as it should be.

use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It works, but not as it could, or not for long.
    Warning,
    /// Customers are or will be left waiting.
    Error,
}

/// What kind of finding it is. Its word is stable: scripts may rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The settings cannot be loaded.
    SettingsUnreadable,
    /// The settings have no connection.
    NoConnections,
    /// Where the hub is reached from outside is not configured.
    PublicUrlMissing,
    /// The table cannot be read.
    TableUnreachable,
    /// An index of the table is missing.
    TableIndexMissing,
    /// The table's stream is off.
    TableStreamOff,
    /// The table's expiry is off.
    TableExpiryOff,
    /// How the table is set up could not be learned.
    TableUnknown,
    /// The key of ids is missing.
    IdKeyMissing,
    /// No sweep runs.
    SweepSilent,
    /// The stream's consumers are behind.
    StreamBehind,
    /// Nothing bounds the calls to platforms.
    ConcurrencyUnreserved,
    /// The connection is not checked by the hub itself.
    CheckupOverdue,
    /// The platform gave no answer.
    PlatformUnreachable,
    /// The platform answered something unexpected.
    PlatformFails,
    /// The platform refuses the credentials.
    CredentialsRefused,
    /// The credentials are right, but lack the permission.
    PermissionMissing,
    /// There is no such organization.
    OrganizationUnknown,
    /// The platform does not know the default inbox.
    InboxUnknown,
    /// The platform has no webhook to this hub.
    WebhookMissing,
    /// The platform's webhook of this endpoint goes elsewhere.
    WebhookElsewhere,
    /// The webhook was never switched on, or somebody switched it off.
    WebhookDisabled,
    /// The platform switched the webhook off since deliveries kept failing.
    WebhookSwitchedOff,
    /// The webhook does not tell an event that is needed.
    WebhookEventMissing,
    /// The webhook carries no credentials, though the endpoint demands some.
    WebhookCredentialsMissing,
    /// How the webhook is set up could not be learned.
    WebhookUnknown,
    /// The connection has no bot.
    BotMissing,
    /// The bot does not answer its `PING`.
    BotSilent,
    /// The bot refuses its `PING`.
    BotRefuses,
    /// This machine's clock differs from the platform's.
    ClockSkewed,
}

/// Something that is not as it should be. Its words name no secret and no customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

impl Finding {
    /// An error.
    #[must_use]
    pub fn error(code: Code, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            what: what.into(),
            advice: advice.into(),
        }
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: Code, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, what, advice)
        }
    }
}

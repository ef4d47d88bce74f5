//! The sample bot's settings.

/// Settings of a [`super::SampleBot`].
#[derive(Clone, Debug)]
pub struct BotConfig {
    /// Where the API is, without `/api/v1` and without a final slash: Gladly's
    /// host, or the base of whatever speaks its shape.
    pub base_url: String,
    /// User name of the API's Basic credentials.
    pub username: String,
    /// Password of the API's Basic credentials.
    pub token: String,
    /// Credentials that webhooks must carry; `None` accepts anyone.
    pub webhook_credentials: Option<(String, String)>,
    /// Whether it answers its customer before or after it answers the webhook.
    pub answer: AnswerTime,
    /// Answers every webhook, PING included, with 503. (A bot that is gone is one
    /// whose `Served` was dropped.)
    pub dead: bool,
    /// Waits so long before it does anything, in ms.
    pub slow_ms: i64,
    /// Answers so many messages with 500 before it works; counts down.
    pub fail_first: u32,
    /// How many deliveries of the same message "crash" are answered with 500.
    pub crashes: u32,
    /// Tries of one API call before the bot gives it up.
    pub tries: u32,
    /// Wait before the second try, in ms; it doubles with each one after.
    pub backoff_ms: i64,
    /// How long one API call may take, in ms of real time.
    pub call_limit_ms: u64,
}

/// When the bot answers the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerTime {
    /// Within the webhook call, as Gladly's own sample does.
    BeforeAcknowledging,
    /// On its own time, after a 2xx.
    AfterAcknowledging,
}

impl Default for BotConfig {
    fn default() -> Self {
        Self {
            base_url: "http://127.0.0.1:9".into(),
            username: "api@example.test".into(),
            token: "test-gladly-token".into(),
            webhook_credentials: None,
            answer: AnswerTime::BeforeAcknowledging,
            dead: false,
            slow_ms: 0,
            fail_first: 0,
            crashes: 1,
            tries: 3,
            backoff_ms: 100,
            call_limit_ms: 10_000,
        }
    }
}

impl BotConfig {
    /// A bot that calls the API at `base_url` with the default test credentials.
    #[must_use]
    pub fn calling(base_url: &str) -> Self {
        Self {
            base_url: base_url.trim_end_matches('/').into(),
            ..Self::default()
        }
    }
}

//! What was seen, before it is judged.

use crate::store::description::TableSetUp;
use crate::telling::NotTold;
use baton_platforms::gladly::webhooks::Webhook;

/// An answer of the platform, as far as it can be told what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was asked nothing.
    NotAsked,
    /// It answered with this status.
    Status(u16),
    /// It gave no answer in time.
    None,
}

impl Answer {
    /// Whether it is 2xx.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Status(200..=299))
    }
}

/// What was seen of one connection.
#[derive(Clone, Debug)]
pub struct ProbedConnection {
    /// The endpoint's id.
    pub endpoint: String,
    /// To a harmless question that needs credentials.
    pub account: Answer,
    /// To the question for the default inbox.
    pub inbox: Answer,
    /// The webhook.
    pub webhook: ProbedWebhook,
    /// What its webhook must carry: whether Basic credentials, and which headers.
    pub demands: (bool, Vec<String>),
    /// How many milliseconds this clock is ahead of the platform's.
    pub clock_ahead: Option<i64>,
    /// The bot; `None` where the connection has none.
    pub bot: Option<Result<(), NotTold>>,
    /// Whether the hub switches a webhook on again.
    pub repairs: bool,
}

/// What was seen of a connection's webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbedWebhook {
    /// The platform did not list its webhooks.
    Unknown(Answer),
    /// None is this endpoint's.
    Missing {
        /// Where it should go, where that is known.
        wanted: Option<String>,
        /// The host that another one goes to with this endpoint's path.
        elsewhere: Option<String>,
    },
    /// It is there.
    Found(Webhook),
}

/// What was seen of the hub itself.
#[derive(Clone, Debug, Default)]
pub struct ProbedHub {
    /// Why the settings cannot be loaded.
    pub settings: Option<String>,
    /// How many connections there are.
    pub connections: usize,
    /// Whether it is configured where the hub is reached.
    pub has_public_url: bool,
    /// Why the table cannot be read.
    pub table: Option<String>,
    /// How the table is set up, or why that is not known; `None` where nobody asked.
    pub set_up: Option<Result<TableSetUp, String>>,
    /// Why there is no id key.
    pub id_key: Option<String>,
    /// How many milliseconds ago the last sweep took its turn; `None`: never.
    pub swept: Option<i64>,
    /// How many milliseconds the consumers are behind, at least; `None` where nobody wrote
    /// lately, so that nothing tells.
    pub behind: Option<i64>,
    /// How many sandboxes call platforms at most; 0: nothing bounds them; `None`: not
    /// known.
    pub sandboxes: Option<u32>,
}

//! Everything about a simulated Gladly that a test may want otherwise.
//!
//! Every field has a default, so a test names only what it is about. Numbers that
//! Gladly documents are marked; the rest is this simulator's reading.

use serde::{Deserialize, Serialize};

/// Settings of one simulated Gladly organization.
#[derive(Clone, Debug)]
pub struct GladlyConfig {
    /// Name of the organization; `GET /api/v1/organization` tells it.
    pub organization: String,
    /// The user name of the API: an agent's e-mail address.
    pub agent_email: String,
    /// The password of the API: that agent's token.
    pub api_token: String,
    /// Address of the Glad App that customers write to, 24 hex digits.
    pub app_address: String,
    /// Where handoffs go. One of `inboxes`, added to them if missing.
    pub default_inbox: InboxConfig,
    /// The other inboxes.
    pub inboxes: Vec<InboxConfig>,
    /// The agents. The API user is added to them if missing.
    pub agents: Vec<AgentConfig>,
    /// Names of the topics that conversations may carry; ids are derived.
    pub topics: Vec<String>,
    /// Whether a conversation needs a topic before it may be closed by a call.
    pub topics_required: bool,
    /// A session in which neither side wrote for so long is closed by Gladly
    /// itself: 300,000 ms, and not configurable at the real one.
    pub idle_close_ms: i64,
    /// Whether closing a session (by the bot or by the idle rule) closes the
    /// conversation too. Off, the next message opens a session in the same one.
    pub close_ends_conversation: bool,
    /// What a call on a session that was handed off or closed is told.
    pub late_call: LateCall,
    /// Calls per second for each method (Gladly: 10); `None` switches it off.
    pub rate_limit: Option<u32>,
    /// Whether a menu item's id may hold the digit 0. Gladly's text lists 1 to 9.
    pub zero_in_menu_ids: bool,
    /// How long a webhook receiver has to answer: 15,000 ms.
    pub webhook_deadline_ms: i64,
    /// Waits before the second to fifth attempt: 30 s, 5 min, 30 min, 1 h.
    pub retry_delays_ms: Vec<i64>,
    /// Factor on those waits, so that a run on the real clock can be short.
    pub retry_scale: f64,
    /// Whether first attempts wait for those of the same session before them.
    pub delivery_order: DeliveryOrder,
    /// Webhooks an organization may have: 20.
    pub max_webhooks: usize,
    /// Whether webhooks may point to plain `http` on this machine or below `.test`. The
    /// real one insists on HTTPS.
    pub http_webhooks: bool,
    /// How far the Events API is behind: up to 15,000 ms.
    pub events_behind_ms: i64,
    /// Whether the Events API tells of the automation. Its text lists no such entity, its
    /// answers' shapes do; off, asking for it is refused.
    pub automation_events: bool,
    /// What agents do by themselves.
    pub auto_agent: AutoAgent,
    /// How long an API call that was chosen to hang stays silent, in ms.
    pub hang_ms: i64,
    /// Seed of ids and faults. The same seed replays the same run.
    pub seed: u64,
}

/// An inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxConfig {
    /// Its id, opaque.
    pub id: String,
    /// Its name, unique in the organization.
    pub name: String,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentConfig {
    /// The agent's id, opaque.
    pub id: String,
    /// Shown to customers.
    pub name: String,
    /// Also the user name of API calls.
    pub email: String,
    /// Whether the agent has the permission *API User*; without it 403.
    pub api_user: bool,
    /// Ids of the inboxes the agent serves; empty means all.
    pub inboxes: Vec<String>,
}

/// The answer to a call on a session that is no longer the bot's. Not documented
/// by Gladly, so a client must take either for the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateCall {
    /// 400 with code `invalid_state`.
    InvalidState,
    /// 400 with code `not_exist`.
    NotExist,
}

/// Which first attempts may run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOrder {
    /// One at a time within a session. Retries overtake.
    PerSession,
    /// All at once; Gladly promises no order.
    Concurrent,
}

/// Agents that work without being told. `None` switches a step off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoAgent {
    /// An agent takes a queued conversation after so many ms.
    pub accept_after_ms: Option<i64>,
    /// The agent answers each customer message (and the handoff) after so many ms.
    pub reply_after_ms: Option<i64>,
    /// What the agent answers.
    pub reply: String,
    /// The agent closes a conversation in which nobody wrote for so many ms.
    pub close_after_ms: Option<i64>,
}

impl Default for AutoAgent {
    fn default() -> Self {
        Self {
            accept_after_ms: None,
            reply_after_ms: None,
            reply: "Hello, I have read everything above. How can I help?".into(),
            close_after_ms: None,
        }
    }
}

impl Default for GladlyConfig {
    fn default() -> Self {
        let inbox = |id: &str, name: &str| InboxConfig {
            id: id.into(),
            name: name.into(),
        };
        let agent = |id: &str, name: &str, email: &str, api_user| AgentConfig {
            id: id.into(),
            name: name.into(),
            email: email.into(),
            api_user,
            inboxes: Vec::new(),
        };
        Self {
            organization: "example".into(),
            agent_email: "api@example.test".into(),
            api_token: "test-gladly-token".into(),
            app_address: "5f0c0ffee0000000000000a1".into(),
            default_inbox: inbox("inbox-support-000000-A", "Support"),
            inboxes: vec![
                inbox("inbox-billing-000000-B", "Billing"),
                inbox("inbox-returns-000000-C", "Returns"),
            ],
            agents: vec![
                agent(
                    "agent-one-000000000-aA",
                    "Agent One",
                    "one@example.test",
                    false,
                ),
                agent(
                    "agent-two-000000000-bB",
                    "Agent Two",
                    "two@example.test",
                    false,
                ),
            ],
            topics: vec!["Order".into(), "Other".into()],
            topics_required: false,
            idle_close_ms: 300_000,
            close_ends_conversation: true,
            late_call: LateCall::InvalidState,
            rate_limit: Some(10),
            zero_in_menu_ids: false,
            webhook_deadline_ms: 15_000,
            retry_delays_ms: vec![30_000, 300_000, 1_800_000, 3_600_000],
            retry_scale: 1.0,
            delivery_order: DeliveryOrder::PerSession,
            max_webhooks: 20,
            http_webhooks: true,
            events_behind_ms: 15_000,
            automation_events: false,
            auto_agent: AutoAgent::default(),
            hang_ms: 60_000,
            seed: 1,
        }
    }
}

impl GladlyConfig {
    /// Makes the parts agree: the default inbox is an inbox, the API user an agent.
    pub(crate) fn completed(mut self) -> Self {
        if !self.inboxes.iter().any(|i| i.id == self.default_inbox.id) {
            self.inboxes.insert(0, self.default_inbox.clone());
        }
        if !self.agents.iter().any(|a| a.email == self.agent_email) {
            self.agents.push(AgentConfig {
                id: "agent-api-000000000-zZ".into(),
                name: "API".into(),
                email: self.agent_email.clone(),
                api_user: true,
                // Serves no inbox of its own: an id that no inbox has.
                inboxes: vec![String::new()],
            });
        }
        self
    }
}

impl AgentConfig {
    /// Whether the agent serves the inbox `id`.
    pub(crate) fn serves(&self, id: &str) -> bool {
        self.inboxes.is_empty() || self.inboxes.iter().any(|inbox| inbox == id)
    }
}

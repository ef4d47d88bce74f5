//! Conversations, one and in lists.

use super::{ActorObject, HolderObject};
use baton_domain::{
    CloseReason, Closing, ConversationId, Deadline, DeadlineKind, HolderKind, Ledger,
};
use baton_hub::api::{ConversationView, state};
use baton_hub::facts::iso;
use baton_hub::store::rows::Row;
use serde::Serialize;
use utoipa::ToSchema;

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"at": "2026-11-20T08:20:00.000Z", "reason": "abandoned", "by": {"kind": "hub"}}))]
pub struct ClosingObject {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Why: `bot`, `agent`, `customer`, `platform`, `abandoned`, `bot_silent`,
    /// `silent_with_agent`, `moved`, `lost` or `erased`.
    #[schema(value_type = String)]
    pub reason: CloseReason,
    /// By whom.
    pub by: ActorObject,
}

impl From<&Closing> for ClosingObject {
    fn from(closing: &Closing) -> Self {
        Self {
            at: iso(closing.at),
            reason: closing.reason,
            by: (&closing.by).into(),
        }
    }
}

/// Milliseconds held by each kind of holder; they add up to the conversation's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldObject {
    /// By the bot.
    pub bot: i64,
    /// By queues.
    pub queue: i64,
    /// By agents.
    pub agent: i64,
    /// By foreign apps.
    pub app: i64,
    /// By nobody.
    pub nobody: i64,
}

impl From<&Ledger> for HeldObject {
    fn from(ledger: &Ledger) -> Self {
        Self {
            bot: ledger.held(HolderKind::Bot),
            queue: ledger.held(HolderKind::Queue),
            agent: ledger.held(HolderKind::Agent),
            app: ledger.held(HolderKind::App),
            nobody: ledger.held(HolderKind::Nobody),
        }
    }
}

/// Something that happens by itself unless something else happens first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"kind": "bot_owes", "at": "2026-11-20T08:16:30.250Z"}))]
pub struct DeadlineObject {
    /// What: `customer_silent`, `bot_owes`, `customer_waits`, `customer_silent_agent`,
    /// `agent_silent`, `queue_limit` or `platform_check`.
    #[schema(value_type = String)]
    pub kind: DeadlineKind,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
}

impl From<&Deadline> for DeadlineObject {
    fn from(deadline: &Deadline) -> Self {
        Self {
            kind: deadline.kind,
            at: iso(deadline.at),
        }
    }
}

/// The platform's names of the customer and the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"thread": "session_1", "address": "app_1", "customer": "customer_1", "conversation": "conversation_1", "channel": "CHAT"}))]
pub struct IdentityObject {
    /// What names the thread there: a session, a page-scoped id, a number.
    pub thread: String,
    /// The address the customer wrote to: a Glad App, a page, a number.
    pub address: String,
    /// The customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The platform's word for the channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// One conversation.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "cnv_aaaaaaaaaaaaaaaaaaaaaaaaaa-1",
    "thread": "thr_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "connection": "shop-chat",
    "platform": "gladly",
    "state": "new",
    "holder": {"kind": "bot"},
    "holder_since": "2026-11-20T08:15:00.000Z",
    "epoch": 1,
    "opened_at": "2026-11-20T08:15:00.000Z",
    "held_ms": {"bot": 30250, "queue": 0, "agent": 0, "app": 0, "nobody": 0},
    "seq": 4,
    "pending": 0,
    "deadlines": [{"kind": "bot_owes", "at": "2026-11-20T08:16:30.250Z"}],
    "identity": {"thread": "session_1", "address": "app_1", "customer": "customer_1"}
}))]
pub struct ConversationObject {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ConversationId,
    /// The thread it is a stretch of: one customer on one connection.
    pub thread: String,
    /// Its connection.
    pub connection: String,
    /// The connection's platform.
    pub platform: &'static str,
    /// `new` while the bot holds, `queued`, `open` with an agent, an app or nobody,
    /// `closed`.
    pub state: &'static str,
    /// The inbox it waits in; missing while the bot holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbox: Option<String>,
    /// Who holds, or held when it closed.
    pub holder: HolderObject,
    /// Since when.
    #[schema(format = DateTime)]
    pub holder_since: String,
    /// The number of the present holding; send it along to be refused when it is old.
    pub epoch: u64,
    /// When it opened.
    #[schema(format = DateTime)]
    pub opened_at: String,
    /// How it ended, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<ClosingObject>,
    /// Milliseconds held by each kind of holder up to now.
    pub held_ms: HeldObject,
    /// The number of the thread's last entry.
    pub seq: u64,
    /// How much outbound work waits.
    pub pending: usize,
    /// What is due, the earliest first.
    pub deadlines: Vec<DeadlineObject>,
    /// The platform's names; not shown to readers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityObject>,
}

impl ConversationObject {
    /// The conversation; with the platform's names only `with_identity`.
    #[must_use]
    pub fn new(view: ConversationView, with_identity: bool) -> Self {
        let identity = with_identity.then(|| IdentityObject {
            thread: view.identity.name.clone(),
            address: view.identity.address.clone(),
            customer: view.identity.customer.clone(),
            conversation: view.identity.conversation.clone(),
            channel: view.identity.channel.clone(),
        });
        Self {
            thread: view.id.thread().as_str().to_owned(),
            state: view.state(),
            inbox: view.inbox().map(str::to_owned),
            holder: (&view.holder).into(),
            holder_since: iso(view.holder_since),
            epoch: view.epoch,
            opened_at: iso(view.opened_at),
            closed: view.closed.as_ref().map(ClosingObject::from),
            held_ms: (&view.ledger).into(),
            seq: view.seq,
            pending: view.pending,
            deadlines: view.deadlines.iter().map(DeadlineObject::from).collect(),
            identity,
            platform: view.platform,
            connection: view.connection,
            id: view.id,
        }
    }
}

/// One conversation in a list: up to two seconds behind.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "cnv_aaaaaaaaaaaaaaaaaaaaaaaaaa-1",
    "connection": "shop-chat",
    "state": "queued",
    "holder": {"kind": "queue", "id": "inbox_1"},
    "holder_since": "2026-11-20T08:16:00.000Z",
    "epoch": 2,
    "opened_at": "2026-11-20T08:15:00.000Z"
}))]
pub struct ConversationRow {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ConversationId,
    /// Its connection.
    pub connection: String,
    /// `new`, `queued`, `open` or `closed`.
    pub state: &'static str,
    /// Who holds, or held when it closed.
    pub holder: HolderObject,
    /// Since when.
    #[schema(format = DateTime)]
    pub holder_since: String,
    /// The number of this holding.
    pub epoch: u64,
    /// When it opened.
    #[schema(format = DateTime)]
    pub opened_at: String,
    /// When it closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub closed_at: Option<String>,
    /// Why it closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reason: Option<CloseReason>,
}

impl From<Row> for ConversationRow {
    fn from(row: Row) -> Self {
        Self {
            state: state(&row.holder, row.closed_at.is_some()),
            holder: (&row.holder).into(),
            holder_since: iso(row.since),
            epoch: row.epoch,
            opened_at: iso(row.opened_at),
            closed_at: row.closed_at.map(iso),
            reason: row.reason,
            id: row.conversation,
            connection: row.connection,
        }
    }
}

//! Rendering what a bot written for Gladly reads.
//!
//! The session id on this face is the hub's conversation id, whatever the platform: it
//! is what the face's session paths take. The ids of the conversation and the customer
//! are Gladly's own where the thread is Gladly's, so that a bot can go on using them
//! with Gladly itself; elsewhere they are the hub's.

use crate::bot::Telling;
use crate::convert;
use crate::gladly::outbound::message_body;
use crate::moment::to_iso;
use baton_domain::{Content, ConversationId, Identity, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// The customer, by the platform's id.
    Customer(String),
    /// The bot.
    Automation,
    /// An agent, by id.
    Agent(String),
    /// The hub by itself.
    Internal,
}

/// One message, to be rendered.
#[derive(Clone, Debug)]
pub struct MessageView<'a> {
    /// The hub's id of it.
    pub id: &'a str,
    /// The conversation, which is the session here.
    pub conversation: &'a ConversationId,
    /// What it says.
    pub content: &'a Content,
    /// When it was written.
    pub at: Timestamp,
    /// Who wrote it.
    pub from: From,
    /// What came along with it.
    pub context: &'a BTreeMap<String, String>,
}

/// Whose a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The bot's.
    Automation,
    /// Somebody else's: queue, agent, app or nobody.
    Agent,
}

/// A session, to be rendered.
#[derive(Clone, Debug)]
pub struct SessionView<'a> {
    /// The conversation, which is the session here.
    pub conversation: &'a ConversationId,
    /// The platform's names.
    pub identity: &'a Identity,
    /// When it began.
    pub created_at: Timestamp,
    /// When anything last happened in it.
    pub updated_at: Timestamp,
    /// Whose it is.
    pub target: Target,
}

/// Where a conversation stands, in the face's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// With the bot and in no inbox. Gladly's screens call this "New" (Gladly's FAQ on
    /// messaging automation); its API document has no word for it.
    New,
    /// In an inbox or with an agent.
    Open,
    /// Closed.
    Closed,
}

/// A conversation, to be rendered.
#[derive(Clone, Debug)]
pub struct ConversationView<'a> {
    /// The hub's id.
    pub conversation: &'a ConversationId,
    /// The platform's names.
    pub identity: &'a Identity,
    /// The agent who holds it.
    pub agent: Option<&'a str>,
    /// The inbox; none while the bot holds.
    pub inbox: Option<&'a str>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// Where it stands.
    pub status: Status,
}

/// The conversation's id on this face: Gladly's own, or else the hub's.
#[must_use]
pub fn conversation_name(identity: &Identity, conversation: &ConversationId) -> String {
    identity
        .conversation
        .clone()
        .unwrap_or_else(|| conversation.to_string())
}

/// The customer's id on this face: Gladly's own, or else the hub's thread, which is one
/// customer on one connection. A platform's id that is a number or a name of a person
/// is never shown here.
#[must_use]
pub fn customer_name(identity: &Identity, conversation: &ConversationId) -> String {
    // Only Gladly's threads have a conversation of the platform's.
    let own = identity.customer.clone();
    own.filter(|_| identity.conversation.is_some())
        .unwrap_or_else(|| conversation.thread().as_str().to_owned())
}

/// The message object of `.../messages`.
#[must_use]
pub fn message_object(view: &MessageView<'_>) -> Value {
    let conversation = view.conversation.to_string();
    let (kind, from_id) = match &view.from {
        From::Customer(id) => ("CUSTOMER", Some(id)),
        From::Automation => ("AUTOMATION", None),
        From::Agent(id) => ("AGENT", Some(id)),
        From::Internal => ("INTERNAL", None),
    };
    let mut from = Map::new();
    from.insert("type".to_owned(), kind.into());
    if let Some(id) = from_id {
        from.insert("id".to_owned(), id.as_str().into());
    }
    let (kind, content) = typed(view.content);
    json!({
        "id": view.id,
        "sessionId": conversation,
        "type": kind,
        "content": content,
        "createdAt": to_iso(view.at),
        "from": from,
        "context": view.context,
    })
}

/// Type and content of a message in Gladly's three types; what has none of them is
/// its plain text.
fn typed(content: &Content) -> (Value, Value) {
    // Only Gladly's own types are rendered as such: native content is some
    // platform's, and a reader of this face is promised `value` or `prompt`.
    let body = match content {
        Content::Native { .. } => None,
        other => message_body(other),
    };
    let body = body.unwrap_or_else(
        || json!({"type": "TEXT", "content": {"value": convert::plain_text(content)}}),
    );
    let part = |key: &str| body.get(key).cloned().unwrap_or_default();
    (part("type"), part("content"))
}

/// The session object of `GET .../sessions/{id}`.
#[must_use]
pub fn session_object(view: &SessionView<'_>) -> Value {
    json!({
        "id": view.conversation.to_string(),
        "conversationId": conversation_name(view.identity, view.conversation),
        "companyAddress": view.identity.address,
        "customerId": customer_name(view.identity, view.conversation),
        "endpointType": channel(view.identity.channel.as_deref()),
        "createdAt": to_iso(view.created_at),
        "updatedAt": to_iso(view.updated_at),
        "target": {"targetType": match view.target {
            Target::Automation => "AUTOMATION",
            Target::Agent => "AGENT",
        }},
    })
}

/// The conversation object of `GET /api/v1/conversations/{id}`.
#[must_use]
pub fn conversation_object(view: &ConversationView<'_>) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| {
        // Gladly leaves out what is not there.
        if !value.is_null() {
            object.insert(key.to_owned(), value);
        }
    };
    let (id, customer) = (
        conversation_name(view.identity, view.conversation),
        customer_name(view.identity, view.conversation),
    );
    put("id", id.into());
    put("customerId", customer.into());
    put("agentId", view.agent.into());
    put("inboxId", view.inbox.into());
    put("customAttributes", json!([]));
    put("topicIds", json!([]));
    put("createdAt", to_iso(view.created_at).into());
    put("closedAt", view.closed_at.map(to_iso).into());
    let status = match view.status {
        Status::New => "NEW",
        Status::Open => "OPEN",
        Status::Closed => "CLOSED",
    };
    put("status", status.into());
    Value::Object(object)
}

/// The `AUTOMATION/MESSAGE_RECEIVED` event that tells a bot of a message. The event's
/// id is the platform's own where it is known, else the hub's message id: the same on
/// every telling. The customer's message is always `TEXT`, as with Gladly: what it is
/// besides is put into words.
#[must_use]
pub fn envelope(telling: &Telling<'_>) -> Value {
    let message = telling.message_id.to_string();
    let identity = telling.identity;
    let customer = customer_name(identity, telling.conversation_id);
    json!({
        "id": telling.source_event_id.unwrap_or(&message),
        "type": "AUTOMATION/MESSAGE_RECEIVED",
        "timestamp": to_iso(telling.at),
        "initiator": {"id": customer, "type": "CUSTOMER"},
        "content": {
            "sessionId": telling.conversation_id.to_string(),
            "conversationId": conversation_name(identity, telling.conversation_id),
            "channelType": channel(identity.channel.as_deref()),
            "customerId": customer,
            "companyAddress": identity.address,
            "context": telling.context,
            "message": {
                "id": message,
                "type": "TEXT",
                "content": {"body": convert::plain_text(telling.content)},
            },
        },
    })
}

/// The `PING` that a bot gets when its connection starts or is applied.
#[must_use]
pub fn ping(event_id: &str, at: Timestamp) -> Value {
    json!({"id": event_id, "type": "PING", "timestamp": to_iso(at), "content": {}})
}

/// A channel that a bot written for Gladly knows: other platforms are chats to it.
fn channel(given: Option<&str>) -> &'static str {
    match given {
        Some("SMS") => "SMS",
        _ => "CHAT",
    }
}

//! Webhook bodies to news (Gladly API 1.0, webhook events).
//!
//! Gladly may add fields, types and values at any time, so everything unknown is
//! skipped and everything missing is absent. Ids are opaque texts.

#[cfg(test)]
mod tests;

use super::PLATFORM;
use crate::json::{any_text, parse_lenient, text};
use crate::moment::parse_iso;
use baton_domain::{Content, Fingerprint, Holder, Identity, News, PlatformEvent, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;

/// One webhook delivery; Gladly never batches.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// The event's unique id, the same on every delivery of it.
    pub event_id: Option<String>,
    /// The event's type, e.g. `AUTOMATION/MESSAGE_RECEIVED`; empty if it had none.
    pub kind: String,
    /// When Gladly recorded it, if it said so legibly.
    pub at: Option<Timestamp>,
    /// What it is to the hub.
    pub what: What,
}

/// What a webhook is to the hub.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The test call when a webhook is enabled or its URL changed; wants a 200.
    Ping,
    /// About the thread of this automation session.
    Thread {
        /// Gladly's names; `name` is the session, `address` the entry point by which
        /// the caller finds the connection, which is empty here.
        identity: Identity,
        /// What happened.
        event: PlatformEvent,
    },
    /// About a conversation, without its session: the thread is found through the
    /// directory.
    ByConversation {
        /// Gladly's id of the conversation.
        conversation: String,
        /// Gladly's id of the customer.
        customer: Option<String>,
        /// What happened.
        event: PlatformEvent,
    },
    /// An automation message of a channel that the hub does not serve: recorded.
    OtherChannel(OtherChannel),
    /// Unknown, irrelevant, or without the ids that would place it: recorded.
    Other,
}

/// What is recorded of a message on a channel that the hub does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherChannel {
    /// Gladly's word for it, as given.
    pub channel: String,
    /// The automation session.
    pub session: Option<String>,
    /// The entry point.
    pub address: Option<String>,
    /// The conversation.
    pub conversation: Option<String>,
}

/// A body that is not a JSON object: recorded, answered 2xx, never retried.
#[derive(Debug, thiserror::Error)]
#[error("the body is not a JSON object")]
pub struct BadBody {
    /// Why the parser gave up, without any of the body's text.
    #[source]
    pub source: Option<serde_json::Error>,
}

/// Channels of automation messages that the hub serves: `CHAT`, and `SMS`, which
/// newer documents name beside it.
const CHANNELS: [&str; 2] = ["CHAT", "SMS"];

/// Reads a delivery. `received` is when it arrived; it stands in for the event's
/// own time where that is missing or illegible (then [`Webhook::at`] is `None`).
///
/// Nesting is limited to 128 levels; half emojis and broken UTF-8 become U+FFFD.
///
/// # Errors
/// [`BadBody`] when the bytes are not a JSON object.
pub fn parse(body: &[u8], received: Timestamp) -> Result<Webhook, BadBody> {
    let root = parse_lenient(body).map_err(|source| BadBody {
        source: Some(source),
    })?;
    if !root.is_object() {
        return Err(BadBody { source: None });
    }
    let kind = any_text(&root, "type").unwrap_or_default().to_owned();
    let at = any_text(&root, "timestamp").and_then(parse_iso);
    let event_id = text(&root, "id");
    let content = root.get("content").unwrap_or(&Value::Null);
    let envelope = Envelope {
        id: fingerprint(event_id.as_deref(), &kind, &root, content),
        event_id: event_id.as_deref(),
        at: at.unwrap_or(received),
        content,
    };
    let what = match kind.as_str() {
        "PING" => What::Ping,
        "AUTOMATION/MESSAGE_RECEIVED" => envelope.automation(envelope.message()),
        "AUTOMATION/MESSAGE_SENT" => match envelope.echo() {
            Some(news) => envelope.automation(news),
            None => What::Other,
        },
        "CONVERSATION/CLOSED" => {
            envelope.by_conversation("conversationId", "customerId", News::Closed)
        }
        "CONVERSATION_ASSIGNEE/UPDATED" => match assigned(content) {
            Some(holder) => {
                envelope.by_conversation("conversationId", "customerId", News::Control(holder))
            }
            None => What::Other,
        },
        "CUSTOMER/MERGED" => envelope.merged(),
        _ => What::Other,
    };
    Ok(Webhook {
        event_id,
        kind,
        at,
        what,
    })
}

/// The parts of a delivery that every event is built from.
struct Envelope<'a> {
    id: Fingerprint,
    event_id: Option<&'a str>,
    at: Timestamp,
    content: &'a Value,
}

impl Envelope<'_> {
    fn event(&self, news: News) -> PlatformEvent {
        PlatformEvent {
            id: self.id,
            at: self.at,
            news,
        }
    }

    /// An event of an automation session: by its session, or where that is missing
    /// (no field is promised) by its conversation.
    fn automation(&self, news: News) -> What {
        let content = self.content;
        let session = text(content, "sessionId");
        let conversation = text(content, "conversationId");
        let channel = text(content, "channelType");
        if let Some(channel) = channel
            .clone()
            .filter(|it| !CHANNELS.contains(&it.as_str()))
        {
            let address = text(content, "companyAddress");
            return What::OtherChannel(OtherChannel {
                channel,
                session,
                address,
                conversation,
            });
        }
        let customer = text(content, "customerId");
        match (session, conversation) {
            (Some(name), conversation) => What::Thread {
                identity: Identity {
                    name,
                    address: text(content, "companyAddress").unwrap_or_default(),
                    customer,
                    conversation,
                    channel,
                    // The caller finds the connection by the address.
                    ..Identity::default()
                },
                event: self.event(news),
            },
            (None, Some(conversation)) => What::ByConversation {
                conversation,
                customer,
                event: self.event(news),
            },
            (None, None) => What::Other,
        }
    }

    fn message(&self) -> News {
        let message = self.content.get("message").unwrap_or(&Value::Null);
        let id = text(message, "id")
            .or_else(|| self.event_id.map(str::to_owned))
            .unwrap_or_else(|| String::from(self.id));
        News::Message {
            id,
            content: written(message),
            context: context(self.content),
        }
    }

    /// Gladly's word that a message went out: our own, or another client's.
    fn echo(&self) -> Option<News> {
        let message = self.content.get("message")?;
        Some(News::Echo {
            id: text(message, "id")?,
            ours: None,
        })
    }

    fn by_conversation(&self, conversation: &str, customer: &str, news: News) -> What {
        match text(self.content, conversation) {
            Some(conversation) => What::ByConversation {
                conversation,
                customer: text(self.content, customer),
                event: self.event(news),
            },
            None => What::Other,
        }
    }

    /// Two customers became one. The open conversation of the source goes on under
    /// the destination's ids; where the source had none, no thread is concerned.
    fn merged(&self) -> What {
        let customer = text(self.content, "destinationCustomerId");
        let conversation = text(self.content, "destinationConversationId");
        if customer.is_none() && conversation.is_none() {
            return What::Other;
        }
        let news = News::Renamed {
            customer,
            conversation,
        };
        self.by_conversation("sourceConversationId", "sourceCustomerId", news)
    }
}

/// What the customer wrote. A kind of message that is not known yet is kept whole, as
/// native content: nothing a customer sent is dropped.
pub(super) fn written(message: &Value) -> Content {
    let body = message.get("content").and_then(|content| {
        // Inbound text is in `body`; the same API writes `value` elsewhere.
        any_text(content, "body").or_else(|| any_text(content, "value"))
    });
    let is_text = matches!(any_text(message, "type"), Some("TEXT") | None);
    match body {
        Some(body) if is_text => Content::text(body),
        _ => Content::Native {
            platform: PLATFORM.to_owned(),
            body: message.clone(),
        },
    }
}

/// Who serves after an assignment: the agent, else the inbox.
fn assigned(content: &Value) -> Option<Holder> {
    let assignee = content.get("assignee").filter(|it| it.is_object())?;
    Some(match text(assignee, "agentId") {
        Some(agent) => Holder::Agent(agent),
        None => Holder::Queue(text(assignee, "inboxId")),
    })
}

/// The chat's context, whose values are texts; other scalars are taken as written.
pub(super) fn context(content: &Value) -> BTreeMap<String, String> {
    let Some(Value::Object(map)) = content.get("context") else {
        return BTreeMap::new();
    };
    map.iter()
        .filter_map(|(key, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Bool(flag) => flag.to_string(),
                Value::Number(number) => number.to_string(),
                _ => return None,
            };
            Some((key.clone(), value))
        })
        .collect()
}

/// What every delivery of one event shares: its id, or, where it has none, what it
/// says. The recorded time is part of that, so that a second close of the same
/// conversation, or a second "yes", is another event.
fn fingerprint(event_id: Option<&str>, kind: &str, root: &Value, content: &Value) -> Fingerprint {
    if let Some(id) = event_id {
        return Fingerprint::of(&[PLATFORM.as_bytes(), id.as_bytes()]);
    }
    let message = content.get("message").unwrap_or(&Value::Null);
    let of = |value: &Value, key: &str| text(value, key).unwrap_or_default();
    let said = message
        .get("content")
        .map(Value::to_string)
        .unwrap_or_default();
    let place = of(content, "sessionId") + "\n" + &of(content, "conversationId");
    Fingerprint::of(&[
        PLATFORM.as_bytes(),
        kind.as_bytes(),
        place.as_bytes(),
        of(message, "id").as_bytes(),
        said.as_bytes(),
        of(root, "timestamp").as_bytes(),
    ])
}

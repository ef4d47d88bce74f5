//! What the outside is told of an entry: for the bus, hooks, the feed and timelines.

use baton_domain::{
    Actor, Content, ConversationId, Entry, Event, Failure, Holder, MessageId, Place, ThreadId,
    Timestamp,
};
use serde_json::{Value, json};

/// The version of the facts' shapes, as `docs/events.md` describes them.
pub const FACTS_VERSION: &str = "1";

/// One event, as the outside is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// A stable id: the same on every delivery.
    pub id: String,
    /// The event's name.
    pub name: &'static str,
    /// The connection.
    pub connection: String,
    /// The thread.
    pub thread: ThreadId,
    /// The conversation, if it belongs to one.
    pub conversation: Option<ConversationId>,
    /// The entry's seq and the event's place in it.
    pub place: Place,
    /// The epoch after the entry.
    pub epoch: u64,
    /// When it was appended.
    pub at: Timestamp,
    /// The event's own facts.
    pub data: Value,
}

impl Fact {
    /// The fact as JSON, the `detail` of a bus event and the item of a feed.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "version": FACTS_VERSION,
            "id": self.id,
            "event": self.name,
            "connection": self.connection,
            "thread": self.thread,
            "conversation": self.conversation,
            "seq": self.place.0,
            "index": self.place.1,
            "epoch": self.epoch,
            "at": iso(self.at),
            "data": self.data,
        })
    }
}

/// A moment as `2026-11-20T08:15:30.250Z`.
#[must_use]
pub fn iso(at: Timestamp) -> String {
    baton_platforms::moment::to_iso(at)
}

/// The facts of an entry, in order. `with_text`: whether messages carry what they
/// say; without it they carry only what kind of content it is, and neither a platform's
/// words about a failure nor its id of a message.
#[must_use]
pub fn facts(thread: &ThreadId, entry: &Entry, with_text: bool) -> Vec<Fact> {
    let conversation =
        (entry.conversation > 0).then(|| ConversationId::new(thread, entry.conversation));
    let mut facts = Vec::new();
    for (index, event) in entry.events.iter().enumerate() {
        if event.is_internal() {
            continue;
        }
        let place = Place(entry.seq, u32::try_from(index).unwrap_or(u32::MAX));
        let fact = |name, suffix: &str, data| Fact {
            id: format!(
                "evt_{}-{}-{}{suffix}",
                thread.as_str().trim_start_matches("thr_"),
                place.0,
                place.1
            ),
            name,
            connection: entry.connection.clone(),
            thread: thread.clone(),
            conversation: conversation.clone(),
            place,
            epoch: entry.epoch,
            at: entry.at,
            data,
        };
        facts.push(fact(
            event.name(),
            "",
            data(thread, place, event, with_text),
        ));
        // A holder that is a queue is also news of its own.
        if let Some((Holder::Queue(inbox), _)) = event.holding() {
            facts.push(fact("conversation.queued", "q", json!({ "inbox": inbox })));
        }
    }
    facts
}

fn message(thread: &ThreadId, place: Place) -> String {
    MessageId::new(thread, place).to_string()
}

/// What a message says, as JSON.
fn content_json(content: &Content, with_text: bool) -> Value {
    let whole = serde_json::to_value(content).unwrap_or_default();
    if with_text {
        return whole;
    }
    json!({ "type": whole.get("type") })
}

fn holder_json(holder: &Holder) -> Value {
    serde_json::to_value(holder).unwrap_or_default()
}

/// An actor as JSON: `{"kind": "bot"}`, `{"kind": "agent", "id": "..."}`.
#[must_use]
pub fn actor_json(actor: &Actor) -> Value {
    serde_json::to_value(actor).unwrap_or_default()
}

fn data(thread: &ThreadId, place: Place, event: &Event, with_text: bool) -> Value {
    match event {
        Event::Opened { holder, .. }
        | Event::Reopened { holder, .. }
        | Event::Taken { holder, .. } => {
            json!({ "holder": holder_json(holder) })
        }
        Event::Passed { holder, work, .. } | Event::Released { holder, work, .. } => {
            json!({ "holder": holder_json(holder), "request": work.map(|work| message(thread, work)) })
        }
        Event::Received { at, content, .. } => json!({
            "message": message(thread, place),
            "from": { "kind": "customer" },
            "written_at": iso(*at),
            "content": content_json(content, with_text),
        }),
        Event::Queued { by, content, .. } => json!({
            "message": message(thread, place),
            "from": actor_json(by),
            "content": content_json(content, with_text),
        }),
        Event::Sent { work, id } => {
            // WhatsApp's ids of messages have the customer's number in them.
            json!({ "message": message(thread, *work), "platform_message": id.as_ref().filter(|_| with_text) })
        }
        Event::Failed { work, why, detail } => json!({
            "message": message(thread, *work),
            "why": failure_word(*why),
            "detail": words(detail, with_text),
        }),
        Event::Unknown { work, .. } => json!({ "message": message(thread, *work) }),
        Event::ControlRequested { by, ask, .. } => {
            use baton_domain::ControlAsk;
            match ask {
                ControlAsk::Pass { to, parcel } => json!({
                    "request": message(thread, place),
                    "by": actor_json(by),
                    "ask": "pass",
                    "to": holder_json(to),
                    "reason": if with_text { Value::from(parcel.reason.clone()) } else { Value::Null },
                    "fields": if with_text { serde_json::to_value(&parcel.fields).unwrap_or_default() } else { Value::Null },
                }),
                ControlAsk::Close { reason, .. } => json!({
                    "request": message(thread, place),
                    "by": actor_json(by),
                    "ask": "close",
                    "reason": reason,
                }),
                ControlAsk::Release => {
                    json!({ "request": message(thread, place), "by": actor_json(by), "ask": "release" })
                }
            }
        }
        Event::ControlFailed { work, detail } => {
            json!({ "request": message(thread, *work), "detail": words(detail, with_text) })
        }
        Event::Asked { by } => json!({ "app": by }),
        Event::Assigned { agent } => json!({ "agent": agent }),
        Event::Unassigned { agent, epoch } => json!({ "agent": agent, "epoch": epoch }),
        Event::DeadlineFired { kind, due } => json!({ "deadline": kind, "due": iso(*due) }),
        Event::Closed { reason, by, .. } => json!({ "reason": reason, "by": actor_json(by) }),
        Event::TellFailed {
            from,
            attempts,
            next,
        } => {
            json!({ "from_seq": from, "attempts": attempts, "next": iso(*next) })
        }
        Event::TellSucceeded { through } => json!({ "through_seq": through }),
        Event::SurveyAnswered { answer } => json!({ "answer": answer }),
        Event::QueueLimit { to } => json!({ "to": to }),
        _ => json!({}),
    }
}

/// Words of a platform may quote the message or name the customer.
fn words(detail: &str, with_text: bool) -> Option<&str> {
    Some(detail).filter(|_| with_text)
}

/// The word for a failure in the API and in events.
#[must_use]
pub fn failure_word(why: Failure) -> &'static str {
    match why {
        Failure::Superseded => "superseded",
        Failure::Refused => "refused",
        Failure::GaveUp => "gave_up",
        Failure::NotOurs => "not_ours",
        Failure::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_domain::{CommandId, IdKey, Identity, Leaves};

    #[test]
    fn without_text_nothing_personal_is_told() {
        let canary = || "canary-4711".to_owned();
        let work = Place(1, 0);
        let identity = Identity {
            connection: "shop".to_owned(),
            name: canary(),
            customer: Some(canary()),
            conversation: Some(canary()),
            ..Identity::default()
        };
        let events = vec![
            Event::Opened {
                identity: identity.clone(),
                holder: Holder::Bot,
                epoch: 1,
            },
            Event::Renamed { identity },
            Event::Received {
                event: baton_domain::Fingerprint::of(&[b"1"]),
                at: Timestamp(1_000),
                id: canary(),
                content: Content::text("canary-4711"),
                context: [("URL".to_owned(), canary())].into(),
            },
            Event::Sent {
                work,
                id: Some(canary()),
            },
            Event::Failed {
                work,
                why: Failure::Refused,
                detail: canary(),
            },
            Event::ControlFailed {
                work,
                detail: canary(),
            },
        ];
        let entry = Entry {
            seq: 1,
            at: Timestamp(1_000),
            command: CommandId("c".to_owned()),
            connection: "shop".to_owned(),
            conversation: 1,
            epoch: 1,
            events,
            leaves: Leaves::default(),
            due: None,
        };
        let thread = IdKey::new([7; 32]).thread("shop", "canary-4711");
        let told = |with_text| -> String {
            let facts = facts(&thread, &entry, with_text);
            facts
                .iter()
                .map(|fact| fact.to_json().to_string())
                .collect()
        };
        assert!(!told(false).contains("canary"), "{}", told(false));
        assert!(told(true).contains("canary"));
    }
}

//! What webhooks told, or would have told: asked for where they failed.
//!
//! The Events API (Gladly API 1.0, Events) answers JSON lines in the webhooks' own shape,
//! oldest first, filtered by their `timestamp`; it reaches back 24 h and may be 15 s
//! behind. Its `entities` are not said to name the automation's events, though they are
//! among its answers' shapes: whether it tells them is found out by asking. What it does
//! not tell, customers' messages, is read from the session itself.

use super::inbound::{context, written};
use crate::http::HttpCall;
use crate::json::{any_text, text};
use crate::moment::{parse_iso, to_iso};
use baton_domain::time::{HOUR, SECOND};
use baton_domain::{News, PlatformEvent, Timestamp, read_back_id};
use serde_json::Value;

/// How far the Events API reaches back, in milliseconds (Gladly API 1.0, Events).
pub const EVENTS_REACH_BACK: i64 = 24 * HOUR;
/// How far it may be behind, in milliseconds (Gladly API 1.0, Events).
pub const EVENTS_BEHIND: i64 = 15 * SECOND;
/// The kinds whose events say who serves a conversation, and under which ids. *Assumed*:
/// `CONVERSATION_ASSIGNEE/...` comes with `CONVERSATION`, as no kind of its own is listed.
pub const ENTITIES: [&str; 2] = ["CONVERSATION", "CUSTOMER"];
/// The kind of what customers wrote. *Assumed*: it may be refused (400).
pub const AUTOMATION: &str = "AUTOMATION";

/// The events of these kinds from `start` until `end`. Answered 200 with JSON lines, see
/// [`lines`].
#[must_use]
pub fn events(start: Timestamp, end: Timestamp, entities: &[&str]) -> HttpCall {
    let mut path = format!(
        "/api/v1/events?startAt={}&endAt={}",
        to_iso(start),
        to_iso(end)
    );
    for entity in entities {
        path.push_str("&entities=");
        path.push_str(entity);
    }
    let mut call = HttpCall::get(path);
    call.headers = vec![("accept".to_owned(), "application/x-jsonlines".to_owned())];
    call
}

/// One event of an answer, as a webhook would have brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When Gladly recorded it.
    pub at: Timestamp,
    /// The webhook's body.
    pub body: Vec<u8>,
}

/// The events of an [`events`] answer that `wanted` names (by type), in its order. Lines
/// that are no events with a time are left out, also the last one of an answer that was
/// cut.
#[must_use]
pub fn lines(body: &[u8], wanted: &[&str]) -> Vec<Told> {
    let read = |line: &[u8]| {
        let event: Value = serde_json::from_slice(line).ok()?;
        let kind = any_text(&event, "type")?;
        let at = any_text(&event, "timestamp").and_then(parse_iso)?;
        wanted.contains(&kind).then(|| Told {
            at,
            body: line.to_vec(),
        })
    };
    body.split(|byte| *byte == b'\n').filter_map(read).collect()
}

/// What the customer wrote, oldest first, by the body of a session's messages
/// ([`list_messages`](super::outbound::list_messages)); `None` if it is not the array that
/// is expected. The ids of their events are not known: each has that of a message that was
/// read back.
#[must_use]
pub fn customer_messages(body: &[u8]) -> Option<Vec<PlatformEvent>> {
    let Ok(Value::Array(messages)) = serde_json::from_slice(body) else {
        return None;
    };
    let mut events: Vec<PlatformEvent> = messages.iter().filter_map(read_back).collect();
    events.sort_by_key(|event| event.at);
    Some(events)
}

fn read_back(message: &Value) -> Option<PlatformEvent> {
    any_text(message.get("from")?, "type").filter(|from| *from == "CUSTOMER")?;
    let id = text(message, "id")?;
    Some(PlatformEvent {
        id: read_back_id(&id),
        at: any_text(message, "createdAt").and_then(parse_iso)?,
        news: News::Message {
            id,
            content: written(message),
            context: context(message),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_domain::Content;
    use proptest::prelude::*;

    #[test]
    fn the_question_names_its_time_and_each_kind() {
        let call = events(Timestamp(0), Timestamp(1_500), &ENTITIES);
        let path = "/api/v1/events?startAt=1970-01-01T00:00:00.000Z&endAt=1970-01-01T00:00:01.500Z\
                    &entities=CONVERSATION&entities=CUSTOMER";
        assert_eq!(call.path, path);
        assert_eq!(call.header("accept"), Some("application/x-jsonlines"));
    }

    #[test]
    fn lines_are_webhook_bodies() {
        let close = r#"{"id":"1","type":"CONVERSATION/CLOSED","timestamp":"1970-01-01T00:00:01Z"}"#;
        let other = r#"{"id":"2","type":"CONTACT/ENDED","timestamp":"1970-01-01T00:00:01Z"}"#;
        let body = format!("{close}\n\n{other}\nnot json\n{}", &close[..40]);
        let told = lines(body.as_bytes(), &["CONVERSATION/CLOSED"]);
        let whole = Told {
            at: Timestamp(1_000),
            body: close.as_bytes().to_vec(),
        };
        assert_eq!(told, [whole]);
    }

    #[test]
    fn a_sessions_messages_of_the_customer_are_read_back_in_order() {
        let message = |id: &str, from: &str, at: &str| {
            serde_json::json!({
                "id": id, "type": "TEXT", "createdAt": at, "content": {"value": "hello"},
                "from": {"type": from}, "context": {"URL": "https://shop.example/"},
            })
        };
        let later = "1970-01-01T00:00:09Z";
        let body = serde_json::json!([
            message("second", "CUSTOMER", later),
            message("ours", "AUTOMATION", later),
            message("first", "CUSTOMER", "1970-01-01T00:00:01Z"),
            {"id": "odd"},
        ]);
        let read = customer_messages(body.to_string().as_bytes()).unwrap();
        let ids: Vec<&str> = read.iter().filter_map(|it| Some(it.message()?.0)).collect();
        assert_eq!(ids, ["first", "second"]);
        assert!(read.iter().all(PlatformEvent::is_read_back));
        let News::Message {
            content, context, ..
        } = &read[0].news
        else {
            panic!("a message");
        };
        assert_eq!(*content, Content::text("hello"));
        assert_eq!(context["URL"], "https://shop.example/");
        assert_eq!(customer_messages(b"{}"), None);
    }

    proptest! {
        #[test]
        fn no_body_panics(body in any::<Vec<u8>>()) {
            let _ = (lines(&body, &ENTITIES), customer_messages(&body));
        }
    }
}

//! What became of a send whose answer was lost. Gladly's sends take no idempotency
//! key, so the session's messages are compared before anything is sent again.

use crate::json::{any_text, text};
use crate::markup;
use crate::moment::parse_iso;
use baton_domain::{Content, MenuItem, Timestamp};
use serde_json::Value;

/// Whose an automation session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// The automation's: the bot may speak.
    Automation,
    /// An agent's.
    Agent,
    /// The body does not say.
    Unknown,
}

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationStatus {
    /// Somebody works on it or should.
    Open,
    /// The customer has been answered.
    Waiting,
    /// Closed.
    Closed,
    /// The body does not say, or says something new.
    Unknown,
}

/// A conversation, as Gladly sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationState {
    /// Open, waiting or closed.
    pub status: ConversationStatus,
    /// The inbox it is in.
    pub inbox: Option<String>,
    /// The agent it is assigned to.
    pub agent: Option<String>,
    /// The customer.
    pub customer: Option<String>,
}

/// Gladly's id of a message in this `GET .../messages` body that the automation sent,
/// that equals `content`, was made at `not_before` (Gladly's clock) or later, and
/// whose id is not `known` yet: the earliest such. `None` also if the body is not the
/// array that is expected; then nothing is proved.
///
/// Content is compared as Gladly stores it: without the tags it strips, whitespace
/// and entities evened out.
#[must_use]
pub fn find_sent(
    body: &[u8],
    content: &Content,
    not_before: Timestamp,
    known: impl Fn(&str) -> bool,
) -> Option<String> {
    let wanted = Stored::of(content)?;
    let Ok(Value::Array(messages)) = serde_json::from_slice(body) else {
        return None;
    };
    messages
        .iter()
        .filter(|message| message.get("from").is_some_and(is_automation))
        .filter_map(|message| {
            let at = parse_iso(any_text(message, "createdAt")?)?;
            let id = text(message, "id")?;
            let new = is_from(at, not_before) && !known(&id);
            (new && Stored::read(message).as_ref() == Some(&wanted)).then_some((at, id))
        })
        // The first of equal moments: the array's own order decides.
        .min_by_key(|(at, _)| *at)
        .map(|(_, id)| id)
}

/// Whether the sender is the automation. Its sends are assumed to be marked so; `API`
/// is let through because they are made with an API token.
fn is_automation(from: &Value) -> bool {
    matches!(any_text(from, "type"), Some("AUTOMATION" | "API"))
}

/// A moment told in whole seconds may stand for any in that second.
fn is_from(at: Timestamp, not_before: Timestamp) -> bool {
    let whole_second = at.0.rem_euclid(1_000) == 0;
    let bound = if whole_second {
        not_before.0 - not_before.0.rem_euclid(1_000)
    } else {
        not_before.0
    };
    at.0 >= bound
}

/// A message reduced to what survives Gladly's storing of it.
#[derive(PartialEq)]
enum Stored {
    Text(String),
    Html(String),
    Menu(String, Vec<(String, String)>),
}

impl Stored {
    fn of(content: &Content) -> Option<Self> {
        match content {
            Content::Text { text } => Some(Self::Text(even(text))),
            Content::Html { html } => Some(Self::Html(visible(html))),
            Content::Menu { prompt, items } => Some(Self::Menu(even(prompt), pairs(items))),
            Content::Native { body, .. } => Self::read(body),
            Content::Media { .. } | Content::Location { .. } | Content::Template { .. } => None,
        }
    }

    /// From a message object or a send's body, which share `type` and `content`.
    fn read(message: &Value) -> Option<Self> {
        let content = message.get("content")?;
        match any_text(message, "type")? {
            "TEXT" => Some(Self::Text(even(any_text(content, "value")?))),
            "HTML" => Some(Self::Html(visible(any_text(content, "value")?))),
            "MENU" => {
                let items = content.get("menuItems")?.as_array()?.iter();
                let items = items.map(|item| Some((text(item, "id")?, text(item, "label")?)));
                Some(Self::Menu(
                    even(any_text(content, "prompt")?),
                    items.collect::<Option<_>>()?,
                ))
            }
            _ => None,
        }
    }
}

fn pairs(items: &[MenuItem]) -> Vec<(String, String)> {
    items
        .iter()
        .map(|item| (item.id.clone(), item.label.clone()))
        .collect()
}

/// Whitespace evened out: storing may trim and change line ends.
fn even(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a reader sees of HTML, links included: the same with and without the tags and
/// attributes that Gladly strips.
fn visible(html: &str) -> String {
    even(&markup::to_plain(html))
}

/// Whose the session of this `GET .../sessions/{id}` body is. Safe to ask before a
/// late or repeated event is answered.
#[must_use]
pub fn session_state(body: &[u8]) -> SessionState {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return SessionState::Unknown;
    };
    match body
        .get("target")
        .and_then(|target| any_text(target, "targetType"))
    {
        Some("AUTOMATION") => SessionState::Automation,
        Some("AGENT") => SessionState::Agent,
        _ => SessionState::Unknown,
    }
}

/// What this `GET .../conversations/{id}` body says; `None` if it is not JSON.
#[must_use]
pub fn conversation_state(body: &[u8]) -> Option<ConversationState> {
    let body: Value = serde_json::from_slice(body).ok()?;
    Some(ConversationState {
        status: match any_text(&body, "status") {
            Some("OPEN") => ConversationStatus::Open,
            Some("WAITING") => ConversationStatus::Waiting,
            Some("CLOSED") => ConversationStatus::Closed,
            _ => ConversationStatus::Unknown,
        },
        inbox: text(&body, "inboxId"),
        agent: text(&body, "agentId"),
        customer: text(&body, "customerId"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const AT: Timestamp = Timestamp(1_735_787_045_060);

    fn message(id: &str, from: &str, at: &str, kind: &str, content: Value) -> Value {
        json!({"id": id, "type": kind, "createdAt": at, "content": content, "from": {"type": from}})
    }

    fn said(id: &str, from: &str, at: &str, text: &str) -> Value {
        message(id, from, at, "TEXT", json!({"value": text}))
    }

    fn find(messages: &[Value], content: &Content, known: &[&str]) -> Option<String> {
        let body = serde_json::to_vec(messages).unwrap();
        find_sent(&body, content, AT, |id| known.contains(&id))
    }

    const LATER: &str = "2025-01-02T03:04:06.000Z";

    #[test]
    fn only_an_unknown_equal_and_new_message_of_the_automation_is_ours() {
        let hi = Content::text("Hi\r\nthere ");
        let messages = [
            said("old", "AUTOMATION", "2025-01-02T03:04:04.999Z", "Hi\nthere"),
            said("theirs", "CUSTOMER", LATER, "Hi\nthere"),
            said("other", "AUTOMATION", LATER, "Hi"),
            said("known", "AUTOMATION", LATER, "Hi\nthere"),
            said(
                "second",
                "AUTOMATION",
                "2025-01-02T03:04:08.000Z",
                "Hi\nthere",
            ),
            said(
                "first",
                "AUTOMATION",
                "2025-01-02T03:04:07.000Z",
                "Hi\nthere",
            ),
            json!("odd"),
        ];
        assert_eq!(find(&messages, &hi, &["known"]), Some("first".to_owned()));
        assert_eq!(
            find(&messages, &hi, &["known", "first"]),
            Some("second".to_owned())
        );
        assert_eq!(find(&messages[..3], &hi, &[]), None);
        // Whole seconds may hide the rest of the moment.
        let same_second = [said("id", "AUTOMATION", "2025-01-02T03:04:05Z", "Hi there")];
        assert_eq!(find(&same_second, &hi, &[]), Some("id".to_owned()));
    }

    #[test]
    fn html_is_found_although_gladly_stripped_it() {
        let html = r#"<div style="x">See <img src="i"><b>this</b>&nbsp;<a href="https://a.example">page</a></div>"#;
        let stored =
            r#"<div>See <b>this</b> <a href="https://a.example" rel="noopener">page</a></div>"#;
        let messages = [message(
            "id",
            "AUTOMATION",
            LATER,
            "HTML",
            json!({"value": stored}),
        )];
        assert!(
            find(
                &messages,
                &Content::Html {
                    html: html.to_owned()
                },
                &[]
            )
            .is_some()
        );
        assert_eq!(find(&messages, &Content::text("See this page"), &[]), None);
    }

    #[test]
    fn menus_are_compared_with_their_items() {
        let item = |id: &str| MenuItem {
            id: id.to_owned(),
            label: "Yes".to_owned(),
        };
        let menu = |id: &str| Content::Menu {
            prompt: "Sure?".to_owned(),
            items: vec![item(id)],
        };
        let stored = json!({"prompt": "Sure?", "menuItems": [{"id": "y", "label": "Yes"}]});
        let messages = [message("id", "AUTOMATION", LATER, "MENU", stored)];
        assert_eq!(find(&messages, &menu("y"), &[]), Some("id".to_owned()));
        assert_eq!(find(&messages, &menu("n"), &[]), None);
    }

    #[test]
    fn states_are_read_and_unknown_ones_survive() {
        let session = |target: &str| format!(r#"{{"target":{{"targetType":"{target}"}}}}"#);
        assert_eq!(
            session_state(session("AUTOMATION").as_bytes()),
            SessionState::Automation
        );
        assert_eq!(
            session_state(session("AGENT").as_bytes()),
            SessionState::Agent
        );
        assert_eq!(
            session_state(session("ROBOT").as_bytes()),
            SessionState::Unknown
        );
        assert_eq!(session_state(b"<html>"), SessionState::Unknown);
        let state =
            conversation_state(br#"{"status":"OPEN","inboxId":"in","agentId":null}"#).unwrap();
        assert_eq!(state.status, ConversationStatus::Open);
        assert_eq!((state.inbox.as_deref(), state.agent), (Some("in"), None));
        assert_eq!(conversation_state(b""), None);
    }

    proptest! {
        #[test]
        fn no_body_panics(body in any::<Vec<u8>>(), text in any::<String>()) {
            let _ = find_sent(&body, &Content::text(text), AT, |_| false);
            let _ = (session_state(&body), conversation_state(&body));
        }
    }
}

//! Pending work to requests (Gladly API 1.0: Message Automation, Conversations).
//!
//! Paths are relative to `https://{organization}.gladly.com`; every call is
//! authorized with HTTP Basic, an agent's email and an API token.

use super::PLATFORM;
use crate::http::{HttpCall, Method, encode_segment};
use baton_domain::{Content, MenuItem};
use serde_json::{Value, json};

/// A content that Gladly has no message type for; [`crate::convert`] it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Gladly has no message type for this content: convert it to text, HTML or a menu")]
pub struct NoSuchType;

/// Where a session's calls are.
fn session_path(session: &str, call: &str) -> String {
    let session = encode_segment(session);
    format!("/api/v1/message-automation/sessions/{session}{call}")
}

fn conversation_path(conversation: &str, call: &str) -> String {
    format!(
        "/api/v1/conversations/{}{call}",
        encode_segment(conversation)
    )
}

/// Sends a message as the automation. Answered 200 with the message object. Takes no
/// idempotency key: after a lost answer, read back before sending again.
///
/// # Errors
/// [`NoSuchType`] for anything but text, HTML, a menu, or native content for Gladly.
pub fn send_message(session: &str, content: &Content) -> Result<HttpCall, NoSuchType> {
    let body = message_body(content).ok_or(NoSuchType)?;
    Ok(HttpCall::json(
        Method::Post,
        session_path(session, "/messages"),
        &body,
    ))
}

/// `{type, content}` as Gladly writes outbound messages; `None` for types it lacks.
pub(super) fn message_body(content: &Content) -> Option<Value> {
    match content {
        Content::Text { text } => Some(json!({"type": "TEXT", "content": {"value": text}})),
        Content::Html { html } => Some(json!({"type": "HTML", "content": {"value": html}})),
        Content::Menu { prompt, items } => Some(json!({
            "type": "MENU",
            "content": {"prompt": prompt, "menuItems": menu_items(items)},
        })),
        Content::Native { platform, body } if platform == PLATFORM => Some(body.clone()),
        Content::Native { .. }
        | Content::Media { .. }
        | Content::Location { .. }
        | Content::Template { .. } => None,
    }
}

fn menu_items(items: &[MenuItem]) -> Vec<Value> {
    items
        .iter()
        .map(|item| json!({"id": item.id, "label": item.label}))
        .collect()
}

/// Hands the session to the agents of the entry point's default inbox. Answered 204.
/// The description has 1 to 240 characters.
#[must_use]
pub fn handoff(session: &str, description: &str) -> HttpCall {
    let body = json!({"description": description});
    HttpCall::json(Method::Post, session_path(session, "/handoff"), &body)
}

/// Closes the session. Answered 204. The description has 1 to 240 characters.
#[must_use]
pub fn close(session: &str, description: &str) -> HttpCall {
    let body = json!({"description": description});
    HttpCall::json(Method::Post, session_path(session, "/close"), &body)
}

/// Shows or hides that the automation is typing. Answered 204.
#[must_use]
pub fn typing(session: &str, started: bool) -> HttpCall {
    let body = json!({"state": if started { "STARTED" } else { "STOPPED" }});
    HttpCall::json(
        Method::Post,
        session_path(session, "/typing-indicators"),
        &body,
    )
}

/// All messages of the session. Answered 200 with an array.
#[must_use]
pub fn list_messages(session: &str) -> HttpCall {
    HttpCall::get(session_path(session, "/messages"))
}

/// The session; `target.targetType` says whose it is.
#[must_use]
pub fn get_session(session: &str) -> HttpCall {
    HttpCall::get(session_path(session, ""))
}

/// Adds a note for agents to a conversation. Answered 201. `text` is plain text; where
/// it needs more than one line or has characters that mean something in HTML, it is
/// sent as the rich content that notes take.
#[must_use]
pub fn note(conversation: &str, text: &str) -> HttpCall {
    let text = rich(text);
    // The document contradicts itself: the schema declares `body`, but requires
    // `content` and shows `content.body` in its example. Unknown fields are ignored,
    // so both are sent.
    let body = json!({"body": text, "content": {"body": text}});
    HttpCall::json(
        Method::Post,
        conversation_path(conversation, "/notes"),
        &body,
    )
}

/// Plain text as rich content, unmistakably one or the other.
fn rich(text: &str) -> String {
    if !text.contains(['<', '>', '&', '\n']) {
        return text.to_owned();
    }
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!("<p>{}</p>", escaped.replace('\n', "<br>"))
}

/// Assigns a conversation to an inbox and, if given, to an agent in it. Answered 204;
/// `invalid_state` when somebody was faster.
#[must_use]
pub fn assign(conversation: &str, inbox: &str, agent: Option<&str>) -> HttpCall {
    let mut assignee = json!({"inboxId": inbox});
    if let (Some(agent), Some(map)) = (agent, assignee.as_object_mut()) {
        map.insert("agentId".to_owned(), agent.into());
    }
    let body = json!({"assignee": assignee});
    HttpCall::json(Method::Patch, conversation_path(conversation, ""), &body)
}

/// Closes a conversation; `force` also while the customer waits for an answer.
/// Answered 204.
#[must_use]
pub fn close_conversation(conversation: &str, force: bool) -> HttpCall {
    let body = json!({"status": {"value": "CLOSED", "force": force}});
    HttpCall::json(Method::Patch, conversation_path(conversation, ""), &body)
}

/// The conversation, with status, inbox and agent.
#[must_use]
pub fn get_conversation(conversation: &str) -> HttpCall {
    HttpCall::get(conversation_path(conversation, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(call: &HttpCall) -> Value {
        serde_json::from_slice(call.body.as_deref().unwrap()).unwrap()
    }

    #[test]
    fn each_message_type_has_gladlys_shape() {
        let call = send_message("se/1", &Content::text("Hi 😀")).unwrap();
        assert_eq!(call.method, Method::Post);
        assert_eq!(
            call.path,
            "/api/v1/message-automation/sessions/se%2F1/messages"
        );
        assert_eq!(call.header("content-type"), Some("application/json"));
        assert_eq!(
            body(&call),
            json!({"type": "TEXT", "content": {"value": "Hi 😀"}})
        );

        let html = Content::Html {
            html: "<b>Hi</b>".to_owned(),
        };
        let call = send_message("se_1", &html).unwrap();
        assert_eq!(
            body(&call),
            json!({"type": "HTML", "content": {"value": "<b>Hi</b>"}})
        );

        let items = vec![MenuItem {
            id: "yes".to_owned(),
            label: "Yes".to_owned(),
        }];
        let menu = Content::Menu {
            prompt: "Sure?".to_owned(),
            items,
        };
        let expected = json!({"type": "MENU", "content": {
            "prompt": "Sure?", "menuItems": [{"id": "yes", "label": "Yes"}]}});
        assert_eq!(body(&send_message("se_1", &menu).unwrap()), expected);

        let native = |platform: &str| Content::Native {
            platform: platform.to_owned(),
            body: json!({"type": "TEXT", "content": {"value": "as it is"}}),
        };
        assert_eq!(
            body(&send_message("s", &native("gladly")).unwrap())["type"],
            "TEXT"
        );
        assert_eq!(send_message("s", &native("whatsapp")), Err(NoSuchType));
        let template = Content::Template {
            name: "welcome".to_owned(),
            language: "en".to_owned(),
            parameters: Vec::new(),
        };
        assert_eq!(send_message("s", &template), Err(NoSuchType));
    }

    #[test]
    fn the_other_calls_are_gladlys() {
        let call = handoff("s", "wants a person");
        assert!(call.path.ends_with("/sessions/s/handoff"));
        assert_eq!(body(&call), json!({"description": "wants a person"}));
        assert!(close("s", "done").path.ends_with("/sessions/s/close"));
        assert_eq!(body(&typing("s", true)), json!({"state": "STARTED"}));
        assert_eq!(body(&typing("s", false)), json!({"state": "STOPPED"}));
        assert_eq!(list_messages("s").method, Method::Get);
        assert_eq!(
            get_session("s").path,
            "/api/v1/message-automation/sessions/s"
        );

        let call = assign("co", "inbox_1", Some("agent_1"));
        assert_eq!(
            (call.method, call.path.as_str()),
            (Method::Patch, "/api/v1/conversations/co")
        );
        let expected = json!({"assignee": {"inboxId": "inbox_1", "agentId": "agent_1"}});
        assert_eq!(body(&call), expected);
        assert_eq!(
            body(&assign("co", "i", None)),
            json!({"assignee": {"inboxId": "i"}})
        );
        let expected = json!({"status": {"value": "CLOSED", "force": true}});
        assert_eq!(body(&close_conversation("co", true)), expected);
        assert_eq!(get_conversation("co").body, None);
    }

    #[test]
    fn a_note_is_plain_or_unmistakably_rich() {
        assert_eq!(body(&note("co", "all is well"))["body"], "all is well");
        let call = note("co", "a < b\n& c");
        assert_eq!(call.path, "/api/v1/conversations/co/notes");
        assert_eq!(body(&call)["body"], "<p>a &lt; b<br>&amp; c</p>");
        assert_eq!(body(&call)["content"]["body"], body(&call)["body"]);
    }
}

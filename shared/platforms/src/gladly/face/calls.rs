//! Reading what a bot written for Gladly posts.

use super::error::FaceError;
use crate::gladly::limits;
use crate::json::{any_text, text};
use baton_domain::{Content, MenuItem};
use serde_json::Value;

/// The body of `PATCH /api/v1/conversations/{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Who is to serve.
    pub assignee: Option<Assignee>,
    /// The new status.
    pub status: Option<StatusChange>,
}

/// Who is to serve a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignee {
    /// The inbox.
    pub inbox: String,
    /// The agent, if not the whole inbox.
    pub agent: Option<String>,
}

/// A new status of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// `CLOSED` rather than `OPEN`.
    pub closed: bool,
    /// Also while the customer waits for an answer.
    pub force: bool,
}

/// The body as a JSON object.
fn object(body: &[u8]) -> Result<Value, FaceError> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(FaceError::new(
            400,
            "invalid",
            "the body must be a JSON object",
        )),
    }
}

/// `{type, content}` of a message to the customer, checked against Gladly's limits.
///
/// # Errors
/// 400 with everything that is wrong.
pub fn parse_message(body: &[u8]) -> Result<Content, FaceError> {
    let body = object(body)?;
    let content = body.get("content").unwrap_or(&Value::Null);
    let value = || any_text(content, "value").unwrap_or_default().to_owned();
    let content = match any_text(&body, "type") {
        Some("TEXT") => Content::Text { text: value() },
        Some("HTML") => Content::Html { html: value() },
        Some("MENU") => Content::Menu {
            prompt: any_text(content, "prompt").unwrap_or_default().to_owned(),
            items: content.get("menuItems").map(items).unwrap_or_default(),
        },
        Some(_) => return Err(FaceError::field("type", "invalid", "invalid message type")),
        None => {
            return Err(FaceError::field(
                "type",
                "blank",
                "must be TEXT, HTML or MENU",
            ));
        }
    };
    limits::check(&content).map_err(FaceError::limits)?;
    Ok(content)
}

/// Items as given; what an entry lacks is empty, which the limits then refuse.
fn items(list: &Value) -> Vec<MenuItem> {
    let list = list.as_array().into_iter().flatten();
    list.map(|item| MenuItem {
        id: text(item, "id").unwrap_or_default(),
        label: any_text(item, "label").unwrap_or_default().to_owned(),
    })
    .collect()
}

/// The description of a handoff or close: 1 to 240 characters, not blank.
///
/// # Errors
/// 400 with what is wrong.
pub fn parse_description(body: &[u8]) -> Result<String, FaceError> {
    let body = object(body)?;
    let description = any_text(&body, "description").unwrap_or_default();
    limits::check_description(description).map_err(FaceError::limits)?;
    Ok(description.to_owned())
}

/// Whether typing started (else it stopped).
///
/// # Errors
/// 400 when the state is neither `STARTED` nor `STOPPED`.
pub fn parse_typing(body: &[u8]) -> Result<bool, FaceError> {
    match any_text(&object(body)?, "state") {
        Some("STARTED") => Ok(true),
        Some("STOPPED") => Ok(false),
        Some(_) => Err(FaceError::field(
            "state",
            "invalid",
            "must be STARTED or STOPPED",
        )),
        None => Err(FaceError::field(
            "state",
            "blank",
            "must be STARTED or STOPPED",
        )),
    }
}

/// A change of a conversation's assignee, status, or both.
///
/// # Errors
/// 400 with everything that is wrong; also when nothing is to be changed.
pub fn parse_patch(body: &[u8]) -> Result<Patch, FaceError> {
    let body = object(body)?;
    let part = |key: &str| body.get(key).filter(|value| !value.is_null());
    let mut problems = Vec::new();
    let mut wrong = |attr: &str, code: &str, detail: &str| {
        problems.extend(FaceError::field(attr, code, detail).problems);
    };

    let assignee = part("assignee").and_then(|assignee| {
        let inbox = text(assignee, "inboxId");
        if inbox.is_none() {
            let detail = "'inboxId' cannot be blank when updating assignee";
            wrong("assignee.inboxId", "blank", detail);
        }
        Some(Assignee {
            inbox: inbox?,
            agent: text(assignee, "agentId"),
        })
    });
    let status = part("status").and_then(|status| {
        let closed = match any_text(status, "value") {
            Some("CLOSED") => true,
            Some("OPEN") => false,
            Some(_) => {
                wrong("status.value", "invalid", "must be OPEN or CLOSED");
                return None;
            }
            None => {
                wrong(
                    "status.value",
                    "blank",
                    "'value' cannot be blank when updating status",
                );
                return None;
            }
        };
        let force = status
            .get("force")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        Some(StatusChange { closed, force })
    });
    if !problems.is_empty() {
        return Err(FaceError {
            status: 400,
            problems,
        });
    }
    if assignee.is_none() && status.is_none() {
        return Err(FaceError::new(
            400,
            "blank",
            "give an assignee, a status, or both",
        ));
    }
    Ok(Patch { assignee, status })
}

//! Outbound automation messages and descriptions, and their limits.
//!
//! Gladly API 1.0 (OpenAPI), Message Automation: TEXT and HTML 1 to 2,048, MENU
//! prompt 1 to 50, 1 to 10 items, item id 1 to 50 from letters, digits, `-` and
//! `_`, label 1 to 256, description 1 to 240 and not blank. Counted in characters
//! (Unicode scalar values).

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::html;
use super::oracle::{MenuItem, Said, ViolationKind};
use super::refusal::Refusal;

const TEXT_MAX: usize = 2_048;
const PROMPT_MAX: usize = 50;
const ITEMS_MAX: usize = 10;
const ITEM_ID_MAX: usize = 50;
const LABEL_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 240;

fn limited<'a>(
    object: &'a Map<String, Value>,
    key: &str,
    attr: &'static str,
    max: usize,
) -> Result<&'a str, Refusal> {
    let text = match object.get(key) {
        Some(Value::String(text)) => text,
        None | Some(Value::Null) => {
            return Err(Refusal::attr(attr, "blank", "can't be blank")
                .because(ViolationKind::LimitExceeded));
        }
        Some(_) => {
            return Err(Refusal::attr(attr, "invalid", "must be a string")
                .because(ViolationKind::InvalidValue));
        }
    };
    if text.is_empty() {
        return Err(
            Refusal::attr(attr, "blank", "can't be blank").because(ViolationKind::LimitExceeded)
        );
    }
    if text.chars().count() > max {
        let detail = format!("is too long (maximum is {max} characters)");
        return Err(Refusal::attr(attr, "too_long", &detail).because(ViolationKind::LimitExceeded));
    }
    Ok(text)
}

/// Reads the description of a handoff or close.
pub(crate) fn description(body: &Map<String, Value>) -> Result<String, Refusal> {
    let text = limited(body, "description", "description", DESCRIPTION_MAX)?;
    if text.trim().is_empty() {
        return Err(Refusal::attr("description", "blank", "can't be blank")
            .because(ViolationKind::LimitExceeded));
    }
    Ok(text.to_owned())
}

/// Reads `{type, content}`. HTML comes out stripped.
pub(crate) fn message(body: &Map<String, Value>, zero_in_ids: bool) -> Result<Said, Refusal> {
    let kind = body.get("type").and_then(Value::as_str).unwrap_or_default();
    if !matches!(kind, "TEXT" | "HTML" | "MENU") {
        return Err(
            Refusal::attr("type", "invalid", "must be one of HTML, MENU, TEXT")
                .because(ViolationKind::InvalidValue),
        );
    }
    let Some(Value::Object(content)) = body.get("content") else {
        return Err(Refusal::attr("content", "blank", "can't be blank")
            .because(ViolationKind::MalformedBody));
    };
    match kind {
        "TEXT" => Ok(Said::Text {
            text: limited(content, "value", "content.value", TEXT_MAX)?.to_owned(),
        }),
        "HTML" => Ok(Said::Html {
            text: html::strip(limited(content, "value", "content.value", TEXT_MAX)?),
        }),
        _ => menu(content, zero_in_ids),
    }
}

fn menu(content: &Map<String, Value>, zero_in_ids: bool) -> Result<Said, Refusal> {
    let prompt = limited(content, "prompt", "content.prompt", PROMPT_MAX)?.to_owned();
    let Some(Value::Array(entries)) = content.get("menuItems") else {
        return Err(
            Refusal::attr("content.menuItems", "blank", "can't be blank")
                .because(ViolationKind::LimitExceeded),
        );
    };
    if entries.is_empty() || entries.len() > ITEMS_MAX {
        return Err(Refusal::attr(
            "content.menuItems",
            "wrong_length",
            "must have 1 to 10 items",
        )
        .because(ViolationKind::LimitExceeded));
    }
    let mut seen = HashSet::new();
    let mut items = Vec::with_capacity(entries.len());
    for entry in entries {
        let Value::Object(entry) = entry else {
            return Err(
                Refusal::attr("content.menuItems", "invalid", "must be objects")
                    .because(ViolationKind::MalformedBody),
            );
        };
        let id = limited(entry, "id", "content.menuItems.id", ITEM_ID_MAX)?;
        let fits = |c: char| {
            (c.is_ascii_alphanumeric() && (zero_in_ids || c != '0')) || c == '-' || c == '_'
        };
        if !id.chars().all(fits) {
            return Err(Refusal::attr(
                "content.menuItems.id",
                "invalid",
                "may hold letters, digits 1-9, - and _",
            )
            .because(ViolationKind::InvalidValue));
        }
        if !seen.insert(id) {
            return Err(
                Refusal::attr("content.menuItems.id", "taken", "must be unique")
                    .because(ViolationKind::InvalidValue),
            );
        }
        let label = limited(entry, "label", "content.menuItems.label", LABEL_MAX)?;
        items.push(MenuItem {
            id: id.to_owned(),
            label: label.to_owned(),
        });
    }
    Ok(Said::Menu { prompt, items })
}

/// The `type` and `content` of a message object.
pub(crate) fn wire(said: &Said) -> (&'static str, Value) {
    match said {
        Said::Html { text } => ("HTML", json!({"value": text})),
        Said::Menu { prompt, items } => ("MENU", json!({"prompt": prompt, "menuItems": items})),
        Said::Text { text } | Said::Note { text } | Said::Event { text } => {
            ("TEXT", json!({"value": text}))
        }
    }
}

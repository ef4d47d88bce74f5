//! What the bot says to what.

use serde_json::{Value, json};

/// Most characters of a description (Gladly API 1.0, Message Automation).
const DESCRIPTION_MAX: usize = 240;
/// How much of the customer's words the bot repeats.
const QUOTE_MAX: usize = 120;

const ORDER: &str = "Order status";
const HOURS: &str = "Opening hours";
const AGENT: &str = "Talk to an agent";

/// A message in Gladly's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: &'static str,
    pub(super) content: Value,
}

impl Message {
    fn text(value: impl Into<String>) -> Self {
        Self {
            kind: "TEXT",
            content: json!({"value": value.into()}),
        }
    }
}

/// What to do about a customer's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Say(Message),
    HandOff(String),
    Close(String),
    Wait { seconds: u32, then: Message },
    Silence,
    Crash,
}

/// Decides by the customer's words; `first` is true for a session's first message.
pub(super) fn plan(text: &str, first: bool) -> Plan {
    let words = text.trim().to_lowercase();
    let quoted = quote(text);
    if words.contains("agent") {
        return Plan::HandOff(description(&format!(
            "Customer asks for an agent: {quoted}"
        )));
    }
    if let Some(seconds) = words
        .strip_prefix("slow ")
        .and_then(|n| n.trim().parse().ok())
    {
        let then = Message::text(format!("That took {seconds} seconds."));
        return Plan::Wait { seconds, then };
    }
    match words.as_str() {
        "bye" => Plan::Close(description("Customer said goodbye.")),
        "silent" => Plan::Silence,
        "crash" => Plan::Crash,
        "html" => Plan::Say(Message {
            kind: "HTML",
            content: json!({"value": "<p>This is <strong>HTML</strong> with a \
                <a href=\"https://shop.example/help\" target=\"_blank\">link</a>.</p>"}),
        }),
        "order status" => Plan::Say(Message::text("Your order is packed and leaves tomorrow.")),
        "opening hours" => Plan::Say(Message::text(
            "We are here from 9 to 17 h, Monday to Friday.",
        )),
        "menu" => Plan::Say(greeting()),
        _ if first => Plan::Say(greeting()),
        _ => Plan::Say(Message::text(format!(
            "Thank you for writing. I read: {quoted}. Say \"agent\" to talk to a person."
        ))),
    }
}

/// What the bot says once it has recovered from "crash".
pub(super) fn recovered(text: &str) -> Message {
    Message::text(format!("I am back after: {}", quote(text)))
}

fn greeting() -> Message {
    let item = |id: &str, label: &str| json!({"id": id, "label": label});
    Message {
        kind: "MENU",
        content: json!({
            "prompt": "Hello! What can I do for you?",
            "menuItems": [item("order", ORDER), item("hours", HOURS), item("agent", AGENT)],
        }),
    }
}

fn quote(text: &str) -> String {
    let text = text.trim();
    let mut quoted: String = text.chars().take(QUOTE_MAX).collect();
    if text.chars().count() > QUOTE_MAX {
        quoted.push('…');
    }
    format!("“{quoted}”")
}

fn description(text: &str) -> String {
    text.chars().take(DESCRIPTION_MAX).collect()
}

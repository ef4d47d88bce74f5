//! What a handoff hands over.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the next holder needs to know. The reason is required; the rest is what
/// the bot collected. The last messages and the link are added when the parcel
/// is rendered for its target, from the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// Why control changes, in words for the next holder.
    pub reason: String,
    /// What the bot found out, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// The bot's own summary, where it made one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

/// One line of the conversation as a parcel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParcelLine {
    /// When it was written.
    pub at: Timestamp,
    /// `customer`, `bot`, `agent` or `hub`.
    pub from: &'static str,
    /// What it said, as plain text.
    pub text: String,
}

/// A parcel cut to a target's limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedParcel {
    /// What fits the target's own field.
    pub description: String,
    /// Everything, where it did not all fit; for a note beside the conversation.
    pub note: Option<String>,
}

impl Parcel {
    /// Renders the parcel for a target whose field takes `limit` characters: the
    /// same input always gives the same text. What does not fit goes to the note
    /// whole; the field then ends with an ellipsis.
    #[must_use]
    pub fn render(&self, lines: &[ParcelLine], link: Option<&str>, limit: usize) -> RenderedParcel {
        let mut head = one_line(&self.reason);
        if let Some(summary) = &self.summary {
            head = format!("{head}. {}", one_line(summary));
        }
        let fields: Vec<String> = self
            .fields
            .iter()
            .map(|(name, value)| format!("{name}: {}", one_line(value)))
            .collect();
        let short = if fields.is_empty() {
            head.clone()
        } else {
            format!("{head} [{}]", fields.join("; "))
        };

        let mut note = head;
        for field in &fields {
            note.push_str("\n- ");
            note.push_str(field);
        }
        if !lines.is_empty() {
            note.push_str("\n\nLast messages:");
            for line in lines {
                note.push_str(&format!("\n{}: {}", line.from, line.text));
            }
        }
        if let Some(link) = link {
            note.push_str("\n\nAll messages: ");
            note.push_str(link);
        }

        let description = cut(&short, limit);
        let more = description != short || !lines.is_empty() || link.is_some();
        RenderedParcel {
            description,
            note: more.then_some(note),
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most `limit` characters, the last one an ellipsis where text was left out.
fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_goes_to_the_note_whole() {
        let parcel = Parcel {
            reason: "wants a person".to_owned(),
            fields: [("order".to_owned(), "A-17".to_owned())].into(),
            summary: Some("x".repeat(300)),
        };
        let rendered = parcel.render(&[], None, 240);
        assert_eq!(rendered.description.chars().count(), 240);
        assert!(rendered.description.ends_with('…'));
        let note = rendered.note.expect("a note carries the rest");
        assert!(note.contains(&"x".repeat(300)) && note.contains("order: A-17"));
    }

    #[test]
    fn a_short_parcel_needs_no_note() {
        let parcel = Parcel {
            reason: "wants\na person".to_owned(),
            ..Parcel::default()
        };
        let rendered = parcel.render(&[], None, 240);
        assert_eq!(rendered.description, "wants a person");
        assert_eq!(rendered.note, None);
    }
}

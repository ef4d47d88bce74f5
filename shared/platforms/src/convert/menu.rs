//! What menus have in common on every platform.

use super::{Form, NotConvertible, Rendered};
use crate::limits::{Checks, Rule};
use baton_domain::{Content, MenuItem};

/// What no form of a menu can do without: a prompt, choices, labels, and ids that
/// tell the choices apart.
pub(super) fn sound(checks: &mut Checks, prompt: &str, items: &[MenuItem]) {
    if prompt.trim().is_empty() {
        checks.broken("prompt", Rule::NotBlank, 0, "ask a question");
    }
    if items.is_empty() {
        checks.broken("items", Rule::NotEmpty, 0, "give it at least one choice");
    }
    for (index, item) in items.iter().enumerate() {
        if item.id.trim().is_empty() {
            checks.broken(
                format!("items[{index}].id"),
                Rule::NotBlank,
                0,
                "give it an id",
            );
        }
        if item.label.trim().is_empty() {
            checks.broken(
                format!("items[{index}].label"),
                Rule::NotBlank,
                0,
                "give it a label",
            );
        }
    }
    let mut ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
    ids.sort_unstable();
    for same in ids.chunk_by(|a, b| a == b).filter(|same| same.len() > 1) {
        let todo = "give every choice an id of its own";
        checks.broken("items", Rule::Unique, same.len(), todo);
    }
}

/// How large a menu may be to take a form.
pub(super) struct Fit {
    /// Characters of the prompt.
    pub(super) prompt: usize,
    /// Choices.
    pub(super) items: usize,
    /// Characters of an id.
    pub(super) id: usize,
    /// Characters of a label.
    pub(super) label: usize,
    /// Whether labels must differ.
    pub(super) unique_labels: bool,
}

impl Fit {
    /// Whether the menu fits whole.
    pub(super) fn holds(&self, prompt: &str, items: &[MenuItem]) -> bool {
        let within = |text: &str, limit: usize| text.chars().count() <= limit;
        let mut labels: Vec<&str> = items.iter().map(|item| item.label.as_str()).collect();
        labels.sort_unstable();
        let differ = labels.windows(2).all(|pair| pair.first() != pair.last());
        within(prompt, self.prompt)
            && items.len() <= self.items
            && (differ || !self.unique_labels)
            && items
                .iter()
                .all(|item| within(&item.id, self.id) && within(&item.label, self.label))
    }
}

/// The menu as text: the prompt, and a numbered line for each choice.
pub(super) fn numbered(prompt: &str, items: &[MenuItem]) -> String {
    let mut text = prompt.to_owned();
    for (index, item) in items.iter().enumerate() {
        text.push_str(&format!("\n{}. {}", index + 1, item.label));
    }
    text
}

/// The menu as numbered text of at most `limit` characters.
pub(super) fn as_text(
    prompt: &str,
    items: &[MenuItem],
    limit: usize,
) -> Result<Rendered, NotConvertible> {
    let text = numbered(prompt, items);
    let mut checks = Checks::default();
    let todo = "shorten prompt and labels, or offer fewer choices at once";
    checks.at_most("menu as text", &text, limit, todo);
    checks.result()?;
    let form = Form::NumberedText {
        items: items.to_vec(),
    };
    Ok(Rendered {
        content: Content::Text { text },
        form,
    })
}

//! Gladly's numbers, and checks against them before anything is sent.
//!
//! Source of each number: Gladly API 1.0 (OpenAPI), Message Automation, unless its
//! line says otherwise. Characters are Unicode code points (*assumed*).

use crate::limits::{Checks, LimitBroken, Rule};
use crate::markup::tags_outside;
use baton_domain::{Content, MenuItem};

/// Characters of a `TEXT` message, at least 1.
pub const TEXT_MAX: usize = 2_048;
/// Characters of an `HTML` message, markup included, at least 1.
pub const HTML_MAX: usize = 2_048;
/// Characters of a menu's prompt, at least 1.
pub const PROMPT_MAX: usize = 50;
/// Items of a menu, at least 1.
pub const ITEMS_MAX: usize = 10;
/// Characters of an item's id, at least 1.
pub const ITEM_ID_MAX: usize = 50;
/// Characters of an item's label, at least 1.
pub const LABEL_MAX: usize = 256;
/// Characters of the description of a handoff or close, at least 1, not blank.
pub const DESCRIPTION_MAX: usize = 240;
/// Seconds in which a webhook must be answered (Gladly API 1.0, webhook policy).
pub const WEBHOOK_ANSWER_S: u32 = 15;
/// Webhooks of an organization (Gladly API 1.0, webhooks).
pub const WEBHOOKS_MAX: usize = 20;
/// Characters of a webhook's name, at least 1 (Gladly API 1.0, webhooks).
pub const WEBHOOK_NAME_MAX: usize = 200;
/// Requests per second, per organization and method (Gladly API 1.0, rate limits).
pub const REQUESTS_PER_SECOND: u32 = 10;

/// Tags that an `HTML` message may carry; Gladly strips the others, it does not
/// refuse them.
pub const ALLOWED_TAGS: [&str; 23] = [
    "a",
    "b",
    "blockquote",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "hr",
    "i",
    "li",
    "ol",
    "p",
    "pre",
    "s",
    "span",
    "strong",
    "u",
    "ul",
];

/// The names, in lower case and each once, of the tags that Gladly will strip from
/// this markup: what a caller is warned of.
#[must_use]
pub fn stripped_tags(html: &str) -> Vec<String> {
    tags_outside(html, &ALLOWED_TAGS)
}

/// Checks a message against Gladly's limits. Types that Gladly does not have are not
/// looked at: they are converted first.
///
/// # Errors
/// Every limit that is broken, fields in Gladly's spelling.
pub fn check(content: &Content) -> Result<(), Vec<LimitBroken>> {
    let mut checks = Checks::default();
    let split = "split it into several messages";
    match content {
        Content::Text { text } => checks.text("content.value", text, TEXT_MAX, split),
        Content::Html { html } => checks.text("content.value", html, HTML_MAX, split),
        Content::Menu { prompt, items } => menu(&mut checks, prompt, items),
        Content::Media { .. }
        | Content::Location { .. }
        | Content::Template { .. }
        | Content::Native { .. } => {}
    }
    checks.result()
}

/// Checks the description of a handoff or close.
///
/// # Errors
/// When it is blank or too long.
pub fn check_description(description: &str) -> Result<(), Vec<LimitBroken>> {
    let mut checks = Checks::default();
    checks.text(
        "description",
        description,
        DESCRIPTION_MAX,
        "shorten it; more fits a note",
    );
    checks.result()
}

fn menu(checks: &mut Checks, prompt: &str, items: &[MenuItem]) {
    let longer = "send the longer text as a message of its own before the menu";
    checks.text("content.prompt", prompt, PROMPT_MAX, longer);
    let fewer = "offer fewer choices, or split them into submenus";
    checks.items("content.menuItems", items.len(), ITEMS_MAX, fewer);
    // Past the limit the count alone says enough, and a huge list costs nothing.
    let items = items.get(..ITEMS_MAX).unwrap_or(items);
    for (index, item) in items.iter().enumerate() {
        let id = format!("content.menuItems[{index}].id");
        checks.text(&id, &item.id, ITEM_ID_MAX, "choose a shorter id");
        // The document lists 1-9 without 0; 0 is let through, Gladly decides.
        let odd = item
            .id
            .chars()
            .filter(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
        let odd = odd.count();
        if odd > 0 {
            let rule = Rule::Only("letters, digits, - and _");
            checks.broken(id.clone(), rule, odd, "choose an id of these characters");
        }
        let same = items.iter().filter(|other| other.id == item.id).count();
        if same > 1 {
            checks.broken(id, Rule::Unique, same, "give every choice an id of its own");
        }
        let label = format!("content.menuItems[{index}].label");
        checks.text(&label, &item.label, LABEL_MAX, "shorten the label");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(id: &str, label: &str) -> MenuItem {
        MenuItem {
            id: id.to_owned(),
            label: label.to_owned(),
        }
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        assert!(check(&Content::text("é".repeat(TEXT_MAX))).is_ok());
        assert!(check(&Content::text("😀".repeat(TEXT_MAX))).is_ok());
        let broken = check(&Content::text("é".repeat(TEXT_MAX + 1))).unwrap_err();
        assert_eq!(broken[0].got, TEXT_MAX + 1);
        assert_eq!(
            broken[0].to_string(),
            "content.value has 2049 characters, at most 2048 are allowed: \
             split it into several messages"
        );
        assert!(check(&Content::text(" \n")).is_err());
    }

    #[test]
    fn every_broken_limit_of_a_menu_is_told() {
        let mut items = vec![
            item("a b", ""),
            item("x", "One"),
            item("x", &"l".repeat(257)),
        ];
        items.extend((0..9).map(|n| item(&format!("n{n}"), "More")));
        let menu = Content::Menu {
            prompt: "p".repeat(51),
            items,
        };
        let told: Vec<String> = check(&menu)
            .unwrap_err()
            .into_iter()
            .map(|broken| broken.field)
            .collect();
        assert_eq!(
            told,
            [
                "content.prompt",
                "content.menuItems",
                "content.menuItems[0].id",
                "content.menuItems[0].label",
                "content.menuItems[1].id",
                "content.menuItems[2].id",
                "content.menuItems[2].label",
            ]
        );
    }

    #[test]
    fn what_gladly_strips_is_named() {
        let html = "<P>See <img src=x> <b>this</b> <table><tr><td>a</td></tr></table></P>";
        assert_eq!(stripped_tags(html), ["img", "table", "tr", "td"]);
        assert!(stripped_tags("1 < 2 and <br/>").is_empty());
        assert!(
            check(&Content::Html {
                html: html.to_owned()
            })
            .is_ok()
        );
    }

    proptest! {
        #[test]
        fn the_limit_is_exact(length in 1usize..5_000, letter in "[a-zß漢😀]") {
            let ok = check(&Content::text(letter.repeat(length))).is_ok();
            prop_assert_eq!(ok, length <= TEXT_MAX);
            let ok = check_description(&letter.repeat(length)).is_ok();
            prop_assert_eq!(ok, length <= DESCRIPTION_MAX);
        }
    }
}

//! HTML for platforms that have none: no tag ever reaches a customer.
//!
//! [`tokens`](self) are read leniently, laid out as lines of styled text, and
//! rendered plain or with WhatsApp's marks.

mod entities;
mod layout;
mod tokens;
mod whatsapp;

pub use whatsapp::to_whatsapp;

use layout::lay_out;
use tokens::{Token, tokens};

/// HTML as plain text: blocks become lines, list entries get `- ` or a number, links
/// become `text (url)`, quotes `> `, character references are decoded, images become
/// their alternative text.
#[must_use]
pub fn to_plain(html: &str) -> String {
    let lines = lay_out(html).into_iter().map(|line| {
        let text: String = line.spans.iter().map(|span| span.text.as_str()).collect();
        format!("{}{text}", line.prefix).trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Text as HTML that shows it: the characters with a meaning are escaped.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// The names, in lower case, each once and in order, of the start tags that are not
/// in `allowed`.
#[must_use]
pub fn tags_outside(html: &str, allowed: &[&str]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for token in tokens(html) {
        if let Token::Open { name, .. } = token
            && !allowed.contains(&name.as_str())
            && !out.contains(&name)
        {
            out.push(name);
        }
    }
    out
}

#[cfg(test)]
mod tests;

//! What each content becomes on each platform: one table, a cell each.
//!
//! | content | Gladly | Messenger | WhatsApp | Landbot |
//! |---|---|---|---|---|
//! | text | as it is | as it is | as it is | as it is |
//! | html | as it is | plain text | WhatsApp's marks | plain text |
//! | menu | menu | buttons, quick replies | reply buttons, list | numbered text |
//! | image, video, audio, file | HTML link | attachment, then its caption | media with caption | image; text with link |
//! | location | HTML link | text with link | location | text, then location |
//! | template | - | - | template | template by number |
//! | native | its own | its own | its own | its own |
//!
//! A menu that fits none of a platform's forms becomes numbered text. Nothing is ever
//! cut: what breaks a limit is an error that says what to do. Emoji pass unchanged.

mod gladly;
mod landbot;
mod menu;
mod messenger;
#[cfg(test)]
mod tests;
mod whatsapp;

use crate::limits::{Checks, LimitBroken, Rule};
use crate::markup;
use baton_domain::{Content, MenuItem};
use std::fmt;

/// The platforms that messages are converted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Gladly's Message Automation.
    Gladly,
    /// The Messenger Platform's Send API.
    Messenger,
    /// WhatsApp, through YCloud or Meta's Cloud API.
    Whatsapp,
    /// Landbot's Platform API.
    Landbot,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gladly, Self::Messenger, Self::Whatsapp, Self::Landbot];

    /// The platform's word, as native content and the configuration spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gladly => "gladly",
            Self::Messenger => "messenger",
            Self::Whatsapp => "whatsapp",
            Self::Landbot => "landbot",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One message of the target platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// What it says, in a type that the target has.
    pub content: Content,
    /// The form it takes there.
    pub form: Form,
}

/// The form of a message on its platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The only one its type has.
    Plain,
    /// A menu as Messenger's quick replies.
    QuickReplies,
    /// A menu as Messenger's button template or WhatsApp's reply buttons.
    Buttons,
    /// A menu as WhatsApp's list, opened by a button with this label.
    List {
        /// At most 20 characters.
        button: &'static str,
    },
    /// A menu written out as numbered lines; a customer answers with a number or a
    /// label of these.
    NumberedText {
        /// The choices, the first is number 1.
        items: Vec<MenuItem>,
    },
}

/// Why a content cannot become a message of the target.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotConvertible {
    /// The target has nothing like it.
    #[error("a {kind} message cannot be sent on {target}: {what_to_do}")]
    NoCounterpart {
        /// The content's type.
        kind: &'static str,
        /// The platform.
        target: Target,
        /// What the caller can do, as a phrase.
        what_to_do: &'static str,
    },
    /// It breaks limits of the target: all that it breaks.
    #[error("the message breaks limits: {}", told(.0))]
    Limits(Vec<LimitBroken>),
}

fn told(broken: &[LimitBroken]) -> String {
    broken
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

impl From<Vec<LimitBroken>> for NotConvertible {
    fn from(broken: Vec<LimitBroken>) -> Self {
        Self::Limits(broken)
    }
}

/// The messages, in order, that say this on the target; at least one.
///
/// # Errors
/// [`NotConvertible`] where the target has nothing like it or a limit is broken.
pub fn convert(content: &Content, target: Target) -> Result<Vec<Rendered>, NotConvertible> {
    if let Content::Native { platform, .. } = content {
        return if platform == target.as_str() {
            Ok(vec![plain(content.clone())])
        } else {
            Err(NotConvertible::NoCounterpart {
                kind: "native",
                target,
                what_to_do: "send it on its own platform, or send text, html or a menu",
            })
        };
    }
    sound(content)?;
    match target {
        Target::Gladly => gladly::convert(content),
        Target::Messenger => messenger::convert(content),
        Target::Whatsapp => whatsapp::convert(content),
        Target::Landbot => landbot::convert(content),
    }
}

/// What a reader would see of it as plain text alone: menus numbered, links written
/// out. For transcripts and formats that only have text.
#[must_use]
pub fn plain_text(content: &Content) -> String {
    match content {
        Content::Text { text } => text.clone(),
        Content::Html { html } => markup::to_plain(html),
        Content::Menu { prompt, items } => menu::numbered(prompt, items),
        Content::Media {
            url,
            caption,
            filename,
            ..
        } => linked(&[caption.as_deref(), filename.as_deref()], url),
        Content::Location {
            latitude,
            longitude,
            name,
            address,
        } => linked(
            &[name.as_deref(), address.as_deref()],
            &map_link(*latitude, *longitude),
        ),
        Content::Template { .. } | Content::Native { .. } => content.gist(),
    }
}

/// What no platform can show, whatever its limits.
fn sound(content: &Content) -> Result<(), NotConvertible> {
    let mut checks = Checks::default();
    match content {
        Content::Menu { prompt, items } => menu::sound(&mut checks, prompt, items),
        Content::Media { url, .. } => {
            // Platforms fetch media themselves, and refuse what is not encrypted.
            let host = url.strip_prefix("https://").unwrap_or_default();
            if host.is_empty() || host.starts_with('/') || url.contains(char::is_whitespace) {
                checks.broken("url", Rule::Https, 0, "give a public https address");
            }
        }
        Content::Location {
            latitude,
            longitude,
            ..
        } => {
            if !(-90.0..=90.0).contains(latitude) {
                checks.broken(
                    "latitude",
                    Rule::Range("from -90 to 90"),
                    0,
                    "give degrees north",
                );
            }
            if !(-180.0..=180.0).contains(longitude) {
                checks.broken(
                    "longitude",
                    Rule::Range("from -180 to 180"),
                    0,
                    "give degrees east",
                );
            }
        }
        Content::Text { .. }
        | Content::Html { .. }
        | Content::Template { .. }
        | Content::Native { .. } => {}
    }
    Ok(checks.result()?)
}

fn plain(content: Content) -> Rendered {
    Rendered {
        content,
        form: Form::Plain,
    }
}

/// Text of at most `limit` characters, as a message. `field` is the caller's.
fn text(field: &str, text: String, limit: usize) -> Result<Rendered, NotConvertible> {
    let mut checks = Checks::default();
    checks.text(field, &text, limit, "split it into several messages");
    checks.result()?;
    Ok(plain(Content::Text { text }))
}

/// A caption that says something.
fn said(caption: &Option<String>) -> Option<&str> {
    caption
        .as_deref()
        .filter(|caption| !caption.trim().is_empty())
}

/// The parts that are there, a line each, and the link.
fn linked(parts: &[Option<&str>], link: &str) -> String {
    let given = parts
        .iter()
        .flatten()
        .copied()
        .filter(|part| !part.trim().is_empty());
    given.chain([link]).collect::<Vec<_>>().join("\n")
}

/// A page that shows the place; OpenStreetMap's documented `mlat`/`mlon` parameters.
fn map_link(latitude: f64, longitude: f64) -> String {
    format!(
        "https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}\
         #map=16/{latitude}/{longitude}"
    )
}

/// A template where the target has none.
fn no_template(target: Target) -> NotConvertible {
    NotConvertible::NoCounterpart {
        kind: "template",
        target,
        what_to_do: "send the text itself: only WhatsApp has approved templates",
    }
}

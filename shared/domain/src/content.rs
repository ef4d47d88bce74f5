//! One content model for every platform. What each type becomes on a platform
//! that lacks it is decided in `baton-platforms`.

use serde::{Deserialize, Serialize};

/// What a message says. In JSON: `{"type": "text", "text": "Hello"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Content {
    /// Plain text.
    Text {
        /// The text, with emoji and line breaks as they are.
        text: String,
    },
    /// Text with HTML markup.
    Html {
        /// The markup.
        html: String,
    },
    /// A question with choices.
    Menu {
        /// The question.
        prompt: String,
        /// The choices, in order.
        items: Vec<MenuItem>,
    },
    /// An image, a video, a sound or a file, by reference.
    Media {
        /// What kind of medium.
        media: MediaKind,
        /// Where it can be fetched, `https`.
        url: String,
        /// Text shown with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caption: Option<String>,
        /// The name a file is offered under.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filename: Option<String>,
    },
    /// A place on the map.
    Location {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// What the place is called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Its postal address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// A message approved in advance on the platform.
    Template {
        /// The template's name.
        name: String,
        /// Its language code.
        language: String,
        /// Values of its body's placeholders, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parameters: Vec<String>,
    },
    /// A body in one platform's own format, passed on as it is.
    Native {
        /// The platform it is for.
        platform: String,
        /// The body.
        body: serde_json::Value,
    },
}

/// One choice of a menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MenuItem {
    /// What identifies the choice to the bot.
    pub id: String,
    /// What the customer reads.
    pub label: String,
}

/// The kinds of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A film.
    Video,
    /// A sound or voice message.
    Audio,
    /// Any other file.
    File,
}

impl Content {
    /// Plain text content.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// What a person would read of it, on one line's worth of plain text: for
    /// summaries and timelines.
    #[must_use]
    pub fn gist(&self) -> String {
        match self {
            Self::Text { text } => text.clone(),
            Self::Html { html } => html.clone(),
            Self::Menu { prompt, items } => {
                let labels: Vec<&str> = items.iter().map(|item| item.label.as_str()).collect();
                format!("{prompt} [{}]", labels.join(" | "))
            }
            Self::Media {
                media,
                caption,
                filename,
                ..
            } => {
                let kind = match media {
                    MediaKind::Image => "image",
                    MediaKind::Video => "video",
                    MediaKind::Audio => "audio",
                    MediaKind::File => "file",
                };
                match caption.as_ref().or(filename.as_ref()) {
                    Some(text) => format!("({kind}) {text}"),
                    None => format!("({kind})"),
                }
            }
            Self::Location { name, .. } => {
                format!("(location) {}", name.as_deref().unwrap_or_default())
            }
            Self::Template { name, .. } => format!("(template {name})"),
            Self::Native { platform, .. } => format!("({platform} message)"),
        }
    }
}

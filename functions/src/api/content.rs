//! What messages say, as the API spells it: `{"type": "text", "text": "Hello"}`.

use super::call::part;
use crate::problem::Problem;
use baton_domain::{Content, MediaKind, MenuItem};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What a message says.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(example = json!({"type": "text", "text": "Your parcel left today."}))]
pub enum MessageContent {
    /// Plain text.
    Text(TextContent),
    /// Text with HTML markup.
    Html(HtmlContent),
    /// A question with choices.
    Menu(MenuContent),
    /// An image, a video, a sound or a file, by reference.
    Media(MediaContent),
    /// A place on the map.
    Location(LocationContent),
    /// A message approved in advance on the platform.
    Template(TemplateContent),
    /// A body in one platform's own format, passed on as it is.
    Native(NativeContent),
}

/// Plain text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextContent {
    /// The text, with emoji and line breaks as they are.
    pub text: String,
}

/// Text with HTML markup; platforms without markup get it as text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HtmlContent {
    /// The markup.
    pub html: String,
}

/// A question with choices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MenuContent {
    /// The question.
    pub prompt: String,
    /// The choices, in order.
    pub items: Vec<MenuChoice>,
}

/// One choice of a menu.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MenuChoice {
    /// What identifies the choice to the bot.
    pub id: String,
    /// What the customer reads.
    pub label: String,
}

/// An image, a video, a sound or a file, by reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MediaContent {
    /// What kind of medium.
    pub media: MediaWord,
    /// Where it can be fetched, `https`.
    pub url: String,
    /// Text shown with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// The name a file is offered under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
}

/// The kinds of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaWord {
    /// A picture.
    Image,
    /// A film.
    Video,
    /// A sound or voice message.
    Audio,
    /// Any other file.
    File,
}

/// A place on the map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocationContent {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// What the place is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// A message approved in advance on the platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateContent {
    /// The template's name.
    pub name: String,
    /// Its language code.
    pub language: String,
    /// Values of its body's placeholders, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
}

/// A body in one platform's own format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NativeContent {
    /// The platform it is for.
    pub platform: String,
    /// The body, as the platform describes it.
    #[schema(value_type = Object)]
    pub body: Value,
}

/// The content in a request's body, `at` this path. Read in two steps, the type first,
/// so that what is wrong is named with its whole path.
///
/// # Errors
/// 400 naming the field.
pub fn read(at: &str, value: Value) -> Result<Content, Problem> {
    let Value::Object(mut fields) = value else {
        return Err(Problem::field(
            at,
            "must be an object such as {\"type\": \"text\", \"text\": \"Hello\"}",
        ));
    };
    let known = "text, html, menu, media, location, template, native";
    let kind = fields.remove("type");
    let at_type = format!("{at}.type");
    let Some(Value::String(kind)) = kind else {
        return Err(Problem::field(&at_type, format!("must be one of {known}")));
    };
    let fields = Value::Object(fields);
    let content = match kind.as_str() {
        "text" => MessageContent::Text(part(at, fields)?),
        "html" => MessageContent::Html(part(at, fields)?),
        "menu" => MessageContent::Menu(part(at, fields)?),
        "media" => MessageContent::Media(part(at, fields)?),
        "location" => MessageContent::Location(part(at, fields)?),
        "template" => MessageContent::Template(part(at, fields)?),
        "native" => MessageContent::Native(part(at, fields)?),
        _ => {
            return Err(Problem::field(
                &at_type,
                format!("unknown, must be one of {known}"),
            ));
        }
    };
    Ok(content.into())
}

impl From<MessageContent> for Content {
    fn from(content: MessageContent) -> Self {
        match content {
            MessageContent::Text(TextContent { text }) => Self::Text { text },
            MessageContent::Html(HtmlContent { html }) => Self::Html { html },
            MessageContent::Menu(MenuContent { prompt, items }) => Self::Menu {
                prompt,
                items: items
                    .into_iter()
                    .map(|MenuChoice { id, label }| MenuItem { id, label })
                    .collect(),
            },
            MessageContent::Media(MediaContent {
                media,
                url,
                caption,
                filename,
            }) => Self::Media {
                media: match media {
                    MediaWord::Image => MediaKind::Image,
                    MediaWord::Video => MediaKind::Video,
                    MediaWord::Audio => MediaKind::Audio,
                    MediaWord::File => MediaKind::File,
                },
                url,
                caption,
                filename,
            },
            MessageContent::Location(LocationContent {
                latitude,
                longitude,
                name,
                address,
            }) => Self::Location {
                latitude,
                longitude,
                name,
                address,
            },
            MessageContent::Template(TemplateContent {
                name,
                language,
                parameters,
            }) => Self::Template {
                name,
                language,
                parameters,
            },
            MessageContent::Native(NativeContent { platform, body }) => {
                Self::Native { platform, body }
            }
        }
    }
}

impl From<Content> for MessageContent {
    fn from(content: Content) -> Self {
        match content {
            Content::Text { text } => Self::Text(TextContent { text }),
            Content::Html { html } => Self::Html(HtmlContent { html }),
            Content::Menu { prompt, items } => Self::Menu(MenuContent {
                prompt,
                items: items
                    .into_iter()
                    .map(|MenuItem { id, label }| MenuChoice { id, label })
                    .collect(),
            }),
            Content::Media {
                media,
                url,
                caption,
                filename,
            } => Self::Media(MediaContent {
                media: match media {
                    MediaKind::Image => MediaWord::Image,
                    MediaKind::Video => MediaWord::Video,
                    MediaKind::Audio => MediaWord::Audio,
                    MediaKind::File => MediaWord::File,
                },
                url,
                caption,
                filename,
            }),
            Content::Location {
                latitude,
                longitude,
                name,
                address,
            } => Self::Location(LocationContent {
                latitude,
                longitude,
                name,
                address,
            }),
            Content::Template {
                name,
                language,
                parameters,
            } => Self::Template(TemplateContent {
                name,
                language,
                parameters,
            }),
            Content::Native { platform, body } => Self::Native(NativeContent { platform, body }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_type_is_read_as_it_is_written_and_as_events_have_it() {
        for written in [
            json!({"type": "text", "text": "Hi 😀"}),
            json!({"type": "html", "html": "<b>Hi</b>"}),
            json!({"type": "menu", "prompt": "Which?", "items": [{"id": "1", "label": "One"}]}),
            json!({"type": "media", "media": "image", "url": "https://a.example/b.png", "caption": "B"}),
            json!({"type": "location", "latitude": 52.5, "longitude": 13.4, "name": "Here"}),
            json!({"type": "template", "name": "hello", "language": "en", "parameters": ["x"]}),
            json!({"type": "native", "platform": "gladly", "body": {"type": "TEXT"}}),
        ] {
            let content = read("content", written.clone()).expect("it is content");
            // Events carry the domain's own form: both must be the same.
            assert_eq!(serde_json::to_value(&content).expect("JSON"), written);
            assert_eq!(
                serde_json::to_value(MessageContent::from(content)).expect("JSON"),
                written
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_path() {
        let detail = |value| read("content", value).expect_err("it is refused").detail;
        assert_eq!(
            detail(json!({"type": "text", "text": 7})),
            "content.text: invalid type: integer `7`, expected a string"
        );
        assert_eq!(
            detail(json!({"type": "text", "txt": "a"})),
            "content.txt: unknown field `txt`, expected `text`"
        );
        assert_eq!(
            detail(json!({"type": "text"})),
            "content: missing field `text`"
        );
        let menu = json!({"type": "menu", "prompt": "?", "items": [{"id": "1", "label": "a"}, {"id": 2, "label": "b"}]});
        assert_eq!(
            detail(menu),
            "content.items[1].id: invalid type: integer `2`, expected a string"
        );
        assert!(
            detail(json!({"type": "image"}))
                .starts_with("content.type: unknown, must be one of text, ")
        );
        assert!(detail(json!({})).starts_with("content.type: must be one of "));
        assert!(detail(json!("Hello")).starts_with("content: must be an object"));
    }
}

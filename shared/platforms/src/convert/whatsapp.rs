//! For WhatsApp, through YCloud or Meta's Cloud API. Numbers: YCloud's OpenAPI and
//! Meta's pages on interactive messages, 2025-26; where the two differ, the smaller.

use super::menu::{self, Fit};
use super::{Form, NotConvertible, Rendered, plain, said, text};
use crate::limits::Checks;
use crate::markup::to_whatsapp;
use baton_domain::{Content, MediaKind};

/// Characters of a text.
pub(super) const TEXT_MAX: usize = 4_096;
/// Characters of a caption (*assumed*: no page of the vendors gives it).
pub(super) const CAPTION_MAX: usize = 1_024;

/// Reply buttons: body 1024, 1 to 3, titles 20 and unique, ids 256.
const BUTTONS: Fit = Fit {
    prompt: 1_024,
    items: 3,
    id: 256,
    label: 20,
    unique_labels: true,
};

/// List: body 1024 (Meta: 4096), at most 10 rows in all, titles 24, ids 200.
const LIST: Fit = Fit {
    prompt: 1_024,
    items: 10,
    id: 200,
    label: 24,
    unique_labels: false,
};

/// What opens a list, at most 20 characters: a word that most languages share.
const LIST_BUTTON: &str = "Menu";

pub(super) fn convert(content: &Content) -> Result<Vec<Rendered>, NotConvertible> {
    match content {
        Content::Text { text: body } => Ok(vec![text("text", body.clone(), TEXT_MAX)?]),
        Content::Html { html } => Ok(vec![text("html", to_whatsapp(html), TEXT_MAX)?]),
        Content::Menu { prompt, items } => {
            // An id with blanks at its ends would come back changed, or be refused.
            let tidy = items.iter().all(|item| item.id.trim() == item.id);
            let form = if tidy && BUTTONS.holds(prompt, items) {
                Form::Buttons
            } else if tidy && LIST.holds(prompt, items) {
                Form::List {
                    button: LIST_BUTTON,
                }
            } else {
                return Ok(vec![menu::as_text(prompt, items, TEXT_MAX)?]);
            };
            Ok(vec![Rendered {
                content: content.clone(),
                form,
            }])
        }
        Content::Media {
            media: media @ MediaKind::Audio,
            url,
            caption,
            filename,
        } => {
            // A sound has no caption.
            let sound = Content::Media {
                media: *media,
                url: url.clone(),
                caption: None,
                filename: filename.clone(),
            };
            let mut messages = vec![plain(sound)];
            if let Some(caption) = said(caption) {
                messages.push(text("caption", caption.to_owned(), TEXT_MAX)?);
            }
            Ok(messages)
        }
        Content::Media { caption, .. } => {
            let mut checks = Checks::default();
            let caption = caption.as_deref().unwrap_or_default();
            checks.at_most(
                "caption",
                caption,
                CAPTION_MAX,
                "send it as a message of its own",
            );
            checks.result()?;
            Ok(vec![plain(content.clone())])
        }
        Content::Location { .. } | Content::Template { .. } | Content::Native { .. } => {
            Ok(vec![plain(content.clone())])
        }
    }
}

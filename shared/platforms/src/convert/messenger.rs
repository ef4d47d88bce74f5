//! For the Messenger Platform. Numbers: Meta's Send API, quick replies and button
//! template pages, 2025-26.

use super::menu::{self, Fit};
use super::{Form, NotConvertible, Rendered, Target, no_template, plain, plain_text, said, text};
use baton_domain::Content;

/// Characters of a text (Send API; one page says "less than 2000").
pub(super) const TEXT_MAX: usize = 2_000;

/// Button template: text 640, 1 to 3 buttons, titles 20 (recommended; longer ones are
/// cut on screen), payloads 1000.
const BUTTONS: Fit = Fit {
    prompt: 640,
    items: 3,
    id: 1_000,
    label: 20,
    unique_labels: false,
};

/// Quick replies: at most 13, titles 20, payloads 1000.
const QUICK_REPLIES: Fit = Fit {
    prompt: TEXT_MAX,
    items: 13,
    id: 1_000,
    label: 20,
    unique_labels: false,
};

pub(super) fn convert(content: &Content) -> Result<Vec<Rendered>, NotConvertible> {
    match content {
        Content::Text { text: body } => Ok(vec![text("text", body.clone(), TEXT_MAX)?]),
        Content::Html { .. } => Ok(vec![text("html", plain_text(content), TEXT_MAX)?]),
        Content::Menu { prompt, items } => {
            // Buttons stay in the conversation, quick replies vanish with the next
            // message, so buttons come first.
            let form = if BUTTONS.holds(prompt, items) {
                Form::Buttons
            } else if QUICK_REPLIES.holds(prompt, items) {
                Form::QuickReplies
            } else {
                return Ok(vec![menu::as_text(prompt, items, TEXT_MAX)?]);
            };
            Ok(vec![Rendered {
                content: content.clone(),
                form,
            }])
        }
        Content::Media {
            media,
            url,
            caption,
            filename,
        } => {
            // A message has text or an attachment, so the caption is one of its own.
            let attachment = Content::Media {
                media: *media,
                url: url.clone(),
                caption: None,
                filename: filename.clone(),
            };
            let mut messages = vec![plain(attachment)];
            if let Some(caption) = said(caption) {
                messages.push(text("caption", caption.to_owned(), TEXT_MAX)?);
            }
            Ok(messages)
        }
        // The Send API has no location.
        Content::Location { .. } => Ok(vec![text("location", plain_text(content), TEXT_MAX)?]),
        Content::Template { .. } => Err(no_template(Target::Messenger)),
        Content::Native { .. } => Ok(vec![plain(content.clone())]),
    }
}

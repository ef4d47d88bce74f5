//! For Landbot's Platform API, which sends text, images, places and, on its WhatsApp
//! channels, templates by number.

use super::{NotConvertible, Rendered, Target, linked, menu, plain, plain_text, text};
use crate::limits::Checks;
use baton_domain::{Content, MediaKind};

/// Characters of a text (*assumed*: Landbot documents none, WhatsApp behind it has
/// this one).
pub(super) const TEXT_MAX: usize = 4_096;

pub(super) fn convert(content: &Content) -> Result<Vec<Rendered>, NotConvertible> {
    match content {
        Content::Text { text: body } => Ok(vec![text("text", body.clone(), TEXT_MAX)?]),
        Content::Html { .. } => Ok(vec![text("html", plain_text(content), TEXT_MAX)?]),
        // The API has no menus; only Landbot's own flows show buttons.
        Content::Menu { prompt, items } => Ok(vec![menu::as_text(prompt, items, TEXT_MAX)?]),
        Content::Media {
            media: MediaKind::Image,
            caption,
            ..
        } => {
            let mut checks = Checks::default();
            let caption = caption.as_deref().unwrap_or_default();
            checks.at_most(
                "caption",
                caption,
                TEXT_MAX,
                "send it as a message of its own",
            );
            checks.result()?;
            Ok(vec![plain(content.clone())])
        }
        Content::Media { .. } => Ok(vec![text("media", plain_text(content), TEXT_MAX)?]),
        Content::Location {
            latitude,
            longitude,
            name,
            address,
        } => {
            // `send_location` takes coordinates alone; what the place is called goes
            // ahead as text.
            let place = Content::Location {
                latitude: *latitude,
                longitude: *longitude,
                name: None,
                address: None,
            };
            let words = linked(&[name.as_deref()], address.as_deref().unwrap_or_default());
            if words.trim().is_empty() {
                return Ok(vec![plain(place)]);
            }
            Ok(vec![
                text("name", words.trim().to_owned(), TEXT_MAX)?,
                plain(place),
            ])
        }
        Content::Template { name, .. } => {
            if name.parse::<u64>().is_ok() {
                return Ok(vec![plain(content.clone())]);
            }
            Err(NotConvertible::NoCounterpart {
                kind: "template",
                target: Target::Landbot,
                what_to_do: "name the template by Landbot's number of it, or send the text itself",
            })
        }
        Content::Native { .. } => Ok(vec![plain(content.clone())]),
    }
}

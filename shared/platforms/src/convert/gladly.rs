//! For Gladly: text, HTML and menus are its own; what it lacks becomes an HTML link.

use super::{NotConvertible, Rendered, Target, linked, map_link, menu, no_template, plain};
use crate::gladly::limits;
use crate::markup::escape;
use baton_domain::Content;

pub(super) fn convert(content: &Content) -> Result<Vec<Rendered>, NotConvertible> {
    match content {
        Content::Text { .. } | Content::Html { .. } => checked(content.clone()),
        Content::Menu { prompt, items } => {
            if limits::check(content).is_ok() {
                return Ok(vec![plain(content.clone())]);
            }
            Ok(vec![menu::as_text(prompt, items, limits::TEXT_MAX)?])
        }
        Content::Media {
            url,
            caption,
            filename,
            ..
        } => checked(link(caption.as_deref(), filename.as_deref(), url)),
        Content::Location {
            latitude,
            longitude,
            name,
            address,
        } => {
            let place = format!("{latitude}, {longitude}");
            let name = linked(&[name.as_deref()], address.as_deref().unwrap_or_default());
            let label = if name.trim().is_empty() {
                place
            } else {
                name.trim().to_owned()
            };
            checked(link(None, Some(&label), &map_link(*latitude, *longitude)))
        }
        Content::Template { .. } => Err(no_template(Target::Gladly)),
        // Told apart before: native content is not converted.
        Content::Native { .. } => Ok(vec![plain(content.clone())]),
    }
}

fn checked(content: Content) -> Result<Vec<Rendered>, NotConvertible> {
    limits::check(&content)?;
    Ok(vec![plain(content)])
}

/// A link under the caption; its text is the name, or else the caption, or else the
/// address itself: no words of ours, whose language the customer may not read.
fn link(caption: Option<&str>, name: Option<&str>, url: &str) -> Content {
    let given = |text: Option<&str>| {
        text.filter(|text| !text.trim().is_empty())
            .map(|text| escape(text).replace('\n', "<br>"))
    };
    let (caption, name) = (given(caption), given(name));
    let url = escape(url);
    let anchor = |label: &str| format!("<a href=\"{url}\">{label}</a>");
    let html = match (caption, name) {
        (Some(caption), Some(name)) => format!("{caption}<br>{}", anchor(&name)),
        (Some(label), None) | (None, Some(label)) => anchor(&label),
        (None, None) => anchor(&url),
    };
    Content::Html { html }
}

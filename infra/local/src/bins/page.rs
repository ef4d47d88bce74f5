//! A bin as a page.

use super::Received;
use std::fmt::Write as _;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
    padding:0 1rem;color-scheme:light dark}pre{white-space:pre-wrap;overflow-wrap:anywhere;\
    border:1px solid;border-radius:4px;padding:.5rem}dt{float:left;clear:left;\
    margin-right:.5rem;font-weight:600}dd{margin:0;overflow-wrap:anywhere}";

/// The page, newest request first. Everything that arrived is escaped.
pub(super) fn write(name: &str, received: &[Received]) -> String {
    let name = escape(name);
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>Bin {name}</title><style>{STYLE}</style><h1>Bin {name}</h1>"
    );
    if received.is_empty() {
        page.push_str("<p>Nothing has arrived yet.</p>");
    }
    for request in received.iter().rev() {
        section(&mut page, request);
    }
    page.push_str("</html>");
    page
}

fn section(page: &mut String, request: &Received) {
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<section><h2>{} <time>{}</time></h2><dl>",
        escape(&request.method),
        escape(&request.time)
    );
    if !request.query.is_empty() {
        let _ = write!(page, "<dt>query</dt><dd>{}</dd>", escape(&request.query));
    }
    for (name, value) in &request.headers {
        let _ = write!(page, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    }
    let _ = write!(page, "</dl><pre>{}</pre>", escape(&request.body));
    if request.cut {
        page.push_str("<p>The body went on; the first 64 KB are kept.</p>");
    }
    page.push_str("</section>");
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

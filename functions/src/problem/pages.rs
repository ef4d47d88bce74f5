//! The pages behind the types of problems: what one means, why it happens, what to do.
//! HTML for people, markdown for those who ask for it.

use super::Kind;
use super::kind::Page;
use crate::http::HttpResponse;

/// The page of this name, as the `Accept` header wants it; `None` where there is none.
#[must_use]
pub fn page(name: &str, accept: Option<&str>) -> Option<HttpResponse> {
    let page = Kind::named(name)?.page();
    let (content_type, body) = if wants_markdown(accept) {
        ("text/markdown; charset=utf-8", markdown(page))
    } else {
        ("text/html; charset=utf-8", html(page))
    };
    let response = HttpResponse::text(200, content_type, body);
    Some(
        response
            .with_header("cache-control", "public, max-age=3600")
            .with_header("vary", "accept")
            // The pages are text alone; nothing on them may ever run or be fetched.
            .with_header(
                "content-security-policy",
                "default-src 'none'; style-src 'unsafe-inline'",
            )
            .with_header("x-content-type-options", "nosniff"),
    )
}

/// Whether markdown or plain text is asked for, and HTML is not.
fn wants_markdown(accept: Option<&str>) -> bool {
    let accept = accept.unwrap_or_default().to_ascii_lowercase();
    !accept.contains("text/html")
        && (accept.contains("text/markdown") || accept.contains("text/plain"))
}

fn markdown(page: &Page) -> String {
    let Page {
        name,
        status,
        title,
        means,
        why,
        todo,
    } = page;
    format!(
        "# {title}\n\n`{name}`, status {status}\n\n## What it means\n\n{means}\n\n## Why it happens\n\n{why}\n\n## What to do\n\n{todo}\n"
    )
}

fn html(page: &Page) -> String {
    let Page {
        name,
        status,
        title,
        ..
    } = page;
    let [means, why, todo] = [page.means, page.why, page.todo].map(prose);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}}\
         code{{background:#eee;padding:0 .25em;border-radius:.2em}}\
         @media(prefers-color-scheme:dark){{body{{color:#eee;background:#161616}}code{{background:#333}}}}</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n<p><code>{name}</code>, status {status}</p>\n\
         <h2>What it means</h2>\n<p>{means}</p>\n<h2>Why it happens</h2>\n<p>{why}</p>\n\
         <h2>What to do</h2>\n<p>{todo}</p>\n</body>\n</html>\n",
        title = escape(title),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Text whose backquoted parts are code.
fn prose(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in escape(text).split('`').enumerate() {
        if index % 2 == 1 {
            html.push_str(&format!("<code>{part}</code>"));
        } else {
            html.push_str(part);
        }
    }
    html
}

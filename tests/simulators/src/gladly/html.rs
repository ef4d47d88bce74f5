//! HTML as Gladly keeps it: tags that are not on the list are stripped, their
//! text stays (Gladly API 1.0, outbound automation message of type HTML).

/// The attributes a tag may keep, or `None` if the tag itself goes.
fn attributes(tag: &str) -> Option<&'static [&'static str]> {
    Some(match tag {
        "a" => &["href", "target", "rel"],
        "ul" | "ol" => &["type"],
        "li" => &["type", "value"],
        "h1" | "h2" | "h3" | "hr" | "br" | "div" | "span" | "p" | "strong" | "em" | "b" | "i"
        | "u" | "s" | "blockquote" | "pre" | "dl" | "dt" | "dd" => &[],
        _ => return None,
    })
}

/// Strips what Gladly strips. Text, also a lone `<`, stays as it is.
pub(crate) fn strip(html: &str) -> String {
    let mut kept = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        kept.push_str(text);
        let inner = tag.get(1..).unwrap_or_default();
        let opens = inner
            .chars()
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '/' || c == '!');
        if !opens {
            kept.push('<');
            rest = inner;
            continue;
        }
        let Some(end) = end_of_tag(inner) else {
            // A tag that never ends swallows what follows, as browsers read it.
            return kept;
        };
        let (tag, after) = inner.split_at(end);
        keep(tag, &mut kept);
        rest = after.get(1..).unwrap_or_default();
    }
    kept.push_str(rest);
    kept
}

/// The position of the `>` that ends a tag or a comment.
fn end_of_tag(inner: &str) -> Option<usize> {
    if let Some(comment) = inner.strip_prefix("!--") {
        return comment.find("-->").map(|at| at + 5);
    }
    let mut quote = None;
    inner.char_indices().find_map(|(at, c)| match (quote, c) {
        (None, '>') => Some(at),
        (None, '"' | '\'') => {
            quote = Some(c);
            None
        }
        (Some(open), c) if open == c => {
            quote = None;
            None
        }
        _ => None,
    })
}

fn keep(tag: &str, kept: &mut String) {
    let (slash, body) = match tag.strip_prefix('/') {
        Some(body) => ("/", body),
        None => ("", tag),
    };
    let end = body
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(body.len());
    let (name, rest) = body.split_at(end);
    let name = name.to_ascii_lowercase();
    let Some(allowed) = attributes(&name) else {
        return;
    };
    kept.push('<');
    kept.push_str(slash);
    kept.push_str(&name);
    if slash.is_empty() {
        for (key, value) in pairs(rest) {
            if allowed.contains(&key.as_str()) {
                kept.push_str(&format!(" {key}=\"{}\"", value.replace('"', "&quot;")));
            }
        }
    }
    kept.push('>');
}

/// The attributes of a tag, names in lower case.
fn pairs(mut rest: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        let end = rest
            .find(|c: char| c.is_whitespace() || c == '=' || c == '/')
            .unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        if key.is_empty() && after.is_empty() {
            return found;
        }
        let after = after.trim_start();
        let (value, left) = match after.strip_prefix('=') {
            None => ("", after),
            Some(value) => split_value(value.trim_start()),
        };
        found.push((key.to_ascii_lowercase(), value.to_owned()));
        rest = left;
    }
}

fn split_value(value: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(quoted) = value.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    value
        .find(char::is_whitespace)
        .map_or((value, ""), |end| value.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::strip;

    #[test]
    fn allowed_tags_stay_with_their_attributes() {
        assert_eq!(
            strip(
                r#"<p class="x">Hi <a href='https://shop.example/?a=1' onclick="x()">there</a><br/></p>"#
            ),
            r#"<p>Hi <a href="https://shop.example/?a=1">there</a><br></p>"#
        );
        assert_eq!(
            strip("<OL type=1><LI value=3>x</LI></OL>"),
            r#"<ol type="1"><li value="3">x</li></ol>"#
        );
    }

    #[test]
    fn other_tags_go_and_their_text_stays() {
        assert_eq!(strip("<table><tr><td>cell</td></tr></table>"), "cell");
        assert_eq!(strip(r#"a<img src="x>y">b<!-- c > d -->e"#), "abe");
    }

    #[test]
    fn text_that_looks_like_markup_stays() {
        assert_eq!(strip("1 < 2 and 3 > 2 ❤"), "1 < 2 and 3 > 2 ❤");
        assert_eq!(strip("end <"), "end <");
        assert_eq!(strip("cut <b"), "cut ");
    }
}

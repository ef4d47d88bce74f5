//! HTML cut into tags and texts, leniently: what a browser would take for a tag is a
//! tag, everything else is text. Never fails and reads each byte once.

use super::entities::decode;

/// A piece of markup.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Text, its character references decoded.
    Text(String),
    /// A start tag.
    Open {
        /// In lower case.
        name: String,
        /// Names in lower case, values decoded.
        attributes: Vec<(String, String)>,
    },
    /// An end tag; the name in lower case.
    Close(String),
}

impl Token {
    /// The value of an attribute of a start tag.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let Self::Open { attributes, .. } = self else {
            return None;
        };
        let found = attributes.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Elements whose content is not for readers.
const UNREAD: [&str; 6] = ["script", "style", "title", "template", "noscript", "iframe"];

/// The pieces of the markup, in order. Comments, declarations, the content of scripts
/// and the like, and a tag that the text ends in, are left out.
pub(super) fn tokens(html: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut text_from = 0;
    let mut at = 0;
    while let Some(found) = html.get(at..).and_then(|rest| rest.find('<')) {
        let start = at + found;
        let Some(after) = html.get(start + 1..) else {
            break;
        };
        let mut ahead = after.chars();
        let taken = match (ahead.next(), ahead.next()) {
            (Some(c), _) if c.is_ascii_alphabetic() => tag(after),
            (Some('/'), Some(c)) if c.is_ascii_alphabetic() => tag(after),
            (Some('!'), _) if after.starts_with("!--") => until(after, 3, "-->"),
            (Some('!' | '?'), _) => until(after, 1, ">"),
            _ => {
                at = start + 1;
                continue;
            }
        };
        push_text(&mut out, html.get(text_from..start));
        // A tag, comment or declaration without an end takes the rest with it.
        let (token, mut length) = taken.unwrap_or((None, after.len()));
        if let Some(token) = token {
            if let Token::Open { name, .. } = &token
                && UNREAD.contains(&name.as_str())
            {
                length += unread(after.get(length..).unwrap_or_default(), name);
            }
            out.push(token);
        }
        at = start + 1 + length;
        text_from = at;
    }
    push_text(&mut out, html.get(text_from..));
    out
}

fn push_text(out: &mut Vec<Token>, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        out.push(Token::Text(decode(text).into_owned()));
    }
}

/// A token, if what was read is one, and its length after `<`.
type Taken = Option<(Option<Token>, usize)>;

/// What ends with `end`, looked for from `from` on.
fn until(after: &str, from: usize, end: &str) -> Taken {
    let found = after.get(from..)?.find(end)?;
    Some((None, from + found + end.len()))
}

/// Bytes up to the end tag of `name`, exclusive; all if there is none.
fn unread(text: &str, name: &str) -> usize {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find("</")) {
        let start = at + found;
        let given = text
            .get(start + 2..)
            .and_then(|rest| rest.get(..name.len()));
        if given.is_some_and(|given| given.eq_ignore_ascii_case(name)) {
            return start;
        }
        at = start + 2;
    }
    text.len()
}

/// A start or end tag, from behind its `<`.
fn tag(after: &str) -> Taken {
    let mut read = Reader { text: after, at: 0 };
    let closing = read.eat('/');
    let name = read.while_not(|c| c.is_ascii_whitespace() || c == '/' || c == '>');
    let name = name.to_ascii_lowercase();
    let mut attributes = Vec::new();
    loop {
        read.while_not(|c| !(c.is_ascii_whitespace() || c == '/'));
        if read.eat('>') {
            break;
        }
        // A stray `=` begins a name, so that every round reads something.
        let from = read.at;
        read.eat('=');
        read.while_not(|c| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '='));
        let key = read.text.get(from..read.at)?.to_ascii_lowercase();
        if key.is_empty() {
            // The end of the text, inside the tag.
            return None;
        }
        read.while_not(|c| !c.is_ascii_whitespace());
        let value = if read.eat('=') { read.value()? } else { "" };
        attributes.push((key, decode(value).into_owned()));
    }
    let token = if closing {
        Token::Close(name)
    } else {
        Token::Open { name, attributes }
    };
    Some((Some(token), read.at))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    /// The text up to the first character that `stop` holds for, or to the end.
    fn while_not(&mut self, stop: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let (taken, _) = rest.split_at(rest.find(stop).unwrap_or(rest.len()));
        self.at += taken.len();
        taken
    }

    /// An attribute's value, behind its `=`; `None` if its quote never ends.
    fn value(&mut self) -> Option<&'a str> {
        self.while_not(|c| !c.is_ascii_whitespace());
        for quote in ['"', '\''] {
            if self.eat(quote) {
                let value = self.while_not(|c| c == quote);
                return self.eat(quote).then_some(value);
            }
        }
        Some(self.while_not(|c| c.is_ascii_whitespace() || c == '>'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn open(name: &str, attributes: &[(&str, &str)]) -> Token {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Token::Open {
            name: name.to_owned(),
            attributes: attributes.iter().map(owned).collect(),
        }
    }

    fn text(text: &str) -> Token {
        Token::Text(text.to_owned())
    }

    #[test]
    fn tags_attributes_and_texts() {
        let read = tokens("a<B>b</B ><a HREF='x?a=1&amp;b' target=_blank disabled>c<br/></a>");
        let link = [("href", "x?a=1&b"), ("target", "_blank"), ("disabled", "")];
        assert_eq!(
            read,
            [
                text("a"),
                open("b", &[]),
                text("b"),
                Token::Close("b".to_owned()),
                open("a", &link),
                text("c"),
                open("br", &[]),
                Token::Close("a".to_owned()),
            ]
        );
    }

    #[test]
    fn what_is_no_tag_is_text() {
        assert_eq!(tokens("1 < 2 <3 </3 a<"), [text("1 < 2 <3 </3 a<")]);
        assert_eq!(
            tokens("x<!-- <b> -->y<!DOCTYPE html>z<?p?>"),
            [text("x"), text("y"), text("z")]
        );
    }

    #[test]
    fn what_is_not_for_readers_is_left_out() {
        let read = tokens("a<script>if (a<b) {}</script>b<STYLE>x");
        let close = Token::Close("script".to_owned());
        let expected = [
            text("a"),
            open("script", &[]),
            close,
            text("b"),
            open("style", &[]),
        ];
        assert_eq!(read, expected);
        assert_eq!(tokens("a<b foo"), [text("a")]);
        assert_eq!(tokens("a<a href=\"x>y"), [text("a")]);
        assert_eq!(tokens("a<!-- never"), [text("a")]);
    }

    proptest! {
        #[test]
        fn any_text_is_cut(html in "(<|/|>|=|\"|'|a|b|script|!--|-->| |é|😀){0,60}") {
            let _ = tokens(&html);
        }

        #[test]
        fn text_without_tags_stays(plain in "[^<&]{1,60}") {
            prop_assert_eq!(tokens(&plain), vec![text(&plain)]);
        }
    }
}

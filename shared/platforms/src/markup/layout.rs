//! Markup laid out as lines of styled text.

use super::tokens::{Token, tokens};

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) bold: bool,
    pub(super) italic: bool,
    pub(super) strike: bool,
    pub(super) mono: bool,
}

/// A piece of text of one style.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) style: Style,
}

/// A line: what stands before it (quote marks, indent, list marker) and its text.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) prefix: String,
    pub(super) spans: Vec<Span>,
}

impl Line {
    fn is_blank(&self) -> bool {
        self.spans.iter().all(|span| span.text.trim().is_empty())
    }
}

/// Deeper nesting is not indented further: the output stays proportional to the input.
const DEEPEST: usize = 4;

/// The lines a reader would see, without blank ones at the ends.
pub(super) fn lay_out(html: &str) -> Vec<Line> {
    let mut layout = Layout::default();
    for token in &tokens(html) {
        match token {
            Token::Text(text) => layout.text(text),
            Token::Open { name, .. } => layout.open(name, token),
            Token::Close(name) => layout.close(name),
        }
    }
    layout.end_link();
    layout.end_line();
    let mut lines = layout.lines;
    while lines.last().is_some_and(Line::is_blank) {
        lines.pop();
    }
    lines
}

#[derive(Default)]
struct Layout {
    lines: Vec<Line>,
    line: Line,
    /// A blank line is due before the next text.
    gap: bool,
    /// White space was read that shows only if text follows on the same line.
    space: bool,
    /// How often each style is open.
    bold: usize,
    italic: usize,
    strike: usize,
    mono: usize,
    /// Open `pre` elements: white space counts.
    pre: usize,
    quotes: usize,
    /// Open lists, with the next number of ordered ones.
    lists: Vec<Option<i64>>,
    /// The marker of an entry that has no text yet.
    marker: Option<String>,
    link: Option<Link>,
}

/// An open link: where it leads and what it has shown so far.
struct Link {
    url: String,
    shown: String,
}

impl Layout {
    fn style(&self) -> Style {
        Style {
            bold: self.bold > 0,
            italic: self.italic > 0,
            strike: self.strike > 0,
            mono: self.mono > 0,
        }
    }

    fn open(&mut self, name: &str, token: &Token) {
        match name {
            "br" => self.end_line_even_if_empty(),
            "hr" => {
                self.end_line();
                self.put("---", Style::default());
                self.end_line();
            }
            "img" => {
                if let Some(alt) = token.attribute("alt") {
                    self.text(alt);
                }
            }
            "a" => {
                self.end_link();
                let url = token.attribute("href").and_then(reachable);
                self.link = url.map(|url| Link {
                    url,
                    shown: String::new(),
                });
            }
            "ul" | "ol" => {
                self.list_border();
                let start = token
                    .attribute("start")
                    .and_then(|start| start.parse().ok());
                self.lists
                    .push((name == "ol").then_some(start.unwrap_or(1)));
            }
            "li" => {
                self.end_line();
                let value = token
                    .attribute("value")
                    .and_then(|value| value.trim().parse().ok());
                self.marker = Some(match self.lists.last_mut() {
                    Some(Some(next)) => {
                        let number: i64 = value.unwrap_or(*next);
                        *next = number.saturating_add(1);
                        format!("{number}. ")
                    }
                    _ => "- ".to_owned(),
                });
            }
            "td" | "th" if !self.line.is_blank() => self.put(" | ", Style::default()),
            _ => self.border(name),
        }
        self.restyle(name, |count| count.saturating_add(1));
    }

    fn close(&mut self, name: &str) {
        match name {
            "a" => self.end_link(),
            "ul" | "ol" => {
                self.lists.pop();
                self.marker = None;
                self.list_border();
            }
            "li" => {
                self.end_line();
                self.marker = None;
            }
            // Browsers take `</br>` for `<br>`, and `</p>` for an empty paragraph.
            "br" => self.end_line_even_if_empty(),
            _ => self.border(name),
        }
        self.restyle(name, |count| count.saturating_sub(1));
    }

    /// What begins or ends a line or a paragraph.
    fn border(&mut self, name: &str) {
        match name {
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "pre" | "dl"
            | "table" => {
                self.end_line();
                self.gap = !self.lines.is_empty();
            }
            "div" | "dt" | "dd" | "tr" | "section" | "article" | "header" | "footer" | "main"
            | "form" | "address" | "figure" | "figcaption" | "body" => self.end_line(),
            _ => {}
        }
    }

    /// A list stands apart, one inside another does not.
    fn list_border(&mut self) {
        self.end_line();
        if self.lists.is_empty() {
            self.gap = !self.lines.is_empty();
        }
    }

    fn restyle(&mut self, name: &str, change: impl Fn(usize) -> usize) {
        let count = match name {
            "b" | "strong" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "th" | "dt" => {
                &mut self.bold
            }
            "i" | "em" | "cite" | "var" | "dfn" => &mut self.italic,
            "s" | "del" | "strike" => &mut self.strike,
            "code" | "kbd" | "samp" | "tt" => &mut self.mono,
            "pre" => {
                self.pre = change(self.pre);
                &mut self.mono
            }
            "blockquote" => &mut self.quotes,
            _ => return,
        };
        *count = change(*count);
    }

    fn text(&mut self, text: &str) {
        let style = self.style();
        if self.pre > 0 {
            let mut lines = text.split('\n');
            self.put(
                lines.next().unwrap_or_default().trim_end_matches('\r'),
                style,
            );
            for line in lines {
                self.end_line_even_if_empty();
                self.put(line.trim_end_matches('\r'), style);
            }
            return;
        }
        let white = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c');
        for (index, word) in text.split(white).enumerate() {
            self.space |= index > 0;
            if !word.is_empty() {
                // A no-break space has done its work once words are not broken here.
                self.put(&word.replace('\u{a0}', " "), style);
            }
        }
    }

    /// Puts text on the line, behind whatever is due before it.
    fn put(&mut self, text: &str, style: Style) {
        if text.is_empty() {
            return;
        }
        if self.line.spans.is_empty() {
            if std::mem::take(&mut self.gap) {
                self.lines.push(Line::default());
            }
            self.line.prefix = self.prefix();
        } else if self.space {
            self.append(" ", style);
        }
        self.space = false;
        self.append(text, style);
    }

    fn append(&mut self, text: &str, style: Style) {
        if let Some(link) = &mut self.link {
            link.shown.push_str(text);
        }
        match self.line.spans.last_mut() {
            Some(last) if last.style == style => last.text.push_str(text),
            _ => self.line.spans.push(Span {
                text: text.to_owned(),
                style,
            }),
        }
    }

    fn prefix(&mut self) -> String {
        let mut prefix = "> ".repeat(self.quotes.min(DEEPEST));
        let deep = self.lists.len().saturating_sub(1).min(DEEPEST);
        prefix.push_str(&"  ".repeat(deep));
        match self.marker.take() {
            Some(marker) => prefix.push_str(&marker),
            None if !self.lists.is_empty() => prefix.push_str("  "),
            None => {}
        }
        prefix
    }

    fn end_line(&mut self) {
        self.space = false;
        if !self.line.spans.is_empty() {
            self.lines.push(std::mem::take(&mut self.line));
        }
    }

    fn end_line_even_if_empty(&mut self) {
        if self.line.spans.is_empty() && !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.end_line();
    }

    /// Shows where a link leads, unless its text does already.
    fn end_link(&mut self) {
        let Some(Link { url, shown }) = self.link.take() else {
            return;
        };
        let shown = shown.trim();
        if shown.is_empty() {
            self.put(&url, Style::default());
        } else if bare(shown) != bare(&url) {
            self.append(&format!(" ({url})"), Style::default());
        }
    }
}

/// The link's address, where a customer can follow it from a plain message.
fn reachable(url: &str) -> Option<String> {
    let url = url.trim();
    let scheme = url.split_once(':')?.0.to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "https" => Some(url.to_owned()),
        // The address says more than the link, and opens as well.
        "mailto" | "tel" => Some(url.split_once(':')?.1.to_owned()).filter(|it| !it.is_empty()),
        _ => None,
    }
}

/// An address without what people leave out when they write it.
fn bare(url: &str) -> &str {
    let url = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .unwrap_or(url);
    url.strip_suffix('/').unwrap_or(url)
}

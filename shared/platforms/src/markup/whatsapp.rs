//! HTML to WhatsApp's marks: `*bold*`, `_italic_`, `~struck~`, three backticks for
//! monospace, `> ` quotes and `- ` or numbered lists (WhatsApp Help Center, "How to
//! format your messages").

use super::layout::{Line, Span, Style, lay_out};

/// HTML as a WhatsApp message. As [`super::to_plain`], with styles as marks. Marks
/// stand directly at their words, where WhatsApp wants them; it has no way to escape
/// a mark, so such characters in the text stay as they are.
#[must_use]
pub fn to_whatsapp(html: &str) -> String {
    let lines = lay_out(html).iter().map(line).collect::<Vec<_>>();
    lines.join("\n")
}

fn line(line: &Line) -> String {
    let mut out = line.prefix.clone();
    let mut open: Vec<&'static str> = Vec::new();
    for span in &line.spans {
        let (before, text, after) = trimmed(span);
        if text.is_empty() {
            move_to(&mut out, &mut open, Style::default());
            out.push_str(&span.text);
            continue;
        }
        if !before.is_empty() {
            move_to(&mut out, &mut open, Style::default());
            out.push_str(before);
        }
        move_to(&mut out, &mut open, span.style);
        out.push_str(text);
        if !after.is_empty() {
            move_to(&mut out, &mut open, Style::default());
            out.push_str(after);
        }
    }
    move_to(&mut out, &mut open, Style::default());
    out.trim_end().to_owned()
}

/// White space before, the text, white space after.
fn trimmed(span: &Span) -> (&str, &str, &str) {
    let text = span.text.as_str();
    let (before, rest) = text.split_at(text.len() - text.trim_start().len());
    let (middle, after) = rest.split_at(rest.trim_end().len());
    (before, middle, after)
}

/// Closes the marks that are not in `style`, with those inside them, and opens those
/// that are missing.
fn move_to(out: &mut String, open: &mut Vec<&'static str>, style: Style) {
    let marks = [
        (style.bold, "*"),
        (style.italic, "_"),
        (style.strike, "~"),
        (style.mono, "```"),
    ];
    let wanted = |mark: &str| marks.iter().any(|(on, known)| *on && *known == mark);
    while open.iter().any(|mark| !wanted(mark)) {
        if let Some(mark) = open.pop() {
            out.push_str(mark);
        }
    }
    for (on, mark) in marks {
        if on && !open.contains(&mark) {
            out.push_str(mark);
            open.push(mark);
        }
    }
}

//! Mistakes as a terminal shows them: where, what, the line, and what to write instead.

use super::mistake::{Mistake, Severity};
use std::fmt::Write;

/// Keys whose values are no secrets, wherever they stand.
const PLAIN: [&str; 24] = [
    "id",
    "platform",
    "endpoint",
    "base_url",
    "addresses",
    "default_inbox",
    "desk",
    "text_on_bus",
    "keep_messages",
    "repair_webhook",
    "url",
    "format",
    "public_url",
    "preset",
    "customer_silent",
    "bot_owes",
    "on_bot_silence",
    "platform_check",
    "customer_waits",
    "customer_silent_agent",
    "agent_silent",
    "after",
    "then",
    "inbox",
];
/// Lines are cut here.
const WIDEST: usize = 160;

/// All mistakes in the document `baton.toml`, one block each.
#[must_use]
pub fn render(mistakes: &[Mistake], toml: &str) -> String {
    render_file("baton.toml", mistakes, toml)
}

/// The same for a document of another name. Values that could be a secret are left out of
/// the source lines, since this text ends up in logs of builds: a line is shown as it
/// stands only if it is a table's header or sets a key that is known to hold none.
#[must_use]
pub fn render_file(file: &str, mistakes: &[Mistake], toml: &str) -> String {
    let lines: Vec<&str> = toml.lines().collect();
    let mut out = String::new();
    for mistake in mistakes {
        // Writing to a text cannot fail.
        let _ = block(&mut out, file, mistake, &lines);
    }
    out
}

fn block(out: &mut String, file: &str, mistake: &Mistake, lines: &[&str]) -> std::fmt::Result {
    write!(out, "{file}:{}:{}: ", mistake.line, mistake.column)?;
    if mistake.severity == Severity::Warning {
        out.push_str("warning: ");
    }
    if !mistake.path.is_empty() {
        write!(out, "{}: ", mistake.path)?;
    }
    writeln!(out, "{}", mistake.problem)?;

    let line = lines
        .get(mistake.line.saturating_sub(1))
        .copied()
        .unwrap_or_default();
    // Comments may keep an old value.
    let line = line.split('#').next().unwrap_or_default();
    if !line.trim().is_empty() {
        let number = mistake.line.to_string();
        let gap = " ".repeat(number.len());
        if !is_plain(line, &mistake.path) {
            writeln!(out, "  {number} | {}", without_value(line, &mistake.path))?;
        } else {
            // Tabs and control characters would move the mark, or the terminal.
            let shown: String = line
                .trim_end()
                .chars()
                .take(WIDEST)
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            writeln!(out, "  {number} | {shown}")?;
            if mistake.column <= WIDEST {
                writeln!(
                    out,
                    "  {gap} | {}^",
                    " ".repeat(mistake.column.saturating_sub(1))
                )?;
            }
        }
    }
    if let Some(suggestion) = &mistake.suggestion {
        writeln!(out, "  help: {suggestion}")?;
    }
    out.push('\n');
    Ok(())
}

/// Whether the line holds nothing but what may be seen. Broken TOML can join any two
/// lines, so nothing is concluded from the lines before.
fn is_plain(line: &str, path: &str) -> bool {
    if is_header(line) {
        return true;
    }
    let (last, key) = (path.rsplit('.').next().unwrap_or_default(), key(line));
    let plain = match key {
        Some(key) => PLAIN.contains(&key) && (path.is_empty() || key == last),
        // A line within a list, which the path knows and broken text does not.
        None => PLAIN.contains(&last),
    };
    // Tables in one line may hold anything, and so does what precedes the `@` of a URL.
    plain && !path.contains("secrets") && !line.contains(['{', '}', '@'])
}

/// What precedes the first `=`.
fn key(line: &str) -> Option<&str> {
    line.split_once('=').map(|(key, _)| key.trim())
}

/// A table's header alone on its line.
fn is_header(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('[')
        && line.ends_with(']')
        && line
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "[]._- ".contains(c))
}

/// A line without its value. What precedes the `=` is only shown if the path confirms that
/// it is a key: in the midst of a long text it could be anything.
fn without_value(line: &str, path: &str) -> String {
    match key(line) {
        Some(key) if path.split('.').any(|part| part == key) => format!("{key} = …"),
        _ => "…".to_owned(),
    }
}

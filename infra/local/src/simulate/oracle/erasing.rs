//! Erasing: nothing of what was written before is in the table, what comes again of it
//! vanishes, and what is written after it begins anew.

use super::messages::{News, inbound, received};
use super::{Evidence, Finding, Log, shown};
use baton_domain::{Event, Timestamp};

/// An erasure, as the log has it.
#[derive(Clone, Copy, Debug)]
struct Erasure {
    seq: u64,
    at: Timestamp,
}

/// The last erasure of a log.
fn of(log: &Log) -> Option<Erasure> {
    log.events()
        .filter(|(_, _, event)| matches!(event, Event::Erased))
        .map(|(entry, _, _)| Erasure {
            seq: entry.seq,
            at: entry.at,
        })
        .last()
}

/// Whether the log's thread was erased.
pub(super) fn is_erased(log: &Log) -> bool {
    of(log).is_some()
}

pub(super) fn judge(evidence: &Evidence, findings: &mut Vec<Finding>) {
    for session in &evidence.erasures {
        let log = evidence.logs.get(session);
        if !log.is_some_and(is_erased) {
            findings.push(Finding {
                promise: "an erasure that was accepted is in the log",
                about: format!("session {session}"),
                expected: "an entry that says so".to_owned(),
                found: "none".to_owned(),
            });
        }
    }
    let news = inbound(evidence);
    for (session, log) in &evidence.logs {
        let Some(erasure) = of(log) else { continue };
        blank(session, log, erasure, findings);
        rows(evidence, session, log, erasure, findings);
        names(evidence, session, log, findings);
        for (message, news) in news.iter().filter(|(_, news)| news.session == *session) {
            if news.written <= erasure.at.0 {
                words(evidence, news, erasure, findings);
            } else {
                received(evidence, message, news, findings);
                begins_anew(log, message, news, erasure, findings);
            }
        }
    }
}

/// Everything before the erasure says nothing, and nothing is left to do.
fn blank(session: &str, log: &Log, erasure: Erasure, findings: &mut Vec<Finding>) {
    let saying: Vec<u64> = log
        .entries
        .iter()
        .filter(|entry| entry.seq < erasure.seq && !entry.is_blank())
        .map(|entry| entry.seq)
        .collect();
    let thread = &log.loaded.thread;
    if !saying.is_empty() || thread.forgetting.is_some() || !thread.outbox.is_empty() {
        findings.push(Finding {
            promise: "an erasure comes to an end",
            about: format!("session {session}"),
            expected: format!("nothing said before entry {}", erasure.seq),
            found: format!(
                "entries {saying:?}, to be forgotten {:?}, pending {:?}",
                thread.forgetting, thread.outbox
            ),
        });
    }
}

fn rows(
    evidence: &Evidence,
    session: &str,
    log: &Log,
    erasure: Erasure,
    findings: &mut Vec<Finding>,
) {
    let left = evidence.rows.iter().find(|row| {
        *row.conversation.thread() == log.thread && row.conversation.first_seq() <= erasure.seq
    });
    if let Some(row) = left {
        findings.push(Finding {
            promise: "an erased conversation has no row",
            about: format!("session {session}"),
            expected: "none".to_owned(),
            found: format!("{row:?}"),
        });
    }
}

/// Who it was is known only where the customer has come back.
fn names(evidence: &Evidence, session: &str, log: &Log, findings: &mut Vec<Finding>) {
    let name = format!("\"{session}");
    if log.loaded.thread.is_erased() && evidence.table.iter().any(|item| item.contains(&name)) {
        findings.push(Finding {
            promise: "an erased thread has no name",
            about: format!("session {session}"),
            expected: "nowhere in the table".to_owned(),
            found: "there".to_owned(),
        });
    }
}

/// What was written before the erasure is nowhere, however often it came again.
fn words(evidence: &Evidence, news: &News, erasure: Erasure, findings: &mut Vec<Finding>) {
    let found = evidence.table.iter().find(|item| item.contains(&news.text));
    if let Some(item) = found {
        findings.push(Finding {
            promise: "what was erased is nowhere",
            about: format!("`{}`", news.text),
            expected: format!(
                "nowhere in the table: written at {}, erased at {}",
                shown(news.written),
                shown(erasure.at.0)
            ),
            found: item.chars().take(300).collect(),
        });
    }
}

/// What comes after the erasure belongs to a conversation that began after it.
fn begins_anew(
    log: &Log,
    message: &str,
    news: &News,
    erasure: Erasure,
    findings: &mut Vec<Finding>,
) {
    let belongs = log
        .events()
        .find(|(_, _, event)| matches!(event, Event::Received { id, .. } if id == message))
        .map(|(entry, _, _)| entry.conversation);
    if let Some(conversation) = belongs.filter(|conversation| *conversation <= erasure.seq) {
        findings.push(Finding {
            promise: "what comes after an erasure begins anew",
            about: format!("`{}`", news.text),
            expected: format!("a conversation that began after entry {}", erasure.seq),
            found: format!("that of entry {conversation}"),
        });
    }
}

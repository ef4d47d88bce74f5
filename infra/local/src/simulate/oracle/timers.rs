//! Timers: never early, and late only while no sweep ran.

use super::super::weather::Fault;
use super::{Evidence, Finding, Log, shown};
use baton_domain::{Actor, DeadlineKind, Event, Thread, Timestamp, apply_entry, deadlines};
use baton_simulators::gladly::{SessionTranscript, Speaker};

/// How far the clocks of two sandboxes, or of a sandbox and the platform, may differ.
const SKEW: i64 = 500;
/// A deadline is rounded up to a second, waits half a second for the skew, and its wake
/// takes a while.
const PROMPT: i64 = 3_000;
/// The same where the database, the index or the process fails now and then: the row is
/// asked for again every two seconds.
const HINDERED: i64 = 45_000;

pub(super) fn judge(evidence: &Evidence, findings: &mut Vec<Finding>) {
    let hindered = !evidence.stage.weather.is_free_of(&[
        Fault::KilledBefore,
        Fault::KilledAfter,
        Fault::StoreAnswerLost,
        Fault::StoreCallLost,
        Fault::StoreThrottles,
        Fault::StoreFails,
        Fault::StoreConflicts,
        Fault::StoreSlow,
        Fault::StoreLate,
        Fault::IndexLags,
    ]);
    let allowed = if hindered { HINDERED } else { PROMPT };
    for session in &evidence.sessions {
        if let Some(log) = evidence.logs.get(&session.session_id) {
            late(evidence, log, allowed, findings);
            early(evidence, session, log, findings);
        }
    }
}

/// No deadline stood for longer than it may, leaving out the time without any sweep.
fn late(evidence: &Evidence, log: &Log, allowed: i64, findings: &mut Vec<Finding>) {
    let mut thread = Thread::default();
    let ends = evidence.stage.now();
    for (place, entry) in log.entries.iter().enumerate() {
        thread = apply_entry(thread, entry);
        let until = log.entries.get(place + 1).map_or(ends, |next| next.at);
        let due = deadlines(&thread, &evidence.policy);
        let Some(due) = due.into_iter().min_by_key(|due| due.at) else {
            continue;
        };
        let swept = swept(evidence, due.at, until);
        if swept > allowed {
            findings.push(Finding {
                promise: "what is overdue fires",
                about: format!("{} after entry {}", log.thread, entry.seq),
                expected: format!("{:?} at {}", due.kind, shown(due.at.0)),
                found: format!(
                    "nothing until {}, with sweeps running for {swept} ms",
                    shown(until.0)
                ),
            });
        }
    }
}

/// For how many milliseconds between two moments a sweep ran.
fn swept(evidence: &Evidence, from: Timestamp, to: Timestamp) -> i64 {
    let mut spans: Vec<(i64, i64)> = evidence
        .sweeps
        .iter()
        .map(|swept| (swept.from.max(from.0), swept.to.unwrap_or(to.0).min(to.0)))
        .filter(|(from, to)| from < to)
        .collect();
    spans.sort_unstable();
    let (mut sum, mut reached) = (0, from.0);
    for (from, to) in spans {
        sum += (to - from.max(reached)).max(0);
        reached = reached.max(to);
    }
    sum
}

/// A conversation closed for the customer's silence was silent: the platform showed the
/// bot's last message, and heard nothing since.
fn early(evidence: &Evidence, session: &SessionTranscript, log: &Log, findings: &mut Vec<Finding>) {
    let fired = |kind: DeadlineKind| {
        log.events()
            .filter_map(move |(entry, _, event)| match event {
                Event::DeadlineFired { kind: fired, .. } if *fired == kind => Some(entry.at.0),
                _ => None,
            })
    };
    let said = |from: Speaker, until: i64| {
        let lines = session.lines.iter();
        lines
            .filter(move |line| line.from == from && line.is_message() && line.at < until)
            .map(|line| line.at)
            .max()
    };
    let mut found = |what: &str, since: i64, span: i64, at: i64| {
        if at < since + span - SKEW {
            findings.push(Finding {
                promise: "no timer is early",
                about: format!("{what}, session {}", session.session_id),
                expected: format!("not before {}", shown(since + span)),
                found: format!("at {}", shown(at)),
            });
        }
    };
    for at in fired(DeadlineKind::CustomerSilent) {
        if let Some(since) = said(Speaker::Bot, at - SKEW) {
            found(
                "the customer's silence",
                since,
                evidence.spans.customer_silent,
                at,
            );
        }
    }
    for at in fired(DeadlineKind::BotOwes) {
        // The first message that the bot had not answered by then. Where there is none, one
        // from before its answer reached the hub after it.
        let taken = said(Speaker::Bot, at).unwrap_or_default();
        // The bot may have said it long before the platform took it: what came between
        // is not answered by it.
        let spoke = log.events().filter_map(|(entry, _, event)| match event {
            Event::Queued { by: Actor::Bot, .. } => Some(entry.at.0),
            _ => None,
        });
        let spoke = spoke.filter(|spoke| *spoke < at).max().unwrap_or_default();
        let answered = taken.min(spoke);
        let asked = session
            .lines
            .iter()
            .filter(|line| line.at > answered && line.at < at)
            .find(|line| line.from == Speaker::Customer && line.is_message());
        // What was written before an answer, but reached the hub after it, is still owed
        // one, from then on.
        let owed = log.events().filter_map(|(entry, _, event)| match event {
            Event::Received { at: written, .. } if written.0 <= answered => Some(entry.at.0),
            _ => None,
        });
        let late = owed.filter(|heard| (answered..at).contains(heard)).min();
        if let Some(asked) = asked {
            let since = late.map_or(asked.at, |late| late.min(asked.at));
            found("the bot's silence", since, evidence.spans.bot_owes, at);
        }
    }
}

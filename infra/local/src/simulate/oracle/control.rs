//! Control: one holder at a time, no word of an old holding, nobody left waiting.

use super::super::calls::Ask;
use super::{Evidence, Finding, Log, shown};
use baton_domain::{Event, Holder, HolderKind};
use baton_simulators::gladly::{SessionState, SessionTranscript, Speaker};

/// How far clocks may differ, and how long a call that was checked takes to arrive, in ms.
const LEEWAY: i64 = 1_000;

pub(super) fn judge(evidence: &Evidence, findings: &mut Vec<Finding>) {
    for (place, call) in evidence.calls.iter().enumerate() {
        // A key is checked before the epoch: who repeats a call gets what it made.
        let repeats = evidence.calls.iter().take(place).any(|first| {
            call.key.is_some()
                && (&first.key, &first.conversation) == (&call.key, &call.conversation)
        });
        let old = call.epoch.is_some_and(|epoch| epoch < call.newest_known);
        let stale = old && !repeats;
        if stale && let Some(answer) = call.accepted().next() {
            findings.push(Finding {
                promise: "an old epoch is refused",
                about: format!("{:?}", call.ask),
                expected: format!("409: epoch {:?}, known {}", call.epoch, call.newest_known),
                found: format!("{} {}", answer.status, answer.body),
            });
        }
        if stale && let Ask::Send(text) = &call.ask {
            let lines = evidence.sessions.iter().flat_map(|session| &session.lines);
            for line in lines.filter(|line| line.from == Speaker::Bot && line.text() == text) {
                findings.push(Finding {
                    promise: "an old epoch never reaches the customer",
                    about: format!("`{text}`"),
                    expected: "not at the platform".to_owned(),
                    found: format!("there at {}", shown(line.at)),
                });
            }
        }
    }
    for session in &evidence.sessions {
        if let Some(log) = evidence.logs.get(&session.session_id) {
            spoke_while_holding(session, log, findings);
            ended_as_the_platform_says(session, log, findings);
        }
        let about = || format!("session {}", session.session_id);
        for (what, times) in [("handoff", &session.handoffs), ("close", &session.closes)] {
            if times.len() > 1 {
                findings.push(Finding {
                    promise: "control changes once",
                    about: about(),
                    expected: format!("one {what}"),
                    found: format!("{times:?}"),
                });
            }
        }
    }
}

/// Everything that the bot said was said while the bot held.
fn spoke_while_holding(session: &SessionTranscript, log: &Log, findings: &mut Vec<Finding>) {
    let mut spans: Vec<(i64, Option<i64>)> = Vec::new();
    for (entry, _, event) in log.events() {
        let ends = match event {
            Event::Closed { .. } => true,
            event => match event.holding() {
                Some((holder, _)) => {
                    if *holder == Holder::Bot {
                        spans.push((entry.at.0, None));
                        false
                    } else {
                        true
                    }
                }
                None => false,
            },
        };
        if ends && let Some((_, end @ None)) = spans.last_mut() {
            *end = Some(entry.at.0);
        }
    }
    for line in session
        .lines
        .iter()
        .filter(|line| line.from == Speaker::Bot && line.is_message())
    {
        let held = spans.iter().any(|(from, to)| {
            line.at >= from - LEEWAY && to.is_none_or(|to| line.at <= to + LEEWAY)
        });
        if !held {
            findings.push(Finding {
                promise: "only the holder speaks",
                about: format!("`{}`", line.text()),
                expected: "said while the bot held".to_owned(),
                found: format!("at {}", shown(line.at)),
            });
        }
    }
}

/// At the end of a run the hub and the platform agree on who serves.
fn ended_as_the_platform_says(session: &SessionTranscript, log: &Log, findings: &mut Vec<Finding>) {
    let thread = &log.loaded.thread;
    let kind = thread.open().map(|conversation| conversation.holder.kind());
    let fits = match session.state {
        SessionState::Closed(_) => kind.is_none(),
        SessionState::HandedOff => matches!(kind, Some(HolderKind::Queue | HolderKind::Agent)),
        SessionState::Automation => kind.is_none() || kind == Some(HolderKind::Bot),
    };
    if !fits || !thread.outbox.is_empty() {
        findings.push(Finding {
            promise: "nobody is left waiting",
            about: format!("session {}", session.session_id),
            expected: format!(
                "as the platform has it: {:?}, nothing pending",
                session.state
            ),
            found: format!("held by {kind:?}, pending {:?}", thread.outbox),
        });
    }
}

//! Messages: nothing that was acknowledged is lost, nothing is doubled, all in order.

use super::super::calls::{ApiCall, Ask};
use super::{Evidence, Finding, Log, shown};
use baton_domain::{Content, Event, Failure, Place};
use baton_simulators::gladly::{AttemptOutcome, Line, Speaker};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn judge(evidence: &Evidence, findings: &mut Vec<Finding>) {
    let inbound = inbound(evidence);
    for (message, news) in &inbound {
        received(evidence, message, news, findings);
    }
    sent(evidence, findings);
    for session in &evidence.sessions {
        let lines: Vec<&Line> = session.lines.iter().filter(|it| is_bots(it)).collect();
        in_order(evidence, &session.session_id, &lines, findings);
    }
}

/// A customer's message on its way to the hub.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) session: String,
    pub(super) text: String,
    /// When the customer wrote it, by the platform's clock.
    pub(super) written: i64,
    /// When a delivery of it was first answered with 2xx.
    acknowledged: Option<i64>,
}

/// The customers' messages that the platform delivered, by its id of them.
pub(super) fn inbound(evidence: &Evidence) -> BTreeMap<String, News> {
    let mut all: BTreeMap<String, News> = BTreeMap::new();
    for delivery in &evidence.deliveries {
        if delivery.event_type != "AUTOMATION/MESSAGE_RECEIVED" {
            continue;
        }
        let body: Value = serde_json::from_str(&delivery.body).unwrap_or_default();
        let text = |pointer: &str| {
            let text = body.pointer(pointer).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let news = all.entry(text("/content/message/id")).or_default();
        news.session = text("/content/sessionId");
        news.text = text("/content/message/content/body");
        news.written = delivery.created_at;
        for attempt in &delivery.attempts {
            if let AttemptOutcome::Answered(200..=299) | AttemptOutcome::AnswerLost(200..=299) =
                attempt.outcome
            {
                let earliest = news.acknowledged.unwrap_or(i64::MAX);
                news.acknowledged = Some(earliest.min(attempt.ended_at));
            }
        }
    }
    all
}

pub(super) fn received(
    evidence: &Evidence,
    message: &str,
    news: &News,
    findings: &mut Vec<Finding>,
) {
    let log = evidence.logs.get(&news.session);
    let places: Vec<(Place, i64)> = log
        .into_iter()
        .flat_map(Log::events)
        .filter(|(_, _, event)| matches!(event, Event::Received { id, .. } if id == message))
        .map(|(entry, index, _)| (place(entry.seq, index), entry.at.0))
        .collect();
    let about = format!("`{}`", news.text);
    if let Some(at) = news.acknowledged
        && places.is_empty()
    {
        findings.push(Finding {
            promise: "what is answered with 2xx is durable",
            about: about.clone(),
            expected: format!("once in the transcript, acknowledged at {}", shown(at)),
            found: "not there".to_owned(),
        });
    }
    if places.len() > 1 {
        findings.push(Finding {
            promise: "an event has the effect of one delivery",
            about: about.clone(),
            expected: "once in the transcript".to_owned(),
            found: format!("at {places:?}"),
        });
    }
    let (Some(log), Some((place, _))) = (log, places.first()) else {
        return;
    };
    let ids: BTreeSet<&str> = evidence
        .told
        .iter()
        .filter(|told| told.text == news.text)
        .map(|told| told.message.as_str())
        .collect();
    if ids.len() > 1 {
        findings.push(Finding {
            promise: "every telling of a message has the same id",
            about: about.clone(),
            expected: "one id".to_owned(),
            found: format!("{ids:?}"),
        });
    }
    let told = evidence.told.iter().any(|told| told.text == news.text);
    if !told && !is_excused(log, place.0) {
        findings.push(Finding {
            promise: "what a customer wrote reaches the bot while the bot holds",
            about,
            expected: "told at least once, or another holder after it".to_owned(),
            found: "the bot never heard of it".to_owned(),
        });
    }
}

/// Whether the bot lost the conversation at or after this entry, or did not have it.
fn is_excused(log: &Log, from: u64) -> bool {
    let mut holds = false;
    for entry in &log.entries {
        for event in &entry.events {
            let before = holds;
            match event {
                Event::Closed { .. } => holds = false,
                event => {
                    if let Some((holder, _)) = event.holding() {
                        holds = *holder == baton_domain::Holder::Bot;
                    }
                }
            }
            if entry.seq >= from && before && !holds {
                return true;
            }
        }
        if entry.seq == from && !holds {
            return true;
        }
    }
    false
}

fn place(seq: u64, index: usize) -> Place {
    Place(seq, u32::try_from(index).unwrap_or(u32::MAX))
}

fn is_bots(line: &Line) -> bool {
    line.from == Speaker::Bot && line.is_message()
}

/// What became of a message in the log.
#[derive(Debug, Default)]
struct Fate {
    queued: Vec<(String, Place)>,
    sent: bool,
    failed: Option<Failure>,
}

fn fate(evidence: &Evidence, text: &str) -> Fate {
    let mut fate = Fate::default();
    for log in evidence.logs.values() {
        for (entry, index, event) in log.events() {
            if let Event::Queued {
                content: Content::Text { text: said },
                ..
            } = event
                && said == text
            {
                let id = baton_domain::MessageId::new(&log.thread, place(entry.seq, index));
                fate.queued.push((id.to_string(), place(entry.seq, index)));
            }
        }
        let is_it = |work: &Place, fate: &Fate| fate.queued.iter().any(|(_, it)| it == work);
        if fate.queued.is_empty() {
            continue;
        }
        for (_, _, event) in log.events() {
            match event {
                Event::Sent { work, .. } if is_it(work, &fate) => fate.sent = true,
                Event::Failed { work, why, .. } if is_it(work, &fate) => fate.failed = Some(*why),
                _ => {}
            }
        }
        return fate;
    }
    fate
}

/// Every message that a client sent: by its text, which is unique.
fn sent(evidence: &Evidence, findings: &mut Vec<Finding>) {
    let mut by_text: BTreeMap<&str, Vec<&ApiCall>> = BTreeMap::new();
    for call in &evidence.calls {
        if let Ask::Send(text) = &call.ask {
            by_text.entry(text).or_default().push(call);
        }
    }
    for (text, calls) in by_text {
        one_message(evidence, text, &calls, findings);
    }
}

fn one_message(evidence: &Evidence, text: &str, calls: &[&ApiCall], findings: &mut Vec<Finding>) {
    let lines = evidence.sessions.iter().flat_map(|session| &session.lines);
    let shown_times: Vec<String> = lines
        .filter(|line| is_bots(line) && line.text() == text)
        .map(|line| shown(line.at))
        .collect();
    let ids: BTreeSet<&str> = calls.iter().flat_map(|call| call.ids()).collect();
    let mut found = |promise, expected: &str, found: String| {
        findings.push(Finding {
            promise,
            about: format!("`{text}`"),
            expected: expected.to_owned(),
            found,
        });
    };
    if shown_times.len() > 1 {
        found(
            "a message has one effect",
            "at most once at the platform",
            format!("there at {shown_times:?}"),
        );
    }
    if ids.len() > 1 {
        found("one key, one id", "one message id", format!("{ids:?}"));
    }
    let answers = calls.iter().flat_map(|call| call.accepted());
    let first_answers = answers.filter(|answer| !answer.replayed).count();
    if first_answers > 1 {
        found(
            "a repeated call is marked as one",
            "one answer at most that is not",
            format!("{first_answers} that are not"),
        );
    }
    if calls.iter().any(|call| call.clashes) {
        let refused = calls.iter().all(|call| call.accepted().next().is_none());
        // Whether the first of the two calls ever came through decides.
        let first_came = evidence.calls.iter().any(|call| {
            !call.clashes
                && calls
                    .iter()
                    .any(|it| it.key == call.key && it.conversation == call.conversation)
                && call.accepted().next().is_some()
        });
        if first_came && !(refused && shown_times.is_empty()) {
            found(
                "a key is used for one body",
                "422 and nothing sent",
                format!("ids {ids:?}, at the platform {shown_times:?}"),
            );
        }
    }
    if ids.is_empty() {
        return;
    }
    let fate = fate(evidence, text);
    if !fate.queued.iter().any(|(id, _)| ids.contains(id.as_str())) {
        found(
            "what is answered with 2xx is durable",
            "the message in the log",
            format!("{:?}", fate.queued),
        );
        return;
    }
    let told_failed = evidence.bus.iter().any(|detail| {
        detail.get("event").and_then(Value::as_str) == Some("message.failed")
            && ids
                .iter()
                .any(|id| detail.pointer("/data/message").and_then(Value::as_str) == Some(*id))
    });
    match (shown_times.len(), fate.failed) {
        (0, None) => found(
            "a message is delivered or said to have failed",
            "once at the platform",
            format!("not there, {fate:?}"),
        ),
        (0, Some(why)) if !told_failed => found(
            "a message is delivered or said to have failed",
            "`message.failed` on the bus",
            format!("failed ({why:?}) without a word"),
        ),
        (_, None) if !fate.sent => found(
            "work comes to an end",
            "sent or failed",
            format!("neither, {fate:?}"),
        ),
        _ => {}
    }
}

/// What a session's customer saw of the bot is in the order of the log.
fn in_order(evidence: &Evidence, session: &str, lines: &[&Line], findings: &mut Vec<Finding>) {
    let Some(log) = evidence.logs.get(session) else {
        return;
    };
    let mut places: BTreeMap<&str, Place> = BTreeMap::new();
    for (entry, index, event) in log.events() {
        if let Event::Queued {
            content: Content::Text { text },
            ..
        } = event
        {
            places.entry(text).or_insert(place(entry.seq, index));
        }
    }
    let mut last: Option<(Place, &str)> = None;
    for line in lines {
        let Some(place) = places.get(line.text()) else {
            findings.push(Finding {
                promise: "nobody speaks but through the log",
                about: format!("session {session}"),
                expected: format!("`{}` in the log", line.text()),
                found: "not there".to_owned(),
            });
            continue;
        };
        if let Some((before, text)) = last
            && *place < before
        {
            findings.push(Finding {
                promise: "outbound work leaves in the order of the log",
                about: format!("session {session}"),
                expected: format!("`{}` ({place:?}) before `{text}` ({before:?})", line.text()),
                found: format!("after it, at {}", shown(line.at)),
            });
        }
        last = Some((*place, line.text()));
    }
}

//! Records: the log has no gap, the ledger adds up, the bus heard everything, the rows
//! are those of the final state.

use super::{Evidence, Finding, Log};
use baton_hub::facts::facts;
use baton_hub::publish::row_of;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn judge(evidence: &Evidence, findings: &mut Vec<Finding>) {
    let heard: BTreeSet<&str> = evidence
        .bus
        .iter()
        .filter_map(|detail| detail.get("id").and_then(Value::as_str))
        .collect();
    for log in evidence.logs.values() {
        whole(log, findings);
        ledger(evidence, log, findings);
        bus(&heard, log, findings);
        row(evidence, log, findings);
    }
}

fn whole(log: &Log, findings: &mut Vec<Finding>) {
    for (place, entry) in log.entries.iter().enumerate() {
        let expected = place as u64 + 1;
        if entry.seq != expected {
            findings.push(Finding {
                promise: "a log has no gap",
                about: log.thread.to_string(),
                expected: format!("entry {expected}"),
                found: format!("entry {}", entry.seq),
            });
            return;
        }
    }
    for pair in log.entries.windows(2) {
        if let [before, after] = pair
            && after.at < before.at
        {
            findings.push(Finding {
                promise: "an entry is never before the previous",
                about: log.thread.to_string(),
                expected: format!("entry {} not before {}", after.seq, before.at.0),
                found: format!("{}", after.at.0),
            });
        }
    }
    let last = log.entries.last().map_or(0, |entry| entry.seq);
    if log.loaded.thread.seq != last {
        findings.push(Finding {
            promise: "a log has no gap",
            about: log.thread.to_string(),
            expected: format!("the state of entry {last}"),
            found: format!("that of entry {}", log.loaded.thread.seq),
        });
    }
}

fn ledger(evidence: &Evidence, log: &Log, findings: &mut Vec<Finding>) {
    let Some(conversation) = &log.loaded.thread.conversation else {
        return;
    };
    let now = evidence.stage.now();
    let ends = conversation
        .closed
        .as_ref()
        .map_or(now, |closing| closing.at);
    let life = ends.since(conversation.opened_at);
    let held = conversation.time_held(now).total();
    let reopened = log
        .events()
        .any(|(_, _, event)| matches!(event, baton_domain::Event::Reopened { .. }));
    // Between a close and its reopening nobody holds, which may count or not.
    if held != life && !(reopened && held <= life) {
        findings.push(Finding {
            promise: "the ledger adds up",
            about: log.thread.to_string(),
            expected: format!("{life} ms"),
            found: format!("{held} ms"),
        });
    }
}

fn bus(heard: &BTreeSet<&str>, log: &Log, findings: &mut Vec<Finding>) {
    let missing: Vec<String> = log
        .entries
        .iter()
        .flat_map(|entry| facts(&log.thread, entry, false))
        .filter(|fact| !heard.contains(fact.id.as_str()))
        .map(|fact| format!("{} {}", fact.name, fact.id))
        .collect();
    if !missing.is_empty() {
        findings.push(Finding {
            promise: "the bus hears everything",
            about: log.thread.to_string(),
            expected: "every fact of the log".to_owned(),
            found: format!("without {missing:?}"),
        });
    }
}

fn row(evidence: &Evidence, log: &Log, findings: &mut Vec<Finding>) {
    let Some(expected) = row_of(&log.loaded) else {
        return;
    };
    let found = evidence
        .rows
        .iter()
        .find(|row| row.conversation == expected.conversation);
    let agrees = found.is_some_and(|row| {
        (&row.holder, row.epoch, row.closed_at, row.reason)
            == (
                &expected.holder,
                expected.epoch,
                expected.closed_at,
                expected.reason,
            )
    });
    if !agrees {
        findings.push(Finding {
            promise: "rows show the final state",
            about: log.thread.to_string(),
            expected: format!("{expected:?}"),
            found: format!("{found:?}"),
        });
    }
}

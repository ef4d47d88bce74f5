//! `[connection.timers]`: what may fire, and when.

use super::mistake::Notes;
use super::section::{Field, Section};
use super::span::show;
use baton_domain::policy::{GLADLY_BOT_OWES_MAX, GLADLY_CLOSES_AFTER};
use baton_domain::time::{DAY, HOUR, MINUTE, SECOND};
use baton_domain::{Desk, OnBotSilence, QueueLimit, Timers};
use std::ops::Range;

/// Timers from here on fire to the second; shorter ones may be late.
const EXACT_FROM: i64 = 10 * SECOND;
/// A thread is woken at least this often, whatever is configured.
const CHECK_AT_MOST: i64 = 7 * DAY;

/// The timers and what follows on a silent bot, if all could be read. `section` is none
/// where the table is missing; `connection` is where such a mistake is shown.
pub(super) fn read_gladly(
    section: Option<Section<'_, '_>>,
    desk: &Desk,
    notes: &mut Notes<'_>,
) -> Option<(Timers, OnBotSilence)> {
    let mut timers = Timers::gladly();
    let without_desk = *desk == Desk::None;
    let mut silence = if without_desk {
        OnBotSilence::Close
    } else {
        OnBotSilence::Handoff
    };
    let Some(mut section) = section else {
        return Some((timers, silence));
    };
    let mut whole = true;

    type Preset = fn() -> Timers;
    let presets: [(&str, Preset); 2] = [("gladly", Timers::gladly), ("ycloud", Timers::ycloud)];
    let preset = section.word("preset", &presets, notes);
    whole &= preset.is_some() || !section.has("preset");
    if let Some(preset) = &preset {
        timers = (preset.value)();
    }
    let preset_at = preset.map_or_else(|| section.at.clone(), |preset| preset.at);

    // Each timer: its key, where it goes, and what it may be.
    type Place = fn(&mut Timers) -> &mut Option<i64>;
    let spans: [(&'static str, Place, Range<i64>, bool); 5] = [
        (
            "customer_silent",
            |t| &mut t.customer_silent,
            SECOND..i64::MAX,
            false,
        ),
        ("bot_owes", |t| &mut t.bot_owes, SECOND..i64::MAX, false),
        (
            "customer_waits",
            |t| &mut t.customer_waits,
            SECOND..i64::MAX,
            true,
        ),
        // 1 min to 72 h is what agents' desks offer for it.
        (
            "customer_silent_agent",
            |t| &mut t.customer_silent_agent,
            MINUTE..72 * HOUR + 1,
            true,
        ),
        (
            "agent_silent",
            |t| &mut t.agent_silent,
            SECOND..i64::MAX,
            true,
        ),
    ];
    for (key, place, allowed, own_desk) in spans {
        if !section.has(key) {
            // Asked all the same, so that it is a known word.
            let _ = section.any(key);
            continue;
        }
        let Some(field) = section.span(key, notes) else {
            whole = false;
            continue;
        };
        whole &= within(&field, &allowed, notes);
        if own_desk {
            without_effect(&field, notes);
        }
        *place(&mut timers) = field.value;
    }
    let limits = [
        (
            "customer_silent",
            timers.customer_silent,
            GLADLY_CLOSES_AFTER,
            "Gladly closes the session by itself after 300s",
        ),
        (
            "bot_owes",
            timers.bot_owes,
            GLADLY_BOT_OWES_MAX,
            "Gladly closes the session after 300s, and a handoff needs time before that",
        ),
    ];
    for (key, value, limit, why) in limits {
        whole &= at_most(key, value, limit, why, &mut section, &preset_at, notes);
    }

    whole &= queue_limit(&mut section, &mut timers, notes);
    if let Some(check) = section.span("platform_check", notes) {
        whole &= within(&check, &(MINUTE..CHECK_AT_MOST + 1), notes);
        match check.value {
            Some(value) => timers.platform_check = value,
            None => {
                notes
                    .error(
                        &check.at,
                        &check.path,
                        "cannot be `off`: a lost conversation would never be found",
                    )
                    .suggest(format!("at most `\"{}\"`", show(CHECK_AT_MOST)));
                whole = false;
            }
        }
    } else {
        whole &= !section.has("platform_check");
    }

    let words = [
        ("handoff", OnBotSilence::Handoff),
        ("close", OnBotSilence::Close),
    ];
    match section.word("on_bot_silence", &words, notes) {
        Some(word) => {
            if without_desk && word.value == OnBotSilence::Handoff {
                notes
                    .error(
                        &word.at,
                        &word.path,
                        "`handoff` needs a desk, and `connection.desk` is `none`",
                    )
                    .suggest("`close`, or another `desk`");
                whole = false;
            }
            silence = word.value;
        }
        None => whole &= !section.has("on_bot_silence"),
    }
    section.finish(&[], notes);
    whole.then_some((timers, silence))
}

/// Whether a span is allowed; `off` always is.
fn within(field: &Field<Option<i64>>, allowed: &Range<i64>, notes: &mut Notes<'_>) -> bool {
    let Some(value) = field.value else {
        return true;
    };
    if value < allowed.start {
        notes
            .error(
                &field.at,
                &field.path,
                format!("is shorter than {}", show(allowed.start)),
            )
            .suggest(format!("at least `\"{}\"`", show(allowed.start)));
        return false;
    }
    if value >= allowed.end {
        let longest = show(allowed.end - 1);
        notes
            .error(&field.at, &field.path, format!("is longer than {longest}"))
            .suggest(format!("at most `\"{longest}\"`"));
        return false;
    }
    if value < EXACT_FROM {
        notes.warn(&field.at, &field.path, "below 10s a timer may fire late");
    }
    true
}

/// Whether a bot timer keeps the platform's own limit. Presets are configuration, limits
/// of platforms are not.
fn at_most(
    key: &'static str,
    value: Option<i64>,
    limit: i64,
    why: &str,
    section: &mut Section<'_, '_>,
    preset_at: &Range<usize>,
    notes: &mut Notes<'_>,
) -> bool {
    if value.is_some_and(|value| value <= limit) {
        return true;
    }
    // From the key if it is there, else from the preset. A key that could not be read
    // was told already, and left the preset's value in place.
    let at = section
        .any(key)
        .map_or_else(|| preset_at.clone(), |field| field.at);
    let path = section.path_of(key);
    let is = value.map_or_else(
        || "cannot be off".to_owned(),
        |value| format!("is {}", show(value)),
    );
    let limit = show(limit);
    notes
        .error(
            &at,
            &path,
            format!("{is}, on Gladly it is at most {limit}: {why}"),
        )
        .suggest(format!("`{key} = \"{limit}\"` or less"));
    false
}

fn queue_limit(section: &mut Section<'_, '_>, timers: &mut Timers, notes: &mut Notes<'_>) -> bool {
    let Some(mut limit) = section.section("queue_limit", notes) else {
        return !section.has("queue_limit");
    };
    #[derive(Clone, Copy, PartialEq)]
    enum Then {
        Bot,
        Inbox,
        Notify,
    }
    if !limit.has("after") {
        limit.missing("after", "\"10m\"");
    }
    if !limit.has("then") {
        limit.missing("then", "\"bot\"");
    }
    let after = limit.span("after", notes);
    let words = [
        ("bot", Then::Bot),
        ("inbox", Then::Inbox),
        ("notify", Then::Notify),
    ];
    let then = limit.word("then", &words, notes);
    let inbox = limit.text("inbox", notes);
    match &then {
        Some(then) if then.value == Then::Inbox && !limit.has("inbox") => {
            limit.missing("inbox", "\"inbox_2\"");
        }
        Some(then) if then.value != Then::Inbox => {
            if let Some(inbox) = &inbox {
                notes
                    .error(
                        &inbox.at,
                        &inbox.path,
                        "only `then = \"inbox\"` has an inbox",
                    )
                    .suggest("`then = \"inbox\"`");
            }
        }
        _ => {}
    }
    limit.finish(&[], notes);
    let then = then.and_then(|then| match then.value {
        Then::Bot => Some(QueueLimit::ToBot),
        Then::Notify => Some(QueueLimit::Notify),
        Then::Inbox => inbox.map(|inbox| QueueLimit::ToInbox(inbox.value)),
    });
    let (Some(after), Some(then)) = (after, then) else {
        return false;
    };
    let fits = within(&after, &(SECOND..i64::MAX), notes);
    without_effect(&after, notes);
    timers.queue_limit = after.value.map(|after| (after, then));
    fits
}

/// Gladly's agents and queues are Gladly's: the hub's timers for its own seats rest.
fn without_effect(field: &Field<Option<i64>>, notes: &mut Notes<'_>) {
    if field.value.is_some() {
        let problem = "has no effect: this connection's agents do not work on the hub's own desk";
        notes
            .warn(&field.at, &field.path, problem)
            .suggest("leave it out");
    }
}

//! What fires when a thread's time has come, and the retries of telling the bot.

use super::{Change, Draft, control};
use crate::event::{DeadlineKind, Event};
use crate::holder::{Actor, CloseReason, Holder};
use crate::policy::{OnBotSilence, QueueLimit};
use crate::time::{HOUR, SECOND, Timestamp};
use crate::timers::deadlines;

/// After so many failures the waits before telling the bot again double, up to an hour.
const TELL_SLOWS_AFTER: usize = 20;
/// How long after the first, second and every later failure the bot is told again.
pub const TELL_RETRIES: [i64; 3] = [2 * SECOND, 5 * SECOND, 15 * SECOND];

/// How many handoffs by the timer *bot owes an answer* may come to nothing, one after
/// the other, before the conversation is closed.
pub const HANDOFFS_TRIED: u8 = 3;

/// Fires every deadline that was due by then, each at most once: a deadline that fired
/// changes the state that it came from.
pub(super) fn decide(draft: &mut Draft<'_>, due_by: Timestamp) {
    let mut fired: Vec<DeadlineKind> = Vec::new();
    while let Some(deadline) = deadlines(&draft.thread, draft.policy)
        .into_iter()
        .filter(|deadline| deadline.at <= due_by.min(draft.now) && !fired.contains(&deadline.kind))
        .min_by_key(|deadline| (deadline.at, deadline.kind))
    {
        fired.push(deadline.kind);
        fire(draft, deadline.kind, deadline.at);
    }
}

fn fire(draft: &mut Draft<'_>, kind: DeadlineKind, due: Timestamp) {
    draft.emit(Event::DeadlineFired { kind, due });
    match kind {
        DeadlineKind::CustomerSilent => draft.close(CloseReason::Abandoned, Actor::Hub, None),
        DeadlineKind::BotOwes => match draft.policy.on_bot_silence {
            // A desk that cannot be reached again and again is no way out.
            OnBotSilence::Handoff if handoffs(draft) > HANDOFFS_TRIED => {
                draft.close(CloseReason::BotSilent, Actor::Hub, None);
            }
            OnBotSilence::Handoff => control::hand_off_by_timer(draft),
            OnBotSilence::Close => draft.close(CloseReason::BotSilent, Actor::Hub, None),
        },
        DeadlineKind::CustomerWaits => {
            if let Some(content) = draft.policy.reminder.clone() {
                draft.emit(Event::ReminderSent);
                draft.emit(Event::Queued {
                    by: Actor::Hub,
                    content,
                    key: None,
                });
            }
        }
        DeadlineKind::CustomerSilentAgent => {
            draft.close(CloseReason::SilentWithAgent, Actor::Hub, None);
        }
        DeadlineKind::AgentSilent => {
            let inbox = draft.policy.default_inbox.clone();
            draft.hand_over(Holder::Queue(inbox), Change::Passed(None));
        }
        DeadlineKind::QueueLimit => queue_limit(draft),
        // Its work is pending now; what the platform says decides.
        DeadlineKind::PlatformCheck => {}
    }
}

/// How often this debt of the bot has been called in, this time included.
fn handoffs(draft: &Draft<'_>) -> u8 {
    draft
        .thread
        .open()
        .map_or(0, |conversation| conversation.called_in)
}

fn queue_limit(draft: &mut Draft<'_>) {
    let Some((_, limit)) = draft.policy.timers.queue_limit.clone() else {
        return;
    };
    draft.emit(Event::QueueLimit { to: limit.word() });
    match limit {
        QueueLimit::ToBot => draft.hand_over(Holder::Bot, Change::Passed(None)),
        QueueLimit::ToInbox(inbox) => {
            let to = Holder::Queue(Some(inbox));
            if *draft.thread.holder() != to {
                draft.hand_over(to, Change::Passed(None));
                // One move, not a ping-pong: the limit counts once.
                draft.emit(Event::QueueLimit {
                    to: QueueLimit::Notify.word(),
                });
            }
        }
        QueueLimit::Notify => {}
    }
}

/// Telling the bot failed: the next attempt is planned, as long as the bot holds.
pub(super) fn tell_failed(draft: &mut Draft<'_>, from: u64, tried: bool) {
    if !draft.thread.bot_holds() {
        return;
    }
    // Nothing of an earlier conversation is owed.
    let from = from.max(
        draft
            .thread
            .open()
            .map_or(0, |conversation| conversation.first_seq),
    );
    let (from, failed) = match draft.thread.untold {
        // Somebody noted an earlier failure already: this is its next attempt, or
        // a telling behind it that need not be noted.
        Some(untold) if untold.from < from => return,
        Some(untold) => (untold.from.min(from), untold.attempts),
        None => (from, 0),
    };
    let attempts = if tried { failed + 1 } else { failed };
    let next = draft.now.plus(wait_after(attempts));
    draft.emit(Event::TellFailed {
        from,
        attempts,
        next,
    });
}

/// How long to wait after this many failures. Where no timer takes a silent bot's
/// conversation away, the waits grow, so that the log of a bot that is gone does not.
fn wait_after(failures: u32) -> i64 {
    let Some(last) = failures.checked_sub(1) else {
        return 0;
    };
    let last = usize::try_from(last).unwrap_or(usize::MAX);
    match TELL_RETRIES.get(last) {
        Some(wait) => *wait,
        None if last < TELL_SLOWS_AFTER => 15 * SECOND,
        None => {
            let doublings = u32::try_from((last - TELL_SLOWS_AFTER).min(8)).unwrap_or(8);
            ((15 * SECOND) << doublings).min(HOUR)
        }
    }
}

/// A retry got through: what it covers is no longer owed.
pub(super) fn tell_succeeded(draft: &mut Draft<'_>, through: u64) {
    if draft
        .thread
        .untold
        .is_some_and(|untold| untold.from <= through)
    {
        draft.emit(Event::TellSucceeded { through });
    }
}

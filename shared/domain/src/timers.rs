//! Deadlines are derived from the state, never stored: what is due when, and when
//! the thread must be looked at next.

use crate::arming::ALWAYS_ARMED_WITHIN;
use crate::event::DeadlineKind;
use crate::holder::Holder;
use crate::policy::{Desk, Policy};
use crate::thread::{Conversation, Deadline, Thread};
use crate::time::Timestamp;

/// All deadlines of the state, in no order; overdue ones included.
#[must_use]
pub fn deadlines(thread: &Thread, policy: &Policy) -> Vec<Deadline> {
    let Some(conversation) = thread.open() else {
        return Vec::new();
    };
    // While control is under way the holder owes nothing and nobody is silent; that
    // it comes to an end is the outbox's business.
    if thread.leaving().is_some() {
        return Vec::new();
    }
    let timers = &policy.timers;
    let mut found = Vec::new();
    let mut add = |kind, since: Option<Timestamp>, span: Option<i64>| {
        if let (Some(since), Some(span)) = (since, span) {
            found.push(Deadline {
                at: since.plus(span),
                kind,
            });
        }
    };
    // A customer can only be silent about what has arrived.
    let quiet_since = Some(conversation.quiet_since).filter(|_| !thread.speaking());
    match &conversation.holder {
        Holder::Bot => match conversation.owes_since {
            Some(owes) => add(DeadlineKind::BotOwes, Some(owes), timers.bot_owes),
            None => add(
                DeadlineKind::CustomerSilent,
                quiet_since,
                timers.customer_silent,
            ),
        },
        Holder::Queue(_) if policy.desk == Desk::Hub => {
            let span = timers.queue_limit.as_ref().map(|(span, _)| *span);
            if !conversation.queue_limit_noticed {
                add(
                    DeadlineKind::QueueLimit,
                    Some(conversation.holder_since),
                    span,
                );
            }
        }
        Holder::Agent(_) if policy.desk == Desk::Hub => {
            agent_deadlines(conversation, quiet_since, policy, &mut add);
        }
        Holder::Queue(_) | Holder::Agent(_) | Holder::App(_) => {
            add(
                DeadlineKind::PlatformCheck,
                Some(conversation.heard_at),
                Some(timers.platform_check),
            );
        }
        Holder::Nobody => {}
    }
    found
}

fn agent_deadlines(
    conversation: &Conversation,
    quiet_since: Option<Timestamp>,
    policy: &Policy,
    add: &mut impl FnMut(DeadlineKind, Option<Timestamp>, Option<i64>),
) {
    let timers = &policy.timers;
    match conversation.waits_since {
        Some(waits) => {
            if !conversation.reminded {
                add(
                    DeadlineKind::CustomerWaits,
                    Some(waits),
                    timers.customer_waits,
                );
            }
            // The wait may be older than this agent's holding: who has just taken
            // over has not been silent yet.
            let silent = waits.max(conversation.holder_since);
            add(DeadlineKind::AgentSilent, Some(silent), timers.agent_silent);
        }
        None => add(
            DeadlineKind::CustomerSilentAgent,
            quiet_since,
            timers.customer_silent_agent,
        ),
    }
}

/// When the thread must be looked at next, seen from `now`: its earliest deadline,
/// the next attempt at its work (after the end of a claim that is live), the next
/// telling, what an erasure left to do, or the look that keeps its log covered.
#[must_use]
pub fn next_wake(thread: &Thread, policy: &Policy, now: Timestamp) -> Timestamp {
    next_timer(thread, policy)
        .into_iter()
        .chain(next_attempt(thread, now))
        .fold(now.plus(ALWAYS_ARMED_WITHIN), Timestamp::min)
}

/// When the head of the outbox is to be looked at, if anything waits there: once its
/// time has come and whoever owns it now owns it no longer.
pub(crate) fn next_attempt(thread: &Thread, now: Timestamp) -> Option<Timestamp> {
    let head = thread.outbox.first()?;
    let claimed = thread.claimed_until.filter(|_| thread.claim_is_live(now));
    Some(head.not_before.unwrap_or(now).max(claimed.unwrap_or(now)))
}

/// The earliest deadline, the next telling of the bot, or what an erasure left to do.
pub(crate) fn next_timer(thread: &Thread, policy: &Policy) -> Option<Timestamp> {
    let untold = thread
        .untold
        .filter(|_| thread.bot_holds() && thread.leaving().is_none())
        .map(|untold| untold.next);
    // What an erasure left to be overwritten is due at once, until it is done.
    let forgetting = thread.erased_at.filter(|_| thread.forgetting.is_some());
    deadlines(thread, policy)
        .into_iter()
        .map(|deadline| deadline.at)
        .chain(untold)
        .chain(forgetting)
        .min()
}

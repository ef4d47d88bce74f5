//! What makes sure that a thread is looked at in time: what is armed, whether it can be
//! relied on, and what a look leaves armed.
//!
//! Three things are armed. An **entry** whose commit carries a time. The **checkpoint**,
//! whose time only sweeps write. And the **watch**: while the bot holds, the sweep that
//! looked at the thread because of its last armed entry leaves that entry in the index,
//! where its time has passed, and looks again and again, for as long as
//! [`watch_stands`] says. A lively chat then writes nothing to stay armed.

use crate::holder::Actor;
use crate::policy::Policy;
use crate::thread::Thread;
use crate::time::{DAY, MINUTE, SECOND, Timestamp};
use crate::timers::next_wake;

/// A thread with entries behind its checkpoint is looked at within this time, so
/// that no entry expires uncovered.
pub const ALWAYS_ARMED_WITHIN: i64 = 7 * DAY;
/// An armed time nearer than this may already have been read by the sweep and
/// cannot be relied on. It is also the time that a commit may take from reading the
/// thread until its entry can be read.
pub const ARMED_TOO_NEAR: i64 = 10 * SECOND;
/// A watched thread is looked at this often.
pub const WATCH_EVERY: i64 = 50 * SECOND;
/// What is due no sooner than this needs no arming on a watched thread: one look later,
/// and the time that the commit may take.
pub const WATCH_COVERS_FROM: i64 = WATCH_EVERY + ARMED_TOO_NEAR;
/// So long after its time an armed entry is relied on for a watch.
pub const WATCHED_FOR: i64 = 10 * MINUTE;
/// So much longer the sweep goes on watching: whoever relied on it at the last moment
/// has committed by then, whatever the two clocks say.
const WATCH_OUTLASTS: i64 = 2 * ARMED_TOO_NEAR;
/// For how long calls that are made beside a look put off the next look for their sake:
/// longer than telling a bot takes at most.
const CALLS_TAKE: i64 = 20 * SECOND;

/// How long after a timer closed a conversation its last checkpoint is written and its
/// arming taken off. Where many end at once, the others' closes go first.
const TIDIED_AFTER: i64 = 2 * MINUTE;

/// Whether an armed time can be relied on, seen from `now`.
#[must_use]
pub fn relied_on(armed: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    armed.filter(|at| at.since(now) >= ARMED_TOO_NEAR)
}

/// Whether the thread is at rest: closed, with nothing left to do outside. The
/// first wake that finds it so writes the last checkpoint and arms nothing.
#[must_use]
pub fn at_rest(thread: &Thread) -> bool {
    thread.open().is_none() && thread.outbox.is_empty() && thread.forgetting.is_none()
}

/// Whether the thread's last armed entry stands for a watch until `grace` after its end:
/// it was armed in the bot's present holding. A look that finds the holding over ends the
/// watch; whoever commits after that has read it, too.
fn watched(thread: &Thread, now: Timestamp, grace: i64) -> bool {
    thread.bot_holds()
        && thread.armed_in == thread.epoch
        && thread
            .armed
            .is_some_and(|armed| now.since(armed) < WATCHED_FOR + grace)
}

/// Whether the armed entry `row`, whose time has come, is left where it is, so that the
/// thread goes on being watched.
#[must_use]
pub fn watch_stands(thread: &Thread, now: Timestamp, row: Option<u64>) -> bool {
    row == Some(thread.armed_by) && watched(thread, now, WATCH_OUTLASTS)
}

/// Whether looks at the thread, as it was before a commit at `now`, make sure that what
/// is due at `wanted` after it is found in time.
///
/// A look before the commit leaves the watch standing, since it sees the same holding;
/// the next one follows within [`WATCH_EVERY`], and sees the commit, or is followed by
/// one that does.
#[must_use]
pub fn watch_covers(before: &Thread, now: Timestamp, wanted: Timestamp) -> bool {
    let begins = before
        .armed
        .is_some_and(|armed| armed.since(now) < ARMED_TOO_NEAR);
    begins && watched(before, now, 0) && wanted.since(now) >= WATCH_COVERS_FROM
}

/// Whether a commit behind which nothing becomes due needs no arming for its log to stay
/// covered. A thread that is not at rest has something armed always, within
/// [`ALWAYS_ARMED_WITHIN`], and a look that does not see the commit yet leaves it so.
#[must_use]
pub fn stays_covered(before: &Thread) -> bool {
    before.seq > 0 && !at_rest(before)
}

/// What is being done beside a look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Aside {
    /// The bot is told.
    pub tells: bool,
    /// Work that nobody has claimed waits for a place.
    pub delivers: bool,
}

/// What a look leaves armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// What is armed will do.
    Stands,
    /// The checkpoint, for then.
    At(Timestamp),
    /// Not the checkpoint: an entry is armed, or the thread is at rest.
    Never,
    /// The entry that brought the look about stays where it is; the next look is then,
    /// or when another sweep finds the entry.
    Watch(Timestamp),
}

/// What a look at `now` leaves armed. `row` is the seq of the armed entry that brought it
/// about, `checkpoint_due` what the checkpoint has. A time there that is still ahead is
/// never taken off or put later: who appended an entry may have relied on it.
#[must_use]
pub fn next_look(
    thread: &Thread,
    policy: &Policy,
    now: Timestamp,
    checkpoint_due: Option<Timestamp>,
    row: Option<u64>,
    aside: Aside,
) -> Look {
    let ahead = checkpoint_due.filter(|at| *at > now);
    if at_rest(thread) {
        if let Some(closed) = closed_by_timer(thread)
            && row.is_some()
            && now < closed.plus(TIDIED_AFTER)
        {
            return Look::Watch(closed.plus(TIDIED_AFTER));
        }
        return match ahead {
            Some(_) => Look::Stands,
            None => Look::Never,
        };
    }
    // A look that is due at once is better a little later than a busy loop.
    let next = next_wake(&put_off(thread, now, aside), policy, now).max(now.plus(SECOND));
    if watch_stands(thread, now, row) {
        return Look::Watch(next.min(now.plus(WATCH_EVERY)));
    }
    if ahead.is_some_and(|at| at.seconds_up() <= next.seconds_up()) {
        return Look::Stands;
    }
    if relied_on(thread.armed, now).is_some_and(|at| at <= next) || watch_covers(thread, now, next)
    {
        return match checkpoint_due.filter(|_| ahead.is_none()) {
            Some(_) => Look::Never,
            None => Look::Stands,
        };
    }
    Look::At(next)
}

fn closed_by_timer(thread: &Thread) -> Option<Timestamp> {
    let closing = thread.conversation.as_ref()?.closed.as_ref()?;
    (closing.by == Actor::Hub).then_some(closing.at)
}

/// The thread as it is while calls are made for it: what they are about is looked at
/// again when they must have ended, its timers at their times.
fn put_off(thread: &Thread, now: Timestamp, aside: Aside) -> Thread {
    let mut thread = thread.clone();
    let ended = now.plus(CALLS_TAKE);
    if aside.tells
        && let Some(untold) = &mut thread.untold
    {
        untold.next = untold.next.max(ended);
    }
    if aside.delivers
        && let Some(head) = thread.outbox.first_mut()
    {
        head.not_before = head.not_before.max(Some(ended));
    }
    thread
}

#[cfg(test)]
mod tests;

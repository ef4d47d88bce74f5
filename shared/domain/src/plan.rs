//! From decided events to the entry to append: its number and time, what it leaves
//! to the stream's consumers, and whether it must arm the thread.

use crate::apply::apply_entry;
use crate::arming::{ALWAYS_ARMED_WITHIN, relied_on, stays_covered, watch_covers};
use crate::entry::{Entry, Leaves};
use crate::event::Event;
use crate::ids::CommandId;
use crate::mutation::Mutation;
use crate::policy::Policy;
use crate::thread::Thread;
use crate::time::Timestamp;
use crate::timers::{next_attempt, next_timer};

/// The entry that carries `events` at `now`, and the state after it.
///
/// `checkpoint_due` is the time armed on the thread's checkpoint, if any.
#[must_use]
pub fn plan(
    before: &Thread,
    events: Vec<Event>,
    command: CommandId,
    policy: &Policy,
    now: Timestamp,
    checkpoint_due: Option<Timestamp>,
) -> (Entry, Thread) {
    let at = now.max(before.last_at);
    let mut entry = Entry {
        seq: before.seq + 1,
        at,
        command,
        connection: String::new(),
        conversation: 0,
        epoch: 0,
        events,
        leaves: Leaves::default(),
        due: None,
    };
    let mut after = apply_entry(before.clone(), &entry);
    entry.connection.clone_from(&after.identity.connection);
    entry.conversation = after
        .conversation
        .as_ref()
        .map_or(0, |conversation| conversation.first_seq);
    entry.epoch = after.epoch;
    entry.leaves = leaves(&after, &entry.events, at);
    let attempt = next_attempt(&after, at).filter(|_| !armed_by_stream(&entry, &after, at));
    let wanted = next_timer(&after, policy).into_iter().chain(attempt).min();
    let wanted = wanted.or((!stays_covered(before)).then(|| at.plus(ALWAYS_ARMED_WITHIN)));
    let armed = relied_on(after.armed, at)
        .into_iter()
        .chain(relied_on(checkpoint_due, at))
        .min();
    // The index holds whole seconds, rounded up: compare what it will hold.
    let in_time = |wanted: Timestamp| {
        armed.is_some_and(|armed| armed.seconds_up() <= wanted.seconds_up())
            || watch_covers(before, at, wanted)
    };
    if let Some(wanted) = wanted.filter(|wanted| !in_time(*wanted))
        && !Mutation::ArmingInCommit.is_on()
    {
        entry.due = Some(wanted);
        after.armed = entry.due;
        after.armed_by = entry.seq;
        after.armed_in = entry.epoch;
    }
    (entry, after)
}

/// Whether the next attempt at the thread's work needs no arming by this entry: work
/// that nobody owns is left to `relay`, which the stream wakes, and a claim that has
/// had no outcome is armed for by `publish`. A claim that has had one is not: its
/// owner may vanish before the next, and no later record would tell.
fn armed_by_stream(entry: &Entry, after: &Thread, at: Timestamp) -> bool {
    if after.claim_is_live(at) {
        !entry.events.iter().any(is_outcome)
    } else {
        entry.leaves.deliver
    }
}

/// Whether the event may be the outcome of a piece of work.
fn is_outcome(event: &Event) -> bool {
    matches!(
        event,
        Event::Sent { .. }
            | Event::Failed { .. }
            | Event::Unknown { .. }
            | Event::Delayed { .. }
            | Event::Settled { .. }
            | Event::ControlFailed { .. }
            | Event::CareOwed { .. }
            | Event::Passed { .. }
            | Event::Released { .. }
            | Event::Closed { .. }
    )
}

fn leaves(after: &Thread, events: &[Event], at: Timestamp) -> Leaves {
    let received = events
        .iter()
        .any(|event| matches!(event, Event::Received { .. }));
    Leaves {
        deliver: after.deliverable(at),
        // While a failure stands, whoever retries tells what came after it, too.
        tell: received && after.bot_holds() && after.untold.is_none(),
        row: events
            .iter()
            .any(|event| event.holding().is_some() || matches!(event, Event::Closed { .. })),
    }
}

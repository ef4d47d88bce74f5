//! Who owes whom an answer: what the customer's and the holder's words change, and
//! what the bot still has to be told.

use crate::holder::{Actor, Holder, HolderKind};
use crate::ids::Place;
use crate::thread::{Thread, Untold};
use crate::time::Timestamp;

/// The customer wrote: whoever holds has something to answer.
pub(super) fn received(thread: &mut Thread, place: Place, at: Timestamp, written: Timestamp) {
    let Some(conversation) = &mut thread.conversation else {
        return;
    };
    if conversation.last_inbound_seq == 0 && conversation.holder_since == at {
        conversation.begun_at = Some(written);
    }
    conversation.last_inbound_seq = place.0;
    conversation.heard_at = at;
    if conversation.closed.is_some() {
        return;
    }
    if conversation.owes_since.is_none() && conversation.waits_since.is_none() {
        conversation.waits_from = place.0;
    }
    match conversation.holder {
        Holder::Bot => {
            conversation.owes_since.get_or_insert(at);
        }
        Holder::Agent(_) | Holder::Queue(_) => {
            conversation.waits_since.get_or_insert(at);
        }
        // What an app answers on its platform is not seen here.
        Holder::App(_) | Holder::Nobody => {}
    }
}

/// Somebody spoke to the customer: the holder's debt is paid.
pub(super) fn spoke(thread: &mut Thread, by: &Actor, at: Timestamp) {
    let Some(conversation) = &mut thread.conversation else {
        return;
    };
    match by {
        Actor::Bot => {
            conversation.owes_since = None;
            conversation.waits_since = None;
            conversation.called_in = 0;
            conversation.quiet_since = at;
            prove_told(thread, at);
        }
        Actor::Agent(_) => {
            conversation.waits_since = None;
            conversation.reminded = false;
            conversation.quiet_since = at;
        }
        _ => {}
    }
}

/// A bot that answers was told what it answers: the entry whose telling failed
/// (the answer got lost, not the telling). What came after that is still owed.
fn prove_told(thread: &mut Thread, at: Timestamp) {
    if let Some(untold) = thread.untold
        && untold.attempts > 0
    {
        told_through(thread, untold.from, at);
    }
}

pub(super) fn told_through(thread: &mut Thread, through: u64, at: Timestamp) {
    let last = thread
        .conversation
        .as_ref()
        .map_or(0, |conversation| conversation.last_inbound_seq);
    thread.untold = (last > through).then_some(Untold {
        from: through + 1,
        attempts: 0,
        next: at,
    });
}

/// A bot that gets a conversation in which the customer waits for an answer owes it,
/// and is told what was written while others held.
pub(super) fn bot_inherits(thread: &mut Thread, at: Timestamp) {
    let Some(conversation) = &mut thread.conversation else {
        return;
    };
    if conversation.closed.is_none() && conversation.holder == Holder::Bot {
        conversation.owes_since = Some(at);
        thread.untold = Some(Untold {
            from: conversation.waits_from,
            attempts: 0,
            next: at,
        });
    }
}

/// A handoff that came to nothing leaves the bot with the debt that it was to
/// settle: the customer still waits.
pub(super) fn owe_again(thread: &mut Thread, at: Timestamp) {
    if let Some(conversation) = &mut thread.conversation
        && conversation.held_by(HolderKind::Bot)
        && conversation.waits_since.is_some()
    {
        conversation.owes_since.get_or_insert(at);
    }
}

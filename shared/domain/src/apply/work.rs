//! The outbox as events change it: work comes in at its place and leaves when its
//! fate is told.

use crate::ids::Place;
use crate::thread::{Thread, Work, WorkKind};
use crate::time::Timestamp;

pub(super) fn work_mut(thread: &mut Thread, place: Place) -> Option<&mut Work> {
    thread.outbox.iter_mut().find(|work| work.place == place)
}

pub(super) fn settle(thread: &mut Thread, place: Place) {
    if let Some(index) = thread.outbox.iter().position(|work| work.place == place) {
        thread.outbox.remove(index);
    }
}

pub(super) fn push_work(thread: &mut Thread, place: Place, kind: WorkKind, at: Timestamp) {
    let work = Work {
        place,
        kind,
        epoch: thread.epoch,
        since: at,
        failing_since: None,
        delayed_since: None,
        not_before: None,
        unknown: false,
    };
    // Seats that could not be freed yet stay behind everything.
    let stuck = thread
        .outbox
        .iter()
        .rev()
        .take_while(|work| frees_seat(work) && work.not_before.is_some())
        .count();
    thread.outbox.insert(thread.outbox.len() - stuck, work);
}

fn frees_seat(work: &Work) -> bool {
    matches!(work.kind, WorkKind::FreeSeat { .. })
}

/// A seat may be freed late, and is never given up: while it cannot be, it lets the
/// rest of the outbox go first. Everything else keeps its order.
pub(super) fn step_back(thread: &mut Thread, place: Place) {
    if let Some(index) = thread
        .outbox
        .iter()
        .position(|work| work.place == place && frees_seat(work))
    {
        let work = thread.outbox.remove(index);
        thread.outbox.push(work);
    }
}

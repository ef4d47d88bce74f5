//! What became of outbound work.

use super::{Change, Draft};
use crate::command::{NotOurs, WorkResult};
use crate::event::{Aftercare, Event, Failure};
use crate::holder::{Actor, CloseReason, Holder};
use crate::ids::Place;
use crate::thread::{OUTBOX_LIMIT, Work, WorkKind};
use crate::time::{MINUTE, SECOND, Timestamp};

/// A message is given up after this much failing.
pub const MESSAGE_GIVES_UP: i64 = 60 * SECOND;
/// A change of control is given up after this much failing.
pub const CONTROL_GIVES_UP: i64 = 5 * MINUTE;
/// Work that only waits, as for a platform's rate limit, is given up after this much
/// waiting: Gladly itself closes a conversation in which nothing happens for so long.
pub const WAITING_GIVES_UP: i64 = 5 * MINUTE;

pub(super) fn decide(
    draft: &mut Draft<'_>,
    place: Place,
    result: &WorkResult,
    end_claim: Option<Timestamp>,
) {
    match draft.thread.work(place).cloned() {
        Some(work) => became(draft, &work, result),
        None => gone(draft, place, result),
    }
    // A late owner's word must not end the claim of whoever took over from it.
    let owns = end_claim.is_some() && draft.thread.claimed_until == end_claim;
    if owns && !draft.thread.outbox.is_empty() {
        draft.emit(Event::ClaimEnded);
    }
}

fn became(draft: &mut Draft<'_>, work: &Work, result: &WorkResult) {
    let place = work.place;
    let gives_up_at = gives_up_at(work, draft.now);
    match result {
        WorkResult::Done {
            platform_id,
            holder,
            owed,
        } => {
            done(draft, work, platform_id.clone(), holder.clone(), owed);
        }
        WorkResult::Refused { detail } => refuse(draft, work, Failure::Refused, detail),
        WorkResult::NotOurs { now } => not_ours(draft, work, *now),
        WorkResult::Retry {
            not_before,
            failure,
            detail,
        } => {
            let gives_up_at = if *failure {
                gives_up_at
            } else {
                waits_until(work, draft.now)
            };
            if gives_up_at.is_some_and(|end| draft.now >= end) {
                let why = if work.unknown {
                    Failure::Unknown
                } else {
                    Failure::GaveUp
                };
                refuse(draft, work, why, detail);
            } else {
                // The last attempt is not put off beyond the end.
                draft.emit(Event::Delayed {
                    work: place,
                    not_before: gives_up_at.map_or(*not_before, |end| end.min(*not_before)),
                    failure: *failure,
                    detail: detail.clone(),
                });
            }
        }
        WorkResult::Unknown { .. } if gives_up_at.is_some_and(|end| draft.now >= end) => {
            refuse(
                draft,
                work,
                Failure::Unknown,
                "nobody knows whether the platform did it",
            );
        }
        // The last look is not put off beyond the end, either.
        WorkResult::Unknown { not_before } => {
            draft.emit(Event::Unknown {
                work: place,
                not_before: gives_up_at.map_or(*not_before, |end| end.min(*not_before)),
            });
        }
    }
}

/// When failing work is given up, counted from its first failure, which may be now. A seat is never: freeing
/// it is the hub's own doing, and a seat not freed is lost to its agent.
fn gives_up_at(work: &Work, now: Timestamp) -> Option<Timestamp> {
    let limit = match &work.kind {
        WorkKind::FreeSeat { .. } => return None,
        kind if kind.is_control() => CONTROL_GIVES_UP,
        _ => MESSAGE_GIVES_UP,
    };
    Some(work.failing_since.unwrap_or(now).plus(limit))
}

/// When work that does not fail but is put off again and again is given up, counted
/// from the first time, which may be now.
fn waits_until(work: &Work, now: Timestamp) -> Option<Timestamp> {
    match &work.kind {
        WorkKind::FreeSeat { .. } => None,
        _ => Some(work.delayed_since.unwrap_or(now).plus(WAITING_GIVES_UP)),
    }
}

/// The work was cancelled meanwhile. That a message left all the same is still
/// worth knowing; and a pass of which the platform told before its caller still owes
/// what it owes.
fn gone(draft: &mut Draft<'_>, place: Place, result: &WorkResult) {
    let WorkResult::Done {
        platform_id, owed, ..
    } = result
    else {
        return;
    };
    // Of what was erased nothing is noted any more.
    if place.0 <= draft.thread.erased_by {
        return;
    }
    if let Some(id) = platform_id
        && !draft.thread.seen.contains(crate::apply::sent_id(id))
    {
        draft.emit(Event::Sent {
            work: place,
            id: Some(id.clone()),
        });
    }
    for care in owed {
        let wanted = match care {
            Aftercare::Note => draft.thread.open().is_some(),
            Aftercare::Inbox(_) => matches!(draft.thread.holder(), Holder::Queue(_)),
        };
        if wanted && draft.thread.outbox.len() < OUTBOX_LIMIT {
            draft.emit(Event::CareOwed {
                of: place,
                care: care.clone(),
            });
        }
    }
}

fn done(
    draft: &mut Draft<'_>,
    work: &Work,
    platform_id: Option<String>,
    holder: Option<Holder>,
    owed: &[Aftercare],
) {
    let place = work.place;
    match &work.kind {
        WorkKind::Message => draft.emit(Event::Sent {
            work: place,
            id: platform_id,
        }),
        WorkKind::Pass(to) => {
            let to = holder.unwrap_or_else(|| to.clone());
            draft.hand_over(to, Change::Passed(Some(place)));
            for care in owed {
                draft.emit(Event::CareOwed {
                    of: place,
                    care: care.clone(),
                });
            }
        }
        WorkKind::Close(reason) => {
            let by = closer(draft, *reason);
            draft.close(*reason, by, Some(place));
        }
        WorkKind::Release => draft.hand_over(Holder::Nobody, Change::Released(Some(place))),
        WorkKind::Aftercare { care, .. } => {
            let moved = match care {
                Aftercare::Inbox(inbox) => Some(Holder::Queue(Some(inbox.clone()))),
                Aftercare::Note => None,
            };
            match moved {
                Some(to)
                    if matches!(draft.thread.holder(), Holder::Queue(_))
                        && *draft.thread.holder() != to =>
                {
                    draft.hand_over(to, Change::Passed(Some(place)));
                }
                _ => draft.emit(Event::Settled {
                    work: place,
                    detail: String::new(),
                }),
            }
        }
        WorkKind::Check | WorkKind::FreeSeat { .. } => {
            draft.emit(Event::Settled {
                work: place,
                detail: String::new(),
            });
        }
    }
}

/// Who a close of ours with this reason is put down to.
pub(super) fn closer(draft: &Draft<'_>, reason: CloseReason) -> Actor {
    match (reason, draft.thread.holder()) {
        (CloseReason::Bot, _) => Actor::Bot,
        (CloseReason::Agent, Holder::Agent(agent)) => Actor::Agent(agent.clone()),
        (CloseReason::Customer, _) => Actor::Customer,
        _ => Actor::Operator,
    }
}

/// It will not happen.
fn refuse(draft: &mut Draft<'_>, work: &Work, why: Failure, detail: &str) {
    let place = work.place;
    let detail = detail.to_owned();
    match &work.kind {
        WorkKind::Message => draft.emit(Event::Failed {
            work: place,
            why,
            detail,
        }),
        kind if kind.is_control() => draft.emit(Event::ControlFailed {
            work: place,
            detail,
        }),
        _ => draft.emit(Event::Settled {
            work: place,
            detail,
        }),
    }
}

/// The platform gave the thread to somebody else, or to nobody.
fn not_ours(draft: &mut Draft<'_>, work: &Work, now: NotOurs) {
    let (why, detail) = super::news::not_ours(&draft.policy.desk);
    match (&work.kind, now) {
        // The pass or close happened, perhaps by our own earlier attempt.
        (WorkKind::Pass(Holder::Queue(_)), NotOurs::Desk) => {
            let to = Holder::Queue(draft.policy.default_inbox.clone());
            draft.hand_over(to, Change::Passed(Some(work.place)));
            return;
        }
        (WorkKind::Close(_), NotOurs::Gone) => {
            done(draft, work, None, None, &[]);
            return;
        }
        _ => refuse(draft, work, why, detail),
    }
    // What is left of an earlier holding says nothing about the present one.
    if draft.thread.open().is_none() || work.epoch != draft.thread.epoch {
        return;
    }
    match now {
        NotOurs::Gone if work.kind == WorkKind::Check => {
            draft.close(CloseReason::Lost, Actor::Platform, None);
        }
        NotOurs::Gone => draft.close(CloseReason::Platform, Actor::Platform, None),
        NotOurs::Desk if *draft.thread.holder() == Holder::Bot => {
            let to = Holder::Queue(draft.policy.default_inbox.clone());
            draft.hand_over(to, Change::Taken);
        }
        NotOurs::Desk => {}
    }
}

//! Folding events into the state. Total: an event that does not fit the state
//! changes what it can and breaks nothing, so that any log can be read.

mod debts;
mod work;

use crate::entry::Entry;
use crate::event::{ControlAsk, DeadlineKind, Event};
use crate::holder::{Holder, HolderKind};
use crate::ids::{Fingerprint, Place};
use crate::news::read_back_id;
use crate::thread::{Closing, Conversation, Thread, Untold, WorkKind};
use crate::time::{MINUTE, Timestamp};
use debts::{bot_inherits, owe_again, received, spoke, told_through};
use work::{push_work, settle, step_back, work_mut};

/// How much later than its message an event of it may be, by the platform's clock.
const EVENT_FOLLOWS: i64 = MINUTE;

/// The fingerprint under which a message of ours is remembered by the platform's
/// id of it, so that its echo is recognised.
#[must_use]
pub fn sent_id(platform_id: &str) -> Fingerprint {
    Fingerprint::of(&[b"sent", platform_id.as_bytes()])
}

/// Folds a whole entry in.
#[must_use]
pub fn apply_entry(mut thread: Thread, entry: &Entry) -> Thread {
    thread.seq = entry.seq;
    thread.last_at = entry.at;
    for (index, event) in entry.events.iter().enumerate() {
        let place = Place(entry.seq, u32::try_from(index).unwrap_or(u32::MAX));
        thread = apply(thread, place, entry.at, event);
    }
    if entry.due.is_some() {
        thread.armed = entry.due;
        thread.armed_by = entry.seq;
        thread.armed_in = entry.epoch;
    }
    thread
}

/// Folds one event in: the event at `place`, appended at `at`.
#[must_use]
pub fn apply(mut thread: Thread, place: Place, at: Timestamp, event: &Event) -> Thread {
    match event {
        Event::Opened {
            identity,
            holder,
            epoch,
        } => {
            thread.identity = identity.clone();
            thread.epoch = *epoch;
            thread.outbox.retain(|work| work.kind.outlives_holding());
            thread.untold = None;
            thread.conversation = Some(Conversation {
                first_seq: place.0,
                opened_at: at,
                holder: holder.clone(),
                holder_since: at,
                closed: None,
                ledger: crate::ledger::Ledger::default(),
                called_in: 0,
                owes_since: None,
                quiet_since: at,
                waits_since: None,
                waits_from: 0,
                begun_at: None,
                reminded: false,
                queue_limit_noticed: false,
                had_agent: matches!(holder, Holder::Agent(_)),
                survey_open: false,
                last_inbound_seq: 0,
                heard_at: at,
            });
        }
        Event::Reopened { holder, epoch } => {
            if let Some(conversation) = &mut thread.conversation {
                // The pause belongs to the conversation's life; nobody held it.
                if let Some(closing) = conversation.closed.take() {
                    conversation
                        .ledger
                        .add(HolderKind::Nobody, at.since(closing.at));
                }
                conversation.holder_since = at;
                conversation.last_inbound_seq = 0;
                conversation.begun_at = None;
                conversation.survey_open = false;
            }
            change_holder(&mut thread, holder, *epoch, at);
        }
        Event::Renamed { identity } => thread.identity = identity.clone(),
        Event::Heard {
            event,
            at: platform_at,
            control,
        } => {
            thread.seen.remember(*event, *platform_at);
            if *control {
                thread.control_at = thread.control_at.max(Some(*platform_at));
            }
            if let Some(conversation) = &mut thread.conversation {
                conversation.heard_at = at;
            }
        }
        Event::Received {
            event,
            at: platform_at,
            id,
            ..
        } => {
            // Its own event tells a time that is a little later: where what was read back
            // had to be forgotten, that one must not count as newer than it.
            let known_until = match *event == read_back_id(id) {
                true => platform_at.plus(EVENT_FOLLOWS),
                false => *platform_at,
            };
            thread.seen.remember(*event, known_until);
            received(&mut thread, place, at, *platform_at);
        }
        Event::Queued { by, key, .. } => {
            if let Some(key) = key {
                thread.keys.remember(*key, at, place);
            }
            push_work(&mut thread, place, WorkKind::Message, at);
            spoke(&mut thread, by, at);
        }
        Event::Sent { work, id } => {
            if let Some(id) = id {
                thread.seen.remember(sent_id(id), at);
            }
            settle(&mut thread, *work);
            if let Some(conversation) = &mut thread.conversation {
                conversation.heard_at = at;
                // The customer can only be silent about what has arrived.
                conversation.quiet_since = conversation.quiet_since.max(at);
            }
        }
        Event::Failed { work, .. } => settle(&mut thread, *work),
        Event::Settled { work, .. } => {
            settle(&mut thread, *work);
            if thread.forgetting == Some(*work) {
                thread.forgetting = None;
            }
        }
        Event::ControlFailed { work, .. } => {
            settle(&mut thread, *work);
            owe_again(&mut thread, at);
        }
        Event::Unknown { work, not_before } => {
            if let Some(work) = work_mut(&mut thread, *work) {
                work.unknown = true;
                work.not_before = Some(*not_before);
                work.failing_since.get_or_insert(at);
            }
            step_back(&mut thread, *work);
        }
        Event::Delayed {
            work,
            not_before,
            failure,
            ..
        } => {
            if let Some(work) = work_mut(&mut thread, *work) {
                work.not_before = Some(*not_before);
                if *failure {
                    work.failing_since.get_or_insert(at);
                } else {
                    work.delayed_since.get_or_insert(at);
                }
            }
            step_back(&mut thread, *work);
        }
        Event::ControlRequested { ask, key, .. } => {
            if let Some(key) = key {
                thread.keys.remember(*key, at, place);
            }
            let kind = match ask {
                ControlAsk::Pass { to, .. } => WorkKind::Pass(to.clone()),
                ControlAsk::Close { reason, .. } => WorkKind::Close(*reason),
                ControlAsk::Release => WorkKind::Release,
            };
            push_work(&mut thread, place, kind, at);
        }
        Event::CareOwed { of, care } => {
            let kind = WorkKind::Aftercare {
                of: *of,
                care: care.clone(),
            };
            push_work(&mut thread, place, kind, at);
        }
        Event::Assigned { .. } => {}
        Event::Unassigned { agent, epoch } => {
            let kind = WorkKind::FreeSeat {
                agent: agent.clone(),
                epoch: *epoch,
            };
            push_work(&mut thread, place, kind, at);
        }
        Event::Passed {
            holder,
            epoch,
            work,
        }
        | Event::Released {
            holder,
            epoch,
            work,
        } => {
            if let Some(work) = work {
                settle(&mut thread, *work);
            }
            let waits = thread
                .open()
                .and_then(|conversation| conversation.waits_since);
            change_holder(&mut thread, holder, *epoch, at);
            if waits.is_some() {
                bot_inherits(&mut thread, at);
            }
        }
        Event::Taken { holder, epoch } => change_holder(&mut thread, holder, *epoch, at),
        Event::ReminderSent => {
            if let Some(conversation) = &mut thread.conversation {
                conversation.reminded = true;
            }
        }
        Event::DeadlineFired { kind, .. } => fired(&mut thread, *kind, place, at),
        Event::Closed { reason, by, work } => {
            if let Some(work) = work {
                settle(&mut thread, *work);
            }
            closed(
                &mut thread,
                at,
                Closing {
                    at,
                    reason: *reason,
                    by: by.clone(),
                },
            );
        }
        Event::Claimed { until } => {
            // An owner that ended its claim said so. One that did not may have died
            // after a call and before its outcome: the head is read back first.
            let died = thread.claimed_until.is_some();
            if let Some(head) = thread.outbox.first_mut() {
                head.unknown |= died;
                thread.claimed_until = Some(*until);
            }
        }
        Event::ClaimEnded => thread.claimed_until = None,
        Event::TellFailed {
            from,
            attempts,
            next,
        } => {
            thread.untold = Some(Untold {
                from: *from,
                attempts: *attempts,
                next: *next,
            });
        }
        Event::TellSucceeded { through } => told_through(&mut thread, *through, at),
        Event::Erased => {
            thread.erased_at = Some(at);
            thread.erased_by = place.0;
            thread.forgetting = Some(place);
            if let Some(conversation) = &mut thread.conversation {
                conversation.survey_open = false;
            }
            thread
                .outbox
                .retain(|work| matches!(work.kind, WorkKind::FreeSeat { .. }));
            thread.identity = crate::news::Identity {
                connection: std::mem::take(&mut thread.identity.connection),
                ..crate::news::Identity::default()
            };
        }
        Event::QueueLimit { .. } => {
            if let Some(conversation) = &mut thread.conversation {
                conversation.queue_limit_noticed = true;
            }
        }
        Event::SurveySent | Event::SurveyAnswered { .. } => {
            if let Some(conversation) = &mut thread.conversation {
                conversation.survey_open = matches!(event, Event::SurveySent);
            }
        }
        Event::Asked { .. } => {}
    }
    if thread.outbox.is_empty() {
        thread.claimed_until = None;
    }
    thread
}

fn change_holder(thread: &mut Thread, holder: &Holder, epoch: u64, at: Timestamp) {
    thread.epoch = epoch;
    thread.untold = None;
    let Some(conversation) = &mut thread.conversation else {
        return;
    };
    if conversation.closed.is_none() {
        conversation.ledger.add(
            conversation.holder.kind(),
            at.since(conversation.holder_since),
        );
    }
    conversation.holder = holder.clone();
    conversation.holder_since = at;
    conversation.quiet_since = at;
    // Who takes over from the bot, in an inbox or at a desk, takes over what it owed:
    // the customer has waited since then, and is not the one who is silent.
    let owed = conversation.owes_since.take();
    conversation.waits_since = match holder {
        Holder::Queue(_) | Holder::Agent(_) => conversation.waits_since.or(owed),
        Holder::Bot | Holder::App(_) | Holder::Nobody => None,
    };
    conversation.reminded &= conversation.waits_since.is_some();
    conversation.called_in = 0;
    conversation.queue_limit_noticed = false;
    conversation.had_agent |= matches!(holder, Holder::Agent(_));
    conversation.heard_at = at;
    thread.outbox.retain(|work| work.kind.outlives_holding());
}

fn closed(thread: &mut Thread, at: Timestamp, closing: Closing) {
    thread.epoch += 1;
    thread.untold = None;
    thread.outbox.retain(|work| work.kind.outlives_holding());
    let Some(conversation) = &mut thread.conversation else {
        return;
    };
    if conversation.closed.is_none() {
        conversation.ledger.add(
            conversation.holder.kind(),
            at.since(conversation.holder_since),
        );
        conversation.closed = Some(closing);
    }
    conversation.owes_since = None;
    conversation.waits_since = None;
    conversation.holder_since = at;
}

fn fired(thread: &mut Thread, kind: DeadlineKind, place: Place, at: Timestamp) {
    match kind {
        DeadlineKind::PlatformCheck => {
            if let Some(conversation) = &mut thread.conversation {
                conversation.heard_at = at;
            }
            push_work(thread, place, WorkKind::Check, at);
        }
        // The debt is called in: what follows takes its place.
        DeadlineKind::BotOwes => {
            if let Some(conversation) = &mut thread.conversation {
                let owed = conversation.owes_since.take();
                conversation.waits_since = conversation.waits_since.or(owed);
                conversation.called_in = conversation.called_in.saturating_add(1);
                conversation.quiet_since = at;
            }
        }
        DeadlineKind::CustomerWaits => {
            if let Some(conversation) = &mut thread.conversation {
                conversation.reminded = true;
            }
        }
        _ => {}
    }
}

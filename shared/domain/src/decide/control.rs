//! Requests that change who holds, or end the conversation.

use super::request::check;
use super::{Change, Draft};
use crate::command::{Rejection, Request};
use crate::event::{ControlAsk, Event};
use crate::holder::{Actor, CloseReason, Holder};
use crate::parcel::Parcel;
use crate::policy::Desk;
use crate::thread::OUTBOX_LIMIT;

pub(super) fn decide(
    draft: &mut Draft<'_>,
    request: &Request,
    ask: &ControlAsk,
) -> Result<(), Rejection> {
    check(draft, request)?;
    may(draft, &request.by, ask)?;
    let ask = resolve(draft, ask)?;
    if draft.thread.outbox.len() >= OUTBOX_LIMIT && request.by != Actor::Hub {
        return Err(Rejection::OutboxFull(draft.thread.outbox.len()));
    }
    let at_once = draft
        .thread
        .outbox
        .iter()
        .all(|work| work.kind.outlives_holding())
        && !needs_platform(draft, &ask);
    if at_once {
        // The key must be remembered where the request is, so the request is an
        // event of its own even when it is fulfilled in the same entry.
        let place = draft.next_place();
        ask_for(draft, request, &ask);
        fulfil(draft, &request.by, &ask, place);
    } else {
        ask_for(draft, request, &ask);
        draft.claim(request.claim_until);
    }
    Ok(())
}

fn ask_for(draft: &mut Draft<'_>, request: &Request, ask: &ControlAsk) {
    draft.emit(Event::ControlRequested {
        by: request.by.clone(),
        ask: ask.clone(),
        key: request.key,
    });
}

/// A change of control that is the hub's own business comes about at once.
pub(super) fn fulfil(
    draft: &mut Draft<'_>,
    by: &Actor,
    ask: &ControlAsk,
    place: crate::ids::Place,
) {
    match ask {
        ControlAsk::Pass { to, .. } => draft.hand_over(to.clone(), Change::Passed(Some(place))),
        ControlAsk::Close { reason, .. } => draft.close(*reason, by.clone(), Some(place)),
        ControlAsk::Release => draft.hand_over(Holder::Nobody, Change::Released(Some(place))),
    }
}

/// Who may ask for what: the holder for everything; an operator for everything; an
/// agent may also claim what waits in a queue, or what a bot holds.
fn may(draft: &Draft<'_>, by: &Actor, ask: &ControlAsk) -> Result<(), Rejection> {
    let holder = draft.thread.holder();
    let allowed = match by {
        Actor::Operator | Actor::Hub => true,
        Actor::Agent(agent) => {
            let claims =
                matches!(ask, ControlAsk::Pass { to: Holder::Agent(to), .. } if to == agent);
            holder.is(by)
                || (claims && matches!(holder, Holder::Queue(_) | Holder::Bot | Holder::Nobody))
        }
        // A bot may still route what it has just handed off (Gladly's PATCH of the
        // conversation after the handoff).
        Actor::Bot => {
            holder.is(by)
                || matches!(
                    (holder, ask),
                    (
                        Holder::Queue(_),
                        ControlAsk::Pass {
                            to: Holder::Queue(Some(_)),
                            ..
                        }
                    )
                )
        }
        _ => holder.is(by),
    };
    if allowed {
        Ok(())
    } else {
        Err(Rejection::NotHolder {
            holder: holder.clone(),
            epoch: draft.thread.epoch,
        })
    }
}

/// Fills in what was left open and refuses what cannot be.
fn resolve(draft: &Draft<'_>, ask: &ControlAsk) -> Result<ControlAsk, Rejection> {
    let ControlAsk::Pass { to, parcel } = ask else {
        return Ok(ask.clone());
    };
    let holder = draft.thread.holder();
    let to = match (to, &draft.policy.desk) {
        (Holder::Queue(_) | Holder::Agent(_), Desk::None) => return Err(Rejection::NoDesk),
        (Holder::Queue(None), Desk::App(app)) => Holder::App(app.clone()),
        (Holder::Queue(None), _) => Holder::Queue(draft.policy.default_inbox.clone()),
        (Holder::Agent(_), Desk::Platform) if *holder == Holder::Bot => {
            return Err(Rejection::Unsupported(
                "this platform hands off to an inbox only; name an agent once the inbox holds",
            ));
        }
        (Holder::Bot, Desk::Platform) => {
            return Err(Rejection::Unsupported(
                "this platform cannot give a conversation back to the bot; the customer's next session starts with it",
            ));
        }
        (to, _) => to.clone(),
    };
    Ok(ControlAsk::Pass {
        to,
        parcel: parcel.clone(),
    })
}

/// Whether the platform has to be asked for this.
fn needs_platform(draft: &Draft<'_>, ask: &ControlAsk) -> bool {
    match (ask, &draft.policy.desk) {
        (ControlAsk::Close { .. }, _) => draft.policy.close_call,
        (ControlAsk::Pass { .. } | ControlAsk::Release, Desk::Platform | Desk::App(_)) => true,
        (ControlAsk::Pass { to, .. }, _) => matches!(to, Holder::App(_)),
        (ControlAsk::Release, _) => matches!(draft.thread.holder(), Holder::App(_)),
    }
}

/// A handoff by the hub's own timer.
pub(super) fn hand_off_by_timer(draft: &mut Draft<'_>) {
    let ask = ControlAsk::Pass {
        to: Holder::Queue(None),
        parcel: Parcel {
            reason: "The bot did not answer in time".to_owned(),
            ..Parcel::default()
        },
    };
    let request = Request::by(Actor::Hub);
    let refused = decide(draft, &request, &ask).is_err();
    // Without a desk there is nobody to hand over to: the connection's own choice
    // was a mistake that `baton check` reports, and waiting on helps no one.
    if refused && draft.thread.leaving().is_none() {
        draft.close(CloseReason::BotSilent, Actor::Hub, None);
    }
}

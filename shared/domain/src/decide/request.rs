//! Requests of parties: send, open, claim; and the checks that all requests share.

use super::Draft;
use crate::command::{Rejection, Request};
use crate::content::Content;
use crate::event::Event;
use crate::holder::{Actor, Holder};
use crate::mutation::Mutation;
use crate::news::Identity;
use crate::rings::KeyVerdict;
use crate::thread::OUTBOX_LIMIT;
use crate::time::Timestamp;

/// The checks in their order: the key first, so that a repeated call is answered
/// as it was the first time; then the epoch; then the state.
pub(super) fn check(draft: &Draft<'_>, request: &Request) -> Result<(), Rejection> {
    check_key(draft, request)?;
    let conversation = draft
        .thread
        .conversation
        .as_ref()
        .ok_or(Rejection::NoConversation)?;
    let holder = draft.thread.holder().clone();
    let epoch = draft.thread.epoch;
    let stale = request.epoch.is_some_and(|given| given != epoch);
    if stale && !Mutation::EpochCheck.is_on() {
        return Err(Rejection::StaleEpoch { holder, epoch });
    }
    if draft.thread.is_erased() {
        return Err(Rejection::Erased);
    }
    if let Some(closing) = &conversation.closed {
        return Err(Rejection::Closed(closing.reason));
    }
    if draft.thread.leaving().is_some() {
        return Err(Rejection::ControlPending { holder, epoch });
    }
    Ok(())
}

fn check_key(draft: &Draft<'_>, request: &Request) -> Result<(), Rejection> {
    let Some(key) = &request.key else {
        return Ok(());
    };
    match draft.thread.keys.verdict(key, draft.now) {
        KeyVerdict::Repeated(place) => Err(Rejection::Repeated(place)),
        KeyVerdict::OtherBody => Err(Rejection::KeyReused),
        KeyVerdict::LookUp if !request.key_is_new => Err(Rejection::KeyUnsure),
        KeyVerdict::LookUp | KeyVerdict::New => Ok(()),
    }
}

pub(super) fn send(
    draft: &mut Draft<'_>,
    request: &Request,
    content: &Content,
) -> Result<(), Rejection> {
    check(draft, request)?;
    let holder = draft.thread.holder();
    if !holder.is(&request.by) {
        return Err(Rejection::NotHolder {
            holder: holder.clone(),
            epoch: draft.thread.epoch,
        });
    }
    queue(draft, request, content)
}

fn queue(draft: &mut Draft<'_>, request: &Request, content: &Content) -> Result<(), Rejection> {
    if draft.thread.outbox.len() >= OUTBOX_LIMIT {
        return Err(Rejection::OutboxFull(draft.thread.outbox.len()));
    }
    draft.emit(Event::Queued {
        by: request.by.clone(),
        content: content.clone(),
        key: request.key,
    });
    draft.claim(request.claim_until);
    Ok(())
}

/// Opens a conversation towards a customer; in an open one it is a send.
pub(super) fn open(
    draft: &mut Draft<'_>,
    request: &Request,
    identity: &Identity,
    content: &Content,
) -> Result<(), Rejection> {
    if draft.thread.open().is_some() {
        return send(draft, request, content);
    }
    check_key(draft, request)?;
    // Who opens it speaks, and so holds.
    let holder = match &request.by {
        Actor::Agent(agent) => Holder::Agent(agent.clone()),
        Actor::App(app) => Holder::App(app.clone()),
        Actor::Bot => Holder::Bot,
        _ => draft.policy.primary.clone(),
    };
    draft.begin(identity.clone(), holder);
    queue(draft, request, content)
}

/// Takes the claim on the outbox.
pub(super) fn claim(draft: &mut Draft<'_>, until: Timestamp) -> Result<(), Rejection> {
    match draft.thread.claimed_until {
        Some(owned) if draft.thread.claim_is_live(draft.now) => Err(Rejection::Claimed(owned)),
        _ => {
            draft.claim(Some(until));
            Ok(())
        }
    }
}

//! News from the platform: messages, echoes, changes made there.

use super::{Change, Draft};
use crate::command::Rejection;
use crate::content::{Content, MenuItem};
use crate::event::{Event, Failure};
use crate::holder::{Actor, CloseReason, Holder};
use crate::ids::{Fingerprint, Place};
use crate::mutation::Mutation;
use crate::news::{Identity, News, PlatformEvent};
use crate::policy::Desk;
use crate::rings::Seen;
use crate::thread::WorkKind;
use crate::time::{DAY, HOUR, SECOND, Timestamp};

/// An event older than this is ignored: the log, which alone could tell whether
/// it is new, need not reach back further. Meta redelivers for 7 days, the longest
/// of all platforms; entries live at least 8.
pub const NEWS_REACHES_BACK: i64 = 7 * DAY + 12 * 60 * 60 * SECOND;

/// An echo this much older than a message cannot be its own, however the platform's
/// clock differs from ours.
const ECHO_MARGIN: i64 = 5 * SECOND;

/// How long after a close a message may answer the survey: WhatsApp's own window for
/// free-form answers, too.
const SURVEY_ANSWERED_WITHIN: i64 = 24 * HOUR;

/// How much earlier than our own timer the platform's close may come and still
/// count as the customer's silence: its clock started with the message itself, ours
/// with the append.
const SILENCE_MARGIN: i64 = 15 * SECOND;

pub(super) fn decide(
    draft: &mut Draft<'_>,
    identity: Option<&Identity>,
    events: &[PlatformEvent],
    known_new: &[Fingerprint],
) -> Result<(), Rejection> {
    // What was erased vanishes however late it comes again: before it is looked up in a
    // log that has forgotten it, or found too old and kept to be looked at.
    let events: Vec<&PlatformEvent> = events
        .iter()
        .filter(|event| !before_erasure(draft, event))
        .collect();
    let unsure: Vec<Fingerprint> = events
        .iter()
        .filter(|event| !known_new.contains(&event.id))
        .filter(|event| draft.now.since(event.at) <= NEWS_REACHES_BACK)
        .filter(|event| verdict(draft, event) == Seen::LookUp)
        .map(|event| event.id)
        .collect();
    if !unsure.is_empty() {
        return Err(Rejection::EventsUnsure(unsure));
    }
    let too_old = |event: &PlatformEvent| draft.now.since(event.at) > NEWS_REACHES_BACK;
    if !events.is_empty() && events.iter().all(|event| too_old(event)) {
        return Err(Rejection::TooOld);
    }
    // What is fresh is settled before anything is taken in: taking in forgets, and a
    // webhook must hide neither its own doubles nor those of what was just forgotten.
    let fresh: Vec<&PlatformEvent> = events
        .iter()
        .enumerate()
        .filter(|(index, event)| {
            !events
                .iter()
                .take(*index)
                .any(|earlier| earlier.id == event.id)
        })
        .map(|(_, event)| *event)
        .filter(|event| !too_old(event) && !was_seen(draft, event))
        .collect();
    let mut idle = Vec::new();
    for event in fresh {
        let before = draft.events.len();
        take_in(draft, identity, event);
        if draft.events.len() == before {
            idle.push(event);
        }
    }
    // A webhook counts as one delivery: where it leaves an entry, that remembers also
    // what changed nothing, or it might when the webhook comes again.
    if !draft.events.is_empty() {
        for event in idle {
            heard(draft, event);
        }
    }
    Ok(())
}

/// Whether an event was seen before. A message may have come by its event or have been
/// read back, and is the same one.
fn verdict(draft: &Draft<'_>, event: &PlatformEvent) -> Seen {
    let seen = &draft.thread.seen;
    match event.message() {
        Some((_, read_back)) if seen.contains(read_back) => Seen::Before,
        Some((_, read_back)) if event.id == read_back => Seen::LookUp,
        _ => seen.verdict(event.id, event.at),
    }
}

fn was_seen(draft: &Draft<'_>, event: &PlatformEvent) -> bool {
    let seen = &draft.thread.seen;
    let is_known = seen.contains(event.id)
        || event
            .message()
            .is_some_and(|(_, read_back)| seen.contains(read_back));
    is_known && !Mutation::Deduplication.is_on()
}

fn before_erasure(draft: &Draft<'_>, event: &PlatformEvent) -> bool {
    let erased = draft
        .thread
        .erased_at
        .is_some_and(|erased| event.at <= erased);
    erased && !Mutation::Tombstone.is_on()
}

fn take_in(draft: &mut Draft<'_>, identity: Option<&Identity>, event: &PlatformEvent) {
    match &event.news {
        News::Message {
            id,
            content,
            context,
        } => {
            let answer = survey_answer(draft, content);
            if answer.is_none() {
                make_room(draft, identity, event.at);
            }
            draft.emit(Event::Received {
                event: event.id,
                at: event.at,
                id: id.clone(),
                content: content.clone(),
                context: context.clone(),
            });
            if let Some(answer) = answer {
                draft.emit(Event::SurveyAnswered { answer });
            }
        }
        News::Echo { id, ours } => echo(
            draft,
            event,
            id,
            ours.as_ref().map(crate::ids::MessageId::place),
        ),
        News::Closed => {
            if draft.thread.open().is_some() && !is_history(draft, event) {
                heard_control(draft, event);
                let (reason, by, work) = platform_close(draft);
                draft.close(reason, by, work);
            }
        }
        News::Control(holder) => {
            // Nothing opens because of it, and news of what we know is no news.
            let overtaken = draft
                .thread
                .control_at
                .is_some_and(|newest| event.at < newest);
            if draft.thread.open().is_some() && !knows(draft, holder) && !overtaken {
                heard_control(draft, event);
                let how = how_changed(draft, holder);
                draft.hand_over(named(draft, holder), how);
            }
        }
        News::ControlRequested { by } => {
            if draft.thread.open().is_some() {
                heard(draft, event);
                draft.emit(Event::Asked { by: by.clone() });
            }
        }
        News::Renamed {
            customer,
            conversation,
        } => {
            let mut names = draft.thread.identity.clone();
            names.customer = customer.clone().or(names.customer);
            names.conversation = conversation.clone().or(names.conversation);
            let nameless = draft.thread.conversation.is_none() || draft.thread.is_erased();
            if names != draft.thread.identity && !nameless {
                heard(draft, event);
                draft.emit(Event::Renamed { identity: names });
            }
        }
        News::Moved => {
            if draft.thread.open().is_some() && !is_history(draft, event) {
                heard_control(draft, event);
                draft.close(CloseReason::Moved, Actor::Platform, None);
            }
        }
    }
}

fn heard(draft: &mut Draft<'_>, event: &PlatformEvent) {
    draft.emit(Event::Heard {
        event: event.id,
        at: event.at,
        control: false,
    });
}

fn heard_control(draft: &mut Draft<'_>, event: &PlatformEvent) {
    draft.emit(Event::Heard {
        event: event.id,
        at: event.at,
        control: true,
    });
}

/// Whether an end told now is not that of the present conversation: somebody began to
/// serve after it, or the customer began to write after it.
fn is_history(draft: &Draft<'_>, event: &PlatformEvent) -> bool {
    let begun = draft
        .thread
        .open()
        .and_then(|conversation| conversation.begun_at);
    draft
        .thread
        .control_at
        .max(begun)
        .is_some_and(|newest| event.at < newest)
}

/// How a change that the platform tells of came about. One that we have asked for, and
/// whose answer is still on its way, has come about by our request. A platform that
/// hands off to an inbox of its own choice, or at once to an agent, did what we asked,
/// too.
fn how_changed(draft: &Draft<'_>, holder: &Holder) -> Change {
    let head = draft.thread.outbox.first();
    match head.map(|work| (work.place, &work.kind)) {
        Some((place, WorkKind::Pass(to)))
            if to == holder
                || matches!(
                    (to, holder),
                    (Holder::Queue(_), Holder::Queue(_) | Holder::Agent(_))
                ) =>
        {
            Change::Passed(Some(place))
        }
        Some((place, WorkKind::Release)) if *holder == Holder::Nobody => {
            Change::Released(Some(place))
        }
        _ if *holder == Holder::Nobody => Change::Released(None),
        _ => Change::Taken,
    }
}

/// The holder by the best name that is known of it: a platform that says only "some
/// inbox" means the one that we have asked for.
fn named(draft: &Draft<'_>, holder: &Holder) -> Holder {
    match draft.thread.outbox.first().map(|work| &work.kind) {
        Some(WorkKind::Pass(to @ Holder::Queue(Some(_)))) if *holder == Holder::Queue(None) => {
            to.clone()
        }
        _ => holder.clone(),
    }
}

/// The choice that the customer made, where the message answers the survey that
/// followed the close: the choice's words, its id, or its number in the list.
fn survey_answer(draft: &Draft<'_>, content: &Content) -> Option<String> {
    let conversation = draft
        .thread
        .conversation
        .as_ref()
        .filter(|last| last.survey_open)?;
    let closing = conversation.closed.as_ref()?;
    let (Some(Content::Menu { items, .. }), Content::Text { text }) =
        (&draft.policy.survey, content)
    else {
        return None;
    };
    if draft.now.since(closing.at) > SURVEY_ANSWERED_WITHIN {
        return None;
    }
    let said = text.trim().to_lowercase();
    let meant = |item: &MenuItem| {
        item.id.to_lowercase() == said || item.label.trim().to_lowercase() == said
    };
    let by_number = said
        .parse::<usize>()
        .ok()
        .and_then(|number| items.get(number.checked_sub(1)?));
    items
        .iter()
        .find(|item| meant(item))
        .or(by_number)
        .map(|item| item.id.clone())
}

/// Whether the holder is who we already believe it is. A platform that says only
/// "some inbox" tells nothing new of a queue.
fn knows(draft: &Draft<'_>, holder: &Holder) -> bool {
    let present = draft.thread.holder();
    present == holder
        || matches!(
            (present, holder),
            (Holder::Queue(Some(_)), Holder::Queue(None))
        )
}

/// Sees to it that there is a conversation for a message written at `written`.
fn make_room(draft: &mut Draft<'_>, identity: Option<&Identity>, written: Timestamp) {
    let primary = draft.policy.primary.clone();
    // What was erased does not go on.
    let last = draft.thread.conversation.as_ref();
    match last.filter(|_| !draft.thread.is_erased()) {
        Some(conversation) => match &conversation.closed {
            None => {
                if conversation.holder == Holder::Nobody && primary != Holder::Nobody {
                    draft.hand_over(primary, Change::Passed(None));
                }
            }
            Some(closing) => {
                // A message written before the platform's own end, by the platform's
                // clock, belongs to what ended; one that we closed too early still
                // wants an answer.
                let belated = match closing.reason {
                    CloseReason::Moved => written <= closing.at,
                    CloseReason::Platform | CloseReason::Agent | CloseReason::Customer => draft
                        .thread
                        .control_at
                        .is_some_and(|ended| written <= ended),
                    _ => false,
                };
                if belated {
                    return;
                }
                if draft.now.since(closing.at) <= draft.policy.reopen_grace {
                    draft.reopen(primary);
                } else {
                    open(draft, identity, primary);
                }
            }
        },
        None => open(draft, identity, primary),
    }
}

fn open(draft: &mut Draft<'_>, identity: Option<&Identity>, holder: Holder) {
    let identity = identity
        .cloned()
        .unwrap_or_else(|| draft.thread.identity.clone());
    draft.begin(identity, holder);
}

/// A message shown by the platform settles a send whose outcome nobody knew. Any
/// other echo is of a message whose fate is known, and is ignored.
fn echo(draft: &mut Draft<'_>, event: &PlatformEvent, id: &str, ours: Option<crate::ids::Place>) {
    if draft.thread.seen.contains(crate::apply::sent_id(id)) {
        return;
    }
    let settled = match ours {
        Some(place) => draft
            .thread
            .work(place)
            .filter(|work| work.kind == WorkKind::Message),
        // Work leaves in order, so only the head can be under way; and only an
        // unknown outcome needs the echo.
        None => draft
            .thread
            .outbox
            .first()
            .filter(|work| work.unknown && work.kind == WorkKind::Message)
            .filter(|work| event.at.plus(ECHO_MARGIN) >= work.since),
    };
    if let Some(work) = settled.map(|work| work.place) {
        heard(draft, event);
        draft.emit(Event::Sent {
            work,
            id: Some(id.to_owned()),
        });
    }
}

/// Why the platform closed, as far as its event lets us tell.
fn platform_close(draft: &Draft<'_>) -> (CloseReason, Actor, Option<Place>) {
    // A close of ours that waits for its answer has come about.
    if let Some(work) = draft.thread.outbox.first()
        && let WorkKind::Close(reason) = work.kind
    {
        return (
            reason,
            super::outcome::closer(draft, reason),
            Some(work.place),
        );
    }
    let (reason, by) = whose_close(draft);
    (reason, by, None)
}

fn whose_close(draft: &Draft<'_>) -> (CloseReason, Actor) {
    let Some(conversation) = draft.thread.open() else {
        return (CloseReason::Platform, Actor::Platform);
    };
    match &conversation.holder {
        Holder::Agent(agent) => (CloseReason::Agent, Actor::Agent(agent.clone())),
        Holder::Bot => {
            let silent = draft.policy.timers.customer_silent.is_some_and(|span| {
                conversation.owes_since.is_none()
                    && draft.now.since(conversation.quiet_since) >= span - SILENCE_MARGIN
            });
            if silent {
                (CloseReason::Abandoned, Actor::Hub)
            } else {
                (CloseReason::Platform, Actor::Platform)
            }
        }
        Holder::Queue(_) | Holder::App(_) | Holder::Nobody => {
            (CloseReason::Platform, Actor::Platform)
        }
    }
}

/// What a message's failure is called where the platform's desk has the thread.
#[must_use]
pub(super) fn not_ours(desk: &Desk) -> (Failure, &'static str) {
    match desk {
        Desk::Platform => (
            Failure::NotOurs,
            "the platform says the session is no longer the bot's",
        ),
        _ => (Failure::NotOurs, "the platform says the thread is not ours"),
    }
}

//! The decisions: a command against the state gives events or a rejection.

mod control;
mod news;
mod outcome;
mod request;
mod wake;

use crate::apply::apply;
use crate::command::{Command, Rejection};
use crate::event::{Event, Failure};
use crate::holder::{Actor, CloseReason, Holder};
use crate::ids::Place;
use crate::news::Identity;
use crate::policy::{Desk, Policy};
use crate::thread::{Thread, Work, WorkKind};
use crate::time::Timestamp;

pub use news::NEWS_REACHES_BACK;
pub use outcome::{CONTROL_GIVES_UP, MESSAGE_GIVES_UP, WAITING_GIVES_UP};
pub use wake::{HANDOFFS_TRIED, TELL_RETRIES};

/// Decides a command at `now`. No events and no rejection means: nothing to do,
/// nothing to write.
///
/// # Errors
/// A [`Rejection`] says why nothing may happen.
pub fn decide(
    thread: &Thread,
    command: &Command,
    policy: &Policy,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let mut draft = Draft::new(thread, policy, now);
    match command {
        Command::News {
            identity,
            events,
            known_new,
        } => {
            news::decide(&mut draft, identity.as_ref(), events, known_new)?;
        }
        Command::Send { request, content } => request::send(&mut draft, request, content)?,
        Command::Open {
            request,
            identity,
            content,
        } => request::open(&mut draft, request, identity, content)?,
        Command::Control { request, ask } => control::decide(&mut draft, request, ask)?,
        Command::Wake {
            claim_until,
            due_by,
        } => {
            wake::decide(&mut draft, *due_by);
            draft.claim(*claim_until);
        }
        Command::Claim { until } => request::claim(&mut draft, *until)?,
        Command::Outcome {
            work,
            result,
            end_claim,
        } => {
            outcome::decide(&mut draft, *work, result, *end_claim);
        }
        Command::TellFailed { from, tried } => wake::tell_failed(&mut draft, *from, *tried),
        Command::TellSucceeded { through } => wake::tell_succeeded(&mut draft, *through),
        Command::MovedAway => draft.close(CloseReason::Moved, Actor::Platform, None),
        Command::MovedHere { identity, holder } => {
            if draft.thread.open().is_none() {
                draft.begin(identity.clone(), holder.clone());
            }
        }
        Command::Erase => {
            if thread.seq > 0 && !thread.is_erased() {
                draft.close(CloseReason::Erased, Actor::Operator, None);
                draft.forget_work();
                draft.emit(Event::Erased);
            }
        }
        Command::Forgotten { erasure } => {
            // A later erasure has work of its own.
            if thread.forgetting == Some(*erasure) {
                draft.emit(Event::Settled {
                    work: *erasure,
                    detail: String::new(),
                });
            }
        }
    }
    Ok(draft.events)
}

/// A decision in the making: the events so far and the state they lead to.
struct Draft<'a> {
    thread: Thread,
    events: Vec<Event>,
    policy: &'a Policy,
    now: Timestamp,
}

impl<'a> Draft<'a> {
    fn new(thread: &Thread, policy: &'a Policy, now: Timestamp) -> Self {
        let mut thread = thread.clone();
        thread.seq += 1;
        // An entry's time is never before the previous entry's.
        let now = now.max(thread.last_at);
        thread.last_at = now;
        Self {
            thread,
            events: Vec::new(),
            policy,
            now,
        }
    }

    /// The place that the next event will have.
    fn next_place(&self) -> Place {
        Place(
            self.thread.seq,
            u32::try_from(self.events.len()).unwrap_or(u32::MAX),
        )
    }

    fn emit(&mut self, event: Event) {
        let place = self.next_place();
        self.thread = apply(std::mem::take(&mut self.thread), place, self.now, &event);
        self.events.push(event);
    }

    /// Begins the next conversation; what still waits for the last one is void.
    fn begin(&mut self, identity: Identity, holder: Holder) {
        self.supersede(None);
        let epoch = self.thread.epoch + 1;
        self.emit(Event::Opened {
            identity,
            holder,
            epoch,
        });
        self.take_seat();
    }

    /// Goes on with the last conversation.
    fn reopen(&mut self, holder: Holder) {
        self.supersede(None);
        let epoch = self.thread.epoch + 1;
        self.emit(Event::Reopened { holder, epoch });
        self.take_seat();
    }

    /// Ends the conversation, if one is open: what has not left is superseded.
    fn close(&mut self, reason: CloseReason, by: Actor, work: Option<Place>) {
        let Some(conversation) = self.thread.open() else {
            return;
        };
        let survey = matches!(conversation.holder, Holder::Agent(_))
            && self.policy.desk == Desk::Hub
            && matches!(reason, CloseReason::Agent | CloseReason::SilentWithAgent);
        self.supersede(work);
        self.leave_seat();
        self.emit(Event::Closed { reason, by, work });
        if survey && let Some(content) = self.policy.survey.clone() {
            self.emit(Event::SurveySent);
            self.emit(Event::Queued {
                by: Actor::Hub,
                content,
                key: None,
            });
        }
    }

    /// Gives the conversation another holder, whoever decided it.
    fn hand_over(&mut self, holder: Holder, how: Change) {
        let epoch = self.thread.epoch + 1;
        let work = how.work();
        self.supersede(work);
        self.leave_seat();
        self.emit(match how {
            Change::Passed(work) => Event::Passed {
                holder,
                epoch,
                work,
            },
            Change::Taken => Event::Taken { holder, epoch },
            Change::Released(work) => Event::Released {
                holder,
                epoch,
                work,
            },
        });
        self.take_seat();
    }

    /// A holder that is an agent of the hub's own desk sits on a seat.
    fn take_seat(&mut self) {
        if self.policy.desk == Desk::Hub
            && let Holder::Agent(agent) = self.thread.holder().clone()
        {
            self.emit(Event::Assigned { agent });
        }
    }

    /// What has not left of this holding never will: each message says so.
    fn supersede(&mut self, except: Option<Place>) {
        self.cancel("superseded: control changed before it left", |work| {
            Some(work.place) != except && !work.kind.outlives_holding()
        });
    }

    /// Erased words cannot leave any more; only seats are still freed.
    fn forget_work(&mut self) {
        self.cancel("erased before it left", |work| {
            !matches!(work.kind, WorkKind::FreeSeat { .. })
        });
    }

    fn cancel(&mut self, detail: &str, void: impl Fn(&Work) -> bool) {
        let void: Vec<(Place, WorkKind)> = self
            .thread
            .outbox
            .iter()
            .filter(|work| void(work))
            .map(|work| (work.place, work.kind.clone()))
            .collect();
        for (work, kind) in void {
            let detail = detail.to_owned();
            self.emit(match kind {
                WorkKind::Message => Event::Failed {
                    work,
                    why: Failure::Superseded,
                    detail,
                },
                kind if kind.is_control() => Event::ControlFailed { work, detail },
                _ => Event::Settled { work, detail },
            });
        }
    }

    /// An agent of the hub's own desk who loses the conversation gets the seat back.
    fn leave_seat(&mut self) {
        if self.policy.desk == Desk::Hub
            && let Holder::Agent(agent) = self.thread.holder().clone()
        {
            let epoch = self.thread.epoch;
            self.emit(Event::Unassigned { agent, epoch });
        }
    }

    /// Takes the claim for whoever runs this command, if there is work and no owner.
    fn claim(&mut self, until: Option<Timestamp>) {
        if let Some(until) = until
            && self.thread.deliverable(self.now)
        {
            self.emit(Event::Claimed { until });
        }
    }
}

/// How a holder came to hold.
enum Change {
    Passed(Option<Place>),
    Taken,
    Released(Option<Place>),
}

impl Change {
    fn work(&self) -> Option<Place> {
        match self {
            Self::Passed(work) | Self::Released(work) => *work,
            Self::Taken => None,
        }
    }
}

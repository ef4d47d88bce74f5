//! What happened: the events of a thread's log. Names and fields are stored; changing one needs a new schema
//! number and an upcaster.

use crate::content::Content;
use crate::holder::{Actor, CloseReason, Holder};
use crate::ids::{Fingerprint, Place};
use crate::news::Identity;
use crate::parcel::Parcel;
use crate::policy::QueueLimit;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The schema that this code writes.
pub const SCHEMA: u32 = 1;

/// An idempotency key's use: the key (with token, method and path) and the body,
/// as fingerprints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUse {
    /// Of token, method, path and key.
    #[serde(rename = "k")]
    pub key: Fingerprint,
    /// Of the request's body.
    #[serde(rename = "b")]
    pub body: Fingerprint,
}

/// A change of control that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlAsk {
    /// Pass to this holder.
    Pass {
        /// Who shall hold.
        to: Holder,
        /// What is handed over.
        parcel: Parcel,
    },
    /// End the conversation.
    Close {
        /// The reason to record.
        reason: CloseReason,
        /// Words for the platform's record.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        description: String,
    },
    /// Hold no longer, name nobody.
    Release,
}

/// The timers that can fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineKind {
    /// The bot holds, the customer is silent.
    CustomerSilent,
    /// The bot owes an answer.
    BotOwes,
    /// A seat holds, the customer waits.
    CustomerWaits,
    /// A seat holds, the customer is silent.
    CustomerSilentAgent,
    /// A seat holds and is silent.
    AgentSilent,
    /// The hub's queue holds too long.
    QueueLimit,
    /// A foreign desk or app holds and nothing was heard.
    PlatformCheck,
}

/// Why a message will not reach the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Control changed or the conversation ended before it left.
    Superseded,
    /// The platform refused it for good.
    Refused,
    /// 60 s of failures.
    GaveUp,
    /// The platform says the thread is no longer ours.
    NotOurs,
    /// Its outcome stayed unknown and it may not be repeated.
    Unknown,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A conversation began.
    #[serde(rename = "conversation.opened")]
    Opened {
        /// The platform's names.
        #[serde(rename = "id")]
        identity: Identity,
        /// Who holds first.
        #[serde(rename = "h")]
        holder: Holder,
        /// The number of this holding.
        #[serde(rename = "ep")]
        epoch: u64,
    },
    /// A closed conversation goes on.
    #[serde(rename = "conversation.reopened")]
    Reopened {
        /// Who holds now.
        #[serde(rename = "h")]
        holder: Holder,
        /// The number of this holding.
        #[serde(rename = "ep")]
        epoch: u64,
    },
    /// The platform's names changed.
    #[serde(rename = "conversation.renamed")]
    Renamed {
        /// All names, as they are now.
        #[serde(rename = "id")]
        identity: Identity,
    },
    /// A platform event other than a message was taken in; what it changed
    /// follows in the same entry.
    #[serde(rename = "platform.heard")]
    Heard {
        /// The platform event.
        #[serde(rename = "ev")]
        event: Fingerprint,
        /// Its platform time.
        #[serde(rename = "at")]
        at: Timestamp,
        /// Whether it tells who serves from then on, or that nobody does: an older
        /// one that comes later is history, not news.
        #[serde(rename = "c", default, skip_serializing_if = "std::ops::Not::not")]
        control: bool,
    },
    /// The customer wrote.
    #[serde(rename = "message.received")]
    Received {
        /// The platform event.
        #[serde(rename = "ev")]
        event: Fingerprint,
        /// Its platform time.
        #[serde(rename = "at")]
        at: Timestamp,
        /// The platform's id of the message.
        #[serde(rename = "id")]
        id: String,
        /// What was written.
        #[serde(rename = "c")]
        content: Content,
        /// Facts that came along.
        #[serde(rename = "x", default, skip_serializing_if = "BTreeMap::is_empty")]
        context: BTreeMap<String, String>,
    },
    /// A message to the customer was accepted and waits to leave.
    #[serde(rename = "message.queued")]
    Queued {
        /// Who speaks.
        #[serde(rename = "by")]
        by: Actor,
        /// What is said.
        #[serde(rename = "c")]
        content: Content,
        /// The idempotency key it came with.
        #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
        key: Option<KeyUse>,
    },
    /// A message left: the platform took it.
    #[serde(rename = "message.sent")]
    Sent {
        /// The message.
        #[serde(rename = "w")]
        work: Place,
        /// The platform's id of it, where it gave one.
        #[serde(rename = "id", default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// A message will not reach the customer.
    #[serde(rename = "message.failed")]
    Failed {
        /// The message.
        #[serde(rename = "w")]
        work: Place,
        /// Why, as a kind.
        #[serde(rename = "why")]
        why: Failure,
        /// Why, in words; nothing personal.
        #[serde(rename = "d", default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    /// Nobody knows yet whether it left; it is read back before another attempt.
    #[serde(rename = "message.unknown")]
    Unknown {
        /// The message or control work.
        #[serde(rename = "w")]
        work: Place,
        /// When to look.
        #[serde(rename = "n")]
        not_before: Timestamp,
    },
    /// An attempt failed; the next one is later.
    #[serde(rename = "work.delayed")]
    Delayed {
        /// The work.
        #[serde(rename = "w")]
        work: Place,
        /// When to try again.
        #[serde(rename = "n")]
        not_before: Timestamp,
        /// Whether this counts towards giving up; a platform's pair rate does not.
        #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
        failure: bool,
        /// Why, in words; nothing personal.
        #[serde(rename = "d", default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    /// Work without a message's or a holder's fate is done or given up: a note, an
    /// inbox, a seat.
    #[serde(rename = "work.settled")]
    Settled {
        /// The work.
        #[serde(rename = "w")]
        work: Place,
        /// How it ended, in words; nothing personal.
        #[serde(rename = "d", default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    /// Somebody asked for a change of control; it waits for what is before it.
    #[serde(rename = "control.requested")]
    ControlRequested {
        /// Who asks.
        #[serde(rename = "by")]
        by: Actor,
        /// For what.
        #[serde(rename = "ask")]
        ask: ControlAsk,
        /// The idempotency key it came with.
        #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
        key: Option<KeyUse>,
    },
    /// The holder gave control to another.
    #[serde(rename = "control.passed")]
    Passed {
        /// Who holds now.
        #[serde(rename = "h")]
        holder: Holder,
        /// The number of this holding.
        #[serde(rename = "ep")]
        epoch: u64,
        /// The request that this fulfils.
        #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
        work: Option<Place>,
    },
    /// A pass still owes its target something.
    #[serde(rename = "aftercare.owed")]
    CareOwed {
        /// The request whose parcel it is about.
        #[serde(rename = "of")]
        of: Place,
        /// What is owed.
        #[serde(rename = "a")]
        care: Aftercare,
    },
    /// A seat of the hub's own desk was taken for this conversation.
    #[serde(rename = "agent.assigned")]
    Assigned {
        /// The agent.
        #[serde(rename = "ag")]
        agent: String,
    },
    /// A seat of the hub's own desk is free again; freeing it is work.
    #[serde(rename = "agent.unassigned")]
    Unassigned {
        /// The agent.
        #[serde(rename = "ag")]
        agent: String,
        /// The holding that ended.
        #[serde(rename = "ep")]
        epoch: u64,
    },
    /// Somebody else took control.
    #[serde(rename = "control.taken")]
    Taken {
        /// Who holds now.
        #[serde(rename = "h")]
        holder: Holder,
        /// The number of this holding.
        #[serde(rename = "ep")]
        epoch: u64,
    },
    /// The holder let go.
    #[serde(rename = "control.released")]
    Released {
        /// Who holds now.
        #[serde(rename = "h")]
        holder: Holder,
        /// The number of this holding.
        #[serde(rename = "ep")]
        epoch: u64,
        /// The request that this fulfils.
        #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
        work: Option<Place>,
    },
    /// A request for control came to nothing; the holder stays.
    #[serde(rename = "control.failed")]
    ControlFailed {
        /// The request.
        #[serde(rename = "w")]
        work: Place,
        /// Why, in words; nothing personal.
        #[serde(rename = "d", default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    /// Another app would like control.
    #[serde(rename = "control.asked")]
    Asked {
        /// The app.
        #[serde(rename = "by")]
        by: String,
    },
    /// The automatic reminder was queued, in the same entry.
    #[serde(rename = "reminder.sent")]
    ReminderSent,
    /// The survey was queued, in the same entry.
    #[serde(rename = "survey.sent")]
    SurveySent,
    /// The customer answered the survey.
    #[serde(rename = "survey.answered")]
    SurveyAnswered {
        /// The choice's id.
        #[serde(rename = "v")]
        answer: String,
    },
    /// A timer fired; what it did follows in the same entry.
    #[serde(rename = "deadline.fired")]
    DeadlineFired {
        /// Which timer.
        #[serde(rename = "k")]
        kind: DeadlineKind,
        /// The moment it was for.
        #[serde(rename = "due")]
        due: Timestamp,
    },
    /// The conversation ended.
    #[serde(rename = "conversation.closed")]
    Closed {
        /// Why.
        #[serde(rename = "r")]
        reason: CloseReason,
        /// Who did it.
        #[serde(rename = "by")]
        by: Actor,
        /// The request that this fulfils.
        #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
        work: Option<Place>,
    },
    /// Somebody owns the outbound queue until then.
    #[serde(rename = "claim.taken")]
    Claimed {
        /// The end of the claim.
        #[serde(rename = "u")]
        until: Timestamp,
    },
    /// The owner let go with work left.
    #[serde(rename = "claim.ended")]
    ClaimEnded,
    /// The bot could not be told.
    #[serde(rename = "tell.failed")]
    TellFailed {
        /// The first entry it has not been told.
        #[serde(rename = "f")]
        from: u64,
        /// How many attempts have failed.
        #[serde(rename = "n")]
        attempts: u32,
        /// The next attempt.
        #[serde(rename = "next")]
        next: Timestamp,
    },
    /// The bot was told what a failure had held back.
    #[serde(rename = "tell.succeeded")]
    TellSucceeded {
        /// The last entry it was told.
        #[serde(rename = "t")]
        through: u64,
    },
    /// The thread's content was erased on request.
    #[serde(rename = "thread.erased")]
    Erased,
    /// The queue held too long and this is what the connection does about it.
    #[serde(rename = "queue.limit")]
    QueueLimit {
        /// `bot`, `notify` or the inbox.
        #[serde(rename = "to")]
        to: String,
    },
}

impl QueueLimit {
    /// The word that the event carries.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::ToBot => "bot".to_owned(),
            Self::Notify => "notify".to_owned(),
            Self::ToInbox(inbox) => inbox.clone(),
        }
    }
}

/// What a pass owes its target beside the pass itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aftercare {
    /// The parcel's rest as a note.
    Note,
    /// The conversation into this inbox.
    Inbox(String),
}

impl Event {
    /// The event's name, as hooks and the bus know it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "conversation.opened",
            Self::Reopened { .. } => "conversation.reopened",
            Self::Renamed { .. } => "conversation.renamed",
            Self::Heard { .. } => "platform.heard",
            Self::Received { .. } => "message.received",
            Self::Queued { .. } => "message.queued",
            Self::Sent { .. } => "message.sent",
            Self::Failed { .. } => "message.failed",
            Self::Unknown { .. } => "message.unknown",
            Self::Delayed { .. } => "work.delayed",
            Self::Settled { .. } => "work.settled",
            Self::ControlRequested { .. } => "control.requested",
            Self::Passed { .. } => "control.passed",
            Self::CareOwed { .. } => "aftercare.owed",
            Self::Assigned { .. } => "agent.assigned",
            Self::Unassigned { .. } => "agent.unassigned",
            Self::Taken { .. } => "control.taken",
            Self::Released { .. } => "control.released",
            Self::ControlFailed { .. } => "control.failed",
            Self::Asked { .. } => "control.asked",
            Self::ReminderSent => "reminder.sent",
            Self::SurveySent => "survey.sent",
            Self::SurveyAnswered { .. } => "survey.answered",
            Self::DeadlineFired { .. } => "deadline.fired",
            Self::Closed { .. } => "conversation.closed",
            Self::Claimed { .. } => "claim.taken",
            Self::ClaimEnded => "claim.ended",
            Self::TellFailed { .. } => "tell.failed",
            Self::TellSucceeded { .. } => "tell.succeeded",
            Self::Erased => "thread.erased",
            Self::QueueLimit { .. } => "queue.limit",
        }
    }

    /// Whether it is the hub's own bookkeeping, of no interest outside.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(
            self,
            Self::Heard { .. }
                | Self::CareOwed { .. }
                | Self::Claimed { .. }
                | Self::ClaimEnded
                | Self::Delayed { .. }
                | Self::Settled { .. }
        )
    }

    /// The holder and epoch that this event begins, if it changes the holder.
    #[must_use]
    pub fn holding(&self) -> Option<(&Holder, u64)> {
        match self {
            Self::Opened { holder, epoch, .. }
            | Self::Reopened { holder, epoch }
            | Self::Passed { holder, epoch, .. }
            | Self::Taken { holder, epoch }
            | Self::Released { holder, epoch, .. } => Some((holder, *epoch)),
            _ => None,
        }
    }
}

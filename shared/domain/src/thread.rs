//! The state of a thread: what folding its log gives. It fits a checkpoint of
//! under one kilobyte: no message text, only bounded lists.

use crate::event::{Aftercare, DeadlineKind};
use crate::holder::{Actor, CloseReason, Holder, HolderKind};
use crate::ids::Place;
use crate::ledger::Ledger;
use crate::mutation::Mutation;
use crate::news::Identity;
use crate::rings::{SeenIds, UsedKeys};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most outbound work a thread keeps waiting; more is refused with 429.
pub const OUTBOX_LIMIT: usize = 20;

/// One customer on one connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// The seq of the last entry folded in; 0 before the first.
    #[serde(rename = "s")]
    pub seq: u64,
    /// The time of that entry.
    #[serde(rename = "at")]
    pub last_at: Timestamp,
    /// The platform's names.
    #[serde(rename = "id")]
    pub identity: Identity,
    /// The number of the present holding; rises with every change of holder.
    #[serde(rename = "ep")]
    pub epoch: u64,
    /// The open conversation, or the last one.
    #[serde(rename = "cv", default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Conversation>,
    /// Outbound work, in the order in which it must leave.
    #[serde(rename = "ob", default, skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<Work>,
    /// The end of the live claim on the outbox, if somebody owns it.
    #[serde(rename = "cl", default, skip_serializing_if = "Option::is_none")]
    pub claimed_until: Option<Timestamp>,
    /// What the bot still has to be told after a failure.
    #[serde(rename = "tb", default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<Untold>,
    /// The time of the last entry that was armed; it may have passed.
    #[serde(rename = "ar", default, skip_serializing_if = "Option::is_none")]
    pub armed: Option<Timestamp>,
    /// The seq of that entry.
    #[serde(rename = "ab", default, skip_serializing_if = "is_zero_seq")]
    pub armed_by: u64,
    /// The epoch after that entry.
    #[serde(rename = "ae", default, skip_serializing_if = "is_zero_seq")]
    pub armed_in: u64,
    /// The platform time of the newest news of who serves: what comes later but is
    /// older is history.
    #[serde(rename = "ct", default, skip_serializing_if = "Option::is_none")]
    pub control_at: Option<Timestamp>,
    /// When its content was erased; what happened before is gone.
    #[serde(rename = "er", default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
    /// The seq of the entry that erased it; 0 where none did.
    #[serde(rename = "es", default, skip_serializing_if = "is_zero_seq")]
    pub erased_by: u64,
    /// The erasure whose traces in the table are still to be overwritten: the place of
    /// its event.
    #[serde(rename = "eg", default, skip_serializing_if = "Option::is_none")]
    pub forgetting: Option<Place>,
    /// The platform ids seen last. Stored beside, in binary.
    #[serde(skip)]
    pub seen: SeenIds,
    /// The idempotency keys used last. Stored beside, in binary.
    #[serde(skip)]
    pub keys: UsedKeys,
}

/// A stretch of a thread, open or closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// The seq of its first entry.
    #[serde(rename = "f")]
    pub first_seq: u64,
    /// When it opened.
    #[serde(rename = "o")]
    pub opened_at: Timestamp,
    /// Who holds, or held when it closed.
    #[serde(rename = "h")]
    pub holder: Holder,
    /// Since when.
    #[serde(rename = "hs")]
    pub holder_since: Timestamp,
    /// How it ended, if it did.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closing>,
    /// Time by kind of holder, up to `holder_since`.
    #[serde(rename = "l")]
    pub ledger: Ledger,
    /// How often the bot's debt was called in during this holding without effect.
    #[serde(rename = "ci", default, skip_serializing_if = "is_zero")]
    pub called_in: u8,
    /// Since when the bot owes an answer.
    #[serde(rename = "ow", default, skip_serializing_if = "Option::is_none")]
    pub owes_since: Option<Timestamp>,
    /// Since when the customer is silent: the holder's last message, or the start
    /// of its holding.
    #[serde(rename = "q")]
    pub quiet_since: Timestamp,
    /// The oldest message that no agent has answered, once the bot is through with
    /// it: counted from the append, across inboxes and agents.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub waits_since: Option<Timestamp>,
    /// The entry of the oldest unanswered message, whoever owes the answer.
    #[serde(rename = "wf", default, skip_serializing_if = "is_zero_seq")]
    pub waits_from: u64,
    /// The platform time of the message that opened or reopened it, if one did.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub begun_at: Option<Timestamp>,
    /// Whether the reminder of this waiting period went out.
    #[serde(rename = "rm", default, skip_serializing_if = "std::ops::Not::not")]
    pub reminded: bool,
    /// Whether the queue's limit was noticed in this holding.
    #[serde(rename = "ql", default, skip_serializing_if = "std::ops::Not::not")]
    pub queue_limit_noticed: bool,
    /// Whether an agent ever held it: decides about the survey.
    #[serde(rename = "ag", default, skip_serializing_if = "std::ops::Not::not")]
    pub had_agent: bool,
    /// Whether the survey went out and nobody has answered it.
    #[serde(rename = "sv", default, skip_serializing_if = "std::ops::Not::not")]
    pub survey_open: bool,
    /// The seq of the last entry in which the customer wrote; 0 before the first of
    /// this opening or reopening.
    #[serde(rename = "li")]
    pub last_inbound_seq: u64,
    /// The last thing heard from the platform or done there.
    #[serde(rename = "hd")]
    pub heard_at: Timestamp,
}

fn is_zero(n: &u8) -> bool {
    *n == 0
}

fn is_zero_seq(n: &u64) -> bool {
    *n == 0
}

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// When.
    pub at: Timestamp,
    /// Why.
    #[serde(rename = "r")]
    pub reason: CloseReason,
    /// By whom.
    pub by: Actor,
}

/// What the bot still has to be told: everything received from an entry on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untold {
    /// The first entry it has not been told.
    #[serde(rename = "f")]
    pub from: u64,
    /// How many attempts have failed.
    #[serde(rename = "n")]
    pub attempts: u32,
    /// The next attempt.
    #[serde(rename = "t")]
    pub next: Timestamp,
}

/// A piece of outbound work. Its content is in the log, at its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// The event that asked for it.
    #[serde(rename = "p")]
    pub place: Place,
    /// What is to be done.
    #[serde(rename = "k")]
    pub kind: WorkKind,
    /// The holding it belongs to; it is void in any other.
    #[serde(rename = "ep")]
    pub epoch: u64,
    /// When it was asked for.
    #[serde(rename = "at")]
    pub since: Timestamp,
    /// Since when attempts have failed.
    #[serde(rename = "fs", default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Since when it has been put off without a failure.
    #[serde(rename = "ds", default, skip_serializing_if = "Option::is_none")]
    pub delayed_since: Option<Timestamp>,
    /// No attempt before this.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Whether an attempt may have succeeded; it is read back first.
    #[serde(rename = "u", default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
}

/// The kinds of outbound work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    /// Deliver the message.
    Message,
    /// Pass control to this holder.
    Pass(Holder),
    /// Close on the platform, with this reason.
    Close(CloseReason),
    /// Let go of control.
    Release,
    /// Add what a pass still owes.
    Aftercare {
        /// The request whose parcel it is about.
        of: Place,
        /// What is owed.
        care: Aftercare,
    },
    /// Ask the platform whether it still knows the conversation.
    Check,
    /// Free the seat of this agent from this holding.
    FreeSeat {
        /// The agent.
        agent: String,
        /// The holding that ended.
        epoch: u64,
    },
}

impl WorkKind {
    /// Whether it changes who holds, or ends the conversation.
    #[must_use]
    pub fn is_control(&self) -> bool {
        matches!(self, Self::Pass(_) | Self::Close(_) | Self::Release)
    }

    /// Whether it outlives the holding that asked for it.
    #[must_use]
    pub fn outlives_holding(&self) -> bool {
        matches!(
            self,
            Self::FreeSeat { .. }
                | Self::Aftercare {
                    care: Aftercare::Note,
                    ..
                }
        )
    }
}

impl Thread {
    /// The conversation, if one is open.
    #[must_use]
    pub fn open(&self) -> Option<&Conversation> {
        self.conversation
            .as_ref()
            .filter(|conversation| conversation.closed.is_none())
    }

    /// Whether its content was erased and no conversation has begun since.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        let begun = self
            .conversation
            .as_ref()
            .map_or(0, |conversation| conversation.first_seq);
        self.erased_by > 0 && begun <= self.erased_by
    }

    /// Who holds; nobody where nothing is open.
    #[must_use]
    pub fn holder(&self) -> &Holder {
        self.open()
            .map_or(&Holder::Nobody, |conversation| &conversation.holder)
    }

    /// Whether the bot holds an open conversation.
    #[must_use]
    pub fn bot_holds(&self) -> bool {
        *self.holder() == Holder::Bot && self.open().is_some()
    }

    /// The control work that waits in the outbox, if any: the holder is leaving.
    #[must_use]
    pub fn leaving(&self) -> Option<&Work> {
        self.outbox.iter().find(|work| work.kind.is_control())
    }

    /// Whether a message waits to leave.
    #[must_use]
    pub fn speaking(&self) -> bool {
        self.outbox
            .iter()
            .any(|work| work.kind == WorkKind::Message)
    }

    /// Whether somebody owns the outbox at `now`.
    #[must_use]
    pub fn claim_is_live(&self, now: Timestamp) -> bool {
        self.claimed_until.is_some_and(|until| now < until) && !Mutation::Claim.is_on()
    }

    /// The work at this place.
    #[must_use]
    pub fn work(&self, place: Place) -> Option<&Work> {
        self.outbox.iter().find(|work| work.place == place)
    }

    /// Whether the head of the outbox may be tried at `now` by a new owner.
    #[must_use]
    pub fn deliverable(&self, now: Timestamp) -> bool {
        !self.claim_is_live(now)
            && self
                .outbox
                .first()
                .is_some_and(|work| work.not_before.is_none_or(|at| at <= now))
    }
}

impl Conversation {
    /// Seconds by holder up to `now`, or up to its close.
    #[must_use]
    pub fn time_held(&self, now: Timestamp) -> Ledger {
        let mut ledger = self.ledger;
        if self.closed.is_none() {
            ledger.add(self.holder.kind(), now.since(self.holder_since));
        }
        ledger
    }

    /// Whether it is open and this kind of holder has it.
    #[must_use]
    pub fn held_by(&self, kind: HolderKind) -> bool {
        self.closed.is_none() && self.holder.kind() == kind
    }
}

/// A deadline that is ahead or overdue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When it is due.
    pub at: Timestamp,
    /// What fires.
    pub kind: DeadlineKind,
}

//! What can be asked of a thread, what its workers report, and why a command is
//! turned down.

use crate::content::Content;
use crate::event::{Aftercare, ControlAsk, KeyUse};
use crate::holder::{Actor, CloseReason, Holder};
use crate::ids::{Fingerprint, Place};
use crate::news::{Identity, PlatformEvent};
use crate::time::Timestamp;

/// What is asked of a thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// The news of one webhook.
    News {
        /// The platform's names, as this webhook has them; `None` where it has
        /// only a name that led here by the directory.
        identity: Option<Identity>,
        /// What happened, in the order of the webhook.
        events: Vec<PlatformEvent>,
        /// Ids that were looked up in the log and are not there.
        known_new: Vec<Fingerprint>,
    },
    /// Say something to the customer.
    Send {
        /// Common to all requests of a party.
        request: Request,
        /// What to say.
        content: Content,
    },
    /// Change who holds, or end the conversation.
    Control {
        /// Common to all requests of a party.
        request: Request,
        /// What is asked.
        ask: ControlAsk,
    },
    /// Open a conversation towards a customer with a message.
    Open {
        /// Common to all requests of a party.
        request: Request,
        /// The platform's names.
        identity: Identity,
        /// What to say first.
        content: Content,
    },
    /// The thread's time has come: fire what is due.
    Wake {
        /// Take the claim on the outbox until then, if there is work and no owner.
        claim_until: Option<Timestamp>,
        /// What was due by then fires: earlier than now by what clocks may differ, since
        /// another clock set the time.
        due_by: Timestamp,
    },
    /// Own the outbox until then, if nobody does.
    Claim {
        /// The end of the claim.
        until: Timestamp,
    },
    /// What became of one piece of work.
    Outcome {
        /// The work.
        work: Place,
        /// What became of it.
        result: WorkResult,
        /// The end of the owner's own claim, where it is out of time and lets go,
        /// whatever is left. A claim that another owner has taken since stands.
        end_claim: Option<Timestamp>,
    },
    /// The bot could not be told of this entry.
    TellFailed {
        /// The first entry it was not told.
        from: u64,
        /// Whether it was tried at all; a receiver known to be slow is left to the
        /// sweep untried.
        tried: bool,
    },
    /// A retry told the bot everything through this entry.
    TellSucceeded {
        /// The last entry it was told.
        through: u64,
    },
    /// The customer's conversation went on in another thread.
    MovedAway,
    /// The customer's conversation goes on here, with the holder it had there; in a
    /// thread that has an open conversation nothing happens.
    MovedHere {
        /// The platform's names, as they are now.
        identity: Identity,
        /// Who held it.
        holder: Holder,
    },
    /// Erase the thread's content. Where nothing has come since the last erasure,
    /// nothing happens.
    Erase,
    /// What the erasure at this place left in the table is overwritten.
    Forgotten {
        /// The place of the event that erased the thread.
        erasure: Place,
    },
}

/// What every request of a party carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub by: Actor,
    /// The holding the asker believes in.
    pub epoch: Option<u64>,
    /// The idempotency key, if one was given.
    pub key: Option<KeyUse>,
    /// Whether the log was searched for the key and does not have it.
    pub key_is_new: bool,
    /// Take the claim on the outbox until then, if nobody has it.
    pub claim_until: Option<Timestamp>,
}

impl Request {
    /// A request without epoch, key or claim.
    #[must_use]
    pub fn by(by: Actor) -> Self {
        Self {
            by,
            epoch: None,
            key: None,
            key_is_new: false,
            claim_until: None,
        }
    }
}

/// What became of a piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkResult {
    /// The platform did it.
    Done {
        /// The platform's id of the message, where it gave one.
        platform_id: Option<String>,
        /// Who holds after a pass, where that differs from what was asked (another
        /// inbox lost its race).
        holder: Option<Holder>,
        /// What a pass still owes.
        owed: Vec<Aftercare>,
    },
    /// The platform refused for good.
    Refused {
        /// Why, in words; nothing personal.
        detail: String,
    },
    /// The platform says the thread is no longer ours.
    NotOurs {
        /// Who has it.
        now: NotOurs,
    },
    /// An attempt failed and another makes sense.
    Retry {
        /// When.
        not_before: Timestamp,
        /// Whether this is a failure; waiting for a platform's pair rate is not.
        failure: bool,
        /// Why, in words; nothing personal.
        detail: String,
    },
    /// Nobody knows whether it happened.
    Unknown {
        /// When to look.
        not_before: Timestamp,
    },
}

impl WorkResult {
    /// Plainly done.
    #[must_use]
    pub fn done(platform_id: Option<String>) -> Self {
        Self::Done {
            platform_id,
            holder: None,
            owed: Vec::new(),
        }
    }
}

/// Who has a thread that is no longer ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOurs {
    /// The platform's desk.
    Desk,
    /// Nobody: the platform has closed it or forgotten it.
    Gone,
}

/// Why a command was turned down. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The key was used for the same request: this is what it made.
    #[error("this idempotency key has already made {0:?}")]
    Repeated(Place),
    /// The key was used for another body.
    #[error("this idempotency key was used with another body")]
    KeyReused,
    /// The log must be searched for the key first.
    #[error("the log must be searched for this idempotency key")]
    KeyUnsure,
    /// The log must be searched for these platform ids first.
    #[error("the log must be searched for {} platform events", .0.len())]
    EventsUnsure(Vec<Fingerprint>),
    /// The thread has no conversation.
    #[error("there is no conversation")]
    NoConversation,
    /// The conversation has ended.
    #[error("the conversation is closed")]
    Closed(CloseReason),
    /// The epoch given is not the present one.
    #[error("the epoch is {epoch} now, {holder} holds")]
    StaleEpoch {
        /// Who holds.
        holder: Holder,
        /// The present epoch.
        epoch: u64,
    },
    /// The asker does not hold.
    #[error("{holder} holds")]
    NotHolder {
        /// Who holds.
        holder: Holder,
        /// The present epoch.
        epoch: u64,
    },
    /// A change of control waits to leave; nothing may be queued behind it.
    #[error("a change of control is under way")]
    ControlPending {
        /// Who still holds.
        holder: Holder,
        /// The present epoch.
        epoch: u64,
    },
    /// The connection has no desk to hand off to.
    #[error("the connection has no desk")]
    NoDesk,
    /// The platform cannot do this.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Too much work waits already.
    #[error("{0} messages wait to leave already")]
    OutboxFull(usize),
    /// Every event of the news is older than the log reaches back.
    #[error("the event is older than the log reaches back")]
    TooOld,
    /// Somebody owns the outbox.
    #[error("the outbox is owned until {0:?}")]
    Claimed(Timestamp),
    /// The thread was erased after this happened.
    #[error("the thread was erased")]
    Erased,
}

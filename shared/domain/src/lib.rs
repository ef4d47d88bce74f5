//! The pure core of Baton: who holds a conversation, what may happen next and
//! what is still to do.
//!
//! Nothing here does I/O, waits, reads a clock, draws randomness or looks at the
//! environment. Its heart is two functions: [`decide()`] turns a command into
//! events or a rejection, [`apply()`] folds an event into the state.
//!
//! | module | subject |
//! |---|---|
//! | [`time`], [`ids`] | moments, and ids that reveal nothing |
//! | [`content`] | what a message says, on any platform |
//! | [`holder`] | who may speak, who acts, why it ended |
//! | [`news`], [`command`] | what a platform tells the hub; what is asked of a thread |
//! | [`policy`] | how a connection wants its conversations led |
//! | [`event`], [`entry`], [`thread`], [`ledger`], [`rings`] | what happened, and the state it adds up to |
//! | [`decide`](mod@decide), [`apply`](mod@apply) | the two functions |
//! | [`timers`], [`arming`], [`plan`](mod@plan) | deadlines, what makes sure of them, and the entry that a decision becomes |
//! | [`parcel`] | what a handoff hands over |
//! | [`seats`] | the hub's own agents and their capacity |

pub mod apply;
pub mod arming;
pub mod command;
pub mod content;
pub mod decide;
pub mod entry;
pub mod event;
pub mod holder;
pub mod ids;
pub mod ledger;
pub mod mutation;
pub mod news;
pub mod parcel;
pub mod plan;
pub mod policy;
pub mod rings;
pub mod seats;
pub mod thread;
pub mod time;
pub mod timers;

pub use apply::{apply, apply_entry};
pub use command::{Command, NotOurs, Rejection, Request, WorkResult};
pub use content::{Content, MediaKind, MenuItem};
pub use decide::decide;
pub use entry::{Entry, Leaves};
pub use event::{Aftercare, ControlAsk, DeadlineKind, Event, Failure, KeyUse, SCHEMA};
pub use holder::{Actor, CloseReason, Holder, HolderKind};
pub use ids::{CommandId, ConversationId, Fingerprint, IdKey, MessageId, Place, ThreadId};
pub use ledger::Ledger;
pub use mutation::Mutation;
pub use news::{Identity, News, PlatformEvent, read_back_id};
pub use parcel::{Parcel, ParcelLine, RenderedParcel};
pub use plan::plan;
pub use policy::{Desk, OnBotSilence, Policy, QueueLimit, Timers};
pub use thread::{Closing, Conversation, Deadline, Thread, Untold, Work, WorkKind};
pub use time::Timestamp;
pub use timers::{deadlines, next_wake};

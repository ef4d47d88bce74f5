//! What answers consist of.

mod control;
mod conversation;
mod message;
mod party;

pub use control::{ControlObject, ControlState};
pub use conversation::{
    ClosingObject, ConversationObject, ConversationRow, DeadlineObject, HeldObject, IdentityObject,
};
pub use message::{FailureObject, MessageObject, MessageState};
pub use party::{ActorObject, HolderObject, HolderWord};

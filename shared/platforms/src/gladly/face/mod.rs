//! Gladly's own API as the hub serves it to bots written for Gladly: reading their
//! calls, rendering what they get back, and the event that tells them of a message.
//!
//! Errors have Gladly's shape, `{"errors": [{attr?, code, detail?}]}`, and Gladly's
//! codes (`blank`, `invalid`, `too_long`, `taken`, `not_exist`, `invalid_state`).

mod calls;
mod error;
mod objects;
#[cfg(test)]
mod tests;

pub use calls::{
    Assignee, Patch, StatusChange, parse_description, parse_message, parse_patch, parse_typing,
};
pub use error::{FaceError, FaceProblem};
pub use objects::{
    ConversationView, From, MessageView, SessionView, Status, Target, conversation_name,
    conversation_object, customer_name, envelope, message_object, ping, session_object,
};

//! Where a hub is: running on this machine, its data folder, or a stack on AWS.
//!
//! - `secrets` are kept in a file of the folder, or in the stack's one secret;
//! - `settings` come from the table, with those secrets;
//! - `stack` is a stack on AWS: its outputs, and clients for what they name;
//! - `letters` are what was given up: the folder's file, or the stack's queue;
//! - `records` of the stream are read once more for what is replayed.

pub mod letters;
mod records;
#[cfg(test)]
mod replay_tests;
pub mod secrets;
pub mod settings;
pub mod stack;

pub use letters::Letters;
pub use secrets::SecretPlace;
pub use settings::StoredSettings;

use baton_hub::Core;
use std::sync::Arc;

/// A hub, as an operator's commands reach it.
#[derive(Clone)]
pub struct Operator {
    /// Table, clock, id key and settings.
    pub core: Core,
    /// Where the settings come from.
    pub settings: Arc<StoredSettings>,
    /// What was given up.
    pub letters: Letters,
}

impl axum::extract::FromRef<Operator> for Core {
    fn from_ref(operator: &Operator) -> Self {
        operator.core.clone()
    }
}

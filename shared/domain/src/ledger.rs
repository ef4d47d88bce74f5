//! The time ledger: how long each kind of holder had the conversation.

use crate::holder::HolderKind;
use serde::{Deserialize, Serialize};

/// Milliseconds held, by kind of holder in the order of [`HolderKind::ALL`].
/// Together they are the conversation's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ledger([i64; 5]);

impl Ledger {
    /// Adds a span; a negative one counts as nothing.
    pub fn add(&mut self, kind: HolderKind, millis: i64) {
        if let Some(held) = self.0.get_mut(kind as usize) {
            *held = held.saturating_add(millis.max(0));
        }
    }

    /// Milliseconds held by this kind.
    #[must_use]
    pub fn held(&self, kind: HolderKind) -> i64 {
        self.0.get(kind as usize).copied().unwrap_or_default()
    }

    /// All of it, in milliseconds.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.0.iter().sum()
    }
}

//! What an operator does about poison: looks at it, and has it taken in after a fix.

use crate::core::Core;
use crate::inbound::{Intake, Webhook};
use crate::store::StoreError;
use crate::store::poison::{POISON_KEPT, Poison, PoisonId, PoisonNote};
use baton_domain::time::DAY;

/// What became of replaying a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It was taken in, and the record is gone. The word says what it was.
    TakenIn(&'static str),
    /// It is poison still; why. The record says so.
    Still(String),
    /// A part of it was not kept: it cannot be taken in.
    Cut,
    /// There is no such record (any more).
    Gone,
    /// The hub's own storage is down; the record stays as it was.
    Unavailable,
}

impl Core {
    /// What is kept as poison, oldest first, without the bodies. Records that are past
    /// their time are left out, whether or not they are collected yet.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn poisoned(&self) -> Result<Vec<PoisonNote>, StoreError> {
        let now = self.clock.now();
        let oldest = now.plus(-POISON_KEPT);
        let mut found = Vec::new();
        let days = POISON_KEPT / DAY;
        for back in (0..=days).rev() {
            let of_day = self.store.poison_of_day(now.plus(-back * DAY)).await?;
            found.extend(of_day.into_iter().filter(|note| note.at > oldest));
        }
        Ok(found)
    }

    /// One record with its body: it shows what a customer wrote.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn poison(&self, id: &PoisonId) -> Result<Option<Poison>, StoreError> {
        self.store.poison(id).await
    }

    /// Takes a record in as if it came again, but for its credentials, which were right
    /// when it came. An event that is in the log already changes nothing: events are
    /// recognised by their ids. What is taken in loses its record, what is poison still
    /// keeps it.
    ///
    /// # Errors
    /// When the record cannot be read or changed.
    pub async fn replay_poison(&self, id: &PoisonId) -> Result<Replayed, StoreError> {
        let Some(poison) = self.store.poison(id).await? else {
            return Ok(Replayed::Gone);
        };
        if poison.is_cut() {
            return Ok(Replayed::Cut);
        }
        let settings = match self.settings().await {
            Ok(settings) => settings,
            Err(error) => {
                tracing::error!(error = %error, "poison cannot be replayed");
                return Ok(Replayed::Unavailable);
            }
        };
        let Some(endpoint) = settings.endpoints.get(&poison.endpoint) else {
            let problem = "its endpoint is no longer configured";
            self.store.note_poison(id, problem).await?;
            return Ok(Replayed::Still(problem.to_owned()));
        };
        let webhook = Webhook {
            endpoint: poison.endpoint,
            headers: Vec::new(),
            body: poison.body,
        };
        match self.intake(endpoint.platform, &settings, &webhook).await {
            Intake::Accepted(what) => {
                // Last: a crash before it leaves a record that is replayed for nothing.
                self.store.remove_poison(id).await?;
                tracing::info!(%id, what, "poison was taken in");
                Ok(Replayed::TakenIn(what))
            }
            Intake::Poison(problem) => {
                self.store.note_poison(id, &problem).await?;
                Ok(Replayed::Still(problem.into_owned()))
            }
            Intake::Unavailable => Ok(Replayed::Unavailable),
        }
    }
}

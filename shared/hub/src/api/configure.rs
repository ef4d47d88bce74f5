//! How single connections are led, read and changed; who changed what when.

use super::{Api, ApiError};
use crate::config::{
    EditError, Edited, connection_form, remove_connection, replace_connection, revision_of,
};
use crate::settings::Caller;
use crate::store::settings::{Replaced, SettingsChange};
use serde_json::Value;

/// A connection's settings without its secrets, and the revision of the whole.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// The revision of all settings: changes with every change.
    pub revision: String,
    /// The connection, as the settings document has it.
    pub connection: Value,
}

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// As any call.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The revision given is not the present one.
    #[error("the settings have changed: their revision is {0}")]
    Stale(String),
    /// A field is wrong.
    #[error("{field}: {problem}")]
    Field {
        /// The field.
        field: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl From<EditError> for ConfigureError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::NoSuch => ApiError::NotFound.into(),
            EditError::Field { field, problem } => Self::Field { field, problem },
            EditError::Document(error) => {
                tracing::error!(error = %error, "the settings document cannot be read");
                ApiError::Unavailable.into()
            }
        }
    }
}

impl Api {
    /// A connection's settings.
    ///
    /// # Errors
    /// Where there is none that the caller may touch, or nothing was applied.
    pub async fn connection_settings(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<ConnectionSettings, ConfigureError> {
        let document = self.standing(caller, id).await?;
        Ok(ConnectionSettings {
            revision: revision_of(&document),
            connection: connection_form(&document, id)?,
        })
    }

    /// Replaces how a connection is led (`form`), or removes it (`None`), if the
    /// settings still have this revision.
    ///
    /// # Errors
    /// See [`ConfigureError`].
    pub async fn configure(
        &self,
        caller: &Caller,
        id: &str,
        form: Option<Value>,
        revision: &str,
    ) -> Result<Edited, ConfigureError> {
        let document = self.standing(caller, id).await?;
        // First whether it exists: to others than its own it looks like none.
        connection_form(&document, id)?;
        let present = revision_of(&document);
        if present != revision {
            return Err(ConfigureError::Stale(present));
        }
        let edited = match form {
            Some(form) => replace_connection(&document, id, form)?,
            None => remove_connection(&document, id)?,
        };
        let Some(item) = &edited.item else {
            return Ok(edited);
        };
        let change = SettingsChange {
            at: self.core.clock.now(),
            by: self.name_of(caller).await?,
            through: "api".to_owned(),
            revision: edited.revision.clone(),
            items: vec![item.note()],
        };
        let store = &self.core.store;
        let replaced = store
            .replace_settings(Some(&document), &edited.document, &change)
            .await
            .map_err(ApiError::from)?;
        if replaced == Replaced::Conflict {
            let standing = store.standing_settings().await.map_err(ApiError::from)?;
            let present = standing.as_deref().map(revision_of);
            return Err(ConfigureError::Stale(present.unwrap_or_default()));
        }
        if let Err(error) = self.core.settings.reload(&self.core.clock).await {
            tracing::warn!(error = %error, "what was changed is not read yet");
        }
        Ok(edited)
    }

    /// The last changes of a connection, the newest first; also of one that is gone.
    ///
    /// # Errors
    /// When the table cannot be read, or the caller may not touch it.
    pub async fn connection_changes(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Vec<SettingsChange>, ApiError> {
        if !caller.may_touch(id) {
            return Err(ApiError::NotFound);
        }
        let mut changes = self.core.store.settings_changes().await?;
        for change in &mut changes {
            let of_it = |item: &crate::store::settings::ChangedItem| {
                item.kind == "connection" && item.id == id
            };
            change.items.retain(of_it);
        }
        changes.retain(|change| !change.items.is_empty());
        if changes.is_empty() && !self.settings().await?.connections.contains_key(id) {
            return Err(ApiError::NotFound);
        }
        Ok(changes)
    }

    /// The document in force, for a caller who may touch this connection.
    async fn standing(&self, caller: &Caller, id: &str) -> Result<String, ApiError> {
        if !caller.may_touch(id) {
            return Err(ApiError::NotFound);
        }
        let standing = self.core.store.standing_settings().await?;
        standing.ok_or(ApiError::NotFound)
    }

    /// The name of the caller's token, or the beginning of its hash.
    async fn name_of(&self, caller: &Caller) -> Result<String, ApiError> {
        let record = self.core.store.token(&caller.token_hash).await?;
        let name = record.map(|record| record.name).unwrap_or_default();
        Ok(match name.is_empty() {
            true => caller.token_hash.chars().take(8).collect(),
            false => name,
        })
    }
}

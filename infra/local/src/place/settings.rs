//! Settings as they were applied, from the table and the secrets beside it.

use super::secrets::SecretPlace;
use baton_hub::config::from_document;
use baton_hub::settings::Settings;
use baton_hub::source::{Loading, SettingsSource, SourceError};
use baton_hub::store::Store;
use std::sync::{Mutex, PoisonError};

/// Settings that a hub was started with, until others are applied.
pub struct StoredSettings {
    given: Mutex<Option<Settings>>,
    store: Store,
    secrets: SecretPlace,
}

impl std::fmt::Debug for StoredSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredSettings")
            .field("secrets", &self.secrets)
            .finish_non_exhaustive()
    }
}

impl StoredSettings {
    /// Those `given`, or else what was applied.
    #[must_use]
    pub fn new(given: Option<Settings>, store: Store, secrets: SecretPlace) -> Self {
        Self {
            given: Mutex::new(given),
            store,
            secrets,
        }
    }

    /// Where the secrets are.
    #[must_use]
    pub fn secrets(&self) -> &SecretPlace {
        &self.secrets
    }

    /// Whether the settings were given at the start.
    #[must_use]
    pub fn are_given(&self) -> bool {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.is_some()
    }

    /// From now on what was applied counts.
    pub fn follow_applied(&self) {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn applied(&self) -> Result<Settings, String> {
        let document = self.store.settings_document().await;
        // Nothing was applied yet.
        let Some(document) = document.map_err(|error| error.to_string())? else {
            return Ok(Settings::default());
        };
        let secrets = self.secrets.read().await;
        let secrets = secrets.map_err(|error| error.to_string())?;
        from_document(&document, &secrets.text).map_err(|error| error.to_string())
    }
}

impl SettingsSource for StoredSettings {
    fn load(&self) -> Loading<'_> {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let given = given.clone();
        Box::pin(async move {
            match given {
                Some(given) => Ok(given),
                None => self.applied().await.map_err(SourceError),
            }
        })
    }
}

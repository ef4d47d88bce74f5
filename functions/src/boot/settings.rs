//! Settings from the table, secrets from the stack's one secret.

use super::secrets::{SecretError, Secrets};
use baton_domain::IdKey;
use baton_hub::config::from_document;
use baton_hub::id_key::{IdKeyError, IdKeySource, ReadingIdKey};
use baton_hub::settings::Settings;
use baton_hub::source::{Loading, SettingsSource, SourceError};
use baton_hub::store::Store;

/// Settings as `baton apply` writes them.
#[derive(Debug)]
pub(super) struct FromTable {
    pub(super) store: Store,
    pub(super) secrets: Secrets,
    pub(super) secret_arn: String,
}

impl SettingsSource for FromTable {
    fn load(&self) -> Loading<'_> {
        Box::pin(async move {
            let (document, secrets) = tokio::join!(
                self.store.settings_document(),
                secret(&self.secrets, &self.secret_arn)
            );
            let document = document.map_err(|error| SourceError(error.to_string()))?;
            // A stack that nothing was applied to yet has no connections.
            let Some(document) = document else {
                return Ok(Settings::default());
            };
            let secrets = secrets.map_err(|error| SourceError(error.to_string()))?;
            from_document(&document, &secrets).map_err(|error| SourceError(error.to_string()))
        })
    }
}

async fn secret(secrets: &Secrets, arn: &str) -> Result<String, SecretError> {
    let text = secrets.text(arn).await?;
    Ok(text.unwrap_or_else(|| "{}".to_owned()))
}

/// The hub's id key, as the template makes it.
#[derive(Debug)]
pub(super) struct IdKeySecret {
    pub(super) secrets: Secrets,
    pub(super) arn: String,
}

impl IdKeySource for IdKeySecret {
    fn read(&self) -> ReadingIdKey<'_> {
        Box::pin(async move {
            let key = secret(&self.secrets, &self.arn).await;
            let key = key.map_err(|error| IdKeyError(error.to_string()))?;
            if key.len() < 32 {
                return Err(IdKeyError(
                    "it is shorter than 32 characters; the template generates one of 64".to_owned(),
                ));
            }
            Ok(IdKey::new(key.into_bytes()))
        })
    }
}

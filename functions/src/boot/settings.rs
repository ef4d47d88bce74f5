//! Settings from the table, secrets from the stack's one secret.

use super::secrets::Secrets;
use baton_hub::config::from_document;
use baton_hub::settings::Settings;
use baton_hub::source::{Loading, SettingsSource, SourceError};
use baton_hub::store::Store;
use lambda_runtime::Error;

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
            from_document(&document, &secrets?).map_err(|error| SourceError(error.to_string()))
        })
    }
}

async fn secret(secrets: &Secrets, arn: &str) -> Result<String, SourceError> {
    let text = secrets.text(arn).await;
    let text = text.map_err(|error| SourceError(error.to_string()))?;
    Ok(text.unwrap_or_else(|| "{}".to_owned()))
}

/// The hub's id key. It is needed before the first request and never changes.
pub(super) async fn id_key(secrets: &Secrets, arn: &str) -> Result<String, Error> {
    let key = secret(secrets, arn).await?;
    if key.len() < 32 {
        return Err(Error::from(
            "the id key is shorter than 32 characters; the template generates one of 64",
        ));
    }
    Ok(key)
}

//! Settings from the table, secrets from the stack's one secret.

use aws_sdk_secretsmanager::Client;
use baton_hub::config::from_document;
use baton_hub::settings::Settings;
use baton_hub::source::{Loading, SettingsSource, SourceError};
use baton_hub::store::Store;
use lambda_runtime::Error;

/// Settings as `baton apply` writes them.
#[derive(Debug)]
pub(super) struct FromTable {
    pub(super) store: Store,
    pub(super) secrets: Client,
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

async fn secret(client: &Client, arn: &str) -> Result<String, SourceError> {
    use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
    let got = client
        .get_secret_value()
        .secret_id(arn)
        .send()
        .await
        .map_err(|error| SourceError(format!("secret: {}", error.code().unwrap_or("transport"))))?;
    Ok(got.secret_string().unwrap_or("{}").to_owned())
}

/// The hub's id key. It is needed before the first request and never changes.
pub(super) async fn id_key(client: &Client, arn: &str) -> Result<String, Error> {
    let key = secret(client, arn).await?;
    if key.len() < 32 {
        return Err(Error::from(
            "the id key is shorter than 32 characters; the template generates one of 64",
        ));
    }
    Ok(key)
}

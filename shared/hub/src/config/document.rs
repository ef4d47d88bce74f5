//! The form of settings that is kept in the table, and the secrets beside it.
//!
//! Two JSON texts. The document holds everything but secrets, and says which secrets
//! there are. The secrets are one object of texts, with names such as
//! `endpoint/gladly-main/password` or `connection/shop-chat/api_token`; other names in it
//! are left alone, so it may share one secret of the stack.
//!
//! A document that was applied says which version of the secrets it means, and the secrets
//! hold several: whoever reads both, in whatever order, while they are replaced, finds the
//! ones that belong together. One without a version means the names at the top.

pub(super) mod forms;
mod policy;
pub(super) mod vault;

#[cfg(test)]
mod tests;

use self::forms::{ConnectionForm, EndpointForm};
use self::vault::Vault;
use crate::settings::{Platform, Settings};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The newest form that this release reads, and the one it writes.
const SCHEMA: u32 = 1;

/// Why stored settings cannot be used. Never holds the value of a secret.
#[derive(Debug, thiserror::Error)]
pub enum BadDocument {
    /// The document is not JSON of the expected form.
    #[error("the settings document cannot be read")]
    Document(#[from] serde_json::Error),
    /// The secrets are not a JSON object.
    #[error("the secrets are not a JSON object (line {line}, column {column})")]
    Secrets {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The document means a version of the secrets that is not there.
    #[error("the secrets of the settings document are not there: apply the settings again")]
    MissingVersion,
    /// The document names a secret that is not there.
    #[error("the secret `{0}` is missing")]
    MissingSecret(String),
    /// The document was written by a release with a newer form.
    #[error("the settings document has schema {0}, this release reads up to {SCHEMA}")]
    Newer(u32),
    /// A word that this release does not know.
    #[error("the settings document says `{word}` where a {what} is expected")]
    UnknownWord {
        /// What is expected.
        what: &'static str,
        /// The word.
        word: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Document {
    /// The form, see [`SCHEMA`].
    schema: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_url: Option<String>,
    /// The version of the secrets, see [`vault`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secrets: Option<String>,
    /// [`EndpointForm`]s, kept as JSON until their platform is known to be ours.
    #[serde(default)]
    endpoints: Vec<Value>,
    /// [`ConnectionForm`]s, likewise.
    #[serde(default)]
    connections: Vec<Value>,
}

/// The settings as two JSON texts: the document, and the secrets. The same settings always
/// give the same texts.
///
/// # Errors
/// [`BadDocument::Document`] if a value has no JSON form, which settings from
/// `check` or [`from_document`] always have.
pub fn to_document(settings: &Settings) -> Result<(String, String), BadDocument> {
    let mut secrets = Vault::default();
    let mut document = Document {
        schema: SCHEMA,
        public_url: settings.public_url.clone(),
        secrets: None,
        endpoints: Vec::new(),
        connections: Vec::new(),
    };
    for endpoint in settings.endpoints.values() {
        document
            .endpoints
            .push(serde_json::to_value(EndpointForm::of(
                endpoint,
                &mut secrets,
            ))?);
    }
    for connection in settings.connections.values() {
        document
            .connections
            .push(serde_json::to_value(ConnectionForm::of(
                connection,
                &mut secrets,
            ))?);
    }
    Ok((serde_json::to_string(&document)?, secrets.to_json()?))
}

/// The settings of a document and its secrets. Fields that this release does not know are
/// ignored, endpoints and connections of platforms that it does not know are left out: a
/// newer release's functions serve those.
///
/// # Errors
/// See [`BadDocument`]; none is worth a retry with the same texts.
pub fn from_document(document: &str, secrets: &str) -> Result<Settings, BadDocument> {
    let form: Document = serde_json::from_str(document)?;
    if form.schema > SCHEMA {
        return Err(BadDocument::Newer(form.schema));
    }
    let secrets = Vault::from_json(secrets, form.secrets.as_deref())?;
    let mut settings = Settings {
        revision: revision_of(document),
        public_url: form.public_url,
        ..Settings::default()
    };
    for value in form.endpoints.into_iter().filter(of_known_platform) {
        let endpoint = serde_json::from_value::<EndpointForm>(value)?.into_endpoint(&secrets)?;
        settings.endpoints.insert(endpoint.id.clone(), endpoint);
    }
    for value in form.connections.into_iter().filter(of_known_platform) {
        let connection =
            serde_json::from_value::<ConnectionForm>(value)?.into_connection(&secrets)?;
        settings
            .connections
            .insert(connection.id.clone(), connection);
    }
    Ok(settings)
}

/// The settings with the revision that their document has.
#[cfg(any(feature = "config", test))]
pub(super) fn revised(mut settings: Settings) -> Result<Settings, BadDocument> {
    let (document, _) = to_document(&settings)?;
    settings.revision = revision_of(&document);
    Ok(settings)
}

/// The revision of a document: the first half of its SHA-256, as 32 hexadecimal digits.
#[must_use]
pub fn revision_of(document: &str) -> String {
    let digest = Sha256::digest(document.as_bytes());
    let mut revision = HEXLOWER.encode(&digest);
    revision.truncate(32);
    revision
}

fn of_known_platform(value: &Value) -> bool {
    // What names no platform at all is kept, and is an error when it is read.
    value
        .get("platform")
        .and_then(Value::as_str)
        .is_none_or(|word| platform(word).is_some())
}

fn platform(word: &str) -> Option<Platform> {
    [Platform::Gladly]
        .into_iter()
        .find(|platform| platform.as_str() == word)
}

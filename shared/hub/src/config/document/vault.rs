//! Secrets by name.

use super::BadDocument;
use crate::settings::SecretText;
use serde_json::Value;
use std::collections::BTreeMap;

/// Secrets by name. A value that is no text is somebody else's.
#[derive(Default)]
pub(super) struct Vault(BTreeMap<String, Value>);

impl Vault {
    pub(super) fn from_json(secrets: &str) -> Result<Self, BadDocument> {
        // serde's own error would quote what it met.
        serde_json::from_str(secrets)
            .map(Self)
            .map_err(|error| BadDocument::Secrets {
                line: error.line(),
                column: error.column(),
            })
    }

    pub(super) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&self.0)
    }

    pub(super) fn put(&mut self, name: String, secret: &str) {
        self.0.insert(name, Value::String(secret.to_owned()));
    }

    pub(super) fn get(&self, name: String) -> Result<&str, BadDocument> {
        match self.0.get(&name).and_then(Value::as_str) {
            Some(secret) => Ok(secret),
            None => Err(BadDocument::MissingSecret(name)),
        }
    }

    /// User name and password under this prefix.
    pub(super) fn put_pair(&mut self, prefix: &str, basic: Option<&(String, SecretText)>) {
        if let Some((username, password)) = basic {
            self.put(format!("{prefix}/username"), username);
            self.put(format!("{prefix}/password"), password.reveal());
        }
    }

    /// The same two, if there are meant to be any.
    pub(super) fn get_pair(
        &self,
        prefix: &str,
        there: bool,
    ) -> Result<Option<(String, SecretText)>, BadDocument> {
        if !there {
            return Ok(None);
        }
        let username = self.get(format!("{prefix}/username"))?.to_owned();
        let password = SecretText::new(self.get(format!("{prefix}/password"))?);
        Ok(Some((username, password)))
    }
}

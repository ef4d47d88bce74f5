//! Secrets by name, in versions.
//!
//! ```json
//! {"versions": {"01763637000123-abcd2345": {"endpoint/gladly-main/password": "..."}}}
//! ```
//!
//! Names at the top are those of documents that name no version. What else is in the
//! object is somebody else's and stays.

use super::BadDocument;
use crate::settings::SecretText;
use serde_json::Value;
use std::collections::BTreeMap;

/// Where the versions are.
const VERSIONS: &str = "versions";

/// Secrets by name. A value that is no text is somebody else's.
#[derive(Default)]
pub(super) struct Vault(BTreeMap<String, Value>);

impl Vault {
    /// The secrets of a version, or those at the top.
    pub(super) fn from_json(secrets: &str, version: Option<&str>) -> Result<Self, BadDocument> {
        let mut all = read(secrets)?;
        let Some(version) = version else {
            return Ok(Self(all));
        };
        let versions = all.remove(VERSIONS);
        match versions.as_ref().and_then(|versions| versions.get(version)) {
            Some(Value::Object(names)) => Ok(Self(names.clone().into_iter().collect())),
            _ => Err(BadDocument::MissingVersion),
        }
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

/// The texts of these secrets by name: a version's, or those at the top.
pub(in crate::config) fn texts(
    secrets: &str,
    version: Option<&str>,
) -> Result<BTreeMap<String, String>, BadDocument> {
    let vault = Vault::from_json(secrets, version)?;
    let texts = vault.0.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) if is_ours(&name) => Some((name, text)),
        _ => None,
    });
    Ok(texts.collect())
}

/// The secrets with a version added and those that `stays` does not keep removed. Names
/// at the top stay as long as the standing document means them.
pub(in crate::config) fn with_version(
    secrets: &str,
    version: &str,
    added: &BTreeMap<String, String>,
    top_stays: bool,
    stays: impl Fn(&str) -> bool,
) -> Result<String, BadDocument> {
    let mut all = read(secrets)?;
    let mut versions = match all.remove(VERSIONS) {
        Some(Value::Object(versions)) => versions,
        _ => serde_json::Map::new(),
    };
    versions.retain(|version, _| stays(version));
    versions.insert(version.to_owned(), serde_json::to_value(added)?);
    if !top_stays {
        all.retain(|name, _| !is_ours(name));
    }
    all.insert(VERSIONS.to_owned(), Value::Object(versions));
    Ok(serde_json::to_string(&all)?)
}

fn is_ours(name: &str) -> bool {
    name.starts_with("endpoint/") || name.starts_with("connection/")
}

fn read(secrets: &str) -> Result<BTreeMap<String, Value>, BadDocument> {
    // serde's own error would quote what it met.
    serde_json::from_str(secrets).map_err(|error| BadDocument::Secrets {
        line: error.line(),
        column: error.column(),
    })
}

//! Where the hub's secrets are kept: one JSON object, replaced as a whole, and only by
//! who has read what is there.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{DisplayErrorContext, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The most bytes of a secret. Source: AWS Secrets Manager quotas.
const LONGEST: usize = 65_536;
/// The file in a data folder.
const FILE: &str = "secrets.json";
/// The label under which a new version waits until it replaces the present one.
const WAITING: &str = "BATON_WAITING";

/// Where secrets are kept.
#[derive(Clone)]
pub enum SecretPlace {
    /// In memory.
    Memory(Arc<Mutex<String>>),
    /// In a data folder's private file.
    File(Arc<Mutex<PathBuf>>),
    /// In a secret of AWS Secrets Manager.
    Stack {
        /// The client.
        client: Client,
        /// The secret's ARN or name.
        id: String,
    },
}

impl std::fmt::Debug for SecretPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Memory(_) => "Memory(..)",
            Self::File(_) => "File(..)",
            Self::Stack { .. } => "Stack(..)",
        })
    }
}

/// What was read, and how to say that nobody has changed it since.
pub struct Held {
    /// The JSON object; `{}` where there is none.
    pub text: String,
    /// Which version of it.
    pub version: String,
}

/// Why secrets were not read or replaced. Never holds one.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Somebody has changed them since they were read.
    #[error("somebody else has changed the secrets meanwhile")]
    Conflict,
    /// They are more than fits.
    #[error(
        "the secrets have {0} bytes, and AWS keeps at most {LONGEST} in one secret: use fewer or shorter ones"
    )]
    TooLong(usize),
    /// The file or the service failed.
    #[error("{0}")]
    Failed(String),
}

impl SecretPlace {
    /// A place in memory.
    #[must_use]
    pub fn memory() -> Self {
        Self::Memory(Arc::new(Mutex::new("{}".to_owned())))
    }

    /// The file of a data folder.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self::File(Arc::new(Mutex::new(folder.join(FILE))))
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// [`SecretError::Failed`].
    pub async fn read(&self) -> Result<Held, SecretError> {
        let text = match self {
            Self::Memory(text) => text.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Self::File(path) => read_file(&path.lock().unwrap_or_else(PoisonError::into_inner))?,
            Self::Stack { client, id } => return read_secret(client, id).await,
        };
        Ok(Held {
            version: digest(&text),
            text,
        })
    }

    /// Replaces what was `held`.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub async fn replace(&self, held: &str, text: &str) -> Result<(), SecretError> {
        match self {
            Self::Memory(there) => {
                let mut there = there.lock().unwrap_or_else(PoisonError::into_inner);
                if digest(&there) != held {
                    return Err(SecretError::Conflict);
                }
                text.clone_into(&mut there);
                Ok(())
            }
            Self::File(path) => {
                // Only one process has the folder, and in it only one does this.
                let path = path.lock().unwrap_or_else(PoisonError::into_inner);
                if digest(&read_file(&path)?) != held {
                    return Err(SecretError::Conflict);
                }
                write_file(&path, text)
                    .map_err(|error| SecretError::Failed(format!("{}: {error}", path.display())))
            }
            Self::Stack { client, id } => replace_secret(client, id, held, text).await,
        }
    }
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn read_file(path: &Path) -> Result<String, SecretError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok("{}".to_owned()),
        Err(error) => Err(SecretError::Failed(format!("{}: {error}", path.display()))),
    }
}

/// Written whole under another name, so that a crash leaves the old or the new.
fn write_file(path: &Path, text: &str) -> std::io::Result<()> {
    let fresh = path.with_extension("json.new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)
}

fn failed<E, R>(error: SdkError<E, R>) -> SecretError
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug,
{
    SecretError::Failed(format!(
        "the stack's secret: {}",
        DisplayErrorContext(&error)
    ))
}

async fn read_secret(client: &Client, id: &str) -> Result<Held, SecretError> {
    let current = client.get_secret_value().secret_id(id);
    let got = match current.version_stage("AWSCURRENT").send().await {
        Ok(got) => got,
        // A secret without any value yet.
        Err(error)
            if matches!(
                error.as_service_error(),
                Some(GetSecretValueError::ResourceNotFoundException(_))
            ) && client.describe_secret().secret_id(id).send().await.is_ok() =>
        {
            return Ok(Held {
                text: "{}".to_owned(),
                version: String::new(),
            });
        }
        Err(error) => return Err(failed(error)),
    };
    Ok(Held {
        text: got.secret_string().unwrap_or("{}").to_owned(),
        version: got.version_id().unwrap_or_default().to_owned(),
    })
}

/// A new version is put beside the present one and then takes its label, which Secrets
/// Manager allows only while the label is where it was. Source: API reference,
/// `UpdateSecretVersionStage`, `RemoveFromVersionId`.
async fn replace_secret(
    client: &Client,
    id: &str,
    held: &str,
    text: &str,
) -> Result<(), SecretError> {
    if text.len() > LONGEST {
        return Err(SecretError::TooLong(text.len()));
    }
    let put = client.put_secret_value().secret_id(id).secret_string(text);
    if held.is_empty() {
        return put.send().await.map(drop).map_err(failed);
    }
    let put = put.version_stages(WAITING).send().await.map_err(failed)?;
    let moved = client
        .update_secret_version_stage()
        .secret_id(id)
        .version_stage("AWSCURRENT")
        .set_move_to_version_id(put.version_id().map(str::to_owned))
        .remove_from_version_id(held)
        .send()
        .await;
    let Err(error) = moved else { return Ok(()) };
    let refused = error
        .as_service_error()
        .is_some_and(|error| error.is_invalid_parameter_exception());
    // The SDK tries again when an answer is lost: the refusal may be of our own move.
    let now = read_secret(client, id).await?;
    match refused {
        _ if Some(now.version.as_str()) == put.version_id() => Ok(()),
        true => Err(SecretError::Conflict),
        false => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn only_who_has_read_what_is_there_replaces_it() {
        let folder = std::env::temp_dir().join(format!("baton-secrets-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        for place in [SecretPlace::memory(), SecretPlace::in_folder(&folder)] {
            let first = place.read().await.expect("it is empty");
            assert_eq!(first.text, "{}");
            place
                .replace(&first.version, r#"{"a":"test-a"}"#)
                .await
                .expect("nobody was faster");
            // bites: writing without looking.
            let late = place.replace(&first.version, r#"{"b":"test-b"}"#).await;
            assert!(matches!(late, Err(SecretError::Conflict)));
            let now = place.read().await.expect("it can be read");
            assert_eq!(now.text, r#"{"a":"test-a"}"#);
        }
        let mode = std::fs::metadata(folder.join(FILE)).expect("the file");
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(&folder).expect("gone");
    }
}

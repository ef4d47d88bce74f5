//! Where a reader has come to in the stream.

use super::StreamError;
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The sequence number of the last record that is done with. In a file, where
/// there is a folder: written under another name, synchronised and renamed, so
/// that it is always one of the two, whole.
pub(super) struct Position {
    function: String,
    file: Option<PathBuf>,
    saved: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Saved {
    sequence_number: String,
}

impl Position {
    pub(super) async fn load(folder: Option<&Path>, function: &str) -> Result<Self, StreamError> {
        let file = folder.map(|folder| folder.join(format!("stream-{function}.json")));
        let saved = match &file {
            None => None,
            Some(path) => match tokio::fs::read(path).await {
                Ok(bytes) => {
                    let saved: Saved =
                        serde_json::from_slice(&bytes).map_err(|error| StreamError::Position {
                            function: function.to_owned(),
                            source: error.into(),
                        })?;
                    Some(saved.sequence_number)
                }
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(source) => {
                    return Err(StreamError::Position {
                        function: function.to_owned(),
                        source,
                    });
                }
            },
        };
        Ok(Self {
            function: function.to_owned(),
            file,
            saved,
        })
    }

    pub(super) fn is_unset(&self) -> bool {
        self.saved.is_none()
    }

    pub(super) fn get(&self) -> Option<&str> {
        self.saved.as_deref()
    }

    pub(super) async fn save(&mut self, sequence_number: String) -> Result<(), StreamError> {
        if let Some(path) = self.file.clone() {
            let saved = Saved {
                sequence_number: sequence_number.clone(),
            };
            let written = tokio::task::spawn_blocking(move || write(&path, &saved)).await;
            written
                .map_err(std::io::Error::other)
                .and_then(|result| result)
                .map_err(|source| StreamError::Position {
                    function: self.function.clone(),
                    source,
                })?;
        }
        self.saved = Some(sequence_number);
        Ok(())
    }
}

fn write(path: &Path, saved: &Saved) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(&serde_json::to_vec(saved)?)?;
    file.sync_data()?;
    std::fs::rename(&fresh, path)
}

/// Whether one sequence number comes after another. They are numbers of 21 to
/// 40 digits.
pub(crate) fn later(one: &str, other: &str) -> bool {
    (one.len(), one) > (other.len(), other)
}

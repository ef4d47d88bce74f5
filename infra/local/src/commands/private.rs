//! The data folder's own files: the key of thread ids.

use baton_domain::IdKey;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

const ID_KEY: &str = "id-key";

/// The id key of a data folder; made at the first start, and never changed: ids
/// would change with it.
pub(super) fn id_key(folder: &Path) -> Result<IdKey, String> {
    let words = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(words)?;
    let path = folder.join(ID_KEY);
    match std::fs::read(&path) {
        Ok(key) if key.len() >= 32 => Ok(IdKey::new(key)),
        Ok(_) => Err(format!(
            "{} is shorter than 32 bytes: it was cut; restore it from a backup",
            path.display()
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = random_key()?;
            // Written whole under another name, so that a crash leaves none or all.
            let fresh = folder.join("id-key.new");
            std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&fresh)
                .and_then(|mut file| {
                    file.write_all(key.as_bytes())
                        .and_then(|()| file.sync_all())
                })
                .and_then(|()| std::fs::rename(&fresh, &path))
                .map_err(words)?;
            Ok(IdKey::new(key.into_bytes()))
        }
        Err(error) => Err(words(error)),
    }
}

/// A fresh key: 64 hexadecimal digits.
pub(super) fn random_key() -> Result<String, String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| format!("no randomness: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

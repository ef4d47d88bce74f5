//! A data file that only its owner reads and only one process opens.

use super::EngineError;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A data file of mode 0600 in a folder of mode 0700, locked until dropped.
pub(super) struct DataFile {
    path: PathBuf,
    _lock: File,
}

impl DataFile {
    pub(super) fn open(path: &Path) -> Result<Self, EngineError> {
        let failed = |source| EngineError::File {
            path: path.to_owned(),
            source,
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if !folder.exists() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(failed)?;
        }
        let mode = folder.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(EngineError::NotPrivate(folder.to_owned()));
        }
        // SQLite gives its journal files the mode of the database.
        drop(private(path).map_err(failed)?);

        let lock = private(&path.with_extension("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(EngineError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn private(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    // The mode above is for new files only.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

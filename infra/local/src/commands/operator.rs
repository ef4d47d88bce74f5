//! What the operator's commands ask of a hub, and the socket by which a running one is
//! asked: in its private data folder. Whoever can open it may read the data file as well,
//! so it asks for nothing more.

use super::{connections, dead_letters, doctor, erase, poison, settings, timeline, token};
use crate::place::Operator;
use axum::Router;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// The socket of a data folder.
pub(super) fn socket(folder: &Path) -> PathBuf {
    folder.join("operator.sock")
}

/// Everything that can be asked of a hub, wherever it is.
pub(super) fn router(operator: Operator) -> Router {
    Router::new()
        .merge(token::routes())
        .merge(timeline::routes())
        .merge(poison::routes())
        .merge(erase::routes())
        .merge(settings::routes())
        .merge(connections::routes())
        .merge(dead_letters::routes())
        .merge(doctor::routes())
        .with_state(operator)
}

/// Serves the operator's commands, in the background, for as long as the process runs.
pub(super) fn listen(folder: &Path, operator: Operator) -> Result<(), String> {
    let path = socket(folder);
    // The data file's lock tells that no other hub uses this folder.
    let _stale = std::fs::remove_file(&path);
    let listener =
        UnixListener::bind(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    // The folder is private already; this is for who loosens it later.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let router = router(operator);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(error = %error, "the operator's socket ended");
        }
    });
    Ok(())
}

//! The operator's way to a running hub: a socket in its private data folder. Whoever
//! can open it may read the data file as well, so it asks for nothing more.

use super::{erase, poison};
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use baton_domain::{ConversationId, ThreadId};
use baton_hub::Core;
use baton_hub::source::token_hash;
use baton_hub::store::Mechanism;
use baton_hub::store::records::TokenRecord;
use serde::{Deserialize, Serialize};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// The socket of a data folder.
fn socket(folder: &Path) -> PathBuf {
    folder.join("operator.sock")
}

/// A token to be kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NewToken {
    /// The token itself; only its hash is kept.
    pub(super) token: String,
    /// What it may do.
    pub(super) record: TokenRecord,
}

/// Serves the operator's commands, in the background, for as long as the process runs.
pub(super) fn listen(folder: &Path, core: &Core) -> Result<(), String> {
    let path = socket(folder);
    // The data file's lock tells that no other hub uses this folder.
    let _stale = std::fs::remove_file(&path);
    let listener =
        UnixListener::bind(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    // The folder is private already; this is for who loosens it later.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let router = Router::new()
        .route("/tokens", post(keep_token))
        .route("/timelines/{id}", get(timeline))
        .merge(poison::routes())
        .merge(erase::routes())
        .with_state(core.clone());
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(error = %error, "the operator's socket ended");
        }
    });
    Ok(())
}

async fn keep_token(
    State(core): State<Core>,
    Json(new): Json<NewToken>,
) -> Result<StatusCode, StatusCode> {
    core.store
        .put_token(&token_hash(&new.token), &new.record)
        .await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

async fn timeline(
    State(core): State<Core>,
    UrlPath(id): UrlPath<String>,
) -> Result<String, StatusCode> {
    timeline_of(&core, &id)
        .await
        .map_err(|_| StatusCode::NOT_FOUND)
}

/// The thread of an id, and where in it the conversation begins if it names one.
pub(super) fn named(id: &str) -> Result<(ThreadId, Option<u64>), String> {
    if let Ok(conversation) = ConversationId::parse(id) {
        let first = conversation.first_seq();
        return Ok((conversation.thread().clone(), Some(first)));
    }
    let thread = ThreadId::parse(id).map_err(|_| {
        format!("`{id}` is neither a conversation (`cnv_...`) nor a thread (`thr_...`)")
    })?;
    Ok((thread, None))
}

/// The timeline of a conversation or thread, as text.
pub(super) async fn timeline_of(core: &Core, id: &str) -> Result<String, String> {
    let (thread, first) = named(id)?;
    let entries = core
        .store
        .entries(&thread, first.unwrap_or(1), 5_000, Mechanism::Read)
        .await
        .map_err(|error| error.to_string())?;
    let entries: Vec<_> = entries
        .into_iter()
        .take_while(|entry| first.is_none_or(|first| entry.conversation <= first))
        .collect();
    if entries.is_empty() {
        return Err(format!("there is no conversation {id}"));
    }
    let loaded = core
        .store
        .load(&thread)
        .await
        .map_err(|error| error.to_string())?;
    let settings = core.settings().await.map_err(|error| error.to_string())?;
    let policy = settings
        .connections
        .get(&loaded.thread.identity.connection)
        .map(|connection| connection.policy.clone());
    let present = first.is_none_or(|first| {
        loaded
            .thread
            .conversation
            .as_ref()
            .is_some_and(|conversation| conversation.first_seq == first)
    });
    let due = match policy {
        Some(policy) if present => baton_domain::deadlines(&loaded.thread, &policy),
        _ => Vec::new(),
    };
    Ok(super::timeline::render(&thread, &entries, &due))
}

/// Whether a hub runs on this folder.
pub(super) async fn is_running(folder: &Path) -> bool {
    UnixStream::connect(socket(folder)).await.is_ok()
}

/// Asks the hub that runs on this folder; `None` where none does.
pub(super) async fn ask(
    folder: &Path,
    method: &str,
    path: &str,
    body: Option<String>,
) -> Option<Result<(u16, String), String>> {
    let mut stream = UnixStream::connect(socket(folder)).await.ok()?;
    let body = body.unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: operator\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    Some(exchange(&mut stream, &request).await)
}

async fn exchange(stream: &mut UnixStream, request: &str) -> Result<(u16, String), String> {
    let words = |error: std::io::Error| format!("the running hub: {error}");
    stream.write_all(request.as_bytes()).await.map_err(words)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(words)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or("the running hub gave no answer")?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    Ok((status, body.to_owned()))
}

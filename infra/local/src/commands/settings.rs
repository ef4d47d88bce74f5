//! The hub's part of `baton apply`: what stands, and replacing it.

use super::reach::{Refusal, down};
use crate::place::Operator;
use crate::place::secrets::SecretError;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use baton_hub::store::StoreError;
use baton_hub::store::settings::{DOCUMENT_MAX, Replaced, SettingsChange, WebhookSeen};
use serde::{Deserialize, Serialize};

/// What stands. It holds the secrets: it goes no further than the operator's program.
#[derive(Serialize, Deserialize)]
pub(super) struct Standing {
    /// The document, if anything was ever applied.
    pub(super) document: Option<String>,
    /// All secrets.
    pub(super) secrets: String,
    /// Which version of them.
    pub(super) secrets_held: String,
    /// Whether the hub was started with a configuration file.
    pub(super) given: bool,
}

/// What is to stand instead.
#[derive(Serialize, Deserialize)]
pub(super) struct Replacement {
    /// The document that the plan was made against.
    pub(super) was: Option<String>,
    /// The version of the secrets that it was made against.
    pub(super) secrets_held: String,
    /// All secrets, if they change.
    pub(super) secrets: Option<String>,
    /// The document.
    pub(super) document: String,
    /// Who changes what.
    pub(super) change: SettingsChange,
}

pub(super) fn routes() -> Router<Operator> {
    Router::new()
        .route("/settings", get(standing).put(replace))
        .route("/settings/changes", get(changes))
        .route("/webhooks/{endpoint}", get(seen).put(keep_seen))
}

async fn standing(State(operator): State<Operator>) -> Result<Json<Standing>, Refusal> {
    // The secrets first: whoever replaces both in between is found by the document.
    let held = operator.settings.secrets().read().await.map_err(down)?;
    let document = operator.core.store.standing_settings().await;
    Ok(Json(Standing {
        document: document.map_err(down)?,
        secrets: held.text,
        secrets_held: held.version,
        given: operator.settings.are_given(),
    }))
}

/// The secrets, then the document that means them. 204 where this hub goes by them now,
/// 202 where it could not read them yet.
async fn replace(
    State(operator): State<Operator>,
    Json(new): Json<Replacement>,
) -> Result<StatusCode, Refusal> {
    let store = &operator.core.store;
    let standing = store.standing_settings().await.map_err(down)?;
    if standing != new.was {
        return Err(conflict());
    }
    if let Some(secrets) = &new.secrets {
        let replaced = operator
            .settings
            .secrets()
            .replace(&new.secrets_held, secrets)
            .await;
        replaced.map_err(|error| match error {
            SecretError::Conflict => conflict(),
            error => down(error),
        })?;
    }
    let replaced = store
        .replace_settings(new.was.as_deref(), &new.document, &new.change)
        .await;
    match replaced {
        Ok(Replaced::Done) => {}
        Ok(Replaced::Conflict) => return Err(conflict()),
        Err(StoreError::TooLarge(bytes)) => {
            return Err(down(format!(
                "the settings have {bytes} bytes, and at most {DOCUMENT_MAX} can be kept: use fewer connections in one hub"
            )));
        }
        Err(error) => return Err(down(error)),
    }
    operator.settings.follow_applied();
    // This hub follows at once; others that share the table, within a minute.
    if let Err(error) = operator.core.settings.reload(&operator.core.clock).await {
        tracing::warn!(error = %error, "what was applied is not read yet");
        return Ok(StatusCode::ACCEPTED);
    }
    Ok(StatusCode::NO_CONTENT)
}

fn conflict() -> Refusal {
    (
        StatusCode::CONFLICT,
        "somebody else has changed the settings since the plan was made: nothing was written; look at the plan again".to_owned(),
    )
}

async fn changes(State(operator): State<Operator>) -> Result<Json<Vec<SettingsChange>>, Refusal> {
    let changes = operator.core.store.settings_changes().await;
    changes.map(Json).map_err(down)
}

async fn seen(
    State(operator): State<Operator>,
    UrlPath(endpoint): UrlPath<String>,
) -> Result<Json<Option<WebhookSeen>>, Refusal> {
    let seen = operator.core.store.webhook_seen(&endpoint).await;
    seen.map(Json).map_err(down)
}

async fn keep_seen(
    State(operator): State<Operator>,
    UrlPath(endpoint): UrlPath<String>,
    Json(seen): Json<WebhookSeen>,
) -> Result<StatusCode, Refusal> {
    let kept = operator.core.store.put_webhook_seen(&endpoint, &seen).await;
    kept.map(|()| StatusCode::NO_CONTENT).map_err(down)
}

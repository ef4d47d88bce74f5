//! How connections are led: read and changed by admins, with who changed what when. No
//! secret comes or goes this way.

use super::Answer;
use super::call;
use crate::http::{HttpRequest, HttpResponse};
use crate::problem::{Kind, Problem};
use baton_hub::api::{Api, ConfigureError};
use baton_hub::config::Edited;
use baton_hub::facts::iso;
use baton_hub::store::records::Role;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Who changes settings.
const ADMINS: &[Role] = &[Role::Admin];

/// A connection's settings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "revision": "0123456789abcdef0123456789abcdef",
    "connection": {"id": "shop-chat", "endpoint": "gladly-main", "platform": "gladly"}
}))]
pub struct ConnectionSettingsObject {
    /// The revision of all settings: give it back in `If-Match`.
    pub revision: String,
    /// The connection without its secrets. Spans are milliseconds.
    #[schema(value_type = Object)]
    pub connection: Value,
}

/// What came of a change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "revision": "0123456789abcdef0123456789abcdef",
    "changed": ["timers.bot_owes"]
}))]
pub struct ConfiguredObject {
    /// The revision now.
    pub revision: String,
    /// The fields that changed; empty where nothing did, and for a connection that was
    /// removed.
    pub changed: Vec<String>,
}

/// The changes of a connection.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeList {
    /// The newest first, of the last 100 changes of all settings.
    pub changes: Vec<ChangeObject>,
}

/// One change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "at": "2026-11-20T10:00:00.000Z",
    "by": "night shift",
    "through": "api",
    "revision": "0123456789abcdef0123456789abcdef",
    "how": "changed",
    "fields": ["timers.bot_owes", "secrets.api_token"]
}))]
pub struct ChangeObject {
    /// When.
    pub at: String,
    /// Who: the name of the token, or of the person at the operator's machine.
    pub by: String,
    /// `api` or `apply`.
    pub through: String,
    /// The revision that came of it.
    pub revision: String,
    /// `new`, `changed` or `gone`.
    pub how: String,
    /// The fields, without their values.
    pub fields: Vec<String>,
}

impl From<ConfigureError> for Problem {
    fn from(error: ConfigureError) -> Self {
        match error {
            ConfigureError::Api(error) => error.into(),
            ConfigureError::Field { field, problem } => Self::field(&field, problem),
            ConfigureError::Stale(present) => Self::new(
                Kind::StaleRevision,
                format!(
                    "The settings have changed meanwhile; their revision is {present}. Read them again."
                ),
            ),
        }
    }
}

/// The revision in `If-Match`, with or without quotes.
fn revision(request: &HttpRequest) -> Result<String, Problem> {
    let given = request
        .header("if-match")
        .map(|tag| tag.trim().trim_matches('"'));
    match given {
        Some(revision) if !revision.is_empty() => Ok(revision.to_owned()),
        _ => Err(Problem::field(
            "If-Match",
            "is missing: send the `revision` that `GET /v1/connections/{id}/settings` shows",
        )),
    }
}

fn configured(edited: Edited) -> HttpResponse {
    let changed = edited.item.into_iter().flat_map(|item| item.fields);
    let object = ConfiguredObject {
        changed: changed.map(|field| field.name).collect(),
        revision: edited.revision.clone(),
    };
    HttpResponse::json(200, &object).with_header("etag", format!("\"{}\"", edited.revision))
}

/// Read a connection's settings
///
/// For admins. Without secrets, and with the revision that a change takes. 404 also where
/// the hub runs from a file, to which nothing was applied.
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    get,
    path = "/v1/connections/{id}/settings",
    tag = "connections",
    operation_id = "readConnectionSettings",
    params(("id" = String, Path, description = "Id of the connection")),
    responses(
        (status = 200, description = "The settings", body = ConnectionSettingsObject),
        super::openapi::ReadRefusals,
    )
)]
pub async fn settings(api: Api, request: HttpRequest) -> Answer {
    let caller = call::caller(&api, &request, ADMINS).await?;
    call::only_query(&request, &[])?;
    let found = api.connection_settings(&caller, call::id(&request)).await?;
    let tag = format!("\"{}\"", found.revision);
    let object = ConnectionSettingsObject {
        revision: found.revision,
        connection: found.connection,
    };
    Ok(HttpResponse::json(200, &object).with_header("etag", tag))
}

/// Change a connection
///
/// For admins: addresses, timers, default inbox, retention, what is on the bus. The body is
/// what `GET .../settings` shows as `connection`, changed. Where credentials are sent, and
/// the credentials, are changed by `baton apply` alone. Functions follow within 60 s.
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    put,
    path = "/v1/connections/{id}",
    tag = "connections",
    operation_id = "changeConnection",
    params(
        ("id" = String, Path, description = "Id of the connection"),
        ("If-Match" = String, Header, description = "The revision that the change is made on"),
    ),
    request_body = Object,
    responses(
        (status = 200, description = "What changed", body = ConfiguredObject),
        super::openapi::ConfigureRefusals,
    )
)]
pub async fn change(api: Api, request: HttpRequest) -> Answer {
    let caller = call::caller(&api, &request, ADMINS).await?;
    call::only_query(&request, &[])?;
    let revision = revision(&request)?;
    let form: Value = call::body(&request)?;
    let edited = api
        .configure(&caller, call::id(&request), Some(form), &revision)
        .await?;
    Ok(configured(edited))
}

/// Remove a connection
///
/// For admins. Its conversations go on at the platform, without bot and timers.
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    delete,
    path = "/v1/connections/{id}",
    tag = "connections",
    operation_id = "removeConnection",
    params(
        ("id" = String, Path, description = "Id of the connection"),
        ("If-Match" = String, Header, description = "The revision that the change is made on"),
    ),
    responses(
        (status = 200, description = "It is removed", body = ConfiguredObject),
        super::openapi::ConfigureRefusals,
    )
)]
pub async fn remove(api: Api, request: HttpRequest) -> Answer {
    let caller = call::caller(&api, &request, ADMINS).await?;
    call::only_query(&request, &[])?;
    let revision = revision(&request)?;
    let edited = api
        .configure(&caller, call::id(&request), None, &revision)
        .await?;
    Ok(configured(edited))
}

/// List a connection's changes
///
/// For admins: who changed which fields when, of the last 100 changes of all settings.
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    get,
    path = "/v1/connections/{id}/changes",
    tag = "connections",
    operation_id = "listConnectionChanges",
    params(("id" = String, Path, description = "Id of the connection")),
    responses(
        (status = 200, description = "The changes, the newest first", body = ChangeList),
        super::openapi::ReadRefusals,
    )
)]
pub async fn changes(api: Api, request: HttpRequest) -> Answer {
    let caller = call::caller(&api, &request, ADMINS).await?;
    call::only_query(&request, &[])?;
    let found = api.connection_changes(&caller, call::id(&request)).await?;
    let changes = found.into_iter().flat_map(|change| {
        let (at, by, through, revision) =
            (iso(change.at), change.by, change.through, change.revision);
        change.items.into_iter().map(move |item| ChangeObject {
            at: at.clone(),
            by: by.clone(),
            through: through.clone(),
            revision: revision.clone(),
            how: item.how,
            fields: item.fields,
        })
    });
    let changes = changes.collect();
    Ok(HttpResponse::json(200, &ChangeList { changes }))
}

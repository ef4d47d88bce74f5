//! The control API, for people at a terminal: the same as the Rust API, without
//! credentials, below `/control`.
//!
//! | call | effect |
//! |---|---|
//! | `POST /control/customers/{name}/messages` `{"text"}` | the customer writes |
//! | `POST /control/customers/{name}/choices` `{"item"}` | picks from the last menu |
//! | `GET /control/customers/{name}` | what the customer sees, and who serves |
//! | `POST /control/customers/{name}/accept` `{"agent"?}` | an agent takes over |
//! | `POST /control/customers/{name}/reply` `{"text"}` | the agent writes |
//! | `POST /control/customers/{name}/close` | the agent closes |
//! | `POST /control/customers/{name}/merge` `{"into"}` | merges into another customer |
//! | `POST /control/automation` `{"paused"}` | pauses or resumes the automation |
//! | `PUT /control/faults` | replaces the [`Faults`] |
//! | `GET /control/sessions`, `/violations`, `/deliveries`, `/calls` | the oracle |

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::GladlySim;
use super::faults::Faults;

type Sim = State<GladlySim>;
type Name = Path<String>;

/// The routes, to be nested below `/control`.
pub(crate) fn routes() -> Router<GladlySim> {
    Router::new()
        .route("/customers/{name}", get(show))
        .route("/customers/{name}/messages", post(write))
        .route("/customers/{name}/choices", post(choose))
        .route("/customers/{name}/accept", post(accept))
        .route("/customers/{name}/reply", post(reply))
        .route("/customers/{name}/close", post(close))
        .route("/customers/{name}/merge", post(merge))
        .route("/automation", post(automation))
        .route("/faults", put(faults))
        .route(
            "/sessions",
            get(|State(sim): Sim| async move { Json(sim.transcript()) }),
        )
        .route(
            "/violations",
            get(|State(sim): Sim| async move { Json(sim.violations()) }),
        )
        .route(
            "/deliveries",
            get(|State(sim): Sim| async move { Json(sim.deliveries()) }),
        )
        .route(
            "/calls",
            get(|State(sim): Sim| async move { Json(sim.calls()) }),
        )
}

/// The body's fields; a body that is no object has none.
fn fields(body: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(body).unwrap_or_default()
}

fn text<'a>(fields: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    let value = fields.get(key).and_then(Value::as_str);
    value.ok_or_else(|| format!("the body must be a JSON object with a string \"{key}\""))
}

fn respond<T: Serialize>(result: Result<T, String>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response(),
    }
}

async fn show(State(sim): Sim, Path(name): Name) -> Response {
    match sim.customer(&name) {
        Some(view) => Json(view).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn write(State(sim): Sim, Path(name): Name, body: Bytes) -> Response {
    let fields = fields(&body);
    respond(
        text(&fields, "text").and_then(|text| match fields.get("context") {
            Some(context) => sim.customer_writes_from(&name, text, context.clone()),
            None => sim.customer_writes(&name, text),
        }),
    )
}

async fn choose(State(sim): Sim, Path(name): Name, body: Bytes) -> Response {
    respond(text(&fields(&body), "item").and_then(|item| sim.customer_chooses(&name, item)))
}

async fn accept(State(sim): Sim, Path(name): Name, body: Bytes) -> Response {
    let fields = fields(&body);
    let agent = fields.get("agent").and_then(Value::as_str);
    respond(
        sim.agent_accepts(&name, agent)
            .map(|id| json!({"agentId": id})),
    )
}

async fn reply(State(sim): Sim, Path(name): Name, body: Bytes) -> Response {
    let replied = text(&fields(&body), "text").and_then(|text| sim.agent_replies(&name, text));
    respond(replied.map(|id| json!({"messageId": id})))
}

async fn close(State(sim): Sim, Path(name): Name) -> Response {
    respond(sim.agent_closes(&name).map(|()| json!({})))
}

async fn merge(State(sim): Sim, Path(name): Name, body: Bytes) -> Response {
    let merged = text(&fields(&body), "into").and_then(|into| sim.merge_customers(&name, into));
    respond(merged.map(|()| json!({})))
}

async fn automation(State(sim): Sim, body: Bytes) -> Response {
    let paused = fields(&body).get("paused").and_then(Value::as_bool);
    let paused = paused.ok_or_else(|| "\"paused\" must be true or false".to_owned());
    respond(paused.map(|paused| {
        sim.pause_automation(paused);
        json!({"paused": paused})
    }))
}

async fn faults(State(sim): Sim, body: Bytes) -> Response {
    let parsed = serde_json::from_slice::<Faults>(&body).map_err(|error| error.to_string());
    respond(parsed.inspect(|faults| sim.set_faults(faults.clone())))
}

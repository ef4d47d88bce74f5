//! The entry points: one per function behind HTTP. Each looks at the route that API
//! Gateway has matched and calls what serves it. The binaries and the local hub share
//! them.

use crate::api::{
    Answer, configuring, connections as settings, control as holding, conversations as questions,
    messages,
};
use crate::gladly_face::{self, FaceAnswer};
use crate::http::{HttpRequest, HttpResponse};
use crate::problem::Problem;
use crate::webhooks;
use baton_hub::Core;
use baton_hub::api::{Api, ApiError, OutboundApi};
use baton_hub::core::CALL_ANSWERS_WITHIN;
use baton_hub::metrics::INVOCATION;
use baton_hub::settings::Platform;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Gladly's webhook.
pub async fn gladly(core: Core, request: HttpRequest) -> HttpResponse {
    webhooks::receive(&core, Platform::Gladly, &request).await
}

/// Messages and typing.
pub async fn send(app: OutboundApi, request: HttpRequest) -> HttpResponse {
    let api = app.api.clone();
    let to = Way::of(&request);
    match request.route_key.as_str() {
        "POST /v1/conversations/{id}/messages" => {
            baton(api, to, messages::send(app, request)).await
        }
        "POST /v1/conversations/{id}/typing" => {
            baton(api, to, messages::typing(app, request)).await
        }
        "POST /gladly/api/v1/message-automation/sessions/{id}/messages" => {
            face(to, gladly_face::sessions::send(app, request)).await
        }
        "POST /gladly/api/v1/message-automation/sessions/{id}/typing-indicators" => {
            face(to, gladly_face::sessions::typing(app, request)).await
        }
        _ => unknown(api, to, request).await,
    }
}

/// Handing off.
pub async fn handoff(app: OutboundApi, request: HttpRequest) -> HttpResponse {
    let api = app.api.clone();
    let to = Way::of(&request);
    match request.route_key.as_str() {
        "POST /v1/conversations/{id}/handoff" => {
            baton(api, to, holding::handoff(app, request)).await
        }
        "POST /gladly/api/v1/message-automation/sessions/{id}/handoff" => {
            face(to, gladly_face::sessions::handoff(app, request)).await
        }
        _ => unknown(api, to, request).await,
    }
}

/// Closing.
pub async fn close(app: OutboundApi, request: HttpRequest) -> HttpResponse {
    let api = app.api.clone();
    let to = Way::of(&request);
    match request.route_key.as_str() {
        "POST /v1/conversations/{id}/close" => baton(api, to, holding::close(app, request)).await,
        "POST /gladly/api/v1/message-automation/sessions/{id}/close" => {
            face(to, gladly_face::sessions::close(app, request)).await
        }
        _ => unknown(api, to, request).await,
    }
}

/// Passing, taking and releasing control.
pub async fn control(app: OutboundApi, request: HttpRequest) -> HttpResponse {
    let api = app.api.clone();
    let to = Way::of(&request);
    match request.route_key.as_str() {
        "POST /v1/conversations/{id}/control" => {
            baton(api, to, holding::control(app, request)).await
        }
        "POST /v1/conversations/{id}/erase" => baton(api, to, holding::erase(app, request)).await,
        "PATCH /gladly/api/v1/conversations/{id}" => {
            face(to, gladly_face::conversations::patch(app, request)).await
        }
        _ => unknown(api, to, request).await,
    }
}

/// Questions about conversations.
pub async fn conversations(api: Api, request: HttpRequest) -> HttpResponse {
    let to = Way::of(&request);
    match request.route_key.as_str() {
        "GET /v1/conversations" => baton(api.clone(), to, questions::list(api, request)).await,
        "GET /v1/conversations/{id}" => baton(api.clone(), to, questions::one(api, request)).await,
        "GET /v1/conversations/{id}/messages" => {
            baton(api.clone(), to, messages::list(api, request)).await
        }
        "GET /v1/conversations/{id}/events" => {
            baton(api.clone(), to, questions::events(api, request)).await
        }
        "GET /gladly/api/v1/message-automation/sessions/{id}" => {
            face(to, gladly_face::sessions::one(api, request)).await
        }
        "GET /gladly/api/v1/message-automation/sessions/{id}/messages" => {
            face(to, gladly_face::sessions::messages(api, request)).await
        }
        "GET /gladly/api/v1/message-automation/sessions/{id}/messages/{message}" => {
            face(to, gladly_face::sessions::message(api, request)).await
        }
        "GET /gladly/api/v1/conversations/{id}" => {
            face(to, gladly_face::conversations::one(api, request)).await
        }
        _ => unknown(api, to, request).await,
    }
}

/// Connections, the hub's own pages, and every path that nothing else serves.
pub async fn connections(api: Api, request: HttpRequest) -> HttpResponse {
    let to = Way::of(&request);
    match request.route_key.as_str() {
        "GET /v1/connections" => baton(api.clone(), to, settings::list(api, request)).await,
        "GET /v1/connections/{id}" => baton(api.clone(), to, settings::one(api, request)).await,
        "PUT /v1/connections/{id}" => {
            baton(api.clone(), to, configuring::change(api, request)).await
        }
        "DELETE /v1/connections/{id}" => {
            baton(api.clone(), to, configuring::remove(api, request)).await
        }
        "GET /v1/connections/{id}/settings" => {
            baton(api.clone(), to, configuring::settings(api, request)).await
        }
        "GET /v1/connections/{id}/changes" => {
            baton(api.clone(), to, configuring::changes(api, request)).await
        }
        "GET /openapi.json" => baton(api.clone(), to, settings::openapi(api, request)).await,
        "GET /problems/{name}" => baton(api.clone(), to, settings::problem(api, request)).await,
        "GET /health" => baton(api.clone(), to, settings::health(api, request)).await,
        _ => unknown(api, to, request).await,
    }
}

/// A path or method that nothing serves, in the shape of the face it was meant for.
async fn unknown(api: Api, to: Way, request: HttpRequest) -> HttpResponse {
    if to.path.starts_with("/gladly/") {
        face(to, gladly_face::unsupported(api, request)).await
    } else {
        baton(api.clone(), to, settings::unknown(api, request)).await
    }
}

/// Where a request went: for the answer and the log.
struct Way {
    path: String,
    route: String,
    answer_by: Instant,
}

impl Way {
    fn of(request: &HttpRequest) -> Self {
        Self {
            path: request.path.clone(),
            route: request.route_key.clone(),
            answer_by: request.arrived.0 + ANSWERS_WITHIN,
        }
    }

    fn answered(&self, response: HttpResponse) -> HttpResponse {
        tracing::info!(target: INVOCATION, route = %self.route, status = response.status, "a call was answered");
        response
    }
}

/// Whatever a call waits for, it is answered by then. What changes something looks at the
/// time itself, and says how far it came; this is for what is left.
const ANSWERS_WITHIN: Duration = Duration::from_millis(CALL_ANSWERS_WITHIN as u64 - 100);

/// Runs a route of the Baton API. In a task of its own: a panic is an answer like any
/// other error, and a caller who hangs up does not stop what was begun.
async fn baton(
    api: Api,
    to: Way,
    answer: impl Future<Output = Answer> + Send + 'static,
) -> HttpResponse {
    let problem = match timeout_at(to.answer_by, tokio::spawn(answer)).await {
        Ok(Ok(Ok(response))) => return to.answered(response),
        Ok(Ok(Err(problem))) => problem,
        Ok(Err(_panic)) => Problem::internal(),
        Err(_late) => Problem::from(ApiError::Unavailable),
    };
    let page = problem.kind.page();
    tracing::info!(target: INVOCATION, route = %to.route, status = page.status, problem = page.name, "a call was refused");
    let settings = api.settings().await.ok();
    let public_url = settings
        .as_ref()
        .and_then(|settings| settings.public_url.as_deref());
    problem.response(public_url, &to.path)
}

/// Runs a route of the Gladly face, likewise.
async fn face(to: Way, answer: impl Future<Output = FaceAnswer> + Send + 'static) -> HttpResponse {
    let refused = match timeout_at(to.answer_by, tokio::spawn(answer)).await {
        Ok(Ok(Ok(response))) => return to.answered(response),
        Ok(Ok(Err(refused))) => refused,
        Ok(Err(_panic)) => gladly_face::Refused::empty(500),
        Err(_late) => gladly_face::Refused::empty(503),
    };
    tracing::info!(target: INVOCATION, route = %to.route, status = refused.status(), "a call of the Gladly face was refused");
    refused.response()
}

#[cfg(test)]
pub(crate) mod tests;

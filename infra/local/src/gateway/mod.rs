//! API Gateway's HTTP API in this process: any HTTP request becomes an event of
//! payload format 2.0, and the function's answer an HTTP response.
//!
//! - `event` makes the event;
//! - `response` reads the answer.
//!
//! Facts are from the API Gateway developer guide: "Create AWS Lambda proxy
//! integrations for HTTP APIs" and "Quotas for configuring and running an HTTP
//! API".

mod event;
mod response;

#[cfg(test)]
mod tests;

use crate::engine::Clock;
use crate::identifier;
use crate::invoke::{Functions, InvokeError};
use crate::template::Template;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use http_body::Body as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// The largest body that API Gateway takes.
const BODY_LIMIT: usize = 10 * 1_024 * 1_024;

/// The largest event, and the largest answer, of a Lambda function.
const PAYLOAD_LIMIT: usize = 6 * 1_024 * 1_024;

/// How long an HTTP API waits for an integration; it cannot be raised.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct Gateway {
    template: Arc<Template>,
    functions: Arc<dyn Functions>,
    clock: Arc<dyn Clock>,
}

/// Serves every route of the template. Serve it with
/// `into_make_service_with_connect_info::<SocketAddr>()`, so that events name
/// the caller's address; without, they name 127.0.0.1.
///
/// As on AWS, a call goes on when its caller has left.
pub fn router(
    template: Arc<Template>,
    functions: Arc<dyn Functions>,
    clock: Arc<dyn Clock>,
) -> Router {
    Router::new().fallback(answer).with_state(Gateway {
        template,
        functions,
        clock,
    })
}

async fn answer(State(gateway): State<Gateway>, request: Request) -> Response {
    let request_id = identifier::random();
    let mut response = match gateway.call(request, &request_id).await {
        Ok(response) => response,
        Err(status) => refusal(status),
    };
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("apigw-requestid", id);
    }
    response
}

impl Gateway {
    async fn call(&self, request: Request, request_id: &str) -> Result<Response, StatusCode> {
        let source = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.ip());
        let (head, body) = request.into_parts();
        let route = self
            .template
            .match_route(head.method.as_str(), head.uri.path())
            .ok_or(StatusCode::NOT_FOUND)?;
        let function = route.function.to_owned();
        let body = read(body).await?;
        let event = event::make(&event::Arrival {
            head: &head,
            body: &body,
            route: &route,
            source,
            request_id,
            now_secs: self.clock.now_unix_secs_f64(),
        });
        if event.len() > PAYLOAD_LIMIT {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }

        let call = tokio::spawn(self.functions.invoke(&function, event));
        let answer = match tokio::time::timeout(INTEGRATION_TIMEOUT, call).await {
            Err(_) => return Err(StatusCode::SERVICE_UNAVAILABLE),
            Ok(Err(panic)) => {
                tracing::error!(error = %panic, function, "a function's call ended early");
                return Err(StatusCode::INTERNAL_SERVER_ERROR);
            }
            Ok(Ok(Err(error))) => {
                tracing::error!(%error, function, "a function failed");
                return Err(match error {
                    InvokeError::Throttled | InvokeError::TimedOut(_) => {
                        StatusCode::SERVICE_UNAVAILABLE
                    }
                    InvokeError::Unknown(_) | InvokeError::Failed(_) => {
                        StatusCode::INTERNAL_SERVER_ERROR
                    }
                });
            }
            Ok(Ok(Ok(answer))) => answer,
        };
        if answer.len() > PAYLOAD_LIMIT {
            return Err(StatusCode::INTERNAL_SERVER_ERROR);
        }
        response::make(&answer).ok_or_else(|| {
            tracing::error!(function, "a function's answer is no HTTP response");
            StatusCode::INTERNAL_SERVER_ERROR
        })
    }
}

/// Reads a body of at most 10 MB.
async fn read(mut body: Body) -> Result<Bytes, StatusCode> {
    let mut bytes = Vec::new();
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        match frame {
            None => return Ok(Bytes::from(bytes)),
            // The caller broke off: nobody reads this answer.
            Some(Err(_)) => return Err(StatusCode::BAD_REQUEST),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    if bytes.len() + data.len() > BODY_LIMIT {
                        return Err(StatusCode::PAYLOAD_TOO_LARGE);
                    }
                    bytes.extend_from_slice(data);
                }
            }
        }
    }
}

/// API Gateway's own answers.
fn refusal(status: StatusCode) -> Response {
    let message = match status {
        // HTTP's newer name for it is another.
        StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
        other => other.canonical_reason().unwrap_or_default(),
    };
    let body = serde_json::json!({"message": message}).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        axum::http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

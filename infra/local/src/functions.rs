//! The library's handlers in this process, called as Lambda would call them.

use crate::invoke::{BoxFuture, Functions, InvokeError};
use baton_functions::http::{HttpRequest, HttpResponse};
use baton_functions::{handlers, streams};
use baton_hub::api::{Api, OutboundApi};
use baton_hub::publish::Publisher;
use baton_hub::relay::Relay;
use baton_hub::sweep::Sweep;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, OnceLock};

/// What the handlers need, each its own part, as each binary has it.
#[derive(Clone, Debug)]
pub struct App {
    /// For webhooks and questions.
    pub api: Api,
    /// For commands that reach a platform.
    pub outbound: OutboundApi,
    /// For the stream.
    pub relay: Relay,
    /// For the stream.
    pub publisher: Publisher,
    /// For what is due.
    pub sweep: Sweep,
}

/// The handlers of this process. The bus that they publish to calls them in turn, so
/// what they need is filled in once both exist.
#[derive(Clone, Debug, Default)]
pub struct InProcess(Arc<OnceLock<App>>);

impl InProcess {
    /// Fills in what the handlers need; only the first time counts.
    pub fn start(&self, app: App) {
        let _first = self.0.set(app);
    }
}

impl Functions for InProcess {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let app = self.0.get().cloned();
        let function = function.to_owned();
        Box::pin(async move {
            let app = app.ok_or(InvokeError::Throttled)?;
            // A task of its own: a panic is an error answer, as on Lambda.
            tokio::spawn(async move { call(app, &function, &payload).await })
                .await
                .map_err(|panic| InvokeError::Failed(panic.to_string()))?
        })
    }
}

/// Calls a function's handler with an event in JSON.
///
/// # Errors
/// When there is no such function, or it fails.
pub(crate) async fn call(app: App, function: &str, payload: &[u8]) -> Result<Vec<u8>, InvokeError> {
    match function {
        "gladly" => {
            http(payload, async |request| {
                handlers::gladly(app.api.core, request).await
            })
            .await
        }
        "send" => {
            http(payload, async |request| {
                handlers::send(app.outbound, request).await
            })
            .await
        }
        "handoff" => {
            http(payload, async |request| {
                handlers::handoff(app.outbound, request).await
            })
            .await
        }
        "close" => {
            http(payload, async |request| {
                handlers::close(app.outbound, request).await
            })
            .await
        }
        "control" => {
            http(payload, async |request| {
                handlers::control(app.outbound, request).await
            })
            .await
        }
        "conversations" => {
            http(payload, async |request| {
                handlers::conversations(app.api, request).await
            })
            .await
        }
        "connections" => {
            http(payload, async |request| {
                handlers::connections(app.api, request).await
            })
            .await
        }
        "relay" => {
            event(payload, async |batch| {
                Ok(streams::relay(app.relay, batch).await)
            })
            .await
        }
        "publish" => {
            event(payload, async |batch| {
                Ok(streams::publish(app.publisher, batch).await)
            })
            .await
        }
        "sweep" => {
            event(payload, async |tick| {
                streams::sweep(app.sweep, tick)
                    .await
                    .map_err(|error| error.to_string())
            })
            .await
        }
        unknown => Err(InvokeError::Unknown(unknown.to_owned())),
    }
}

async fn http(
    payload: &[u8],
    handler: impl AsyncFnOnce(HttpRequest) -> HttpResponse,
) -> Result<Vec<u8>, InvokeError> {
    event(payload, async |request| Ok(handler(request).await)).await
}

async fn event<Event: DeserializeOwned, Answer: Serialize>(
    payload: &[u8],
    handler: impl AsyncFnOnce(Event) -> Result<Answer, String>,
) -> Result<Vec<u8>, InvokeError> {
    let event =
        serde_json::from_slice(payload).map_err(|error| InvokeError::Failed(error.to_string()))?;
    let answer = handler(event).await.map_err(InvokeError::Failed)?;
    serde_json::to_vec(&answer).map_err(|error| InvokeError::Failed(error.to_string()))
}

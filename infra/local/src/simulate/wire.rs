//! A sandbox's way to the database and to the bus: the SDK's HTTP client, with
//! everything that can go wrong on it.

use super::due::DueBoard;
use super::sandbox::Sandbox;
use super::stage::BEGINS;
use super::weather::Fault;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use std::sync::Arc;
use std::time::Duration;

/// What is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Database,
    Bus,
}

/// A wire of one sandbox.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) end: End,
    /// Answers at the other end.
    pub(super) to: SharedHttpConnector,
    /// The same where an index is behind its table.
    pub(super) behind: SharedHttpConnector,
    /// Knows when nothing is due.
    pub(super) due: Option<DueBoard>,
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move { wire.exchange(request).await })
    }
}

impl Wire {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let sandbox = &self.sandbox;
        sandbox.runs().await;
        let operation = operation(&request);
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let about = || format!("{operation} {}", about(&body));
        let stage = &sandbox.stage;
        let now = || stage.clock.now() - BEGINS;
        stage.story.digest(now(), &sandbox.name, &body);
        sandbox
            .may_die(Fault::KilledBefore, || format!("before {}", about()))
            .await;
        if let Some(refused) = self.refuse(&about) {
            return refused;
        }
        let took = Duration::from_millis(1 + sandbox.below(4));
        let slow = self.slowness(&operation);
        let of_index = operation == "Query" && is_of_index(&body);
        let behind = of_index && sandbox.is_struck(Fault::IndexLags);
        let to = if behind { &self.behind } else { &self.to }.clone();
        let idle = match &self.due {
            Some(due) if of_index && !behind && slow.is_none() => due.nothing_due(&body).await,
            _ => None,
        };
        let is_idle = idle.is_some();
        let answer = if let Some(nothing) = idle {
            tokio::time::sleep(took).await;
            nothing
        } else if let Some(took) = slow {
            // What is under way takes effect, whether its caller still waits or not.
            stage.note(&sandbox.name, || {
                format!("slow, {} ms: {}", took.as_millis(), about())
            });
            let late = tokio::spawn(async move {
                tokio::time::sleep(took).await;
                to.call(request).await
            });
            late.await.map_err(|_| broken("the answer was lost"))?
        } else {
            tokio::time::sleep(took).await;
            to.call(request).await
        };
        if let Ok(answer) = &answer {
            let body = answer.body().bytes().unwrap_or_default();
            // The bus gives events ids of its own, of the machine's chance.
            if self.end == End::Database {
                stage.story.digest(now(), &sandbox.name, body);
            }
            // A sweep that finds nothing is not worth a line.
            if !is_idle {
                stage.note(&sandbox.name, || {
                    format!("{} -> {}", about(), answer.status().as_u16())
                });
            }
        }
        sandbox
            .may_die(Fault::KilledAfter, || format!("after {}", about()))
            .await;
        tokio::time::sleep(Duration::from_millis(1 + sandbox.below(4))).await;
        sandbox.runs().await;
        let lost = match self.end {
            End::Database => Fault::StoreAnswerLost,
            End::Bus => Fault::BusAnswerLost,
        };
        if sandbox.is_struck(lost) {
            stage.note(&sandbox.name, || format!("answer lost: {}", about()));
            return Err(broken("the answer was lost"));
        }
        answer
    }

    /// How long a call is under way, where that is long.
    fn slowness(&self, operation: &str) -> Option<Duration> {
        if self.end == End::Bus {
            return None;
        }
        // Late puts meet the place that they are about taken; late updates meet what was
        // decided anew since, which is the more dangerous.
        let throws = if operation == "UpdateItem" { 6 } else { 1 };
        let late = (0..throws).any(|_| self.sandbox.is_struck(Fault::StoreLate));
        let (least, most) = if late {
            (2_000, 30_000)
        } else if self.sandbox.is_struck(Fault::StoreSlow) {
            (20, 1_500)
        } else {
            return None;
        };
        Some(Duration::from_millis(least + self.sandbox.below(most)))
    }

    /// What a call gets instead of taking effect, if it does not.
    fn refuse(&self, about: &impl Fn() -> String) -> Option<Result<HttpResponse, ConnectorError>> {
        if self.end == End::Bus {
            return None;
        }
        let refusals = [
            (Fault::StoreThrottles, 400, "ThrottlingException"),
            (Fault::StoreFails, 500, "InternalServerError"),
            (Fault::StoreConflicts, 400, "TransactionConflictException"),
        ];
        for (fault, status, kind) in refusals {
            if self.sandbox.is_struck(fault) {
                self.sandbox
                    .stage
                    .note(&self.sandbox.name, || format!("{kind}: {}", about()));
                return Some(answer(status, kind));
            }
        }
        if self.sandbox.is_struck(Fault::StoreCallLost) {
            self.sandbox
                .stage
                .note(&self.sandbox.name, || format!("call lost: {}", about()));
            return Some(Err(broken("the call was lost")));
        }
        None
    }
}

fn operation(request: &HttpRequest) -> String {
    request
        .headers()
        .get("x-amz-target")
        .and_then(|target| target.split('.').next_back())
        .unwrap_or_default()
        .to_owned()
}

fn is_of_index(body: &[u8]) -> bool {
    body.windows(11).any(|window| window == b"\"IndexName\"")
}

/// What a call is about, for the story: its keys.
fn about(body: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else {
        return String::new();
    };
    let text = |pointer: &str| {
        json.pointer(pointer)
            .and_then(serde_json::Value::as_str)
            .map(str::to_owned)
    };
    let key =
        |name: &str| text(&format!("/Key/{name}/S")).or_else(|| text(&format!("/Item/{name}/S")));
    let of = key("pk")
        .or_else(|| text("/ExpressionAttributeValues/:pk/S"))
        .map(|pk| pk.chars().take(12).collect::<String>());
    let update = text("/UpdateExpression");
    [text("/IndexName"), of, key("sk"), update]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

fn answer(status: u16, kind: &str) -> Result<HttpResponse, ConnectorError> {
    let body = serde_json::json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"),
        "message": "a fault of the simulation",
    });
    let status =
        StatusCode::try_from(status).map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
    response
        .headers_mut()
        .insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}

fn broken(what: &'static str) -> ConnectorError {
    ConnectorError::io(std::io::Error::new(std::io::ErrorKind::ConnectionReset, what).into())
}

//! The AWS SDK's HTTP client that ends in this process.

use super::faults::{After, Before, Call, Faults};
use super::operation::{self, Answer};
use super::{Engine, EngineError, note};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

/// Prefixes of `X-Amz-Target`. Source: the services' models, `targetPrefix`.
const TARGETS: [&str; 2] = ["DynamoDB_20120810.", "DynamoDBStreams_20120810."];

impl HttpClient for Engine {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Engine {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let engine = self.clone();
        HttpConnectorFuture::new(async move {
            let operation = request
                .headers()
                .get("x-amz-target")
                .and_then(|target| {
                    TARGETS
                        .iter()
                        .find_map(|prefix| target.strip_prefix(prefix))
                })
                .unwrap_or_default()
                .to_owned();
            let body = request.body().bytes().unwrap_or_default().to_vec();
            let answer = engine.answer(operation, body).await?;
            respond(answer)
        })
    }
}

impl Engine {
    /// Answers a call, with everything that its faults make of it.
    async fn answer(&self, operation: String, body: Vec<u8>) -> Result<Answer, ConnectorError> {
        let Some(faults) = self.faults.clone() else {
            return self.apply(operation, body, None).await;
        };
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        let call = Call {
            operation: &operation,
            body: &json,
        };
        if let Some(answer) = spoil(faults.as_ref(), &call).await? {
            return Ok(answer);
        }
        let lag = call.index().and_then(|_| faults.index_lag(&call));
        let answer = self.apply(operation.clone(), body, lag).await?;
        match faults.after(&call, answer.is_success()) {
            After::Proceed => Ok(answer),
            After::Delay(time) => {
                tokio::time::sleep(time).await;
                Ok(answer)
            }
            After::LoseAnswer => Err(broken("the answer was lost")),
        }
    }

    async fn apply(
        &self,
        operation: String,
        body: Vec<u8>,
        lag: Option<std::time::Duration>,
    ) -> Result<Answer, ConnectorError> {
        let writes = self.shared.writes.clone();
        self.run(move |store| {
            let answer = store.answer(&operation, &body, lag);
            // Here, since the caller may be gone when the answer comes.
            if operation::writes(&operation) && answer.is_success() {
                note(&writes);
            }
            answer
        })
        .await
        .map_err(stopped)
    }
}

/// The answer that a call gets instead of being applied, if it is not.
async fn spoil(faults: &dyn Faults, call: &Call<'_>) -> Result<Option<Answer>, ConnectorError> {
    Ok(match faults.before(call) {
        Before::Proceed => None,
        Before::Delay(time) => {
            tokio::time::sleep(time).await;
            None
        }
        Before::Throttle => Some(Answer::error(
            400,
            "ThrottlingException",
            "The rate of requests exceeds the allowed throughput.",
        )),
        Before::InternalError => Some(Answer::error(
            500,
            "InternalServerError",
            "Internal server error",
        )),
        Before::Conflict => Some(conflict(call)),
        Before::Lose => return Err(broken("the call was lost")),
    })
}

fn conflict(call: &Call<'_>) -> Answer {
    const MESSAGE: &str = "Transaction is ongoing for the item";
    if !call.operation.starts_with("Transact") {
        return Answer::error(400, "TransactionConflictException", MESSAGE);
    }
    let items = call
        .body
        .get("TransactItems")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    // The first action met the other transaction; the rest had no reason.
    let reasons: Vec<Value> = (0..items)
        .map(|item| match item {
            0 => serde_json::json!({"Code": "TransactionConflict", "Message": MESSAGE}),
            _ => serde_json::json!({"Code": "None"}),
        })
        .collect();
    let body = serde_json::json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": reasons,
    });
    Answer {
        status: 400,
        body: body.to_string().into_bytes(),
    }
}

fn respond(answer: Answer) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(answer.status)
        .map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    response
        .headers_mut()
        .insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}

fn broken(what: &'static str) -> ConnectorError {
    ConnectorError::io(std::io::Error::new(std::io::ErrorKind::ConnectionReset, what).into())
}

fn stopped(error: EngineError) -> ConnectorError {
    ConnectorError::other(error.into(), None)
}

//! DynamoDB, EventBridge and Secrets Manager on a local port, for binaries that speak
//! to AWS over HTTP.
//!
//! The first two are the local hub's own engine and bus behind a socket; secrets are
//! fixed. All three speak AWS's JSON protocol: a POST whose `X-Amz-Target` names the
//! operation. Whoever asks is recognised by the access key of the request's signature
//! (AWS Signature Version 4, `Credential=<key>/<date>/...`); signatures are not
//! verified.

use crate::certificate::{Certificate, Secure};
mod tries;

pub use tries::Tries;

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use baton_local::bus::Bus;
use baton_local::engine::Engine;
use baton_simulators::serving::{Served, serve};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// What an access key of the tests begins with; the function's name follows.
const KEY_PREFIX: &str = "test-key-";

/// The access key that [`Aws`] recognises a function by.
#[must_use]
pub fn access_key(function: &str) -> String {
    format!("{KEY_PREFIX}{function}")
}

/// Something that was asked of AWS, in the words of a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The function that asked, or whatever its access key is instead.
    pub function: String,
    /// Such as `dynamodb:PutItem`. A transaction counts as itself
    /// (`dynamodb:TransactWriteItems`) and as the action of each of its items, which
    /// is what IAM asks for.
    pub action: String,
    /// `table`, `table/index/<name>`, `bus/<name>`, or `secret/<id>`.
    pub resource: String,
}

/// How often each was asked.
pub type Uses = BTreeMap<Use, u64>;

/// The services. Dropping it closes the port.
#[derive(Debug)]
pub struct Aws {
    url: String,
    uses: Arc<Mutex<Uses>>,
    tries: Arc<Mutex<Tries>>,
    _server: Server,
}

/// What listens.
#[derive(Debug)]
enum Server {
    Plain(#[expect(dead_code, reason = "dropping it closes the port")] Served),
    Secure(#[expect(dead_code, reason = "dropping it closes the port")] Secure),
}

#[derive(Clone)]
struct Services {
    engine: Engine,
    bus: Bus,
    secrets: Arc<BTreeMap<String, String>>,
    uses: Arc<Mutex<Uses>>,
    tries: Arc<Mutex<Tries>>,
}

impl Aws {
    /// Serves this engine, this bus and these secrets (id or ARN, and text) on a free
    /// port of 127.0.0.1, behind TLS where there is a certificate.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn serve(
        engine: &Engine,
        bus: &Bus,
        secrets: BTreeMap<String, String>,
        certificate: Option<&Certificate>,
    ) -> io::Result<Self> {
        let uses = Arc::new(Mutex::new(Uses::new()));
        let tries = Arc::new(Mutex::new(Tries::default()));
        let services = Services {
            engine: engine.clone(),
            bus: bus.clone(),
            secrets: Arc::new(secrets),
            uses: Arc::clone(&uses),
            tries: Arc::clone(&tries),
        };
        let router = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state(services);
        let (url, server) = match certificate {
            None => {
                let served = serve(router).await?;
                (served.base_url.clone(), Server::Plain(served))
            }
            Some(certificate) => {
                let served = certificate.serve(router).await?;
                (served.url.clone(), Server::Secure(served))
            }
        };
        Ok(Self {
            url,
            uses,
            tries,
            _server: server,
        })
    }

    /// What `AWS_ENDPOINT_URL_DYNAMODB` and its like are set to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Everything that was asked since the start, refused or not.
    #[must_use]
    pub fn uses(&self) -> Uses {
        self.uses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How requests to DynamoDB were tried so far.
    #[must_use]
    pub fn tries(&self) -> Tries {
        let tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.clone()
    }

    /// How often a function asked for an action, on whatever resource.
    #[must_use]
    pub fn count(&self, function: &str, action: &str) -> u64 {
        let of = |used: &Use| used.function == function && used.action == action;
        let uses = self.uses();
        let counts = uses.iter().filter(|(used, _)| of(used));
        counts.map(|(_, count)| count).sum()
    }
}

async fn answer(State(services): State<Services>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let target = header("x-amz-target");
    let function = function_of(&header("authorization"));
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    count(&services.uses, &function, used(&target, &json));
    match target.split_once('.') {
        Some(("DynamoDB_20120810" | "DynamoDBStreams_20120810", _)) => {
            let (invocation, info) = (header("amz-sdk-invocation-id"), header("amz-sdk-request"));
            services
                .tries
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .note(invocation, &info);
            // What has arrived is done, whether or not its caller still listens.
            let engine = services.engine.clone();
            let work = tokio::spawn(async move { handed_over(&engine, &target, body).await });
            work.await.unwrap_or_else(|stopped| {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                error(status, "InternalServerError", &stopped.to_string())
            })
        }
        Some(("AWSEvents", _)) => handed_over(&services.bus, &target, body).await,
        Some(("secretsmanager", "GetSecretValue")) => secret(&services, &json),
        _ => error(
            StatusCode::BAD_REQUEST,
            "UnknownOperationException",
            "no such operation",
        ),
    }
}

fn count(uses: &Mutex<Uses>, function: &str, asked: Vec<(String, String)>) {
    let mut uses = uses.lock().unwrap_or_else(PoisonError::into_inner);
    for (action, resource) in asked {
        let used = Use {
            function: function.to_owned(),
            action,
            resource,
        };
        *uses.entry(used).or_default() += 1;
    }
}

/// Hands a request to what the SDK would be given in process. A connection that it
/// would have broken becomes a 500, which the SDK tries again in the same way.
async fn handed_over(service: &impl HttpConnector, target: &str, body: Bytes) -> Response {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request
        .headers_mut()
        .insert("x-amz-target", target.to_owned());
    match service.call(request).await {
        Ok(answered) => {
            let status = answered.status().as_u16();
            let content_type = answered.headers().get("content-type").unwrap_or_default();
            let bytes = answered.body().bytes().unwrap_or_default();
            respond(status, content_type, bytes.to_vec())
        }
        Err(broken) => error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            &broken.to_string(),
        ),
    }
}

fn secret(services: &Services, request: &Value) -> Response {
    let id = request.get("SecretId").and_then(Value::as_str);
    let found = id.and_then(|id| services.secrets.get_key_value(id));
    let Some((id, text)) = found else {
        return error(
            StatusCode::BAD_REQUEST,
            "ResourceNotFoundException",
            "there is no such secret",
        );
    };
    let answer = json!({
        "ARN": id,
        "Name": id,
        "SecretString": text,
        "VersionId": "00000000-0000-4000-8000-000000000000",
        "VersionStages": ["AWSCURRENT"],
    });
    respond(
        200,
        "application/x-amz-json-1.1",
        answer.to_string().into_bytes(),
    )
}

fn error(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({ "__type": kind, "message": message });
    respond(
        status.as_u16(),
        "application/x-amz-json-1.1",
        body.to_string().into_bytes(),
    )
}

fn respond(status: u16, content_type: &str, body: Vec<u8>) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .body(Body::from(body))
        .unwrap_or_default()
}

/// The function whose access key signed a request.
fn function_of(authorization: &str) -> String {
    let credential = authorization
        .split_once("Credential=")
        .and_then(|(_, rest)| rest.split('/').next())
        .unwrap_or("nobody");
    credential
        .strip_prefix(KEY_PREFIX)
        .unwrap_or(credential)
        .to_owned()
}

/// The actions and resources of a request, in the words of a policy.
fn used(target: &str, body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let list = |name: &str| {
        let list = body.get(name).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let (service, operation) = target.split_once('.').unwrap_or((target, ""));
    match service {
        "AWSEvents" => {
            let mut buses: Vec<String> = list("Entries")
                .iter()
                .map(|entry| format!("bus/{}", text(entry, "EventBusName")))
                .collect();
            buses.dedup();
            let action = format!("events:{operation}");
            buses.into_iter().map(|bus| (action.clone(), bus)).collect()
        }
        "secretsmanager" => {
            let secret = format!("secret/{}", text(body, "SecretId"));
            vec![(format!("secretsmanager:{operation}"), secret)]
        }
        _ => {
            let resource = match text(body, "IndexName") {
                index if index.is_empty() => "table".to_owned(),
                index => format!("table/index/{index}"),
            };
            let mut uses = vec![(format!("dynamodb:{operation}"), resource)];
            // Each item is `{"Put": {..}}` or the like; its permission is that of the
            // single operation. Source: DynamoDB developer guide, "Using IAM with
            // DynamoDB transactions".
            for item in list("TransactItems") {
                let actions = item.as_object().into_iter().flatten();
                uses.extend(actions.map(|(action, _)| {
                    let action = match action.as_str() {
                        "ConditionCheck" => "dynamodb:ConditionCheckItem".to_owned(),
                        other => format!("dynamodb:{other}Item"),
                    };
                    (action, "table".to_owned())
                }));
            }
            uses
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_put_in_the_words_of_a_policy() {
        let table = |action: &str| (action.to_owned(), "table".to_owned());
        assert_eq!(
            used("DynamoDB_20120810.PutItem", &json!({"TableName": "t"})),
            [table("dynamodb:PutItem")]
        );
        assert_eq!(
            used("DynamoDB_20120810.Query", &json!({"IndexName": "due"})),
            [("dynamodb:Query".to_owned(), "table/index/due".to_owned())]
        );
        let transaction = json!({"TransactItems": [{"Put": {}}, {"ConditionCheck": {}}]});
        assert_eq!(
            used("DynamoDB_20120810.TransactWriteItems", &transaction),
            [
                table("dynamodb:TransactWriteItems"),
                table("dynamodb:PutItem"),
                table("dynamodb:ConditionCheckItem"),
            ]
        );
        let entries = json!({"Entries": [{"EventBusName": "b"}, {"EventBusName": "b"}]});
        assert_eq!(
            used("AWSEvents.PutEvents", &entries),
            [("events:PutEvents".to_owned(), "bus/b".to_owned())]
        );
    }

    #[test]
    fn a_function_is_known_by_its_access_key() {
        let header = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260102/eu-central-1/dynamodb/aws4_request, SignedHeaders=host",
            access_key("relay")
        );
        assert_eq!(function_of(&header), "relay");
        assert_eq!(function_of("Bearer test-token"), "nobody");
    }
}

//! What goes directly is what the SDK would send, and what comes of it is the same: both
//! are asked, over a connection that follows a script.

mod answers;
mod requests;

use super::super::codec::{entry_item, read_entry};
use super::super::{Appended, Endpoint, Store, StoreError};
use super::*;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use baton_domain::{CommandId, Entry, IdKey, Leaves, ThreadId, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use tokio::time::Instant;

/// What a connection does with a request.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Says(u16, &'static str),
    /// The same, by a clock that is so many seconds ahead.
    SaysAt(i64, u16, &'static str),
    Breaks,
    Hangs,
}

const FINE: Answer = Answer::Says(200, "{}");

/// A request as it arrived.
#[derive(Clone, Debug)]
struct Arrived {
    headers: BTreeMap<String, String>,
    body: Value,
}

/// Does these in turn, the last one for ever, and keeps what arrives.
#[derive(Clone, Debug)]
struct Script {
    answers: Arc<Vec<Answer>>,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl HttpClient for Script {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        assert_eq!(request.method(), "POST");
        assert_eq!(
            request.uri(),
            "https://dynamodb.eu-central-1.amazonaws.com/"
        );
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut arrived = self.arrived.lock().unwrap();
        let answer = *self
            .answers
            .get(arrived.len())
            .or(self.answers.last())
            .unwrap();
        arrived.push(Arrived {
            headers: headers.collect(),
            body: serde_json::from_slice(request.body().bytes().unwrap()).unwrap(),
        });
        let respond = |ahead: i64, status: u16, body: &'static str| {
            let status = StatusCode::try_from(status).unwrap();
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            let date = DateTime::from(SystemTime::now()).secs() + ahead;
            let date = DateTime::from_secs(date).fmt(Format::HttpDate).unwrap();
            response.headers_mut().insert("date", date);
            HttpConnectorFuture::ready(Ok(response))
        };
        match answer {
            Answer::Says(status, body) => respond(0, status, body),
            Answer::SaysAt(ahead, status, body) => respond(ahead, status, body),
            Answer::Breaks => {
                HttpConnectorFuture::ready(Err(ConnectorError::io("it broke".into())))
            }
            Answer::Hangs => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

/// A table behind a script.
fn table(answers: &[Answer]) -> (Store, Client, Script) {
    let script = Script {
        answers: Arc::new(answers.to_vec()),
        arrived: Arc::default(),
    };
    let token = Some("test-token".to_owned());
    let budget = RetryPartition::custom("a budget of its own").token_bucket(TokenBucket::default());
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(Credentials::new(
            "test-id",
            "test-secret",
            token,
            None,
            "test",
        ))
        .http_client(script.clone())
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(Duration::from_secs(1))
                .operation_timeout(Duration::from_millis(2_500))
                .build(),
        )
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .retry_partition(budget.build())
        .build();
    let client = Client::from_conf(config);
    (Store::new(client.clone(), "hub"), client, script)
}

impl Script {
    fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }
}

fn thread() -> ThreadId {
    IdKey::new(b"test-secret".to_vec()).thread("web", "someone")
}

fn entry() -> Entry {
    Entry {
        seq: 7,
        at: Timestamp(1_763_637_000_123),
        command: CommandId("cmd_test".to_owned()),
        connection: "web \"quoted\" é".to_owned(),
        conversation: 2,
        epoch: 3,
        events: Vec::new(),
        leaves: Leaves::default(),
        due: Some(Timestamp(1_763_637_060_000)),
    }
}

const EXPIRES: Timestamp = Timestamp(1_795_132_800_000);

/// The append through the SDK: what it sends, and how it fails.
async fn append_by_sdk(client: &Client) -> Result<(), StoreError> {
    let item = entry_item(&thread(), &entry(), EXPIRES.seconds_up()).unwrap();
    client
        .put_item()
        .table_name("hub")
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
        .send()
        .await
        .map(|_| ())
        .map_err(|error| StoreError::of("PutItem", &error))
}

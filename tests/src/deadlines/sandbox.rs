//! A sandbox: its share of a processor, and the client by which it reaches the store.

use super::cloud::Cloud;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use baton_hub::store::item::{SHARDS, shard_of};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// As the functions set them: tries of a request, the time of one and of all.
const TRIES: u32 = 3;
const ONE_TRY: Duration = Duration::from_millis(1_000);
const ALL_TRIES: Duration = Duration::from_millis(2_500);

/// What work costs, in time of a whole processor. Waits in virtual time are that over
/// the sandbox's share.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// A request about one thread, its part of the decisions and the answer's included.
    pub request: Duration,
    /// A row of the index that is read, and put into a slice.
    pub row: Duration,
}

/// A share of a processor, one piece of work after the other.
#[derive(Debug)]
struct Processor {
    share: f64,
    free_at: Mutex<Instant>,
}

impl Processor {
    async fn work(&self, work: Duration) {
        let until = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            *free_at = (*free_at).max(Instant::now()) + work.div_f64(self.share);
            *free_at
        };
        tokio::time::sleep_until(until).await;
    }
}

/// What a sandbox is given.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Its share of a processor, and what work costs; `None` does not count it.
    pub work: Option<(f64, Work)>,
    /// How long a request to the store is on its way, there and back.
    pub latency: Duration,
}

/// A sandbox's way to the store.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    cloud: Arc<Cloud>,
    processor: Option<Arc<Processor>>,
    size: Size,
}

impl Wire {
    /// A DynamoDB client of a sandbox of its own, set as the functions set theirs.
    pub(super) fn client(cloud: &Arc<Cloud>, size: Size, name: &str) -> aws_sdk_dynamodb::Client {
        let processor = size.work.map(|(share, _)| {
            Arc::new(Processor {
                share,
                free_at: Mutex::new(Instant::now()),
            })
        });
        let wire = Self {
            cloud: Arc::clone(cloud),
            processor,
            size,
        };
        // Every sandbox is a process, with retries of its own to spend.
        let retries = RetryPartition::custom(name.to_owned())
            .token_bucket(TokenBucket::default())
            .build();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(baton_local::REGION))
            .endpoint_url("http://dynamodb.localhost")
            .credentials_provider(Credentials::from_keys("test-key-id", "test-secret", None))
            .http_client(SharedHttpClient::new(wire))
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(ONE_TRY)
                    .operation_timeout(ALL_TRIES)
                    .build(),
            )
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
            .retry_partition(retries)
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    async fn work(&self, cost: impl Fn(Work) -> Duration) {
        if let (Some(processor), Some((_, work))) = (&self.processor, self.size.work) {
            processor.work(cost(work)).await;
        }
    }

    async fn travel(&self) {
        if !self.size.latency.is_zero() {
            tokio::time::sleep(self.size.latency / 2).await;
        }
    }

    async fn request(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let call = Asked::of(&request);
        self.work(|work| work.request).await;
        self.travel().await;
        let write = call.write();
        let target = write.as_ref().map(|write| self.cloud.target(write));
        if let Some(target) = target
            && !self.cloud.admits(target)
        {
            self.travel().await;
            return throttled();
        }
        let response = self.cloud.engine().call(request).await?;
        let body = response.body().bytes().unwrap_or_default();
        if let Some(target) = target {
            self.cloud.consume(target, body);
        }
        if response.status().is_success()
            && let Some(write) = &write
        {
            self.cloud.witness(write);
        }
        self.travel().await;
        if call.reads_index() {
            let rows = count_of(body);
            self.work(|work| work.row * rows).await;
        }
        Ok(response)
    }
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move { wire.request(request).await })
    }
}

fn throttled() -> Result<HttpResponse, ConnectorError> {
    let status =
        StatusCode::try_from(400).map_err(|error| ConnectorError::other(error.into(), None))?;
    let body = serde_json::json!({
        "__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException",
        "message": "Throughput exceeds the current capacity of your table or index.",
    });
    let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
    response
        .headers_mut()
        .insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}

fn count_of(body: &[u8]) -> u32 {
    #[derive(serde::Deserialize)]
    struct Page {
        #[serde(rename = "Count", default)]
        count: u32,
    }
    serde_json::from_slice::<Page>(body).map_or(0, |page| page.count)
}

/// What is asked of the store.
struct Asked {
    operation: String,
    body: Value,
}

/// A write of one item.
#[derive(Clone, Debug)]
pub(super) struct Write {
    /// The item's partition key.
    pub(super) pk: String,
    /// The shard of the index `due` that changes, if it does.
    pub(super) shard: Option<usize>,
    /// The payload of an entry, where one is put.
    pub(super) entry: Option<String>,
}

impl Asked {
    fn of(request: &HttpRequest) -> Self {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default();
        Self {
            operation,
            body: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    fn reads_index(&self) -> bool {
        self.operation == "Query" && self.body.get("IndexName").is_some()
    }

    fn write(&self) -> Option<Write> {
        let item = match self.operation.as_str() {
            "PutItem" => self.body.get("Item")?,
            "UpdateItem" | "DeleteItem" => self.body.get("Key")?,
            _ => return None,
        };
        let text = |name: &str| item.get(name).and_then(|value| value.get("S")?.as_str());
        let pk = text("pk")?.to_owned();
        let names = self.body.get("ExpressionAttributeNames");
        let due =
            item.get("due").is_some() || names.is_some_and(|names| names.get("#ds").is_some());
        let shard = due.then(|| shard_of(&pk).parse().unwrap_or_default());
        let is_entry = text("sk").is_some_and(|sk| sk.starts_with("e#"));
        let entry = text("d").filter(|_| is_entry).map(str::to_owned);
        debug_assert!(shard.is_none_or(|shard| shard < SHARDS as usize));
        Some(Write { pk, shard, entry })
    }
}

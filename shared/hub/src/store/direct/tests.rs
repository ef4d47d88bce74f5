//! What goes directly is what the SDK would send, and what comes of it is the same: both
//! are asked, over a connection that follows a script.

use super::super::codec::{entry_item, read_entry};
use super::super::{Appended, Store, StoreError};
use super::*;
use aws_credential_types::Credentials;
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

#[tokio::test]
async fn it_sends_what_the_sdk_sends() {
    let (store, client, script) = table(&[FINE]);
    store.append(&thread(), &entry(), EXPIRES).await.unwrap();
    append_by_sdk(&client).await.unwrap();
    let page = r#"{"Items":[],"LastEvaluatedKey":{"pk":{"S":"thr_test"},"sk":{"S":"e#1"}}}"#;
    let (reading, reader, reads) = table(&[Answer::Says(200, page), FINE]);
    reading.load(&thread()).await.unwrap();
    for start in [None, Some(())] {
        let key = [("pk", "thr_test"), ("sk", "e#1")];
        let key = key.map(|(name, text)| (name.to_owned(), super::super::item::s(text)));
        let query = reader
            .query()
            .table_name("hub")
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", super::super::item::s(thread().as_str()))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(if start.is_none() { 9 } else { 50 })
            .set_exclusive_start_key(start.map(|()| key.into_iter().collect()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        query.send().await.unwrap();
    }
    let (puts, queries) = (script.arrived(), reads.arrived());
    let pairs = [
        (&puts[0], &puts[1]),
        (&queries[0], &queries[2]),
        (&queries[1], &queries[3]),
    ];
    for (ours, theirs) in pairs {
        assert_eq!(ours.body, theirs.body);
        for header in [
            "content-type",
            "x-amz-target",
            "amz-sdk-request",
            "x-amz-security-token",
        ] {
            assert_eq!(
                ours.headers.get(header),
                theirs.headers.get(header),
                "{header}"
            );
        }
        for header in ["amz-sdk-invocation-id", "user-agent", "x-amz-date"] {
            assert!(ours.headers.contains_key(header), "{header}");
        }
        let authorization = &ours.headers["authorization"];
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=test-id/"));
        assert!(authorization.contains("/eu-central-1/dynamodb/aws4_request, SignedHeaders="));
    }
}

#[tokio::test(start_paused = true)]
async fn it_fails_and_tries_again_as_the_sdk_does() {
    use Answer::{Breaks, Hangs, Says};
    let throttled = Says(
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow"}"#,
    );
    let invalid = Says(
        400,
        r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"no"}"#,
    );
    let late = Says(400, r#"{"__type":"RequestTimeout","Message":"late"}"#);
    let internal = Says(500, r#"{"__type":"InternalServerError"}"#);
    let denied = Says(400, r#"{"__type":"AccessDeniedException","Message":"no"}"#);
    let skewed = Answer::SaysAt(3_600, 400, r#"{"__type":"InvalidSignatureException"}"#);
    let scripts: [&[Answer]; 16] = [
        &[FINE],
        &[throttled, FINE],
        &[internal, Says(503, ""), FINE],
        &[internal],
        &[throttled],
        &[late, FINE],
        &[Breaks, FINE],
        &[Breaks],
        &[Hangs, FINE],
        &[Hangs],
        &[invalid],
        &[denied],
        &[Says(501, "not JSON")],
        &[Says(400, "not JSON")],
        &[skewed, FINE],
        &[skewed],
    ];
    for script in scripts {
        let (store, _, ours) = table(script);
        let (_, client, theirs) = table(script);
        let begun = Instant::now();
        let result = store.append(&thread(), &entry(), EXPIRES).await.map(|_| ());
        let took = begun.elapsed();
        let expected = append_by_sdk(&client).await;
        let said = |result: Result<(), StoreError>| result.map_err(|error| error.to_string());
        // What was read is put into words of its own by each.
        match (said(result), said(expected)) {
            (Ok(()), Ok(())) => {}
            (Err(ours), Err(theirs)) => assert_eq!(ours, theirs, "{script:?}"),
            other => panic!("{script:?}: {other:?}"),
        }
        let numbers = |script: &Script| {
            let arrived = script.arrived().into_iter();
            let of = |one: Arrived| one.headers["amz-sdk-request"].clone();
            arrived.map(of).collect::<Vec<_>>()
        };
        // Whether there is time for another try may depend on the waits' chance.
        if took < Duration::from_millis(2_000) {
            assert_eq!(numbers(&ours), numbers(&theirs), "{script:?}");
        }
        let mut invocations: Vec<_> = ours.arrived();
        invocations.dedup_by_key(|one| one.headers["amz-sdk-invocation-id"].clone());
        assert_eq!(invocations.len(), 1);
        assert!(took <= Duration::from_millis(2_501), "{script:?}: {took:?}");
    }
}

#[tokio::test]
async fn a_refused_put_brings_the_standing_entry() {
    let mut standing = entry();
    standing.command = CommandId("cmd_other".to_owned());
    let item = entry_item(&thread(), &standing, 1).unwrap();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "Message": "The conditional request failed",
        "Item": shapes::Attributes(&item),
    });
    let body: &'static str = body.to_string().leak();
    let (store, _, script) = table(&[Answer::Says(400, body)]);
    let appended = store.append(&thread(), &entry(), EXPIRES).await.unwrap();
    let Appended::Lost(found) = appended else {
        panic!("{appended:?}");
    };
    assert_eq!(*found, standing);
    assert_eq!(script.arrived().len(), 1);
    assert_eq!(
        store
            .units()
            .tallies()
            .values()
            .map(|tally| tally.write)
            .sum::<f64>(),
        1.0
    );
}

#[tokio::test(start_paused = true)]
async fn a_skewed_clock_is_corrected_for_good() {
    let skewed = Answer::SaysAt(3_600, 400, r#"{"__type":"InvalidSignatureException"}"#);
    let (store, _, script) = table(&[skewed, FINE]);
    store.append(&thread(), &entry(), EXPIRES).await.unwrap();
    store.append(&thread(), &entry(), EXPIRES).await.unwrap();
    let arrived = script.arrived().into_iter();
    let dates = arrived.map(|one| {
        let date = one.headers["x-amz-date"].clone();
        let hour = date[9..11].parse::<i64>().unwrap();
        let minute = date[11..13].parse::<i64>().unwrap();
        hour * 60 + minute
    });
    let dates: Vec<i64> = dates.collect();
    assert_eq!(dates.len(), 3);
    for date in &dates[1..] {
        let ahead = (date - dates[0]).rem_euclid(24 * 60);
        assert!((59..=61).contains(&ahead), "{dates:?}");
    }
}

#[tokio::test]
async fn units_are_counted() {
    let page =
        r#"{"ConsumedCapacity":{"TableName":"hub","CapacityUnits":1.5},"Count":0,"Items":[]}"#;
    let put = r#"{"ConsumedCapacity":{"CapacityUnits":2.0,"Table":{"CapacityUnits":1.0}}}"#;
    let (store, ..) = table(&[Answer::Says(200, page), Answer::Says(200, put)]);
    store.load(&thread()).await.unwrap();
    store.append(&thread(), &entry(), EXPIRES).await.unwrap();
    let tallies = store.units().tallies();
    let tallies = tallies
        .into_iter()
        .map(|(of, tally)| (of.as_str(), tally.read, tally.write));
    let expected = [("load", 1.5, 0.0), ("append", 0.0, 1.0), ("arm", 0.0, 1.0)];
    assert_eq!(tallies.collect::<Vec<_>>(), expected);
}

#[test]
fn items_are_read_as_they_were_written_and_foreign_ones_too() {
    let item = entry_item(&thread(), &entry(), 1).unwrap();
    let written = serde_json::to_string(&shapes::Attributes(&item)).unwrap();
    let shapes::Read(read) = serde_json::from_str(&written).unwrap();
    assert_eq!(read, item);
    assert_eq!(read_entry(&read).unwrap(), entry());
    let foreign = json!({
        "b": {"B": "AP8="}, "l": {"L": [{"BOOL": true}, {"NULL": true}]},
        "m": {"M": {"n": {"NS": ["1"]}, "s": {"SS": ["x"]}, "bs": {"BS": ["AA=="]}}},
    });
    let shapes::Read(read) = serde_json::from_value(foreign).unwrap();
    assert_eq!(
        super::super::item::bytes(&read, "b"),
        Some([0, 255].as_slice())
    );
    assert_eq!(read.len(), 3);
}

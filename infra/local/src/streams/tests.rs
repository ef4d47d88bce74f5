use super::*;
use crate::engine::{Location, ManualClock};
use crate::invoke::{BoxFuture, InvokeError};
use crate::template::{Pattern, Template};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use std::sync::Mutex;
use tokio::time::Instant;

pub(super) const TABLE: &str = "hub";

type Answer = dyn Fn(usize, &Value) -> Result<Value, InvokeError> + Send + Sync;

/// A function that keeps its events and answers by a script.
pub(super) struct Recorder {
    pub(super) calls: Mutex<Vec<(Instant, Value)>>,
    answer: Box<Answer>,
}

impl Recorder {
    pub(super) fn new(
        answer: impl Fn(usize, &Value) -> Result<Value, InvokeError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            calls: Mutex::default(),
            answer: Box::new(answer),
        })
    }

    /// The sort keys of each call.
    pub(super) fn keys(&self) -> Vec<Vec<String>> {
        let calls = self.calls.lock().expect("a lock");
        calls.iter().map(|(_, event)| keys(event)).collect()
    }
}

pub(super) fn keys(event: &Value) -> Vec<String> {
    let records = event["Records"].as_array().expect("records");
    records
        .iter()
        .map(|record| {
            record["dynamodb"]["Keys"]["sk"]["S"]
                .as_str()
                .expect("a key")
                .to_owned()
        })
        .collect()
}

impl Functions for Recorder {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        assert_eq!(function, "reader");
        let event: Value = serde_json::from_slice(&payload).expect("JSON");
        let mut calls = self.calls.lock().expect("a lock");
        let answer = (self.answer)(calls.len(), &event);
        calls.push((Instant::now(), event));
        Box::pin(async move { answer.map(|answer| answer.to_string().into_bytes()) })
    }
}

pub(super) fn mapping() -> StreamMapping {
    let filter = json!({
        "eventName": ["INSERT"],
        "dynamodb": {"NewImage": {"sk": {"S": [{"prefix": "e#"}]}}},
    });
    StreamMapping {
        function: "reader".to_owned(),
        batch_size: 4,
        batching_window: Duration::ZERO,
        parallelization_factor: 1,
        from_oldest: true,
        filters: vec![Pattern::parse(&filter).expect("a pattern")],
        reports_item_failures: true,
        bisects_on_error: true,
        maximum_retry_attempts: 2,
        dead_letters: None,
    }
}

pub(super) async fn prepared(engine: &Engine) -> Client {
    let template = Template::builtin().expect("the template");
    engine
        .create_table(&template.table, TABLE)
        .await
        .expect("a table");
    engine.client()
}

pub(super) async fn put(client: &Client, sk: &str) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    client
        .put_item()
        .table_name(TABLE)
        .item("pk", text("thread"))
        .item("sk", text(sk))
        .send()
        .await
        .expect("put");
}

struct Stage {
    engine: Engine,
    client: Client,
    letters: DeadLetters,
}

impl Stage {
    async fn new() -> Self {
        let clock = ManualClock::new(1_767_323_045);
        let engine = Engine::open_with_clock(Location::Memory, clock.arc()).expect("opens");
        let client = prepared(&engine).await;
        Self {
            engine,
            client,
            letters: DeadLetters::memory(),
        }
    }

    async fn start(&self, mapping: StreamMapping, recorder: &Arc<Recorder>) -> Streams {
        let functions: Arc<dyn Functions> = recorder.clone();
        Streams::start(&self.engine, TABLE, &[mapping], &functions, &self.letters)
            .await
            .expect("starts")
    }

    async fn put_all(&self, keys: &[&str]) {
        for key in keys {
            put(&self.client, key).await;
        }
    }
}

fn done(_: usize, _: &Value) -> Result<Value, InvokeError> {
    Ok(json!({"batchItemFailures": []}))
}

fn numbers(event: &Value) -> Vec<Value> {
    let records = event["Records"].as_array().expect("records");
    records
        .iter()
        .map(|record| record["dynamodb"]["SequenceNumber"].clone())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_event_is_what_lambda_would_send() {
    let stage = Stage::new().await;
    let recorder = Recorder::new(done);
    stage.put_all(&["e#1"]).await;
    let streams = stage.start(mapping(), &recorder).await;
    streams.caught_up().await.expect("read");
    let calls = recorder.calls.lock().expect("a lock");
    let record = &calls[0].1["Records"][0];
    let sample: Value =
        serde_json::from_str(include_str!("../../../../events/relay.json")).expect("JSON");
    let fields = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    let sample = &sample["Records"][0];
    assert_eq!(fields(record), fields(sample));
    assert_eq!(fields(&record["dynamodb"]), fields(&sample["dynamodb"]));
    assert_eq!(record["eventID"].as_str().expect("an id").len(), 32);
    assert_eq!(record["eventName"], "INSERT");
    assert_eq!(record["eventSource"], "aws:dynamodb");
    assert_eq!(record["eventVersion"], "1.1");
    assert_eq!(record["awsRegion"], crate::REGION);
    let body = &record["dynamodb"];
    assert_eq!(body["ApproximateCreationDateTime"], json!(1_767_323_045));
    assert_eq!(body["StreamViewType"], "NEW_IMAGE");
    assert_eq!(
        body["NewImage"],
        json!({"pk": {"S": "thread"}, "sk": {"S": "e#1"}})
    );
    assert!(body["SizeBytes"].as_i64().expect("a size") > 0);
}

#[tokio::test(start_paused = true)]
async fn batches_hold_what_is_wanted_in_order() {
    let stage = Stage::new().await;
    let recorder = Recorder::new(done);
    stage
        .put_all(&[
            "e#1",
            "checkpoint",
            "e#2",
            "e#3",
            "row",
            "e#4",
            "e#5",
            "e#1",
        ])
        .await;
    let streams = stage.start(mapping(), &recorder).await;
    streams.caught_up().await.expect("read");
    assert_eq!(
        recorder.keys(),
        [vec!["e#1", "e#2", "e#3", "e#4"], vec!["e#5"]]
    );

    stage.put_all(&["e#6"]).await;
    streams.caught_up().await.expect("read");
    assert_eq!(recorder.keys()[2], ["e#6"]);
    assert_eq!(streams.behind(10).await.expect("read"), 0);
    streams.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_window_gathers_from_the_first_record_on() {
    let stage = Stage::new().await;
    let recorder = Recorder::new(done);
    let window = StreamMapping {
        batching_window: Duration::from_secs(2),
        ..mapping()
    };
    let streams = stage.start(window, &recorder).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let start = Instant::now();
    stage.put_all(&["e#1"]).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    stage.put_all(&["e#2"]).await;
    streams.caught_up().await.expect("read");
    assert_eq!(recorder.keys(), [["e#1", "e#2"]]);
    assert_eq!(start.elapsed().as_secs(), 2);

    let start = Instant::now();
    stage.put_all(&["e#3", "e#4", "e#5", "e#6"]).await;
    streams.caught_up().await.expect("read");
    assert!(
        start.elapsed() < Duration::from_millis(50),
        "a full batch waits for nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reported_record_is_where_it_goes_on() {
    let stage = Stage::new().await;
    let recorder = Recorder::new(|call, event| {
        let numbers = numbers(event);
        Ok(match call {
            0 => json!({"batchItemFailures": [
                {"itemIdentifier": numbers[2]}, {"itemIdentifier": numbers[1]},
            ]}),
            _ => json!({}),
        })
    });
    stage.put_all(&["e#1", "e#2", "e#3"]).await;
    let streams = stage.start(mapping(), &recorder).await;
    streams.caught_up().await.expect("read");
    assert_eq!(
        recorder.keys(),
        [vec!["e#1", "e#2", "e#3"], vec!["e#2", "e#3"]]
    );
    assert!(stage.letters.recent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_poisonous_record_is_cornered_and_given_up() {
    let stage = Stage::new().await;
    let recorder = Recorder::new(
        |_, event| match keys(event).iter().any(|key| key == "e#3") {
            true => Err(InvokeError::Failed("a panic".to_owned())),
            false => Ok(Value::Null),
        },
    );
    stage.put_all(&["e#1", "e#2", "e#3", "e#4"]).await;
    let streams = stage.start(mapping(), &recorder).await;
    streams.caught_up().await.expect("read");
    assert_eq!(
        recorder.keys(),
        [
            vec!["e#1", "e#2", "e#3", "e#4"],
            vec!["e#1", "e#2"],
            vec!["e#3", "e#4"],
            vec!["e#3"],
            vec!["e#3"],
            vec!["e#3"],
            vec!["e#4"],
        ],
        "two tries more than the first"
    );
    let letters = stage.letters.recent();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["function"], "reader");
    let info = &letters[0]["what"]["DDBStreamBatchInfo"];
    assert_eq!(info["batchSize"], 1);
    assert_eq!(info["startSequenceNumber"], info["endSequenceNumber"]);
    assert_eq!(
        info["approximateArrivalOfFirstRecord"],
        "2026-01-02T03:04:05Z"
    );
    assert!(
        !letters[0].to_string().contains("thread"),
        "nothing of the item"
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_names_no_record_fails_the_batch() {
    let stage = Stage::new().await;
    let recorder = Recorder::new(|call, _| {
        Ok(match call {
            0 => json!({"batchItemFailures": [{"itemIdentifier": ""}]}),
            1 => json!({"batchItemFailures": [{"id": "x"}]}),
            _ => json!({"batchItemFailures": null}),
        })
    });
    stage.put_all(&["e#1"]).await;
    let streams = stage.start(mapping(), &recorder).await;
    streams.caught_up().await.expect("read");
    assert_eq!(recorder.keys().len(), 3);
    assert!(stage.letters.recent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_let_in_is_no_try() {
    let stage = Stage::new().await;
    let recorder = Recorder::new(|call, event| match call {
        0..9 => Err(InvokeError::Throttled),
        _ => done(call, event),
    });
    stage.put_all(&["e#1", "e#2"]).await;
    let streams = stage.start(mapping(), &recorder).await;
    streams.caught_up().await.expect("read");
    assert_eq!(recorder.keys(), vec![["e#1", "e#2"]; 10]);
    assert!(stage.letters.recent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_the_latest_skips_what_was_there() {
    let stage = Stage::new().await;
    let recorder = Recorder::new(done);
    stage.put_all(&["e#1"]).await;
    let latest = StreamMapping {
        from_oldest: false,
        ..mapping()
    };
    let streams = stage.start(latest, &recorder).await;
    stage.put_all(&["e#2"]).await;
    streams.caught_up().await.expect("read");
    assert_eq!(recorder.keys(), [["e#2"]]);
}

#[tokio::test(start_paused = true)]
async fn what_no_one_needs_goes_after_a_day() {
    let clock = ManualClock::new(1_767_323_045);
    let engine = Engine::open_with_clock(Location::Memory, clock.arc()).expect("opens");
    let client = prepared(&engine).await;
    let recorder = Recorder::new(done);
    let functions: Arc<dyn Functions> = recorder.clone();
    let streams = Streams::start(
        &engine,
        TABLE,
        &[mapping()],
        &functions,
        &DeadLetters::memory(),
    )
    .await
    .expect("starts");
    put(&client, "e#1").await;
    put(&client, "e#2").await;
    streams.caught_up().await.expect("read");
    clock.set(1_767_323_045 + 90_000);
    tokio::time::sleep(TRIM_EVERY * 2).await;
    let left = engine.stream_records(TABLE, None, 10).await.expect("read");
    assert_eq!(left.records.len(), 1, "the last one keeps the count");
}

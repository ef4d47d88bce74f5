//! The stream of a table in DynamoDB Local, brought to the functions as Lambda's event
//! source mappings do: in order, filtered, in batches, from the earliest failed record on.

use baton_local::invoke::Functions;
use baton_local::template::StreamMapping;
use baton_tests::dynamodb_local::DynamoDbLocal;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Between two questions for new records; Lambda's is 250 ms.
const POLL: Duration = Duration::from_millis(100);
/// Before a batch is tried again.
const WAIT: Duration = Duration::from_millis(300);

/// The readers; dropping it ends them.
pub(crate) struct Readers {
    /// Whether they read nothing for now.
    pub(crate) paused: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

impl Readers {
    /// Starts one for each mapping, at the oldest record of the table's stream.
    pub(crate) async fn start(
        database: &Arc<DynamoDbLocal>,
        table: &str,
        mappings: &[StreamMapping],
        functions: &Arc<dyn Functions>,
    ) -> Self {
        let listed = database
            .ask(
                "DynamoDBStreams_20120810.ListStreams",
                &json!({"TableName": table}),
            )
            .await
            .expect("streams");
        let arn = text(&listed, "/Streams/0/StreamArn");
        let mut tasks = JoinSet::new();
        let paused = Arc::new(AtomicBool::new(false));
        for mapping in mappings {
            let reader = Reader {
                database: Arc::clone(database),
                arn: arn.clone(),
                mapping: mapping.clone(),
                functions: Arc::clone(functions),
                paused: Arc::clone(&paused),
            };
            tasks.spawn(reader.run());
        }
        Self {
            paused,
            _tasks: tasks,
        }
    }
}

struct Reader {
    database: Arc<DynamoDbLocal>,
    arn: String,
    mapping: StreamMapping,
    functions: Arc<dyn Functions>,
    paused: Arc<AtomicBool>,
}

impl Reader {
    async fn run(self) {
        let mut iterator = self.iterator().await;
        let mut batch: Vec<Value> = Vec::new();
        let mut since = Instant::now();
        loop {
            if self.paused.load(Ordering::SeqCst) {
                tokio::time::sleep(POLL).await;
                continue;
            }
            let asked = json!({"ShardIterator": iterator});
            let page = self
                .ask("GetRecords", &asked)
                .await
                .expect("records can be read");
            // One shard is enough for the minutes of a test: DynamoDB Local begins a new one
            // every four hours.
            iterator = text(&page, "/NextShardIterator");
            let records = page["Records"].as_array().cloned().unwrap_or_default();
            let wanted = records.into_iter().map(|record| self.seen(record));
            let wanted = wanted.filter(|record| self.mapping.wants(record));
            if batch.is_empty() {
                since = Instant::now();
            }
            batch.extend(wanted);
            if !batch.is_empty() && since.elapsed() >= self.mapping.batching_window {
                self.deliver(std::mem::take(&mut batch)).await;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn iterator(&self) -> String {
        let described = self
            .ask("DescribeStream", &json!({"StreamArn": self.arn}))
            .await
            .expect("a stream");
        let shard = text(&described, "/StreamDescription/Shards/0/ShardId");
        let asked = json!({
            "StreamArn": self.arn,
            "ShardId": shard,
            "ShardIteratorType": "TRIM_HORIZON",
        });
        let got = self
            .ask("GetShardIterator", &asked)
            .await
            .expect("an iterator");
        text(&got, "/ShardIterator")
    }

    async fn ask(&self, operation: &str, body: &Value) -> Result<Value, String> {
        let target = format!("DynamoDBStreams_20120810.{operation}");
        self.database.ask(&target, body).await
    }

    /// A record as a function reads it.
    fn seen(&self, mut record: Value) -> Value {
        record["eventSourceARN"] = json!(self.arn);
        let created = &mut record["dynamodb"]["ApproximateCreationDateTime"];
        if let Some(seconds) = created.as_f64() {
            // Whole seconds, as Lambda has them.
            #[expect(clippy::cast_possible_truncation, reason = "seconds of this century")]
            let seconds = seconds as i64;
            *created = json!(seconds);
        }
        record
    }

    async fn deliver(&self, mut batch: Vec<Value>) {
        while !batch.is_empty() {
            let event = json!({"Records": batch}).to_string().into_bytes();
            let called = self.functions.invoke(&self.mapping.function, event).await;
            let answer = match called {
                Ok(answer) => serde_json::from_slice::<Value>(&answer).unwrap_or_default(),
                Err(error) => {
                    eprintln!("{}: {error}", self.mapping.function);
                    tokio::time::sleep(WAIT).await;
                    continue;
                }
            };
            let failed = answer["batchItemFailures"].as_array();
            let failed: Vec<&str> = failed
                .into_iter()
                .flatten()
                .filter_map(|item| item["itemIdentifier"].as_str())
                .collect();
            let number = |record: &Value| text(record, "/dynamodb/SequenceNumber");
            let earliest = batch
                .iter()
                .position(|record| failed.contains(&number(record).as_str()));
            let Some(earliest) = earliest else { return };
            batch.drain(..earliest);
            tokio::time::sleep(WAIT).await;
        }
    }
}

fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .unwrap_or_else(|| panic!("{pointer} of {value}"))
        .to_owned()
}

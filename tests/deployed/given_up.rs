//! A batch of the stream is given up, and the operator does what was left undone: with the
//! page's commands, in a process of their own, from the stream as it is on AWS.

use crate::deployment::Deployment;
use crate::guide;
use baton_simulators::gladly::Speaker;
use serde_json::{Value, json};
use std::time::Duration;

const PAGE: &str = "docs/operations/poison-and-dead-letters.md";
const SOON: Duration = Duration::from_secs(60);
const CUSTOMER: &str = "fay";
/// What a `relay` or `publish` that keeps failing leaves behind.
const FUNCTIONS: [(&str, &str); 2] = [("relay", "RelayFunction"), ("publish", "PublishFunction")];

/// A message comes while nobody works on the stream. Its record is given up for both
/// consumers; replayed, the bot is told and answers, and the bus has its events.
pub(crate) async fn is_replayed(hub: &Deployment) {
    hub.quiet().await;
    let page = guide::blocks(PAGE);
    let seen = sequence_numbers(hub).await.len();
    hub.pause_stream(true);
    // A page that was being read.
    tokio::time::sleep(Duration::from_secs(1)).await;
    hub.gladly
        .customer_writes(CUSTOMER, "hello")
        .expect("it is written");
    hub.gladly.quiesce().await;
    let numbers = sequence_numbers(hub).await.split_off(seen);
    let (first, last) = (numbers.first().expect("a record"), numbers.last());
    let batch = (first.as_str(), last.expect("a record").as_str());
    for (_, resource) in FUNCTIONS {
        give_up(hub, resource, batch, numbers.len()).await;
    }
    assert!(!is_answered(hub), "nobody has told the bot");

    let listed = guide::run(&page["list"], &hub.folder, &hub.environment).await;
    for (function, _) in FUNCTIONS {
        let line = format!("{function}: {} records of the stream", numbers.len());
        assert!(listed.contains(&line), "{line}: {listed}");
    }
    assert!(listed.contains("RetryAttemptsExhausted"), "{listed}");
    let replayed = guide::run(&page["replay"], &hub.folder, &hub.environment).await;
    assert_eq!(replayed.matches("done").count(), 2, "{replayed}");

    let gladly = hub.gladly.clone();
    let answered = gladly.wait_until(SOON, |_| is_answered(hub)).await;
    let failed = hub.bot.failed_calls();
    assert!(answered, "the bot is told: {failed:?}\n{}", hub.said());
    // Only the operator's process was there to tell the bus.
    let received = hub.event("message.received").await;
    let thread = &received["detail"]["thread"];
    assert!(thread.is_string(), "{received}");
    let listed = guide::run(&page["list"], &hub.folder, &hub.environment).await;
    assert!(listed.contains("There are no dead letters"), "{listed}");

    // The stream brings the same records once more: nobody notices.
    hub.pause_stream(false);
    hub.quiet().await;
    assert_eq!(hub.gladly.repeated_bot_messages(), 0);
}

fn is_answered(hub: &Deployment) -> bool {
    let sessions = hub.gladly.sessions_of(CUSTOMER);
    let mut texts = sessions
        .iter()
        .map(|session| session.texts(Speaker::Bot).len());
    texts.any(|texts| texts > 0)
}

/// Puts into the queue of dead letters what Lambda does when a batch is given up. Source:
/// Lambda developer guide, "Retain discarded batch records", the example for DynamoDB.
async fn give_up(hub: &Deployment, resource: &str, (first, last): (&str, &str), size: usize) {
    let (stream, shard) = stream(hub).await;
    let letter = json!({
        "requestContext": {
            "requestId": "00000000-0000-0000-0000-000000000000",
            "functionArn": format!("arn:aws:lambda:eu-central-1:000000000000:function:baton-{resource}-test"),
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "DDBStreamBatchInfo": {
            "shardId": shard, "startSequenceNumber": first, "endSequenceNumber": last,
            "batchSize": size, "streamArn": stream,
        },
    });
    let sent = json!({
        "QueueUrl": hub.output("DeadLettersUrl"),
        "MessageBody": letter.to_string(),
    });
    hub.stand.ask("sqs", "AmazonSQS.SendMessage", &sent).await;
}

/// The stream of the table, and its one shard.
async fn stream(hub: &Deployment) -> (String, String) {
    let text = |value: &Value, at: &str| {
        let found = value.pointer(at).and_then(Value::as_str);
        found
            .unwrap_or_else(|| panic!("{at} of {value}"))
            .to_owned()
    };
    let table = json!({"TableName": hub.output("TableName")});
    let streams = ask(hub, "ListStreams", &table).await;
    let arn = text(&streams, "/Streams/0/StreamArn");
    let described = ask(hub, "DescribeStream", &json!({"StreamArn": arn})).await;
    let shard = text(&described, "/StreamDescription/Shards/0/ShardId");
    (arn, shard)
}

/// The sequence numbers of all entries that were put, which is what a mapping wants.
async fn sequence_numbers(hub: &Deployment) -> Vec<String> {
    let (arn, shard) = stream(hub).await;
    let from_the_first = json!({
        "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON",
    });
    let got = ask(hub, "GetShardIterator", &from_the_first).await;
    let mut iterator = got["ShardIterator"].clone();
    let mut numbers = Vec::new();
    loop {
        let page = ask(hub, "GetRecords", &json!({"ShardIterator": iterator})).await;
        let records = page["Records"].as_array().expect("records");
        if records.is_empty() {
            return numbers;
        }
        let entries = records.iter().filter(|record| {
            let key = record["dynamodb"]["Keys"]["sk"]["S"].as_str();
            record["eventName"] == "INSERT" && key.is_some_and(|key| key.starts_with("e#"))
        });
        let number = |record: &Value| {
            record["dynamodb"]["SequenceNumber"]
                .as_str()
                .map(str::to_owned)
        };
        numbers.extend(entries.filter_map(number));
        iterator = page["NextShardIterator"].clone();
    }
}

async fn ask(hub: &Deployment, operation: &str, body: &Value) -> Value {
    let target = format!("DynamoDBStreams_20120810.{operation}");
    let answer = hub.database.ask(&target, body).await;
    answer.expect("the stream")
}

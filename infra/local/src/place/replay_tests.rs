//! A batch that was given up is done once more from the stream.

use super::Letters;
use super::letters::{Records, Replayed, Replays, What};
use crate::dead_letters::DeadLetters;
use crate::hub::{TABLE, open_engine};
use crate::invoke::{BoxFuture, Functions, InvokeError};
use crate::streams;
use crate::template::Template;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps what it was called with; answers that this many records failed.
#[derive(Default)]
struct Recorded {
    calls: Mutex<Vec<(String, Value)>>,
    fails: Mutex<usize>,
}

impl Functions for Recorded {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let event = serde_json::from_slice(&payload).expect("JSON");
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push((function.to_owned(), event));
        let fails = *self.fails.lock().unwrap_or_else(PoisonError::into_inner);
        let failures: Vec<Value> = (0..fails).map(|_| json!({"itemIdentifier": "1"})).collect();
        Box::pin(async move {
            Ok(json!({"batchItemFailures": failures})
                .to_string()
                .into_bytes())
        })
    }
}

#[tokio::test]
async fn a_batch_is_read_again_and_only_what_the_function_wants() {
    let engine = open_engine(None).expect("a database");
    let template = Template::builtin().expect("it is checked by its own tests");
    let made = engine.create_table(&template.table, TABLE).await;
    made.expect("a table");
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |n: i64| AttributeValue::N(n.to_string());
    for (seq, leaves) in [(1, "t"), (2, ""), (3, "t"), (4, "t")] {
        let mut put = engine
            .client()
            .put_item()
            .table_name(TABLE)
            .item("pk", text("thr_aaaaaaaaaaaaaaaaaaaaaaaaaa"))
            .item("sk", text(&format!("e#{seq:010}")))
            .item("v", number(1));
        if !leaves.is_empty() {
            put = put.item("w", text(leaves));
        }
        put.send().await.expect("an item");
    }
    let page = engine.stream_records(TABLE, None, 10).await;
    let records = page.expect("the stream").records;
    let numbers: Vec<String> = records
        .iter()
        .filter_map(streams::sequence_number)
        .collect();
    assert_eq!(numbers.len(), 4);
    let letters = DeadLetters::memory();
    let batch = |start: &str| {
        json!({"DDBStreamBatchInfo": {
            "startSequenceNumber": start, "endSequenceNumber": numbers[2], "batchSize": 2}})
    };
    letters.add("relay", "it failed", &batch(&numbers[0]));

    let functions = Arc::new(Recorded::default());
    let replays = Replays {
        records: Records::Engine(engine),
        functions: functions.clone(),
        mappings: template.streams,
    };
    let letters = Letters::Local(letters, Some(replays));
    let list = letters.list().await.expect("the list");
    assert!(matches!(list[0].what, What::Batch(_)));

    // What fails again stays.
    *functions.fails.lock().unwrap() = 1;
    let replayed = letters.replay(None).await.expect("letters");
    assert!(matches!(replayed[0].1, Replayed::Stays(_)));
    assert_eq!(letters.list().await.expect("the list").len(), 1);
    *functions.fails.lock().unwrap() = 0;
    let replayed = letters.replay(Some(&list[0].id)).await.expect("letters");
    assert_eq!(replayed[0].1, Replayed::Done("2 records done".to_owned()));
    assert!(letters.list().await.expect("the list").is_empty());
    let calls = functions.calls.lock().unwrap().clone();
    let (function, event) = calls.last().expect("a call");
    assert_eq!(function, "relay");
    let sent = event["Records"].as_array().expect("records");
    // bites: reading to the end of the stream, or what the function was never called for.
    let sent: Vec<String> = sent.iter().filter_map(streams::sequence_number).collect();
    assert_eq!(sent, [numbers[0].clone(), numbers[2].clone()]);

    // Records that the stream has let go.
    let Letters::Local(list, _) = &letters else {
        return;
    };
    list.add("relay", "it failed", &batch("000000000000000000000"));
    let replayed = letters.replay(None).await.expect("letters");
    assert!(matches!(&replayed[0].1, Replayed::Stays(why) if why.contains("24 h")));
}

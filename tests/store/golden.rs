//! The golden log: the stored form of every release stays readable.
//!
//! `golden/v<N>.json` holds the items, as DynamoDB's JSON, of the threads of
//! `chronicle`, written by the code whose schema number was N;
//! `golden/v<N>.expected.json` what they mean: each entry and the state they fold
//! to, in Rust's debug form.
//!
//! A change of the stored form needs a new schema number:
//!
//! 1. Raise `baton_domain::SCHEMA`, and turn schema N into N+1 in the upcasters of
//!    `baton_hub::store::codec`. A release must be able to read what the next one
//!    writes, since both run side by side on one table: ship the reading first, in a
//!    release of its own, and the writing after it.
//! 2. Add to `chronicle` what is new, and run this test with
//!    `BATON_WRITE_GOLDEN=1`: it writes the pair of files of the new number. Never
//!    write those of an older number again; the code that wrote them is gone.
//! 3. Read the difference of the two expectations. Where older threads now mean
//!    something else on purpose, edit the older expectation by hand. The same goes
//!    for a mere change of a Rust name, which the debug form shows.

use crate::chronicle::{self, Chronicle};
use crate::engines::{self, Table};
use crate::material::EXPIRES;
use aws_sdk_dynamodb::types::AttributeValue;
use baton_domain::{Event, SCHEMA, ThreadId};
use baton_hub::store::codec::entry_sk;
use baton_hub::store::item::{Item, b, n, s};
use baton_hub::store::{Appended, Loaded};
use data_encoding::BASE64;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/store/golden")).join(name)
}

fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(path(name)).expect("a golden file; see the module's words");
    serde_json::from_str(&text).expect("JSON")
}

fn to_json(item: &Item) -> Value {
    let mut names: Vec<_> = item.iter().collect();
    names.sort_by_key(|(name, _)| name.as_str());
    let attributes = names.into_iter().map(|(name, value)| {
        let value = match value {
            AttributeValue::S(text) => json!({"S": text}),
            AttributeValue::N(number) => json!({"N": number}),
            AttributeValue::B(bytes) => json!({"B": BASE64.encode(bytes.as_ref())}),
            other => panic!("no such attribute is stored: {other:?}"),
        };
        (name.clone(), value)
    });
    Value::Object(attributes.collect::<Map<_, _>>())
}

fn from_json(item: &Value) -> Item {
    let attribute = |(name, value): (&String, &Value)| {
        let (kind, held) = value
            .as_object()
            .and_then(|value| value.iter().next())
            .expect("one type");
        let held = held.as_str().expect("text");
        let value = match kind.as_str() {
            "S" => s(held),
            "N" => n(held),
            "B" => b(BASE64.decode(held.as_bytes()).expect("base64")),
            other => panic!("no such type: {other}"),
        };
        (name.clone(), value)
    };
    item.as_object()
        .expect("an item")
        .iter()
        .map(attribute)
        .collect()
}

/// Stores a chronicle as the hub does; what its checkpoint covers is gone.
async fn store(table: &Table, chronicle: &Chronicle) {
    let id = &chronicle.id;
    for entry in &chronicle.entries {
        let done = table.store.append(id, entry, EXPIRES).await;
        assert!(matches!(done, Ok(Appended::Yes)));
    }
    if let Some(due) = chronicle.due {
        assert!(
            table
                .store
                .rearm(id, None, Some(due), None)
                .await
                .expect("a time")
        );
    }
    if chronicle.covered > 0 {
        table
            .store
            .checkpoint(id, &chronicle.checkpoint(), EXPIRES)
            .await
            .expect("a checkpoint");
    }
    for seq in 1..=chronicle.covered {
        table.delete(id.as_str(), &entry_sk(seq)).await;
    }
}

/// All chronicles as the present code stores them.
async fn written() -> Value {
    let table = engines::embedded().await;
    let mut threads = Map::new();
    for chronicle in chronicle::all() {
        store(&table, &chronicle).await;
        let items = table.partition(chronicle.id.as_str()).await;
        let items: Vec<Value> = items.iter().map(to_json).collect();
        threads.insert(chronicle.name, json!({"id": chronicle.id, "items": items}));
    }
    Value::Object(threads)
}

/// What the present code makes of stored threads.
async fn understood(stored: &Value) -> Value {
    let mut threads = Map::new();
    for (name, thread) in stored.as_object().expect("threads") {
        let table = engines::embedded().await;
        for item in thread["items"].as_array().expect("items") {
            table.put(from_json(item)).await;
        }
        let id = ThreadId::parse(thread["id"].as_str().expect("an id")).expect("an id");
        let loaded = table.store.load(&id).await.expect("it is read");
        threads.insert(name.clone(), meaning(&loaded));
    }
    Value::Object(threads)
}

fn meaning(loaded: &Loaded) -> Value {
    let entry = |entry: &baton_domain::Entry| {
        let events: Vec<String> = entry
            .events
            .iter()
            .map(|event| format!("{event:?}"))
            .collect();
        let mut head = entry.clone();
        head.events.clear();
        json!({"entry": format!("{head:?}"), "events": events})
    };
    let state = format!("{:#?}", loaded.thread);
    json!({
        "tail": loaded.tail.iter().map(entry).collect::<Vec<_>>(),
        "state": state.lines().collect::<Vec<_>>(),
        "due": loaded.checkpoint_due,
        "checkpoint": loaded.checkpoint_seq,
    })
}

fn print(value: &Value) -> String {
    format!("{value:#}\n")
}

#[tokio::test]
async fn every_version_is_read() {
    if std::env::var_os("BATON_WRITE_GOLDEN").is_some() {
        let stored = written().await;
        std::fs::write(path(&format!("v{SCHEMA}.json")), print(&stored)).expect("a file");
        let expected = understood(&stored).await;
        std::fs::write(path(&format!("v{SCHEMA}.expected.json")), print(&expected))
            .expect("a file");
    }
    for version in 1..=SCHEMA {
        let understood = understood(&read(&format!("v{version}.json"))).await;
        let expected = read(&format!("v{version}.expected.json"));
        for (name, thread) in expected.as_object().expect("threads") {
            assert_eq!(
                print(&understood[name]),
                print(thread),
                "thread {name} of version {version}"
            );
        }
        assert_eq!(understood, expected);
    }
}

/// A change of the stored form without a new number would be found by the previous
/// release only, in production.
#[tokio::test]
async fn the_present_version_is_written_as_ever() {
    let (written, golden) = (written().await, read(&format!("v{SCHEMA}.json")));
    for (name, thread) in golden.as_object().expect("threads") {
        assert_eq!(print(&written[name]), print(thread), "thread {name}");
    }
    assert_eq!(written, golden);
}

/// A thread behind its checkpoint means what its whole log means.
#[tokio::test]
async fn a_checkpoint_stands_for_what_it_covers() {
    for chronicle in chronicle::all() {
        let table = engines::embedded().await;
        store(&table, &chronicle).await;
        let loaded = table.store.load(&chronicle.id).await.expect("it is read");
        let whole = Chronicle {
            covered: chronicle.entries.len() as u64,
            due: None,
            ..chronicle
        };
        let mut folded = whole.checkpoint();
        // The index holds whole seconds, and so does what was read back from it.
        let seconds =
            |armed: baton_domain::Timestamp| baton_domain::Timestamp(armed.seconds_up() * 1_000);
        folded.armed = folded.armed.map(seconds);
        let mut read = loaded.thread;
        read.armed = read.armed.map(seconds);
        assert_eq!(read, folded, "{}", whole.name);
    }
}

#[test]
fn the_chronicle_leaves_nothing_out() {
    let mut seen = [false; 31];
    let all = chronicle::all();
    for event in all
        .iter()
        .flat_map(|chronicle| &chronicle.entries)
        .flat_map(|entry| &entry.events)
    {
        seen[number(event)] = true;
    }
    let missing: Vec<usize> = (0..seen.len()).filter(|n| !seen[*n]).collect();
    assert_eq!(missing, [0; 0]);
}

/// The stored names of the state's fields and kinds of work, each in some checkpoint.
#[test]
fn the_checkpoints_leave_nothing_out() {
    let states: Vec<Value> = chronicle::all()
        .iter()
        .map(|chronicle| serde_json::to_value(chronicle.checkpoint()).expect("JSON"))
        .collect();
    let somewhere = |pointer: &str| states.iter().any(|state| state.pointer(pointer).is_some());
    for field in ["cv", "ob", "cl", "tb", "ar", "ct", "er"] {
        assert!(somewhere(&format!("/{field}")), "{field}");
    }
    for field in ["x", "ci", "ow", "w", "wf", "b", "rm", "ql", "ag", "sv"] {
        assert!(
            somewhere(&format!("/cv/{field}")),
            "{field} of the conversation"
        );
    }
    let work: Vec<&Value> = states
        .iter()
        .filter_map(|state| state.pointer("/ob")?.as_array())
        .flatten()
        .collect();
    for field in ["fs", "n", "u"] {
        assert!(
            work.iter().any(|work| work.get(field).is_some()),
            "{field} of work"
        );
    }
    for kind in [
        "message",
        "pass",
        "close",
        "release",
        "aftercare",
        "check",
        "free_seat",
    ] {
        let is = |work: &&Value| work["k"] == *kind || work["k"].get(kind).is_some();
        assert!(work.iter().any(is), "{kind}");
    }
}

/// Without a wildcard: a new event does not compile before it is in the chronicle.
fn number(event: &Event) -> usize {
    match event {
        Event::Opened { .. } => 0,
        Event::Reopened { .. } => 1,
        Event::Renamed { .. } => 2,
        Event::Heard { .. } => 3,
        Event::Received { .. } => 4,
        Event::Queued { .. } => 5,
        Event::Sent { .. } => 6,
        Event::Failed { .. } => 7,
        Event::Unknown { .. } => 8,
        Event::Delayed { .. } => 9,
        Event::Settled { .. } => 10,
        Event::ControlRequested { .. } => 11,
        Event::Passed { .. } => 12,
        Event::CareOwed { .. } => 13,
        Event::Assigned { .. } => 14,
        Event::Unassigned { .. } => 15,
        Event::Taken { .. } => 16,
        Event::Released { .. } => 17,
        Event::ControlFailed { .. } => 18,
        Event::Asked { .. } => 19,
        Event::ReminderSent => 20,
        Event::SurveySent => 21,
        Event::SurveyAnswered { .. } => 22,
        Event::DeadlineFired { .. } => 23,
        Event::Closed { .. } => 24,
        Event::Claimed { .. } => 25,
        Event::ClaimEnded => 26,
        Event::TellFailed { .. } => 27,
        Event::TellSucceeded { .. } => 28,
        Event::Erased => 29,
        Event::QueueLimit { .. } => 30,
    }
}

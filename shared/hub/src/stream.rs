//! Records of the table's stream, as Lambda delivers them.

use crate::store::codec::read_entry;
use crate::store::item::{Item, PK};
use aws_sdk_dynamodb::types::AttributeValue;
use baton_domain::{Entry, ThreadId};
use serde::Deserialize;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// A batch, as Lambda delivers it.
#[derive(Debug, Deserialize)]
pub struct StreamBatch {
    /// The records, in the shard's order.
    #[serde(rename = "Records", default)]
    pub records: Vec<RawRecord>,
}

/// One record, as Lambda delivers it.
#[derive(Debug, Deserialize)]
pub struct RawRecord {
    /// `INSERT`, `MODIFY` or `REMOVE`.
    #[serde(rename = "eventName", default)]
    event_name: String,
    #[serde(default)]
    dynamodb: RawChange,
}

#[derive(Debug, Default, Deserialize)]
struct RawChange {
    #[serde(rename = "SequenceNumber", default)]
    sequence_number: String,
    #[serde(rename = "NewImage", default)]
    new_image: HashMap<String, RawValue>,
}

/// The attribute types that entries use.
#[derive(Debug, Deserialize)]
enum RawValue {
    S(String),
    N(String),
    #[serde(untagged)]
    Other(#[allow(dead_code)] serde::de::IgnoredAny),
}

/// An appended entry, as read from the stream.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The record's place in the shard: what is reported when it must come again.
    pub sequence_number: String,
    /// The thread.
    pub thread: ThreadId,
    /// The entry.
    pub entry: Entry,
}

/// The entries of a batch. Anything else, and what cannot be read, is left out: it
/// would not become readable by coming again.
#[must_use]
pub fn entries(batch: StreamBatch) -> Vec<Appended> {
    batch.records.into_iter().filter_map(read).collect()
}

fn read(record: RawRecord) -> Option<Appended> {
    if record.event_name != "INSERT" {
        return None;
    }
    let sequence_number = record.dynamodb.sequence_number;
    let item: Item = record
        .dynamodb
        .new_image
        .into_iter()
        .filter_map(|(name, value)| match value {
            RawValue::S(text) => Some((name, AttributeValue::S(text))),
            RawValue::N(number) => Some((name, AttributeValue::N(number))),
            RawValue::Other(_) => None,
        })
        .collect();
    let thread = crate::store::item::text(&item, PK).and_then(|pk| ThreadId::parse(pk).ok())?;
    match read_entry(&item) {
        Ok(entry) => Some(Appended {
            sequence_number,
            thread,
            entry,
        }),
        Err(error) => {
            tracing::error!(thread = %thread, error = %error, "a stream record cannot be read and is left out");
            None
        }
    }
}

/// The entries of a batch by thread, each thread's in order.
#[must_use]
pub fn by_thread(entries: Vec<Appended>) -> BTreeMap<ThreadId, Vec<Appended>> {
    let mut threads: BTreeMap<ThreadId, Vec<Appended>> = BTreeMap::new();
    for appended in entries {
        threads
            .entry(appended.thread.clone())
            .or_default()
            .push(appended);
    }
    threads
}

/// The answer to a batch: Lambda restarts from the lowest number reported.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
pub struct BatchAnswer {
    /// Where to go on; empty when all went well.
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<BatchFailure>,
}

/// A place to go on from.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct BatchFailure {
    /// The record's sequence number.
    #[serde(rename = "itemIdentifier")]
    pub sequence_number: String,
}

impl BatchAnswer {
    /// Go on from the first of these records in the order of the batch.
    #[must_use]
    pub fn from_first(order: &[String], failed: &[String]) -> Self {
        let first = order.iter().find(|number| failed.contains(number));
        Self {
            failures: first
                .map(|number| BatchFailure {
                    sequence_number: number.clone(),
                })
                .into_iter()
                .collect(),
        }
    }
}

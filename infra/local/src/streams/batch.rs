//! A batch of stream records.

use crate::{ACCOUNT, REGION};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The most that Lambda hands over in one call. Source: Lambda quotas,
/// invocation payload, synchronous.
const PAYLOAD_LIMIT: usize = 6_000_000;

/// Records in their order, with how often their first one was tried.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    records: Vec<Value>,
    bytes: usize,
    /// Calls that got no further.
    pub(super) tries: u32,
}

/// What a function's answer says of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it is done.
    Done,
    /// The records before this one are done; the rest comes again.
    From(usize),
    /// It failed as a whole.
    Failed,
}

impl Batch {
    /// Adds a record as Lambda shows it. Source: Lambda developer guide, "Using
    /// AWS Lambda with Amazon DynamoDB", example event.
    pub(super) fn push(&mut self, table: &str, mut record: Value) {
        if let Some(fields) = record.as_object_mut() {
            fields.insert("awsRegion".to_owned(), Value::from(REGION));
            fields.insert("eventSourceARN".to_owned(), Value::from(stream_arn(table)));
            if let Some(created) = fields
                .get_mut("dynamodb")
                .and_then(|body| body.get_mut("ApproximateCreationDateTime"))
            {
                whole_seconds(created);
            }
        }
        self.bytes += record.to_string().len();
        self.records.push(record);
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether another record would be too much: of number, or of bytes (one
    /// record is at most about 800 KB of JSON).
    pub(super) fn is_full(&self, batch_size: u32) -> bool {
        self.records.len() >= usize::try_from(batch_size).unwrap_or(usize::MAX)
            || self.bytes + 1_000_000 > PAYLOAD_LIMIT
    }

    pub(super) fn last(&self) -> Option<String> {
        self.records.last().and_then(sequence_number)
    }

    /// The event that the function gets.
    pub(super) fn event(&self) -> Vec<u8> {
        json!({"Records": self.records}).to_string().into_bytes()
    }

    /// Reads the function's answer. The lowest number reported is where to go on;
    /// an answer that reports something that is no record of the batch is a
    /// failure of all of it. Source: Lambda developer guide, "Configuring partial
    /// batch response with DynamoDB and Lambda", success and failure conditions.
    pub(super) fn judge(&self, answer: &[u8], reports_item_failures: bool) -> Verdict {
        if !reports_item_failures {
            return Verdict::Done;
        }
        let Ok(answer) = serde_json::from_slice::<Value>(answer) else {
            return match answer.is_empty() {
                true => Verdict::Done,
                false => Verdict::Failed,
            };
        };
        let failures = match answer.get("batchItemFailures") {
            None | Some(Value::Null) => return Verdict::Done,
            Some(Value::Array(failures)) => failures,
            Some(_) => return Verdict::Failed,
        };
        let mut earliest = None;
        for failure in failures {
            let place = failure
                .get("itemIdentifier")
                .and_then(Value::as_str)
                .and_then(|number| self.place(number));
            let Some(place) = place else {
                return Verdict::Failed;
            };
            earliest = Some(earliest.map_or(place, |earlier: usize| earlier.min(place)));
        }
        earliest.map_or(Verdict::Done, Verdict::From)
    }

    fn place(&self, number: &str) -> Option<usize> {
        self.records
            .iter()
            .position(|record| sequence_number(record).as_deref() == Some(number))
    }

    /// Cuts the batch before a place; the tries belong to neither part.
    pub(super) fn split(mut self, place: usize) -> (Self, Self) {
        let rest = self.records.split_off(place.min(self.records.len()));
        (Self::of(self.records), Self::of(rest))
    }

    fn of(records: Vec<Value>) -> Self {
        let bytes = records.iter().map(|record| record.to_string().len()).sum();
        Self {
            records,
            bytes,
            tries: 0,
        }
    }

    /// What a destination for failures hears: where the records are, not what
    /// they say. Source: Lambda developer guide, "Retain discarded batch records
    /// for a DynamoDB event source in Lambda".
    pub(super) fn description(&self, table: &str) -> Value {
        let number = |record: Option<&Value>| record.and_then(sequence_number);
        let arrival = |record: Option<&Value>| {
            let seconds = record?
                .pointer("/dynamodb/ApproximateCreationDateTime")?
                .as_i64()?;
            Some(Timestamp::from_second(seconds).ok()?.to_string())
        };
        let (first, last) = (self.records.first(), self.records.last());
        let mut info = Map::new();
        for (key, value) in [
            ("startSequenceNumber", number(first)),
            ("endSequenceNumber", number(last)),
            ("approximateArrivalOfFirstRecord", arrival(first)),
            ("approximateArrivalOfLastRecord", arrival(last)),
        ] {
            info.insert(key.to_owned(), Value::from(value));
        }
        info.insert("batchSize".to_owned(), Value::from(self.records.len()));
        info.insert("streamArn".to_owned(), Value::from(stream_arn(table)));
        json!({
            "version": "1.0",
            "requestContext": {
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": self.tries,
            },
            "DDBStreamBatchInfo": info,
        })
    }
}

pub(crate) fn sequence_number(record: &Value) -> Option<String> {
    record
        .pointer("/dynamodb/SequenceNumber")?
        .as_str()
        .map(str::to_owned)
}

fn stream_arn(table: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/local")
}

/// dynoxide writes `1767323045.0`, Lambda `1767323045`.
fn whole_seconds(value: &mut Value) {
    let text = value.to_string();
    let whole = text.split('.').next().unwrap_or(&text);
    if let Ok(seconds) = whole.parse::<i64>() {
        *value = Value::from(seconds);
    }
}

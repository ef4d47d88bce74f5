//! Records of the table's stream, read once more: those of a batch that was given up.

use crate::engine::Engine;
use crate::hub::TABLE;
use crate::streams;
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::error::DisplayErrorContext;
use aws_sdk_dynamodbstreams::types::{AttributeValue, Record, ShardIteratorType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Where the stream is.
#[derive(Clone, Debug)]
pub enum Records {
    /// In this process.
    Engine(Engine),
    /// On AWS.
    Stack(Client),
}

/// Where a batch stands in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPlace {
    /// The sequence number of its first record.
    pub start: String,
    /// That of its last.
    pub end: String,
    /// How many records the function was called for.
    pub size: u64,
    /// The stream.
    pub stream: String,
    /// The shard, where there are several.
    pub shard: Option<String>,
}

/// Pages of one reading; a batch is never longer.
const PAGES: usize = 100;

impl Records {
    /// The records from the first to the last of a batch, also those that the function
    /// was not called for; `None` where the stream does not keep them any more.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub async fn of(&self, place: &BatchPlace) -> Result<Option<Vec<Value>>, String> {
        let records = match self {
            Self::Engine(engine) => of_engine(engine, place).await?,
            Self::Stack(client) => match of_stack(client, place).await? {
                Some(records) => records,
                None => return Ok(None),
            },
        };
        let first = records.first().and_then(streams::sequence_number);
        Ok((first.as_deref() == Some(place.start.as_str())).then_some(records))
    }
}

async fn of_engine(engine: &Engine, place: &BatchPlace) -> Result<Vec<Value>, String> {
    let mut after: Option<String> = None;
    let mut found = Vec::new();
    loop {
        let page = engine
            .stream_records(TABLE, after.as_deref(), 1_000)
            .await
            .map_err(|error| error.to_string())?;
        let Some(last) = page.last else {
            return Ok(found);
        };
        for record in page.records {
            let Some(number) = streams::sequence_number(&record) else {
                continue;
            };
            if streams::later(&number, &place.end) {
                return Ok(found);
            }
            if !streams::later(&place.start, &number) {
                found.push(record);
            }
        }
        after = Some(last);
    }
}

async fn of_stack(client: &Client, place: &BatchPlace) -> Result<Option<Vec<Value>>, String> {
    let iterator = client
        .get_shard_iterator()
        .stream_arn(&place.stream)
        .set_shard_id(place.shard.clone())
        .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
        .sequence_number(&place.start)
        .send()
        .await;
    let mut iterator = match iterator {
        Ok(got) => got.shard_iterator,
        Err(error)
            if error.as_service_error().is_some_and(|error| {
                error.is_trimmed_data_access_exception() || error.is_resource_not_found_exception()
            }) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(format!("the stream: {}", DisplayErrorContext(&error))),
    };
    let mut found = Vec::new();
    for _ in 0..PAGES {
        let Some(from) = iterator.take() else { break };
        let page = client.get_records().shard_iterator(from).send().await;
        let page = match page {
            Ok(page) => page,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_trimmed_data_access_exception()) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(format!("the stream: {}", DisplayErrorContext(&error))),
        };
        for record in page.records() {
            let number = record
                .dynamodb()
                .and_then(|change| change.sequence_number());
            let number = number.unwrap_or_default();
            if streams::later(number, &place.end) {
                return Ok(Some(found));
            }
            found.push(as_lambda_shows(record));
            if number == place.end {
                return Ok(Some(found));
            }
        }
        iterator = page.next_shard_iterator;
    }
    Ok(Some(found))
}

/// Source: Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB", example event.
fn as_lambda_shows(record: &Record) -> Value {
    let change = record.dynamodb();
    let image = change.and_then(|change| change.new_image());
    let keys = change.and_then(|change| change.keys());
    let object = |attributes: Option<&std::collections::HashMap<String, AttributeValue>>| {
        let named = attributes.into_iter().flatten();
        let shown = named.map(|(name, value)| (name.clone(), shown(value)));
        Value::Object(shown.collect::<Map<_, _>>())
    };
    json!({
        "eventID": record.event_id(),
        "eventName": record.event_name().map(|name| name.as_str()),
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "SequenceNumber": change.and_then(|change| change.sequence_number()),
            "Keys": object(keys),
            "NewImage": object(image),
            "StreamViewType": "NEW_IMAGE",
        },
    })
}

fn shown(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::B(bytes) => json!({"B": STANDARD.encode(bytes)}),
        AttributeValue::Bool(is) => json!({"BOOL": is}),
        AttributeValue::M(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), shown(value)));
            json!({"M": Value::Object(fields.collect())})
        }
        AttributeValue::L(items) => json!({"L": items.iter().map(shown).collect::<Vec<_>>()}),
        AttributeValue::Ss(texts) => json!({"SS": texts}),
        AttributeValue::Ns(numbers) => json!({"NS": numbers}),
        _ => json!({"NULL": true}),
    }
}

//! What was given up: what it was, why, what replaying it does, and doing it.

use super::records::BatchPlace;
pub use super::records::Records;
use crate::dead_letters::DeadLetters;
use crate::invoke::Functions;
use crate::streams;
use crate::template::StreamMapping;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use baton_domain::Timestamp;
use baton_hub::facts::iso;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where what was given up is kept.
#[derive(Clone)]
pub enum Letters {
    /// The list of a data folder; replaying takes the hub that runs on it.
    Local(DeadLetters, Option<Replays>),
    /// The stack's queue.
    Queue {
        /// The client.
        client: Client,
        /// The queue's URL; `None` where the stack's outputs do not tell it.
        url: Option<String>,
        /// What replays them.
        replays: Replays,
    },
}

/// What a replay takes: the stream once more, and the function's own code.
#[derive(Clone)]
pub struct Replays {
    /// The stream.
    pub records: Records,
    /// The functions.
    pub functions: Arc<dyn Functions>,
    /// Which records each function is called for.
    pub mappings: Vec<StreamMapping>,
}

/// One call that was given up.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Its id, short enough to be typed.
    pub id: String,
    /// When it was given up, RFC 3339.
    pub at: String,
    /// The function that did not take it.
    pub function: String,
    /// Why.
    pub reason: String,
    /// What it was.
    pub what: What,
    /// How the queue's message is deleted.
    receipt: Option<String>,
}

/// What was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A batch of the stream.
    Batch(BatchPlace),
    /// A tick of the sweep, or a slice of so many rows.
    Sweep(Option<usize>),
    /// Something that the hub does not put there.
    Unknown,
}

impl Letter {
    /// What it was, for people.
    #[must_use]
    pub fn gist(&self) -> String {
        match &self.what {
            What::Batch(place) => format!("{} records of the stream", place.size),
            What::Sweep(None) => "the minute's tick".to_owned(),
            What::Sweep(Some(rows)) => format!("a slice of {rows} due rows"),
            What::Unknown => "not a call of the hub".to_owned(),
        }
    }

    /// What replaying it will do, for people.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match (&self.what, self.function.as_str()) {
            (What::Batch(_), "relay") => {
                "reads the records again (the stream keeps them for 24 h) and tells the bot and delivers what is still to be told and delivered; a bot that has heard it hears it again, with the same ids"
            }
            (What::Batch(_), "publish") => {
                "reads the records again (the stream keeps them for 24 h), puts their events on the bus, with the same ids, and writes rows and names"
            }
            (What::Batch(_), _) => "nothing: no function of this name reads the stream",
            (What::Sweep(_), _) => {
                "nothing needs doing: the rows are still due, and the next tick, a minute later, has found them. Drop it"
            }
            (What::Unknown, _) => "nothing: look at the message in the queue, then drop it",
        }
    }
}

/// What became of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It is done, and the letter gone.
    Done(String),
    /// Nothing had to be done; the letter is gone.
    Needless(&'static str),
    /// It failed, or cannot be done; the letter stays.
    Stays(String),
}

impl Letters {
    /// All letters, oldest first.
    ///
    /// # Errors
    /// In words.
    pub async fn list(&self) -> Result<Vec<Letter>, String> {
        match self {
            Self::Local(list, _) => Ok(list
                .recent()
                .iter()
                .map(|letter| of_file(crate::dead_letters::id_of(letter), letter))
                .collect()),
            Self::Queue { client, url, .. } => {
                let letters = receive(client, required(url)?).await?;
                self.give_back(&letters).await;
                Ok(letters)
            }
        }
    }

    /// Does once more what these letters are about: one, or all. Letters of which
    /// nothing is left to do are removed.
    ///
    /// # Errors
    /// In words, when the letters cannot be had.
    pub async fn replay(&self, id: Option<&str>) -> Result<Vec<(Letter, Replayed)>, String> {
        let letters = self.chosen(id).await?;
        let mut replayed = Vec::new();
        for letter in letters {
            let outcome = self.replay_one(&letter).await;
            let outcome = match (&outcome, self.settle(&letter, &outcome).await) {
                (_, Ok(())) => outcome,
                (_, Err(error)) => Replayed::Stays(error),
            };
            replayed.push((letter, outcome));
        }
        Ok(replayed)
    }

    /// Removes these letters: one, or all.
    ///
    /// # Errors
    /// In words.
    pub async fn discard(&self, id: Option<&str>) -> Result<Vec<Letter>, String> {
        let letters = self.chosen(id).await?;
        for letter in &letters {
            self.remove(letter).await?;
        }
        Ok(letters)
    }

    async fn chosen(&self, id: Option<&str>) -> Result<Vec<Letter>, String> {
        let letters = match self {
            Self::Local(..) => self.list().await?,
            Self::Queue { client, url, .. } => receive(client, required(url)?).await?,
        };
        let (chosen, others): (Vec<_>, Vec<_>) = letters
            .into_iter()
            .partition(|letter| id.is_none_or(|id| letter.id == id));
        self.give_back(&others).await;
        Ok(chosen)
    }

    async fn settle(&self, letter: &Letter, outcome: &Replayed) -> Result<(), String> {
        match outcome {
            Replayed::Done(_) | Replayed::Needless(_) => self.remove(letter).await,
            Replayed::Stays(_) => {
                self.give_back(std::slice::from_ref(letter)).await;
                Ok(())
            }
        }
    }

    async fn remove(&self, letter: &Letter) -> Result<(), String> {
        match self {
            Self::Local(list, _) => list
                .remove(&letter.id)
                .map_err(|error| format!("the list of dead letters: {error}")),
            Self::Queue { client, url, .. } => client
                .delete_message()
                .queue_url(required(url)?)
                .set_receipt_handle(letter.receipt.clone())
                .send()
                .await
                .map(drop)
                .map_err(|error| format!("the queue: {}", DisplayErrorContext(&error))),
        }
    }

    /// Lets others see messages again that were only looked at. Where it fails they are
    /// seen a little later.
    async fn give_back(&self, letters: &[Letter]) {
        let Self::Queue {
            client,
            url: Some(url),
            ..
        } = self
        else {
            return;
        };
        for letter in letters {
            let given = client
                .change_message_visibility()
                .queue_url(url)
                .set_receipt_handle(letter.receipt.clone())
                .visibility_timeout(0)
                .send()
                .await;
            if let Err(error) = given {
                tracing::debug!(error = %DisplayErrorContext(&error), "a message stays hidden for a while");
            }
        }
    }

    async fn replay_one(&self, letter: &Letter) -> Replayed {
        let place = match &letter.what {
            What::Batch(place) => place,
            What::Sweep(_) => {
                return Replayed::Needless(
                    "nothing needed doing: the next tick has found the rows",
                );
            }
            What::Unknown => {
                return Replayed::Stays(
                    "it is no call of the hub: look at it in the queue, then drop it".to_owned(),
                );
            }
        };
        let replays = match self {
            Self::Local(_, Some(replays)) | Self::Queue { replays, .. } => replays,
            Self::Local(_, None) => {
                return Replayed::Stays(
                    "no hub runs on this data folder, and a replay takes one: start it".to_owned(),
                );
            }
        };
        match replays.batch(&letter.function, place).await {
            Ok(outcome) => outcome,
            Err(error) => Replayed::Stays(error),
        }
    }
}

impl Replays {
    async fn batch(&self, function: &str, place: &BatchPlace) -> Result<Replayed, String> {
        let mapping = self
            .mappings
            .iter()
            .find(|mapping| mapping.function == function)
            .ok_or("no function of this name reads the stream")?;
        let Some(records) = self.records.of(place).await? else {
            return Ok(Replayed::Stays(
                "the stream does not keep its records any more (24 h). The entries are in the log, and timers go on; what was not told or published then is not made good. Drop it".to_owned(),
            ));
        };
        let wanted: Vec<Value> = records
            .into_iter()
            .filter(|record| mapping.wants(record))
            .collect();
        let count = wanted.len();
        let answer = self
            .functions
            .invoke(function, streams::event_of(wanted))
            .await
            .map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let failed = answer.get("batchItemFailures").and_then(Value::as_array);
        Ok(match failed.map_or(0, Vec::len) {
            0 => Replayed::Done(format!("{count} records done")),
            _ => Replayed::Stays(
                "it failed again: see the log, and what the table and the bus say".to_owned(),
            ),
        })
    }
}

fn required(url: &Option<String>) -> Result<&str, String> {
    url.as_deref().ok_or_else(|| {
        "the queue of dead letters is not named: deploy the present template, or add --dead-letters-url".to_owned()
    })
}

/// All messages there are. They are hidden from others for a minute.
async fn receive(client: &Client, url: &str) -> Result<Vec<Letter>, String> {
    /// More are left for the next time.
    const MOST: usize = 1_000;
    let mut found: BTreeMap<String, Letter> = BTreeMap::new();
    while found.len() < MOST {
        let got = client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10)
            .visibility_timeout(60)
            // A short wait asks all of the queue's servers.
            .wait_time_seconds(1)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|error| format!("the queue: {}", DisplayErrorContext(&error)))?;
        if got.messages().is_empty() {
            break;
        }
        for message in got.messages() {
            let letter = of_queue(message);
            found.insert(message.message_id().unwrap_or_default().to_owned(), letter);
        }
    }
    let mut letters: Vec<Letter> = found.into_values().collect();
    letters.sort_by(|one, other| one.at.cmp(&other.at));
    Ok(letters)
}

fn of_file(id: String, letter: &Value) -> Letter {
    let text = |key: &str| {
        let value = letter.get(key).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let function = text("function");
    Letter {
        id,
        at: text("time"),
        reason: text("reason"),
        what: what(letter.get("what").unwrap_or(&Value::Null)),
        function,
        receipt: None,
    }
}

/// A message of Lambda (a batch of the stream, or an event that failed) or of
/// EventBridge (an event that its target did not take). Sources: Lambda developer guide,
/// "Retain discarded batch records", "Capturing records of asynchronous invocations";
/// EventBridge user guide, "Using dead-letter queues".
fn of_queue(message: &Message) -> Letter {
    let body: Value = serde_json::from_str(message.body().unwrap_or_default()).unwrap_or_default();
    let attribute = |name: &str| {
        let attributes = message.message_attributes();
        attributes
            .and_then(|all| all.get(name))
            .and_then(|value| value.string_value())
    };
    let pointed = |path: &str| body.pointer(path).and_then(Value::as_str);
    let sent = message
        .attributes()
        .and_then(|all| all.get(&MessageSystemAttributeName::SentTimestamp))
        .and_then(|sent| sent.parse().ok());
    let arn = pointed("/requestContext/functionArn").or_else(|| attribute("TARGET_ARN"));
    let reason = pointed("/requestContext/condition")
        .or_else(|| attribute("ERROR_CODE"))
        .unwrap_or("no reason is given");
    let detail = pointed("/responsePayload/errorMessage").or_else(|| attribute("ERROR_MESSAGE"));
    let id = message.message_id().unwrap_or_default();
    Letter {
        id: id.split('-').next().unwrap_or(id).to_owned(),
        at: sent.map_or_else(String::new, |at| iso(Timestamp(at))),
        function: function_of(arn.unwrap_or_default()),
        reason: match detail {
            Some(detail) => format!("{reason}: {detail}"),
            None => reason.to_owned(),
        },
        what: what(match body.get("requestPayload") {
            Some(event) => event,
            None => &body,
        }),
        receipt: message.receipt_handle().map(str::to_owned),
    }
}

/// The function of an ARN: CloudFormation names it after the stack and its name in the
/// template.
fn function_of(arn: &str) -> String {
    let name = arn.split(":function:").nth(1).unwrap_or(arn);
    let name = name.split(':').next().unwrap_or(name);
    for function in ["relay", "publish", "sweep"] {
        if name
            .to_ascii_lowercase()
            .contains(&format!("{function}function"))
            || name == function
        {
            return function.to_owned();
        }
    }
    name.to_owned()
}

fn what(of: &Value) -> What {
    if let Some(info) = of.get("DDBStreamBatchInfo") {
        let text = |key: &str| info.get(key).and_then(Value::as_str).map(str::to_owned);
        if let (Some(start), Some(end)) = (text("startSequenceNumber"), text("endSequenceNumber")) {
            return What::Batch(BatchPlace {
                start,
                end,
                size: info.get("batchSize").and_then(Value::as_u64).unwrap_or(0),
                stream: text("streamArn").unwrap_or_default(),
                shard: text("shardId"),
            });
        }
    }
    match of.get("detail-type").and_then(Value::as_str) {
        Some(baton_hub::sweep::SLICE_EVENT) => {
            let rows = of.pointer("/detail/rows").and_then(Value::as_array);
            What::Sweep(Some(rows.map_or(0, Vec::len)))
        }
        Some("Scheduled Event") => What::Sweep(None),
        _ => What::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sqs::types::MessageAttributeValue;
    use serde_json::json;

    const RELAY: &str =
        "arn:aws:lambda:eu-central-1:000000000000:function:shop-RelayFunction-abc:$LATEST";

    #[test]
    fn a_batch_is_read_from_the_queue_as_lambda_puts_it_there() {
        let body = json!({
            "requestContext": {"functionArn": RELAY, "condition": "RetryAttemptsExhausted"},
            "DDBStreamBatchInfo": {
                "shardId": "shardId-1", "startSequenceNumber": "10", "endSequenceNumber": "12",
                "batchSize": 2, "streamArn": "arn:stream"},
        });
        let message = Message::builder()
            .message_id("0a1b2c3d-0000-1111")
            .body(body.to_string())
            .attributes(MessageSystemAttributeName::SentTimestamp, "1795162530250")
            .build();
        let letter = of_queue(&message);
        assert_eq!(
            (letter.id.as_str(), letter.function.as_str()),
            ("0a1b2c3d", "relay")
        );
        assert_eq!(letter.at, "2026-11-20T08:15:30.250Z");
        assert_eq!(letter.reason, "RetryAttemptsExhausted");
        assert_eq!(letter.gist(), "2 records of the stream");
        assert!(matches!(letter.what, What::Batch(place) if place.end == "12"));
    }

    #[test]
    fn slices_and_ticks_need_nothing() {
        let event = json!({"detail-type": "sweep.slice", "detail": {"rows": [1, 2, 3]}});
        let error = |text: &str| {
            MessageAttributeValue::builder()
                .data_type("String")
                .string_value(text)
                .build()
                .expect("a type")
        };
        let message = Message::builder()
            .message_id("m")
            .body(event.to_string())
            .message_attributes("ERROR_CODE", error("NO_RESOURCE"))
            .message_attributes("TARGET_ARN", error("arn:x:function:shop-SweepFunction-x"))
            .build();
        let letter = of_queue(&message);
        assert_eq!(
            (letter.what.clone(), letter.function.as_str()),
            (What::Sweep(Some(3)), "sweep")
        );
        assert!(letter.remedy().contains("nothing needs doing"));
        let asynchronous = json!({
            "requestContext": {"functionArn": "arn:x:function:shop-SweepFunction-x", "condition": "EventAgeExceeded"},
            "requestPayload": {"detail-type": "Scheduled Event"},
        });
        let message = Message::builder().body(asynchronous.to_string()).build();
        assert_eq!(of_queue(&message).what, What::Sweep(None));
        let message = Message::builder().body("hello").build();
        assert_eq!(of_queue(&message).what, What::Unknown);
    }
}

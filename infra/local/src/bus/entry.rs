//! `PutEvents`: checked, and answered entry by entry.

use super::{Bus, envelope};
use serde::Deserialize;
use serde_json::{Value, json};

/// Source: EventBridge API reference, `PutEvents`, `Entries`.
const MOST_ENTRIES: usize = 10;

/// All entries of a request together. Source: EventBridge user guide,
/// "Calculating PutEvents event entry size".
const MOST_BYTES: usize = 256 * 1_024;

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "Entries", default)]
    entries: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Entry {
    source: Option<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    resources: Vec<String>,
    event_bus_name: Option<String>,
    time: Option<f64>,
}

/// An error of the whole request: its name and message, status 400.
pub(super) struct Refusal(pub(super) &'static str, pub(super) String);

/// Why one entry was not taken.
type EntryError = (String, String);

impl Entry {
    /// As the guide counts: texts in UTF-8, and 14 bytes for a given time.
    fn size(&self) -> usize {
        let text = |value: &Option<String>| value.as_ref().map_or(0, String::len);
        text(&self.source)
            + text(&self.detail_type)
            + text(&self.detail)
            + self.resources.iter().map(String::len).sum::<usize>()
            + self.time.map_or(0, |_| 14)
    }

    /// Whether the entry is for the bus of this name; it may come as an ARN.
    fn is_for(&self, bus: &str) -> bool {
        let named = self.event_bus_name.as_deref().unwrap_or("default");
        named == bus
            || named
                .rsplit_once(":event-bus/")
                .is_some_and(|(_, name)| name == bus)
    }

    fn event(&self, now_secs: u64) -> Result<Value, EntryError> {
        let source = required("Source", self.source.as_deref())?;
        let detail_type = required("DetailType", self.detail_type.as_deref())?;
        let detail = required("Detail", self.detail.as_deref())?;
        if source.starts_with("aws.") {
            return Err((
                "NotAuthorizedForSourceException".to_owned(),
                "Not authorized for the source.".to_owned(),
            ));
        }
        let detail: Value = serde_json::from_str(detail)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| {
                (
                    "MalformedDetail".to_owned(),
                    "Detail is malformed.".to_owned(),
                )
            })?;
        // A time before the epoch or beyond all calendars counts as the epoch.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates"
        )]
        let seconds = self.time.map_or(now_secs, |time| time as u64);
        Ok(envelope::event(
            source,
            detail_type,
            &detail,
            &self.resources,
            seconds,
        ))
    }
}

fn required<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, EntryError> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| {
        (
            "InvalidArgument".to_owned(),
            format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
        )
    })
}

impl Bus {
    /// Answers a `PutEvents` request.
    pub(super) fn put_events(&self, body: &[u8]) -> Result<Value, Refusal> {
        let request: Request = serde_json::from_slice(body)
            .map_err(|error| Refusal("SerializationException", error.to_string()))?;
        let entries: Vec<Entry> = request
            .entries
            .iter()
            .map(Entry::deserialize)
            .collect::<Result<_, _>>()
            .map_err(|error| Refusal("SerializationException", error.to_string()))?;
        if entries.is_empty() || entries.len() > MOST_ENTRIES {
            return Err(Refusal(
                "ValidationException",
                "1 validation error detected: Value at 'entries' failed to satisfy constraint: \
                 Member must have length between 1 and 10"
                    .to_owned(),
            ));
        }
        if entries.iter().map(Entry::size).sum::<usize>() >= MOST_BYTES {
            return Err(Refusal(
                "ValidationException",
                "Total size of the entries in the request is over the limit.".to_owned(),
            ));
        }
        let answers: Vec<Value> = entries
            .iter()
            .zip(&request.entries)
            .map(|(entry, raw)| match self.put(entry, raw) {
                Ok(id) => json!({"EventId": id}),
                Err((code, message)) => json!({"ErrorCode": code, "ErrorMessage": message}),
            })
            .collect();
        let failed = answers
            .iter()
            .filter(|answer| answer.get("ErrorCode").is_some())
            .count();
        Ok(json!({"FailedEntryCount": failed, "Entries": answers}))
    }

    fn put(&self, entry: &Entry, raw: &Value) -> Result<Value, EntryError> {
        if let Some(fault) = self.faults.as_ref().and_then(|faults| faults.fail(raw)) {
            return Err(fault);
        }
        let event = entry.event(self.shared.clock.now_unix_secs())?;
        let id = event.get("id").cloned().unwrap_or_default();
        if entry.is_for(&self.shared.name) {
            self.take(event);
        } else {
            // AWS answers the same: events for a bus that is not there vanish.
            tracing::warn!("an event was put on a bus that does not exist");
        }
        Ok(id)
    }
}

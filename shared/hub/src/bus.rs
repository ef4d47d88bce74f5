//! The event bus.

use crate::facts::Fact;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use std::time::Duration;

/// EventBridge takes at most this many entries a request.
const ENTRIES_A_REQUEST: usize = 10;
/// And at most so many bytes a request: its limit is on the sum of its entries, 256 KB
/// by the API reference of PutEvents, names and source included.
const BYTES_A_REQUEST: usize = 240 * 1024;
/// How often failed entries are sent again before the batch waits.
const TRIES: u32 = 3;
/// The source of every event of the hub.
pub const SOURCE: &str = "baton";

/// The stack's bus.
#[derive(Clone, Debug)]
pub struct Bus {
    client: Client,
    name: String,
}

/// Entries that the bus did not take, by their place in what was given.
#[derive(Debug, thiserror::Error)]
#[error("the bus did not take {} of the events: {code}", .places.len())]
pub struct NotTaken {
    /// Their places.
    pub places: Vec<usize>,
    /// The last error code.
    pub code: String,
}

/// An event to put on the bus.
#[derive(Clone, Debug)]
pub struct BusEvent {
    /// What it is: the name of a fact, or of the hub's own kind.
    pub detail_type: String,
    /// JSON.
    pub detail: String,
}

impl From<&Fact> for BusEvent {
    fn from(fact: &Fact) -> Self {
        Self {
            detail_type: fact.name.to_owned(),
            detail: fact.to_json().to_string(),
        }
    }
}

/// The largest detail that the bus takes.
pub const DETAIL_LIMIT: usize = 200 * 1024;

/// Cuts events into requests by number and size.
fn requests(events: &[BusEvent], places: &[usize]) -> Vec<Vec<usize>> {
    let mut requests: Vec<Vec<usize>> = Vec::new();
    let mut bytes = 0;
    for place in places {
        // Source and bus name are short; 256 bytes are more than they need.
        let size = events.get(*place).map_or(0, |event| {
            event.detail.len() + event.detail_type.len() + 256
        });
        match requests.last_mut() {
            Some(last) if last.len() < ENTRIES_A_REQUEST && bytes + size <= BYTES_A_REQUEST => {
                last.push(*place);
                bytes += size;
            }
            _ => {
                requests.push(vec![*place]);
                bytes = size;
            }
        }
    }
    requests
}

impl Bus {
    /// The bus of this name through this client.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
        }
    }

    /// Puts events on the bus. The entries that fail, and only those, are sent again.
    ///
    /// # Errors
    /// Which ones were not taken in the end.
    pub async fn put(&self, events: &[BusEvent]) -> Result<(), NotTaken> {
        let mut left: Vec<usize> = (0..events.len()).collect();
        let mut code = String::new();
        for attempt in 0..TRIES {
            if left.is_empty() {
                return Ok(());
            }
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
            }
            let mut failed = Vec::new();
            for places in requests(events, &left) {
                match self.request(events, &places).await {
                    Ok(refused) => {
                        for (place, why) in refused {
                            failed.push(place);
                            code = why;
                        }
                    }
                    Err(why) => {
                        failed.extend(places);
                        code = why;
                    }
                }
            }
            left = failed;
        }
        if left.is_empty() {
            Ok(())
        } else {
            Err(NotTaken { places: left, code })
        }
    }

    async fn request(
        &self,
        events: &[BusEvent],
        places: &[usize],
    ) -> Result<Vec<(usize, String)>, String> {
        let entries = places
            .iter()
            .filter_map(|place| events.get(*place))
            .map(|event| {
                PutEventsRequestEntry::builder()
                    .event_bus_name(&self.name)
                    .source(SOURCE)
                    .detail_type(&event.detail_type)
                    .detail(&event.detail)
                    .build()
            });
        let answer = self
            .client
            .put_events()
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(|error| {
                use aws_sdk_eventbridge::error::ProvideErrorMetadata;
                error.code().unwrap_or("transport").to_owned()
            })?;
        // 200 does not mean that every entry was taken.
        Ok(places
            .iter()
            .zip(answer.entries())
            .filter_map(|(place, entry)| Some((*place, entry.error_code()?.to_owned())))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_cut_by_number_and_by_size() {
        let event = |bytes| BusEvent {
            detail_type: "message.received".to_owned(),
            detail: "x".repeat(bytes),
        };
        let small: Vec<BusEvent> = (0..25).map(|_| event(100)).collect();
        let places: Vec<usize> = (0..25).collect();
        let cut = requests(&small, &places);
        assert_eq!(cut.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
        assert_eq!(cut.concat(), places);
        // bites: ten slices of 160 KB in one request, which is refused as a whole.
        let large: Vec<BusEvent> = (0..4).map(|_| event(160 * 1024)).collect();
        assert_eq!(requests(&large, &[0, 1, 3]), [[0], [1], [3]]);
    }
}

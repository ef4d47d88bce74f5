//! The event bus.

use crate::facts::Fact;
use crate::metrics::{self, Count};
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// The event that says that a platform has switched a webhook off.
pub const WEBHOOK_OFF: &str = "webhook.disabled";
/// The event that says that the daily check of a connection found errors.
pub const UNHEALTHY: &str = "connection.unhealthy";

/// How many events are remembered as taken. A batch of the stream has at most some
/// hundred entries of a few events each.
const REMEMBERED: usize = 2_000;

/// The stack's bus. Clones share what they remember.
#[derive(Clone, Debug)]
pub struct Bus {
    client: Client,
    name: String,
    taken: Taken,
}

/// The events that the bus took last from this sandbox. A batch of the stream comes
/// again from its first failed record on, and what came after that one was taken.
#[derive(Clone, Debug, Default)]
struct Taken(Arc<Mutex<Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Taken {
    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, event: &BusEvent) -> bool {
        let id = event.id.as_ref();
        id.is_some_and(|id| self.remembered().ids.contains(id))
    }

    fn remember(&self, event: &BusEvent) {
        let Some(id) = &event.id else { return };
        let mut known = self.remembered();
        if known.ids.insert(id.clone()) {
            known.order.push_back(id.clone());
        }
        while known.order.len() > REMEMBERED {
            if let Some(oldest) = known.order.pop_front() {
                known.ids.remove(&oldest);
            }
        }
    }

    /// Puts what is not known as taken, through `request`: it is given places in
    /// `events` and tells which of them were refused, and why.
    async fn put<Request, Answer>(
        &self,
        events: &[BusEvent],
        request: Request,
    ) -> Result<(), NotTaken>
    where
        Request: Fn(Vec<usize>) -> Answer,
        Answer: Future<Output = Result<Vec<(usize, String)>, String>>,
    {
        let mut left: Vec<usize> = events
            .iter()
            .enumerate()
            .filter(|(_, event)| !self.has(event))
            .map(|(place, _)| place)
            .collect();
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
                match request(places.clone()).await {
                    Ok(refused) => {
                        let took = |place: &&usize| refused.iter().all(|(it, _)| it != *place);
                        for event in places.iter().filter(took).filter_map(|at| events.get(*at)) {
                            self.remember(event);
                        }
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
    /// Its id, by which it is put once from a sandbox, as far as that remembers; `None`
    /// for what may be put again and again.
    pub id: Option<String>,
    /// What it is: the name of a fact, or of the hub's own kind.
    pub detail_type: String,
    /// JSON.
    pub detail: String,
}

impl From<&Fact> for BusEvent {
    fn from(fact: &Fact) -> Self {
        Self {
            id: Some(fact.id.clone()),
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
            taken: Taken::default(),
        }
    }

    /// Puts events on the bus. The entries that fail, and only those, are sent again;
    /// those that this sandbox remembers as taken are not sent at all.
    ///
    /// # Errors
    /// Which ones were not taken in the end.
    pub async fn put(&self, events: &[BusEvent]) -> Result<(), NotTaken> {
        // The operator hears of these even while the bus is down.
        for event in events {
            match event.detail_type.as_str() {
                WEBHOOK_OFF => metrics::count(Count::WebhookOff),
                UNHEALTHY => metrics::count(Count::ConnectionsUnhealthy),
                _ => {}
            }
        }
        self.taken
            .put(events, |places| self.request(events, places))
            .await
    }

    async fn request(
        &self,
        events: &[BusEvent],
        places: Vec<usize>,
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
            .into_iter()
            .zip(answer.entries())
            .filter_map(|(place, entry)| Some((place, entry.error_code()?.to_owned())))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_cut_by_number_and_by_size() {
        let event = |bytes| BusEvent {
            id: None,
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

    fn told(number: usize) -> BusEvent {
        BusEvent {
            id: Some(format!("evt_{number}")),
            detail_type: "message.received".to_owned(),
            detail: "{}".to_owned(),
        }
    }

    /// Puts `events` on a bus that refuses those in `refuses`; what it took.
    async fn put(taken: &Taken, events: &[BusEvent], refuses: &[usize]) -> Vec<usize> {
        let took = Mutex::new(Vec::new());
        let answer = taken
            .put(events, |places| {
                let (no, yes): (Vec<usize>, Vec<usize>) = places
                    .into_iter()
                    .partition(|place| refuses.contains(place));
                took.lock().expect("one thread").extend(yes);
                let refused = no
                    .into_iter()
                    .map(|it| (it, "ThrottlingException".to_owned()));
                std::future::ready(Ok(refused.collect()))
            })
            .await;
        let places = answer.err().map(|error| error.places).unwrap_or_default();
        assert_eq!(places, refuses);
        took.into_inner().expect("one thread")
    }

    #[tokio::test]
    async fn a_batch_that_comes_again_puts_only_what_was_not_taken() {
        let taken = Taken::default();
        let events: Vec<BusEvent> = (0..25).map(told).collect();
        let first = put(&taken, &events, &[3, 17]).await;
        assert_eq!(first.len(), 23);
        // bites: everything behind the first failed record, twice on the bus.
        assert_eq!(put(&taken, &events[3..], &[]).await, [0, 14]);
        assert!(put(&taken, &events, &[]).await.is_empty());
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded_and_what_has_no_id_is_put_again() {
        let taken = Taken::default();
        let events: Vec<BusEvent> = (0..=REMEMBERED).map(told).collect();
        put(&taken, &events, &[]).await;
        assert_eq!(taken.remembered().ids.len(), REMEMBERED);
        assert_eq!(put(&taken, &events[..2], &[]).await, [0], "the oldest");
        let slice = BusEvent {
            id: None,
            ..told(1)
        };
        for _ in 0..2 {
            assert_eq!(put(&taken, std::slice::from_ref(&slice), &[]).await, [0]);
        }
    }
}

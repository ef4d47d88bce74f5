//! The event bus takes some entries of a request and not others.

use baton_hub::bus::{Bus, BusEvent};
use baton_local::bus::{Bus as LocalBus, BusFaults};
use baton_local::dead_letters::DeadLetters;
use baton_local::engine::SystemClock;
use baton_local::functions::InProcess;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What EventBridge takes in a request at most.
const ENTRIES: usize = 10;

/// Refuses these entries so many times, and writes down everything that it is sent.
struct Refuses {
    places: BTreeSet<usize>,
    times: usize,
    sent: Mutex<Vec<usize>>,
}

impl BusFaults for Refuses {
    fn fail(&self, entry: &Value) -> Option<(String, String)> {
        let detail: Value = entry.get("Detail")?.as_str()?.parse().ok()?;
        let id = detail.get("id")?.as_str()?.strip_prefix("evt_")?;
        let place = id.parse().ok()?;
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let before = sent.iter().filter(|it| **it == place).count();
        sent.push(place);
        let refused = self.places.contains(&place) && before < self.times;
        refused.then(|| ("InternalFailure".to_owned(), "a test wants it".to_owned()))
    }
}

fn events() -> Vec<BusEvent> {
    let events = (0..ENTRIES).map(|place| BusEvent {
        id: Some(format!("evt_{place}")),
        detail_type: "message.received".to_owned(),
        detail: format!(r#"{{"id":"evt_{place}"}}"#),
    });
    events.collect()
}

/// Puts ten events on a bus that refuses some of them; what it was sent, what it has in
/// the end, and the places of those that it did not take.
async fn put(places: &BTreeSet<usize>, times: usize) -> (Vec<usize>, Vec<String>, Vec<usize>) {
    let refuses = Arc::new(Refuses {
        places: places.clone(),
        times,
        sent: Mutex::default(),
    });
    let local = LocalBus::new(
        "baton",
        &[],
        Arc::new(InProcess::default()),
        DeadLetters::memory(),
        SystemClock::arc(),
    );
    let bus = Bus::new(local.with_faults(refuses.clone()).client(), "baton");
    let refused = match bus.put(&events()).await {
        Ok(()) => Vec::new(),
        Err(error) => error.places,
    };
    let has = local.recent();
    let ids = has
        .iter()
        .filter_map(|event| event.pointer("/detail/id")?.as_str().map(str::to_owned));
    let sent = refuses.sent.lock().expect("one thread").clone();
    (sent, ids.collect(), refused)
}

#[tokio::test(start_paused = true)]
async fn of_every_subset_of_ten_entries_what_failed_and_only_that_is_sent_again() {
    let all: Vec<usize> = (0..ENTRIES).collect();
    for mask in 0..1_usize << ENTRIES {
        let places: BTreeSet<usize> = all
            .iter()
            .copied()
            .filter(|place| mask >> place & 1 == 1)
            .collect();
        let failed: Vec<usize> = places.iter().copied().collect();
        // Refused once: sent a second time under the same ids, the others not.
        let (sent, has, refused) = put(&places, 1).await;
        assert_eq!(sent, [all.clone(), failed.clone()].concat(), "{failed:?}");
        let once: BTreeSet<&String> = has.iter().collect();
        assert_eq!((has.len(), once.len()), (ENTRIES, ENTRIES), "{failed:?}");
        assert!(refused.is_empty(), "{refused:?}");
        // Refused for good: told to the caller, who has the rest in the bus once.
        let (sent, has, refused) = put(&places, usize::MAX).await;
        let again = [all.clone(), failed.clone(), failed.clone()].concat();
        assert_eq!(sent, again, "{failed:?}");
        assert_eq!(has.len(), ENTRIES - failed.len(), "{failed:?}");
        assert_eq!(refused, failed);
    }
}

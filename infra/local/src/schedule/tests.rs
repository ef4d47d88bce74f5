use super::*;
use crate::engine::ManualClock;
use crate::invoke::{BoxFuture, InvokeError};
use serde_json::Value;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// A function that takes its time.
#[derive(Default)]
struct Slow {
    starts: Mutex<Vec<(Instant, String, Value)>>,
    fails: bool,
}

impl Functions for Slow {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let event = serde_json::from_slice(&payload).expect("JSON");
        let mut starts = self.starts.lock().expect("a lock");
        starts.push((Instant::now(), function.to_owned(), event));
        let fails = self.fails;
        Box::pin(async move {
            if fails {
                return Err(InvokeError::Throttled);
            }
            tokio::time::sleep(Duration::from_secs(90)).await;
            Ok(Vec::new())
        })
    }
}

fn every_minute() -> [Schedule; 1] {
    [Schedule {
        function: "sweep".to_owned(),
        every: Duration::from_secs(60),
    }]
}

#[tokio::test(start_paused = true)]
async fn ticks_start_at_once_and_overlap() {
    let slow = Arc::new(Slow::default());
    let functions: Arc<dyn Functions> = slow.clone();
    let clock = ManualClock::new(1_767_323_100).arc();
    let start = Instant::now();
    let schedules = Schedules::start(&every_minute(), &functions, &DeadLetters::memory(), &clock);
    tokio::time::sleep(Duration::from_secs(125)).await;
    schedules.stop().await;
    tokio::time::sleep(Duration::from_secs(300)).await;

    let starts = slow.starts.lock().expect("a lock");
    let times: Vec<u64> = starts
        .iter()
        .map(|(at, ..)| (*at - start).as_secs())
        .collect();
    assert_eq!(times, [0, 60, 120]);
    let (_, function, event) = &starts[0];
    assert_eq!(function, "sweep");
    let sample: Value =
        serde_json::from_str(include_str!("../../../../events/sweep.json")).expect("JSON");
    let fields = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(fields(event), fields(&sample));
    for field in [
        "version",
        "detail-type",
        "source",
        "region",
        "time",
        "detail",
    ] {
        assert_eq!(event[field], sample[field], "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_finds_no_call_free_is_given_up() {
    let functions: Arc<dyn Functions> = Arc::new(Slow {
        fails: true,
        ..Slow::default()
    });
    let letters = DeadLetters::memory();
    let clock = ManualClock::new(0).arc();
    let _schedules = Schedules::start(&every_minute(), &functions, &letters, &clock);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(letters.recent().len(), 2);
}

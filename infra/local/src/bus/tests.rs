use super::*;
use crate::engine::ManualClock;
use crate::invoke::{BoxFuture, InvokeError};
use crate::template::Pattern;
use aws_sdk_eventbridge::error::ProvideErrorMetadata;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::json;

/// A function that keeps its events and refuses the first calls.
#[derive(Default)]
struct Slices {
    events: Mutex<Vec<Value>>,
    refusals: Mutex<Vec<InvokeError>>,
}

impl Functions for Slices {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        assert_eq!(function, "sweep");
        let refusal = lock(&self.refusals).pop();
        if refusal.is_none() {
            lock(&self.events).push(serde_json::from_slice(&payload).expect("JSON"));
        }
        Box::pin(async move { refusal.map_or(Ok(Vec::new()), Err) })
    }
}

fn bus(refusals: Vec<InvokeError>) -> (Bus, Arc<Slices>, DeadLetters) {
    let slices = Arc::new(Slices {
        refusals: Mutex::new(refusals),
        ..Slices::default()
    });
    let pattern = json!({"source": ["baton"], "detail-type": ["sweep.slice"]});
    let rule = BusRule {
        function: "sweep".to_owned(),
        pattern: Pattern::parse(&pattern).expect("a pattern"),
        maximum_retry_attempts: 2,
    };
    let letters = DeadLetters::memory();
    let clock = ManualClock::new(1_767_323_101).arc();
    let bus = Bus::new("hub", &[rule], slices.clone(), letters.clone(), clock);
    (bus, slices, letters)
}

fn entry(detail_type: &str, detail: &str) -> PutEventsRequestEntry {
    PutEventsRequestEntry::builder()
        .event_bus_name("hub")
        .source("baton")
        .detail_type(detail_type)
        .detail(detail)
        .build()
}

#[tokio::test(start_paused = true)]
async fn a_rule_gets_the_events_it_names() {
    let (bus, slices, _) = bus(Vec::new());
    let answer = bus
        .client()
        .put_events()
        .entries(entry("sweep.slice", r#"{"rows":[]}"#))
        .entries(entry("message.sent", r#"{"seq":1}"#))
        .send()
        .await
        .expect("taken");
    assert_eq!(answer.failed_entry_count(), 0);
    bus.idle().await;

    let events = lock(&slices.events).clone();
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event["id"].as_str(), answer.entries()[0].event_id());
    let sample: Value =
        serde_json::from_str(include_str!("../../../../events/sweep_slice.json")).expect("JSON");
    let fields = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(fields(event), fields(&sample));
    assert_eq!(event["time"], sample["time"]);
    assert_eq!(event["detail"], json!({"rows": []}));
    let kinds: Vec<_> = bus
        .recent()
        .iter()
        .map(|event| event["detail-type"].clone())
        .collect();
    assert_eq!(kinds, ["sweep.slice", "message.sent"]);
    assert_eq!(*bus.taken().borrow(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_entry_fails_for_itself() {
    let (bus, ..) = bus(Vec::new());
    let answer = bus
        .client()
        .put_events()
        .entries(entry("a", "{}"))
        .entries(entry("b", "{"))
        .entries(entry("c", "1"))
        .entries(PutEventsRequestEntry::builder().source("baton").build())
        .entries(
            PutEventsRequestEntry::builder()
                .source("aws.s3")
                .detail_type("d")
                .detail("{}")
                .build(),
        )
        .send()
        .await
        .expect("answered");
    assert_eq!(answer.failed_entry_count(), 4);
    let codes: Vec<_> = answer
        .entries()
        .iter()
        .map(|entry| entry.error_code())
        .collect();
    assert_eq!(
        codes,
        [
            None,
            Some("MalformedDetail"),
            Some("MalformedDetail"),
            Some("InvalidArgument"),
            Some("NotAuthorizedForSourceException"),
        ]
    );
    assert_eq!(bus.recent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn limits_refuse_the_whole_request() {
    let (bus, ..) = bus(Vec::new());
    let too_many = bus
        .client()
        .put_events()
        .set_entries(Some(vec![entry("a", "{}"); 11]))
        .send()
        .await
        .expect_err("eleven");
    assert_eq!(
        too_many.into_service_error().code(),
        Some("ValidationException")
    );
    let detail = format!(r#"{{"x":"{}"}}"#, "y".repeat(131_072));
    let too_large = bus
        .client()
        .put_events()
        .entries(entry("a", &detail))
        .entries(entry("a", &detail))
        .send()
        .await
        .expect_err("over 256 KB");
    assert_eq!(
        too_large.into_service_error().code(),
        Some("ValidationException")
    );
    assert!(bus.recent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn events_for_another_bus_vanish() {
    let (bus, ..) = bus(Vec::new());
    let for_bus = |name: &str| {
        PutEventsRequestEntry::builder()
            .event_bus_name(name)
            .source("baton")
            .detail_type("a")
            .detail("{}")
            .time(DateTime::from_secs(1_767_323_045))
            .build()
    };
    let answer = bus
        .client()
        .put_events()
        .entries(for_bus("other"))
        .entries(for_bus(
            "arn:aws:events:eu-central-1:000000000000:event-bus/hub",
        ))
        .send()
        .await
        .expect("taken");
    assert_eq!(answer.failed_entry_count(), 0);
    let recent = bus.recent();
    assert_eq!(recent.len(), 1);
    assert_eq!(recent[0]["time"], "2026-01-02T03:04:05Z");
}

#[tokio::test(start_paused = true)]
async fn a_refused_start_is_tried_again_and_a_failed_call_is_not() {
    let throttled = InvokeError::Throttled;
    let (bus, slices, letters) = bus(vec![throttled.clone(), throttled.clone()]);
    let put = async || {
        bus.client()
            .put_events()
            .entries(entry("sweep.slice", "{}"))
            .send()
            .await
            .expect("taken");
        bus.idle().await;
    };
    put().await;
    assert_eq!(lock(&slices.events).len(), 1);
    assert!(letters.recent().is_empty());

    lock(&slices.refusals).extend(vec![throttled; 3]);
    put().await;
    assert_eq!(letters.recent().len(), 1, "two more starts were all");

    lock(&slices.refusals).push(InvokeError::Failed("a panic".to_owned()));
    put().await;
    let letters = letters.recent();
    assert_eq!(letters[1]["what"]["detail-type"], "sweep.slice");
    assert_eq!(lock(&slices.events).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn faults_fail_the_entries_they_choose() {
    struct Second;
    impl BusFaults for Second {
        fn fail(&self, entry: &Value) -> Option<(String, String)> {
            (entry["DetailType"] == "second")
                .then(|| ("InternalFailure".to_owned(), "Try again".to_owned()))
        }
    }
    let (bus, ..) = bus(Vec::new());
    let answer = bus
        .with_faults(Arc::new(Second))
        .client()
        .put_events()
        .entries(entry("first", "{}"))
        .entries(entry("second", "{}"))
        .send()
        .await
        .expect("answered");
    assert_eq!(answer.failed_entry_count(), 1);
    assert_eq!(answer.entries()[1].error_code(), Some("InternalFailure"));
    assert_eq!(bus.recent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_the_last_thousand_are_kept() {
    let (bus, ..) = bus(Vec::new());
    for number in 0..(RECENT + 5) {
        let body = json!({"Entries": [{
            "EventBusName": "hub", "Source": "baton", "DetailType": "n",
            "Detail": json!({"n": number}).to_string(),
        }]});
        let taken = bus.put_events(body.to_string().as_bytes());
        assert!(taken.is_ok());
    }
    let recent = bus.recent();
    assert_eq!(recent.len(), RECENT);
    assert_eq!(recent[0]["detail"]["n"], 5);
}

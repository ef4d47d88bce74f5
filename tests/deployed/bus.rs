//! A bus that refuses some entries of a request, and a queue behind a rule.

use crate::stand::{StandIn, client};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use baton_simulators::serving::{Served, serve};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// `baton_hub::bus` sends an entry so often before the batch waits for the stream.
const TRIES: usize = 3;

/// One time that an entry was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Try {
    /// The whole entry.
    pub(crate) entry: String,
    /// Whether the bus took it.
    pub(crate) taken: bool,
    /// Whether the answer left before the sender stopped waiting for it. What is not
    /// answered in time is sent again as a whole, and may be on the bus twice.
    pub(crate) heard: bool,
}

/// A function waits a second for the bus; here some of it is left for the way.
const HEARS_WITHIN: Duration = Duration::from_millis(800);

/// Every time that each event was sent, by its id, in order.
pub(crate) type Tries = BTreeMap<String, Vec<Try>>;

/// In front of the stand-in's EventBridge: of each request it refuses every second entry
/// that it has not seen, and the first `message.received` of all more often than the hub
/// tries at once, so that the stream has to bring its batch again.
pub(crate) struct Refusing {
    served: Served,
    shared: Arc<Shared>,
}

struct Shared {
    onward: String,
    client: reqwest::Client,
    state: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    tries: Tries,
    stubborn: Option<String>,
}

impl Refusing {
    /// Serves it on a free port.
    pub(crate) async fn serve(stand: &StandIn) -> Self {
        let shared = Arc::new(Shared {
            onward: stand.url.clone(),
            client: client(),
            state: Mutex::default(),
        });
        let router = Router::new()
            .fallback(put_events)
            .with_state(Arc::clone(&shared));
        let served = serve(router).await.expect("a port");
        Self { served, shared }
    }

    /// What `AWS_ENDPOINT_URL_EVENTBRIDGE` is set to.
    pub(crate) fn url(&self) -> &str {
        &self.served.base_url
    }

    /// What was sent so far.
    pub(crate) fn tries(&self) -> Tries {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner).tries.clone()
    }
}

impl Seen {
    /// Whether the entry at this place of a request is refused, and which try of which
    /// event it is.
    fn refuses(&mut self, place: usize, entry: &Value) -> (bool, Option<(String, usize)>) {
        let detail: Value =
            serde_json::from_str(entry["Detail"].as_str().unwrap_or_default()).unwrap_or_default();
        // What is no event of a conversation may be put again and again.
        let Some(id) = detail["id"].as_str().map(str::to_owned) else {
            return (false, None);
        };
        if self.stubborn.is_none() && detail["event"] == "message.received" {
            self.stubborn = Some(id.clone());
        }
        let before = self.tries.get(&id).map_or(0, Vec::len);
        let refused = match self.stubborn.as_ref() == Some(&id) {
            true => before <= TRIES,
            false => before == 0 && place % 2 == 1,
        };
        let tried = Try {
            entry: entry.to_string(),
            taken: !refused,
            heard: false,
        };
        self.tries.entry(id.clone()).or_default().push(tried);
        (refused, Some((id, before)))
    }
}

async fn put_events(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let entries = asked["Entries"].as_array().cloned().unwrap_or_default();
    let begun = Instant::now();
    let (refused, sent): (Vec<bool>, Vec<_>) = {
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let places = entries.iter().enumerate();
        places
            .map(|(place, entry)| state.refuses(place, entry))
            .unzip()
    };
    let kept = entries
        .iter()
        .zip(&refused)
        .filter(|(_, refused)| !**refused);
    let kept: Vec<&Value> = kept.map(|(entry, _)| entry).collect();
    let mut taken = Vec::new();
    if !kept.is_empty() {
        let mut onward = shared
            .client
            .post(&shared.onward)
            .body(json!({"Entries": kept}).to_string());
        for name in ["x-amz-target", "content-type", "authorization"] {
            if let Some(value) = headers.get(name) {
                onward = onward.header(name, value.as_bytes());
            }
        }
        let answered = onward.send().await.expect("the bus answers");
        let status = answered.status();
        let text = answered.text().await.expect("a body");
        assert!(status.is_success(), "PutEvents: {status} {text}");
        let answered: Value = serde_json::from_str(&text).expect("JSON");
        taken = answered["Entries"].as_array().cloned().unwrap_or_default();
    }
    let mut taken = taken.into_iter();
    let answers: Vec<Value> = refused
        .iter()
        .map(|refused| match refused {
            true => json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "try later"}),
            false => taken.next().unwrap_or_default(),
        })
        .collect();
    let failed = refused.iter().filter(|refused| **refused).count();
    let answer = json!({"FailedEntryCount": failed, "Entries": answers});
    if begun.elapsed() < HEARS_WITHIN {
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, number) in sent.into_iter().flatten() {
            let tries = state.tries.get_mut(&id);
            if let Some(tried) = tries.and_then(|tries| tries.get_mut(number)) {
                tried.heard = true;
            }
        }
    }
    Response::builder()
        .header("content-type", "application/x-amz-json-1.1")
        .body(Body::from(answer.to_string()))
        .expect("a response")
}

/// A queue that hears every event of source `baton`.
pub(crate) struct Queue(String);

impl Queue {
    /// Makes the queue, and a rule on the bus that puts into it what a team's rule would.
    pub(crate) async fn behind(stand: &StandIn, bus: &str) -> Self {
        let made = stand
            .ask(
                "sqs",
                "AmazonSQS.CreateQueue",
                &json!({"QueueName": "analytics"}),
            )
            .await;
        let url = made["QueueUrl"].as_str().expect("a queue").to_owned();
        let asked = json!({"QueueUrl": url, "AttributeNames": ["QueueArn"]});
        let known = stand
            .ask("sqs", "AmazonSQS.GetQueueAttributes", &asked)
            .await;
        let rule = json!({
            "Name": "analytics",
            "EventBusName": bus,
            "EventPattern": json!({"source": ["baton"]}).to_string(),
        });
        stand.ask("events", "AWSEvents.PutRule", &rule).await;
        let targets = json!({
            "Rule": "analytics",
            "EventBusName": bus,
            "Targets": [{"Id": "queue", "Arn": known["Attributes"]["QueueArn"]}],
        });
        let put = stand.ask("events", "AWSEvents.PutTargets", &targets).await;
        assert_eq!(put["FailedEntryCount"], 0, "{put}");
        Self(url)
    }

    /// Takes what is in the queue now.
    pub(crate) async fn take(&self, stand: &StandIn) -> Vec<Value> {
        self.take_until(stand, "").await
    }

    /// The same up to the first event of this name.
    pub(crate) async fn take_until(&self, stand: &StandIn, name: &str) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            if events
                .last()
                .is_some_and(|event| event["detail-type"] == name)
            {
                return events;
            }
            let most = if name.is_empty() { 10 } else { 1 };
            let asked = json!({"QueueUrl": self.0, "MaxNumberOfMessages": most});
            let got = stand.ask("sqs", "AmazonSQS.ReceiveMessage", &asked).await;
            let messages = got["Messages"].as_array().cloned().unwrap_or_default();
            if messages.is_empty() {
                return events;
            }
            for message in messages {
                let body = message["Body"].as_str().expect("a body");
                events.push(serde_json::from_str(body).expect("an event"));
                let done = json!({"QueueUrl": self.0, "ReceiptHandle": message["ReceiptHandle"]});
                stand.ask("sqs", "AmazonSQS.DeleteMessage", &done).await;
            }
        }
    }
}

//! The simulator judged by its own HTTP client and a receiver of its webhooks.
//! Time is virtual; nothing here sleeps.

mod agents;
mod api;
mod control;
mod events;
mod faults;
mod gate;
mod lifecycle;
mod webhooks;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};

use super::{GladlyConfig, GladlySim, WebhookConfig};
use crate::clock::Clock;
use crate::serving::{self, Served};

/// 2025-06-15T15:06:40Z.
pub(super) const START: i64 = 1_750_000_000_000;

/// Everything but the rate limit, which a standing clock would exhaust.
pub(super) fn unlimited() -> GladlyConfig {
    GladlyConfig {
        rate_limit: None,
        ..GladlyConfig::default()
    }
}

/// A simulator on a virtual clock, and a client with its credentials.
pub(super) struct Stage {
    pub(super) sim: GladlySim,
    pub(super) clock: Clock,
    pub(super) served: Served,
    pub(super) http: reqwest::Client,
}

/// An answer taken apart.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) headers: reqwest::header::HeaderMap,
}

impl Got {
    pub(super) fn code(&self) -> &str {
        self.body["errors"][0]["code"].as_str().unwrap_or_default()
    }

    pub(super) fn attr(&self) -> &str {
        self.body["errors"][0]["attr"].as_str().unwrap_or_default()
    }
}

impl Stage {
    pub(super) async fn new() -> Self {
        Self::with(unlimited()).await
    }

    pub(super) async fn with(config: GladlyConfig) -> Self {
        let clock = Clock::virtual_at(START);
        let sim = GladlySim::with_clock(config, clock.clone());
        let served = sim.serve().await.unwrap();
        let http = serving::client().unwrap();
        Self {
            sim,
            clock,
            served,
            http,
        }
    }

    pub(super) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let config = self.sim.config();
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.http
            .request(method, format!("{}{path}", self.served.base_url))
            .basic_auth(config.agent_email, Some(config.api_token))
    }

    pub(super) async fn send(request: reqwest::RequestBuilder) -> Got {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Got {
            status,
            body,
            headers,
        }
    }

    pub(super) async fn get(&self, path: &str) -> Got {
        Self::send(self.request("GET", &format!("/api/v1{path}"))).await
    }

    pub(super) async fn call(&self, method: &str, path: &str, body: Value) -> Got {
        Self::send(self.request(method, &format!("/api/v1{path}")).json(&body)).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Got {
        self.call("POST", path, body).await
    }

    pub(super) async fn say(&self, session: &str, text: &str) -> Got {
        let path = format!("/message-automation/sessions/{session}/messages");
        self.post(&path, json!({"type": "TEXT", "content": {"value": text}}))
            .await
    }

    pub(super) async fn hand_off(&self, session: &str) -> Got {
        let path = format!("/message-automation/sessions/{session}/handoff");
        self.post(&path, json!({"description": "wants a person"}))
            .await
    }

    /// A customer's first message; returns session and conversation.
    pub(super) fn opened(&self, name: &str) -> (String, String) {
        let written = self.sim.customer_writes(name, "hello").unwrap();
        (written.session_id.unwrap(), written.conversation_id)
    }

    /// A receiver that is subscribed to `events`.
    pub(super) async fn receiver(&self, events: &[&str]) -> Receiver {
        let receiver = Receiver::start().await;
        let mut webhook = WebhookConfig::new(&receiver.served.base_url);
        webhook.events = events.iter().map(|event| (*event).to_owned()).collect();
        receiver.log.lock().unwrap().webhook = self.sim.connect(webhook).await.unwrap();
        receiver
    }

    /// Moves the time and lets all that follows happen.
    pub(super) async fn pass(&self, ms: i64) {
        self.clock.advance(ms);
        self.settled().await;
    }

    pub(super) async fn settled(&self) {
        tokio::time::timeout(Duration::from_secs(10), self.sim.quiesce())
            .await
            .expect("deliveries come to rest");
    }
}

#[derive(Default)]
pub(super) struct ReceiverLog {
    pub(super) webhook: String,
    /// Statuses of the next answers; 200 when used up. 0 never answers.
    pub(super) answers: Vec<u16>,
    pub(super) received: Vec<Value>,
    pub(super) headers: Vec<HeaderMap>,
}

/// A real receiver of webhooks.
pub(super) struct Receiver {
    pub(super) log: Arc<Mutex<ReceiverLog>>,
    pub(super) served: Served,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let log = Arc::new(Mutex::new(ReceiverLog::default()));
        let router = Router::new()
            .route("/", post(receive))
            .with_state(Arc::clone(&log));
        let served = serving::serve(router).await.unwrap();
        Self { log, served }
    }

    pub(super) fn webhook(&self) -> String {
        self.log.lock().unwrap().webhook.clone()
    }

    pub(super) fn answer(&self, statuses: &[u16]) {
        self.log.lock().unwrap().answers = statuses.to_vec();
    }

    /// Events received, PINGs left out.
    pub(super) fn events(&self) -> Vec<Value> {
        let mut events = self.log.lock().unwrap().received.clone();
        events.retain(|event| event["type"] != "PING");
        events
    }

    pub(super) fn types(&self) -> Vec<String> {
        let events = self.events();
        events
            .iter()
            .map(|e| e["type"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let text = |event: &Value| {
            let body = &event["content"]["message"]["content"]["body"];
            body.as_str().map(str::to_owned)
        };
        self.events().iter().filter_map(text).collect()
    }
}

async fn receive(
    State(log): State<Arc<Mutex<ReceiverLog>>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let status = {
        let mut log = log.lock().unwrap();
        let event: Value = serde_json::from_slice(&body).unwrap();
        let ping = event["type"] == "PING";
        log.received.push(event);
        log.headers.push(headers);
        if log.answers.is_empty() || ping && log.answers[0] == 200 {
            200
        } else {
            log.answers.remove(0)
        }
    };
    if status == 0 {
        std::future::pending::<()>().await;
    }
    StatusCode::from_u16(status).unwrap()
}

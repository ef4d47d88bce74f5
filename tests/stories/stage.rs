//! The stage: a hub as `baton` serves it, its simulated platform and bot, and a
//! client that plays everyone else.

use baton_domain::ThreadId;
use baton_hub::store::Loaded;
use baton_local::commands::{Running, ServeOptions, serve};
use baton_local::demo_settings::{CONNECTION, DemoTimers};
use baton_simulators::bot::SampleBot;
use baton_simulators::gladly::{GladlySim, Speaker, Written};
use serde_json::Value;
use std::time::Duration;

/// How long anything may take that takes no time by itself.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) running: Running,
    client: reqwest::Client,
}

/// An answer of the hub.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Value,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self::with(DemoTimers::default()).await
    }

    pub(crate) async fn with(timers: DemoTimers) -> Self {
        let options = ServeOptions {
            host: "127.0.0.1".to_owned(),
            port: 0,
            data: None,
            config: None,
            timers,
        };
        let running = serve(&options).await.expect("the hub starts");
        Self {
            running,
            client: reqwest::Client::new(),
        }
    }

    pub(crate) fn gladly(&self) -> &GladlySim {
        &self.running.simulated.as_ref().expect("a demonstration").0
    }

    pub(crate) fn bot(&self) -> &SampleBot {
        &self.running.simulated.as_ref().expect("a demonstration").1
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.base_url)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Written {
        self.gladly()
            .customer_writes(name, text)
            .expect("the customer can write")
    }

    /// Waits until the stream's consumers have read all there is.
    pub(crate) async fn caught_up(&self) {
        let read = self.running.hub.caught_up().await;
        read.expect("the stream is read");
    }

    pub(crate) fn thread(&self, written: &Written) -> ThreadId {
        let session = written.session_id.as_deref();
        self.thread_of(session.expect("an automation session"))
    }

    /// The thread of a session, whoever made it.
    pub(crate) fn thread_of(&self, session: &str) -> ThreadId {
        let key = self.running.hub.core.id_key.held();
        key.expect("held").thread(CONNECTION, session)
    }

    pub(crate) async fn load(&self, written: &Written) -> Loaded {
        self.load_thread(&self.thread(written)).await
    }

    pub(crate) async fn load_thread(&self, id: &ThreadId) -> Loaded {
        let loaded = self.running.hub.core.store.load(id).await;
        loaded.expect("the thread can be read")
    }

    /// A customer writes what the bot does not answer; the bot holds the conversation.
    pub(crate) async fn opened(&self, name: &str) -> Written {
        let written = self.write(name, "silent");
        let holds = |loaded: &Loaded| loaded.thread.bot_holds();
        self.until(&written, "the message", holds).await;
        written
    }

    /// Waits until the thread is as wanted.
    pub(crate) async fn until(
        &self,
        written: &Written,
        what: &str,
        is: impl Fn(&Loaded) -> bool,
    ) -> Loaded {
        self.within(SOON, written, what, is).await
    }

    pub(crate) async fn within(
        &self,
        limit: Duration,
        written: &Written,
        what: &str,
        is: impl Fn(&Loaded) -> bool,
    ) -> Loaded {
        let end = tokio::time::Instant::now() + limit;
        loop {
            let loaded = self.load(written).await;
            if is(&loaded) {
                return loaded;
            }
            assert!(
                tokio::time::Instant::now() < end,
                "waited in vain: {what}; {:#?}",
                loaded.thread
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the customer has read from this side, in order.
    pub(crate) fn read_by(&self, name: &str, from: Speaker) -> Vec<String> {
        let Some(view) = self.gladly().customer(name) else {
            return Vec::new();
        };
        let sessions = view.sessions.iter();
        sessions
            .flat_map(|session| session.texts(from))
            .map(str::to_owned)
            .collect()
    }

    /// Waits until the customer has read so many messages of the bot.
    pub(crate) async fn bot_says(&self, name: &str, messages: usize) -> Vec<String> {
        let came = self
            .gladly()
            .wait_until(SOON, |_| self.read_by(name, Speaker::Bot).len() >= messages)
            .await;
        let read = self.read_by(name, Speaker::Bot);
        assert!(
            came,
            "{messages} messages were awaited, these came: {read:?}"
        );
        read
    }

    /// Sends a webhook as the platform would, with the right credentials.
    pub(crate) async fn webhook(&self, body: impl Into<reqwest::Body>) -> u16 {
        self.webhook_as("demo-webhook-password", body).await
    }

    pub(crate) async fn webhook_as(&self, password: &str, body: impl Into<reqwest::Body>) -> u16 {
        let request = self
            .client
            .post(self.url("/webhooks/gladly/gladly-demo"))
            .basic_auth("webhook-user", Some(password))
            .header("content-type", "application/json")
            .body(body);
        request.send().await.expect("an answer").status().as_u16()
    }

    /// Calls the API.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Answer {
        self.call_with(method, path, token, body, &[]).await
    }

    pub(crate) async fn call_with(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method, self.url(path));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let content_type = answer
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let text = answer.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer {
            status,
            content_type,
            body,
        }
    }

    /// Nothing the platform forbids was done.
    pub(crate) fn no_violations(&self) {
        let violations = self.gladly().violations();
        assert!(
            violations.is_empty(),
            "the platform complains: {violations:#?}"
        );
    }
}

/// A customer's message as Gladly sends it.
pub(crate) fn message_event(
    event: &str,
    session: &str,
    message: &str,
    text: &str,
    at: &str,
) -> String {
    serde_json::json!({
        "id": event,
        "type": "AUTOMATION/MESSAGE_RECEIVED",
        "timestamp": at,
        "initiator": { "id": "customer-1", "type": "CUSTOMER" },
        "content": {
            "sessionId": session,
            "channelType": "CHAT",
            "customerId": "customer-1",
            "conversationId": format!("conversation-of-{session}"),
            "companyAddress": "5f0c0ffee0000000000000a1",
            "context": { "URL": "https://shop.example/", "IsAuthenticated": "false" },
            "message": { "id": message, "type": "TEXT", "content": { "body": text } },
        },
    })
    .to_string()
}

/// Now, as platforms write it.
pub(crate) fn now_iso() -> String {
    baton_hub::facts::iso(baton_hub::Clock::real().now())
}

/// The seed of a story's chances: `BATON_SEED`, or another one each time. It replays the
/// faults; what runs at the same time is the machine's own.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("BATON_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| baton_hub::Clock::real().now().0.unsigned_abs())
}

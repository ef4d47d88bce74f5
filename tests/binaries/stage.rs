//! An emulator with functions, and what they speak to.

use axum::http::StatusCode;
use axum::routing::{get, patch};
use axum::{Json, Router};
use baton_domain::Timestamp;
use baton_hub::store::Loaded;
use baton_hub::store::due::DueKind;
use baton_local::engine::Faults;
use baton_simulators::bot::{BotConfig, SampleBot};
use baton_simulators::serving::{Served, serve};
use baton_tests::built;
use baton_tests::emulator::{Calls, Emulator};
use baton_tests::scene::{BOT_PASSWORD, BOT_USER, CONNECTION, ENDPOINT, Parties, Scene, thread};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) struct Stage {
    pub(crate) emulator: Emulator,
    pub(crate) calls: Calls,
    pub(crate) scene: Scene,
}

impl Stage {
    /// Builds the functions and attaches these. Nothing where there is no emulator.
    pub(crate) async fn set(parties: &Parties, functions: &[&str]) -> Option<Self> {
        Self::with(parties, None, functions).await
    }

    /// The same, with functions that see the table through these faults.
    pub(crate) async fn with(
        parties: &Parties,
        faults: Option<Arc<dyn Faults>>,
        functions: &[&str],
    ) -> Option<Self> {
        let Some(program) = Emulator::program() else {
            println!("SKIPPED: cargo-lambda is not installed (tests/run installs it)");
            return None;
        };
        let binaries = built::functions(&[]).expect("the functions can be built");
        let mut emulator = Emulator::start(&program).expect("the emulator starts");
        let calls = emulator.calls();
        let scene = Scene::with(parties, "", faults, Arc::new(calls.clone()))
            .await
            .expect("the scene can be set");
        for function in functions {
            let environment = scene.environment(function).expect("an environment");
            emulator
                .attach(&binaries.join(function), function, &environment)
                .expect("the function starts");
        }
        Some(Self {
            emulator,
            calls,
            scene,
        })
    }

    /// Calls a function with an event; it must answer, and not with an error.
    pub(crate) async fn answer(&self, function: &str, event: &Value) -> Value {
        let called = self.calls.call(function, event.to_string().into_bytes());
        let called = called.await.expect("the emulator answers");
        let text = String::from_utf8_lossy(&called.body).into_owned();
        let said = || self.emulator.said().join("\n");
        assert!(
            !called.is_error(),
            "{function}: {} {text}\n{}",
            called.status,
            said()
        );
        serde_json::from_slice(&called.body).unwrap_or_else(|_| panic!("{function}: {text}"))
    }

    /// Calls a function with a sample.
    pub(crate) async fn play(&self, name: &str) -> Value {
        let function = name.split('_').next().expect("a function");
        self.answer(function, &sample(name)).await
    }

    /// Calls a function behind HTTP with a sample; the status, and the body as JSON
    /// where it is that.
    pub(crate) async fn play_http(&self, name: &str) -> (u64, Value) {
        let answer = self.play(name).await;
        http(&answer)
    }

    /// The sweep makes the checks of the samples' connection that are due.
    pub(crate) async fn checked(&self) {
        let store = &self.scene.store;
        store
            .arm_checkup(CONNECTION, Timestamp(0))
            .await
            .expect("it can be armed");
        let mut rows = Vec::new();
        for shard in 0..8 {
            let due = store.due(shard, 0, i64::MAX / 2_000, 100, None).await;
            let due = due.expect("the index can be read").into_iter();
            rows.extend(due.filter(|row| matches!(row.kind(), DueKind::Checkup(_))));
        }
        assert_eq!(rows.len(), 1, "{rows:?}");
        // Fires at its time; the row says when.
        let mut slice = sample("sweep_slice");
        slice["detail"]["rows"] = json!(rows);
        self.answer("sweep", &slice).await;
    }

    /// The thread of the samples.
    pub(crate) async fn thread(&self) -> Loaded {
        let loaded = self.scene.store.load(&thread()).await;
        loaded.expect("the thread can be read")
    }

    /// The stream's records after a sequence number, as Lambda's event.
    pub(crate) async fn stream(&self) -> Vec<Value> {
        let page = self
            .scene
            .engine
            .stream_records(baton_tests::scene::TABLE, None, 1_000)
            .await;
        page.expect("the stream can be read").records
    }
}

/// Status and body of a function's answer to API Gateway.
pub(crate) fn http(answer: &Value) -> (u64, Value) {
    let status = answer["statusCode"].as_u64().expect("a status");
    let body = answer["body"].as_str().unwrap_or_default();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// A sample of `events/`.
pub(crate) fn sample(name: &str) -> Value {
    let path = built::workspace().join(format!("events/{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A platform that takes everything, for samples: their session is not one that a
/// simulated Gladly would know. What a platform makes of messages is `journey`'s subject.
pub(crate) async fn patient_platform() -> Served {
    let router = Router::new().fallback(async || (StatusCode::OK, "{}"));
    serve(router).await.expect("a port")
}

/// The same, but that it has switched the webhook of the samples off, and answers so to
/// whoever wants to switch it on.
pub(crate) async fn platform_with_webhook_off(answers: StatusCode) -> Served {
    let webhook = json!([{
        "id": "webhook-1",
        "url": format!("http://127.0.0.1:8787/webhooks/gladly/{ENDPOINT}"),
        "events": [],
        "enabled": false,
        "disabledAtDueToRetryLimit": "2026-01-02T03:04:05Z",
    }]);
    let router = Router::new()
        .route("/api/v1/webhooks", get(async move || Json(webhook)))
        .route(
            "/api/v1/webhooks/{id}",
            patch(async move || (answers, "{}")),
        )
        .fallback(async || (StatusCode::OK, "{}"));
    serve(router).await.expect("a port")
}

/// A bot that can be told, but says nothing to the hub.
pub(crate) async fn bot() -> (SampleBot, Served) {
    let bot = SampleBot::new(BotConfig {
        webhook_credentials: Some((BOT_USER.to_owned(), BOT_PASSWORD.to_owned())),
        tries: 1,
        ..BotConfig::default()
    });
    let served = bot.serve().await.expect("a port");
    (bot, served)
}

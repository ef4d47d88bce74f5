//! Webhooks: administration, PING, retries, deactivation.

use serde_json::{Value, json};

use super::{Receiver, START, Stage};
use crate::gladly::{AttemptOutcome, DeliveryState, WebhookConfig};

const RECEIVED: &str = "AUTOMATION/MESSAGE_RECEIVED";

fn settings(url: &str) -> Value {
    json!({
        "name": "hub", "url": url, "events": [RECEIVED],
        "credentials": {"username": "hook", "password": "test-hook-password"},
        "headers": {"X-Gladly-Token": "test-header"},
    })
}

#[tokio::test]
async fn the_envelope_is_gladlys() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&[RECEIVED, "AUTOMATION/MESSAGE_SENT"]).await;
    let written = stage
        .sim
        .customer_writes("ada", "where is my order")
        .unwrap();
    let session = written.session_id.clone().unwrap();
    let sent = stage.say(&session, "on its way").await;
    stage.settled().await;
    let events = receiver.events();
    assert_eq!(events[0]["id"].as_str().unwrap().len(), 22);
    assert_eq!(events[0]["timestamp"], "2025-06-15T15:06:40Z");
    assert_eq!(
        events[0]["initiator"],
        json!({"type": "CUSTOMER", "id": written.customer_id})
    );
    assert_eq!(
        events[0]["content"],
        json!({
            "sessionId": session,
            "channelType": "CHAT",
            "customerId": written.customer_id,
            "conversationId": written.conversation_id,
            "companyAddress": "5f0c0ffee0000000000000a1",
            "context": {"URL": "https://shop.example/", "IsAuthenticated": "false"},
            "message": {
                "id": written.message_id, "type": "TEXT",
                "content": {"body": "where is my order"},
            },
        })
    );
    // The echo has no text and no context.
    assert_eq!(
        events[1]["content"]["message"],
        json!({"id": sent.body["id"], "type": "TEXT"})
    );
    assert!(events[1]["content"].get("context").is_none());
}

#[tokio::test]
async fn the_admin_api_keeps_secrets() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    let url = receiver.served.base_url.as_str();
    let created = stage.post("/webhooks", settings(url)).await;
    assert_eq!(created.status, 201);
    let location = created.headers["location"].to_str().unwrap();
    let path = location.strip_prefix("/api/v1").unwrap().to_owned();
    let view = stage.get(&path).await;
    assert_eq!(view.body["enabled"], false);
    assert_eq!(view.body["hasCredentials"], true);
    assert_eq!(view.body["headerKeys"], json!(["X-Gladly-Token"]));
    assert!(!view.body.to_string().contains("test-"), "{}", view.body);
    // Disabled: nothing arrives, not even a PING.
    stage.sim.customer_writes("ada", "lost").unwrap();
    stage.settled().await;
    assert!(receiver.log.lock().unwrap().received.is_empty());

    assert_eq!(
        stage
            .call("PATCH", &path, json!({"enabled": true}))
            .await
            .status,
        204
    );
    {
        let log = receiver.log.lock().unwrap();
        assert_eq!(log.received, [json!({"type": "PING"})]);
        assert_eq!(log.headers[0]["x-gladly-token"], "test-header");
        assert!(
            log.headers[0]["authorization"]
                .to_str()
                .unwrap()
                .starts_with("Basic ")
        );
    }
    assert_eq!(stage.get("/webhooks").await.body[0]["enabled"], true);
    assert_eq!(stage.call("DELETE", &path, json!({})).await.status, 204);
    assert_eq!(stage.get(&path).await.status, 404);
    assert_eq!(
        stage
            .call("PATCH", &path, json!({"name": "x"}))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn settings_are_checked() {
    let stage = Stage::new().await;
    let base = settings("https://hub.example/hook");
    let with = |key: &str, value: Value| {
        let mut body = base.clone();
        body[key] = value;
        body
    };
    assert_eq!(stage.post("/webhooks", base.clone()).await.status, 201);
    for (body, attr, code) in [
        (base.clone(), "url", "taken"),
        (with("url", json!("ftp://x")), "url", "invalid"),
        (with("url", json!("")), "url", "blank"),
        (with("name", json!("n".repeat(201))), "name", "too_long"),
        (with("events", json!(["NO/SUCH"])), "events", "invalid"),
        (with("events", json!([])), "events", "blank"),
        (json!({"url": "https://x.example"}), "name", "blank"),
        (
            with("credentials", json!({"username": "x"})),
            "credentials",
            "blank",
        ),
    ] {
        let got = stage.post("/webhooks", body.clone()).await;
        assert_eq!(
            (got.status, got.attr(), got.code()),
            (400, attr, code),
            "{body}"
        );
    }
    for number in 1..20 {
        let body = with("url", json!(format!("https://hub.example/{number}")));
        assert_eq!(stage.post("/webhooks", body).await.status, 201);
    }
    let body = with("url", json!("https://hub.example/20"));
    assert_eq!(stage.post("/webhooks", body).await.status, 400);
}

#[tokio::test]
async fn plain_http_stays_on_this_machine() {
    let stage = Stage::new().await;
    let with = |url: &str| {
        let mut body = settings(url);
        body["events"] = json!([RECEIVED]);
        body
    };
    for (url, status) in [
        ("http://hub.example/plain", 400),
        ("http://127.0.0.1.hub.example/plain", 400),
        ("ftp://127.0.0.1/plain", 400),
        ("http://127.0.0.1:9/plain", 201),
        ("http://[::1]:9/plain", 201),
        ("http://hub.test/plain", 201),
    ] {
        let created = stage.post("/webhooks", with(url)).await;
        assert_eq!(created.status, status, "{url}");
    }
    stage.sim.configure(|config| config.http_webhooks = false);
    let created = stage
        .post("/webhooks", with("http://127.0.0.1:9/two"))
        .await;
    assert_eq!(created.status, 400);
}

#[tokio::test]
async fn a_ping_must_be_answered_with_200() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    for status in [204, 401, 500] {
        receiver.answer(&[status]);
        let refused = stage
            .sim
            .connect(WebhookConfig::new(&receiver.served.base_url))
            .await;
        assert!(refused.is_err(), "{status}");
    }
    let mut body = settings(&receiver.served.base_url);
    body["enabled"] = true.into();
    receiver.answer(&[500]);
    assert_eq!(stage.post("/webhooks", body.clone()).await.status, 400);
    assert_eq!(stage.get("/webhooks").await.body, json!([]));
    assert_eq!(stage.post("/webhooks", body).await.status, 201);
    // A new URL is pinged before it is taken over.
    let id = stage.get("/webhooks").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let moved = json!({"url": "http://127.0.0.1:9/"});
    let got = stage.call("PATCH", &format!("/webhooks/{id}"), moved).await;
    assert_eq!((got.status, got.attr()), (400, "url"));
    assert_eq!(
        stage.get(&format!("/webhooks/{id}")).await.body["url"],
        receiver.served.base_url
    );
}

#[tokio::test]
async fn failures_are_retried_by_the_schedule() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&[RECEIVED]).await;
    receiver.answer(&[500, 302, 401, 404]);
    stage.opened("ada");
    stage.settled().await;
    for (wait, seen) in [
        (29_999, 1),
        (1, 2),
        (299_999, 2),
        (1, 3),
        (1_800_000, 4),
        (3_599_999, 4),
        (1, 5),
    ] {
        stage.pass(wait).await;
        assert_eq!(receiver.events().len(), seen);
    }
    let delivery = &stage.sim.deliveries()[0];
    assert_eq!(delivery.state, DeliveryState::Delivered);
    let outcomes: Vec<_> = delivery.attempts.iter().map(|a| a.outcome).collect();
    assert_eq!(
        outcomes,
        [500, 302, 401, 404, 200].map(AttemptOutcome::Answered)
    );
    assert_eq!(delivery.attempts[1].started_at, START + 30_000);
    let events = receiver.events();
    assert!(events.iter().all(|event| event["id"] == events[0]["id"]));
    assert_eq!(stage.sim.webhook_enabled(&receiver.webhook()), Some(true));
}

#[tokio::test]
async fn the_fifth_failure_of_an_event_ends_the_webhook() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&[RECEIVED]).await;
    receiver.answer(&[500; 5]);
    stage.opened("ada");
    stage.settled().await;
    for wait in [30_000, 300_000, 1_800_000] {
        stage.pass(wait).await;
    }
    assert_eq!(stage.sim.webhook_enabled(&receiver.webhook()), Some(true));
    stage.pass(3_600_000).await;
    let id = receiver.webhook();
    assert_eq!(stage.sim.webhook_enabled(&id), Some(false));
    let view = stage.get(&format!("/webhooks/{id}")).await.body;
    assert_eq!(view["enabled"], false);
    assert_eq!(view["disabledAtDueToRetryLimit"], "2025-06-15T16:42:10Z");
    assert_eq!(stage.sim.deliveries()[0].state, DeliveryState::GivenUp);
    // What happens meanwhile is not sent, nor made up for.
    stage.sim.customer_writes("ada", "unheard").unwrap();
    stage.sim.enable_webhook(&id).await.unwrap();
    stage.sim.customer_writes("ada", "heard").unwrap();
    stage.settled().await;
    assert_eq!(receiver.texts().last().unwrap(), "heard");
    assert!(!receiver.texts().contains(&"unheard".to_owned()));
    let view = stage.get(&format!("/webhooks/{id}")).await.body;
    assert!(view.get("disabledAtDueToRetryLimit").is_none());
}

#[tokio::test]
async fn silence_for_15_seconds_is_a_failure() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&[RECEIVED]).await;
    receiver.answer(&[0]);
    stage.opened("ada");
    while receiver.events().is_empty() {
        tokio::task::yield_now().await;
    }
    stage.pass(15_000).await;
    let attempt = stage.sim.deliveries()[0].attempts[0];
    assert_eq!(attempt.outcome, AttemptOutcome::TimedOut);
    assert_eq!(attempt.ended_at, START + 15_000);
    stage.pass(30_000).await;
    assert_eq!(stage.sim.deliveries()[0].state, DeliveryState::Delivered);
}

#[tokio::test]
async fn a_dead_receiver_is_unreachable() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&[RECEIVED]).await;
    let address = receiver.served.address;
    let log = receiver.log.clone();
    drop(receiver);
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stage.opened("ada");
    stage.settled().await;
    let attempts = stage.sim.deliveries()[0].attempts.clone();
    assert_eq!(attempts[0].outcome, AttemptOutcome::Unreachable);
    assert_eq!(log.lock().unwrap().received.len(), 1);
}

#[tokio::test]
async fn retries_can_be_scaled_and_logs_hold_100() {
    let stage = Stage::new().await;
    stage.sim.configure(|config| config.retry_scale = 0.001);
    let receiver = stage.receiver(&[RECEIVED]).await;
    receiver.answer(&[500, 500]);
    for number in 0..120 {
        stage
            .sim
            .customer_writes("ada", &format!("m{number}"))
            .unwrap();
    }
    stage.settled().await;
    stage.pass(30).await;
    assert_eq!(receiver.events().len(), 122);
    let log = stage.sim.webhook_log(&receiver.webhook());
    assert_eq!(log.len(), 100);
    assert!(log.iter().all(|entry| entry.event_type == RECEIVED));
}

#[tokio::test]
async fn first_attempts_of_a_session_keep_their_order() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&[RECEIVED]).await;
    let expected: Vec<String> = (0..30).map(|n| format!("m{n}")).collect();
    for text in &expected {
        stage.sim.customer_writes("ada", text).unwrap();
    }
    stage.settled().await;
    assert_eq!(receiver.texts(), expected);
}

#[tokio::test]
async fn the_next_event_of_a_session_waits_for_an_answer_to_the_first() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&[RECEIVED]).await;
    receiver.answer(&[0]);
    stage.sim.customer_writes("ada", "first").unwrap();
    stage.sim.customer_writes("ada", "second").unwrap();
    while receiver.events().is_empty() {
        tokio::task::yield_now().await;
    }
    // Another session does not wait: once its event is through, "second" would
    // have been too.
    stage.sim.customer_writes("bob", "meanwhile").unwrap();
    let through =
        |sim: &crate::gladly::GladlySim| sim.deliveries()[2].state == DeliveryState::Delivered;
    assert!(
        stage
            .sim
            .wait_until(std::time::Duration::from_secs(5), through)
            .await
    );
    assert_eq!(receiver.texts(), ["first", "meanwhile"]);
    stage.pass(15_000).await;
    assert_eq!(receiver.texts(), ["first", "meanwhile", "second"]);
}

//! Strangers, garbage, and what must not be seen.

use crate::stage::{Stage, message_event, now_iso};
use baton_hub::store::Mechanism;

async fn poison(stage: &Stage) -> usize {
    let found = stage.running.hub.core.poisoned().await;
    found.expect("poison can be listed").len()
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_touches_nothing() {
    let stage = Stage::set().await;
    let units = stage.running.hub.core.store.units();
    let event = message_event("event-1", "session-1", "message-1", "hello", &now_iso());
    let before = units.tallies();
    assert_eq!(stage.webhook_as("wrong", event.clone()).await, 401);
    assert_eq!(stage.webhook_as("", event).await, 401);
    let after = units.tallies();
    for mechanism in [
        Mechanism::Load,
        Mechanism::Append,
        Mechanism::Poison,
        Mechanism::Directory,
    ] {
        assert_eq!(
            before.get(&mechanism),
            after.get(&mechanism),
            "{mechanism:?}"
        );
    }
}

#[tokio::test]
async fn garbage_is_accepted_and_kept_as_poison() {
    let stage = Stage::set().await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"not json".to_vec(),
        b"[1,2,3]".to_vec(),
        vec![0xff, 0xfe, 0x00, 0x80],
        deep.into_bytes(),
        format!(r#"{{"id":1e400,"a":"{}"}}"#, "\\u0000").into_bytes(),
        vec![b'x'; 6_000_000],
    ];
    let many = bodies.len();
    for body in bodies {
        let length = body.len();
        let status = stage.webhook(body).await;
        assert_eq!(status, 200, "a body of {length} bytes");
    }
    assert!(poison(&stage).await >= many - 1, "kept to be looked at");
    assert_eq!(
        stage.webhook(r#"{"type":"SOMETHING/NEW","id":"x"}"#).await,
        200
    );
    assert_eq!(stage.webhook(r#"{"type":"PING"}"#).await, 200);
    let event = message_event("event-1", "session-1", "message-1", "hello", &now_iso());
    assert_eq!(
        stage.webhook(event).await,
        200,
        "and the next message is served"
    );
}

#[tokio::test]
async fn every_route_turns_strangers_away_alike() {
    let stage = Stage::set().await;
    let chat = stage.opened("ada").await;
    let thread = stage.thread(&chat);
    let unknown = "thr_aaaaaaaaaaaaaaaaaaaaaaaaaa";
    let foreign = baton_hub::store::records::TokenRecord {
        name: "foreign".to_owned(),
        role: baton_hub::store::records::Role::Bot,
        connections: Some(vec!["another".to_owned()]),
        agent: None,
        expires: None,
    };
    let hash = baton_hub::source::token_hash("foreign-token");
    stage
        .running
        .hub
        .core
        .store
        .put_token(&hash, &foreign)
        .await
        .expect("kept");
    let expired = baton_hub::store::records::TokenRecord {
        connections: None,
        expires: Some(baton_domain::Timestamp(1)),
        ..foreign
    };
    let hash = baton_hub::source::token_hash("expired-token");
    stage
        .running
        .hub
        .core
        .store
        .put_token(&hash, &expired)
        .await
        .expect("kept");
    let body = serde_json::json!({ "content": { "type": "text", "text": "x" }, "reason": "x" });
    for (method, action) in [
        ("GET", ""),
        ("GET", "/messages"),
        ("GET", "/events"),
        ("POST", "/messages"),
        ("POST", "/typing"),
        ("POST", "/handoff"),
        ("POST", "/close"),
        ("POST", "/control"),
    ] {
        let at = |id: &str| format!("/v1/conversations/{id}{action}");
        let body = (method == "POST").then(|| match action {
            "/messages" => serde_json::json!({ "content": body["content"] }),
            "/typing" => serde_json::json!({ "state": "started" }),
            "/handoff" => serde_json::json!({ "reason": "x" }),
            "/control" => serde_json::json!({ "ask": "release" }),
            _ => serde_json::json!({}),
        });
        for token in ["", "wrong", "expired-token"] {
            let answer = stage
                .call(method, &at(thread.as_str()), token, body.clone())
                .await;
            assert_eq!(answer.status, 401, "{method} {action} with {token:?}");
        }
        let foreign = stage
            .call(method, &at(thread.as_str()), "foreign-token", body.clone())
            .await;
        let nothing = stage
            .call(method, &at(unknown), "foreign-token", body.clone())
            .await;
        assert_eq!(foreign.status, 404, "{method} {action}: {:?}", foreign.body);
        assert_eq!(foreign.status, nothing.status, "{method} {action}");
        if method == "POST" {
            let reader = stage
                .call(
                    method,
                    &at(thread.as_str()),
                    "demo-reader-token",
                    body.clone(),
                )
                .await;
            assert_eq!(reader.status, 403, "{method} {action}: {:?}", reader.body);
        }
    }
}

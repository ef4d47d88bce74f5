//! What can be asked of the hub, and what it refuses to send.

use crate::stage::{Stage, message_event, now_iso};
use baton_local::demo_settings::CONNECTION;
use baton_simulators::gladly::Speaker;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn a_conversation_can_be_read_while_it_lives_and_after() {
    let stage = Stage::set().await;
    let chat = stage.write("ada", "hello");
    stage.bot_says("ada", 1).await;
    stage
        .until(&chat, "the outcome", |loaded| {
            loaded.thread.outbox.is_empty()
        })
        .await;
    let path = format!("/v1/conversations/{}", stage.thread(&chat));
    let view = stage.call("GET", &path, "demo-bot-token", None).await;
    assert_eq!(view.status, 200);
    assert_eq!(view.body["state"], "new", "{:?}", view.body);
    assert!(
        view.body
            .get("inbox")
            .is_none_or(serde_json::Value::is_null),
        "no inbox while the bot holds"
    );
    assert_eq!(view.body["deadlines"][0]["kind"], "customer_silent");
    let reader = stage.call("GET", &path, "demo-reader-token", None).await;
    assert!(
        reader.body.get("identity").is_none(),
        "a reader does not see the platform's ids"
    );

    let messages = stage
        .call(
            "GET",
            &format!("{path}/messages"),
            "demo-reader-token",
            None,
        )
        .await;
    let said: Vec<_> = messages.body["messages"]
        .as_array()
        .expect("a list")
        .clone();
    assert_eq!(said.len(), 2);
    assert_eq!(said[0]["from"]["kind"], "customer");
    assert_eq!(
        (&said[1]["from"]["kind"], &said[1]["status"]),
        (&json!("bot"), &json!("sent"))
    );

    stage.caught_up().await;
    let list = format!("/v1/conversations?connection={CONNECTION}");
    let open = stage
        .call(
            "GET",
            &format!("{list}&state=new"),
            "demo-reader-token",
            None,
        )
        .await;
    assert_eq!(
        open.body["conversations"].as_array().map(Vec::len),
        Some(1),
        "{:?}",
        open.body
    );

    stage.write("ada", "bye");
    stage
        .until(&chat, "the close", |loaded| loaded.thread.open().is_none())
        .await;
    stage.caught_up().await;
    let open = stage.call("GET", &list, "demo-reader-token", None).await;
    assert_eq!(
        open.body["conversations"].as_array().map(Vec::len),
        Some(0),
        "{:?}",
        open.body
    );
    let day = baton_hub::store::rows::day_of(stage.running.hub.core.clock.now());
    let closed = stage
        .call(
            "GET",
            &format!("{list}&state=closed&day={day}"),
            "demo-reader-token",
            None,
        )
        .await;
    assert_eq!(
        closed.body["conversations"][0]["reason"], "bot",
        "{:?}",
        closed.body
    );
}

#[tokio::test]
async fn the_event_feed_waits_for_the_next_event() {
    let stage = Arc::new(Stage::set().await);
    let chat = stage.opened("ada").await;
    let path = format!("/v1/conversations/{}/events", stage.thread(&chat));
    let first = stage.call("GET", &path, "demo-reader-token", None).await;
    let names: Vec<_> = first.body["events"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| event["event"].clone())
        .collect();
    assert_eq!(names, ["conversation.opened", "message.received"]);
    let after = first.body["after"].as_str().expect("a cursor").to_owned();
    let waiting = tokio::spawn({
        let (stage, path) = (stage.clone(), format!("{path}?after={after}&wait=15"));
        async move { stage.call("GET", &path, "demo-reader-token", None).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    stage.write("ada", "silent");
    let next = waiting.await.expect("no panic");
    assert_eq!(
        next.body["events"][0]["event"], "message.received",
        "{:?}",
        next.body
    );
}

#[tokio::test]
async fn limits_are_told_before_anything_is_sent() {
    let stage = Stage::set().await;
    let chat = stage.opened("ada").await;
    let path = format!("/v1/conversations/{}/messages", stage.thread(&chat));
    for content in [
        json!({ "type": "text", "text": "x".repeat(2_049) }),
        json!({ "type": "text", "text": "  " }),
        json!({ "type": "menu", "prompt": "p".repeat(51), "items": [] }),
        json!({ "type": "template", "name": "hello", "language": "en" }),
    ] {
        let refused = stage
            .call(
                "POST",
                &path,
                "demo-bot-token",
                Some(json!({ "content": content })),
            )
            .await;
        assert_eq!(refused.status, 422, "{content}: {:?}", refused.body);
        assert_eq!(refused.content_type, "application/problem+json");
    }
    let misspelt = json!({ "contents": { "type": "text", "text": "x" } });
    let refused = stage
        .call("POST", &path, "demo-bot-token", Some(misspelt))
        .await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.body.to_string().contains("contents"),
        "it names the field: {:?}",
        refused.body
    );
    assert!(stage.read_by("ada", Speaker::Bot).is_empty());
    // What does fit arrives as it was written.
    let emoji = json!({ "content": { "type": "text", "text": "👩🏽‍🚀 *not markup* <b>" } });
    let sent = stage
        .call("POST", &path, "demo-bot-token", Some(emoji))
        .await;
    assert_eq!(sent.status, 200, "{:?}", sent.body);
    assert_eq!(stage.read_by("ada", Speaker::Bot), ["👩🏽‍🚀 *not markup* <b>"]);
    stage.no_violations();
}

#[tokio::test]
async fn sms_is_served_and_another_channel_is_recorded() {
    let stage = Stage::set().await;
    let at = now_iso();
    let event = |id: &str, channel: &str| {
        message_event(
            id,
            &format!("session-{id}"),
            &format!("message-{id}"),
            "silent",
            &at,
        )
        .replace("\"CHAT\"", &format!("\"{channel}\""))
    };
    assert_eq!(stage.webhook(event("1", "SMS")).await, 200);
    assert_eq!(stage.webhook(event("2", "TELEPATHY")).await, 200);
    let there = async |session: &str| {
        let id = stage.thread_of(session);
        stage.load_thread(&id).await.thread.seq
    };
    assert_eq!(there("session-1").await, 1);
    assert_eq!(there("session-2").await, 0);
}

#[tokio::test]
async fn the_hub_says_what_it_is() {
    let stage = Stage::set().await;
    assert_eq!(
        stage.call("GET", "/health", "", None).await.body["status"],
        "ok"
    );
    let openapi = stage.call("GET", "/openapi.json", "", None).await;
    assert_eq!(
        openapi.body["openapi"]
            .as_str()
            .map(|version| &version[..3]),
        Some("3.1")
    );
    let connections = stage
        .call("GET", "/v1/connections", "demo-reader-token", None)
        .await;
    assert_eq!(connections.body["connections"][0]["id"], CONNECTION);
    assert!(
        !connections.body.to_string().contains("test-gladly-token"),
        "no secrets"
    );
    let unsupported = stage
        .call("GET", "/v1/nothing/here", "demo-reader-token", None)
        .await;
    assert_eq!(unsupported.status, 404);
    let face = stage
        .call_with(
            "GET",
            "/gladly/api/v1/agents",
            "",
            None,
            &[("authorization", &basic("demo-bot-token"))],
        )
        .await;
    assert_eq!(face.status, 501, "{:?}", face.body);
}

fn basic(token: &str) -> String {
    let pair = format!("anybody:{token}");
    format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes()))
}

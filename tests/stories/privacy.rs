//! Nothing personal in logs, ids, or the bus.

use crate::process::World;
use crate::stage::{SOON, Stage};
use baton_simulators::gladly::Speaker;
use std::time::Duration;

/// Words that stand for what a customer might write.
const CANARY: &str = "canary-message-text";

/// Everything the hub has to say, and of its libraries what they say on AWS.
const LEVELS: &str =
    "info,baton_hub=trace,baton_functions=trace,baton_local=trace,baton_platforms=trace";

#[tokio::test]
async fn logs_say_nothing_that_a_customer_wrote_or_is() {
    let mut world = World::new("privacy", LEVELS).await;
    let written = world
        .gladly
        .customer_writes("ada", CANARY)
        .expect("the customer writes");
    let answered = |gladly: &baton_simulators::gladly::GladlySim| {
        gladly.customer("ada").is_some_and(|view| {
            view.sessions
                .iter()
                .any(|session| !session.texts(Speaker::Bot).is_empty())
        })
    };
    assert!(
        world.gladly.wait_until(SOON, answered).await,
        "the bot answers"
    );
    world
        .gladly
        .customer_writes("ada", &format!("agent {CANARY}"))
        .expect("the customer writes");
    let handed = |gladly: &baton_simulators::gladly::GladlySim| {
        gladly
            .customer("ada")
            .is_some_and(|view| view.serves == "queue")
    };
    assert!(
        world.gladly.wait_until(SOON, handed).await,
        "the handoff comes about"
    );
    // Garbage, too, must not be quoted.
    let client = reqwest::Client::new();
    let url = format!("{}/webhooks/gladly/gladly-main", world.hub.url());
    for body in [
        format!("{{\"id\": \"{CANARY}\", "),
        format!("[\"{CANARY}\"]"),
        CANARY.to_owned(),
    ] {
        let sent = client
            .post(&url)
            .basic_auth("webhook-user", Some("test-secret-webhook"))
            .body(body);
        assert_eq!(sent.send().await.expect("an answer").status().as_u16(), 200);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let folder = world.hub.folder.clone();
    let log = std::fs::read_to_string(folder.join("log")).expect("the log");
    assert!(
        log.contains("a webhook was taken in"),
        "the hub logs what it does: {log}"
    );
    let session = written.session_id.clone().expect("a session");
    for secret in [
        CANARY,
        &session,
        &written.customer_id,
        &written.conversation_id,
        &written.message_id,
        &world.token,
        "test-secret-webhook",
        "test-gladly-token",
    ] {
        assert!(!log.contains(secret), "the log says {secret}");
    }
    world.hub.kill();
}

#[tokio::test]
async fn the_bus_carries_no_text_and_no_name_unless_the_connection_says_so() {
    let stage = Stage::set().await;
    let written = stage.write("ada", CANARY);
    stage.bot_says("ada", 1).await;
    stage
        .until(&written, "the answer", |loaded| {
            loaded.thread.outbox.is_empty()
        })
        .await;
    stage.caught_up().await;
    stage.running.hub.bus.idle().await;
    let events = stage.running.hub.bus.recent();
    assert!(events.len() >= 3, "opened, received, queued: {events:?}");
    let bus = serde_json::to_string(&events).expect("JSON");
    let session = written.session_id.clone().expect("a session");
    for secret in [
        CANARY,
        &session,
        &written.customer_id,
        &written.conversation_id,
    ] {
        assert!(!bus.contains(secret), "the bus says {secret}: {bus}");
    }
}

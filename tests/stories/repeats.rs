//! The same thing more than once.

use crate::stage::{SOON, Stage, message_event, now_iso};
use baton_domain::CloseReason;
use baton_local::demo_settings::CONNECTION;
use baton_simulators::gladly::Speaker;
use serde_json::json;
use std::sync::Arc;

async fn received(stage: &Stage, session: &str) -> usize {
    let id = stage.thread_of(session);
    let loaded = stage.load_thread(&id).await;
    let events = loaded.tail.iter().flat_map(|entry| &entry.events);
    events
        .filter(|event| matches!(event, baton_domain::Event::Received { .. }))
        .count()
}

fn told(stage: &Stage, text: &str) -> usize {
    stage
        .bot()
        .told()
        .iter()
        .filter(|told| told.text.as_deref() == Some(text))
        .count()
}

#[tokio::test]
async fn fifty_deliveries_are_one_message_and_one_telling() {
    let stage = Stage::set().await;
    let event = message_event("event-1", "session-1", "message-1", "silent", &now_iso());
    for _ in 0..50 {
        assert_eq!(stage.webhook(event.clone()).await, 200);
    }
    assert!(
        stage
            .bot()
            .wait_until(SOON, |bot| !bot.told().is_empty())
            .await
    );
    stage.caught_up().await;
    assert_eq!(received(&stage, "session-1").await, 1);
    assert_eq!(told(&stage, "silent"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_at_once_are_one_message_and_one_telling() {
    let stage = Arc::new(Stage::set().await);
    let event = message_event("event-1", "session-1", "message-1", "silent", &now_iso());
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let (stage, event) = (stage.clone(), event.clone());
            tokio::spawn(async move { stage.webhook(event).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("no panic"), 200);
    }
    assert!(
        stage
            .bot()
            .wait_until(SOON, |bot| !bot.told().is_empty())
            .await
    );
    stage.caught_up().await;
    assert_eq!(received(&stage, "session-1").await, 1);
    assert_eq!(told(&stage, "silent"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_messages_at_once_are_all_there_and_told_in_order() {
    let stage = Arc::new(Stage::set().await);
    let at = now_iso();
    let calls: Vec<_> = (0..16)
        .map(|n| {
            let event = message_event(
                &format!("event-{n}"),
                "session-1",
                &format!("message-{n}"),
                "silent",
                &at,
            );
            let stage = stage.clone();
            tokio::spawn(async move { stage.webhook(event).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("no panic"), 200);
    }
    assert!(
        stage
            .bot()
            .wait_until(SOON, |bot| bot.told().len() >= 16)
            .await,
        "all are told"
    );
    let id = stage.thread_of("session-1");
    let store = &stage.running.hub.core.store;
    let entries = store
        .entries(&id, 1, 100, baton_hub::store::Mechanism::Read)
        .await
        .expect("the log");
    let logged: Vec<String> = entries
        .iter()
        .flat_map(|entry| &entry.events)
        .filter_map(|event| match event {
            baton_domain::Event::Received { id, .. } => Some(id.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(logged.len(), 16);
    let told: Vec<String> = stage
        .bot()
        .told()
        .iter()
        .filter_map(|told| told.message_id.clone())
        .collect();
    assert_eq!(told.len(), 16, "each once");
}

#[tokio::test]
async fn a_repeated_call_has_one_effect_and_the_same_answer() {
    let stage = Stage::set().await;
    let chat = stage.opened("ada").await;
    let path = format!("/v1/conversations/{}/messages", stage.thread(&chat));
    let body = json!({ "content": { "type": "text", "text": "once" } });
    let key = [("idempotency-key", "key-1")];
    let first = stage
        .call_with("POST", &path, "demo-bot-token", Some(body.clone()), &key)
        .await;
    let second = stage
        .call_with("POST", &path, "demo-bot-token", Some(body), &key)
        .await;
    assert_eq!(
        (first.status, second.status),
        (200, 200),
        "{:?} {:?}",
        first.body,
        second.body
    );
    assert_eq!(first.body["id"], second.body["id"]);
    assert_eq!(stage.read_by("ada", Speaker::Bot), ["once"]);
    let other = json!({ "content": { "type": "text", "text": "twice" } });
    let reused = stage
        .call_with("POST", &path, "demo-bot-token", Some(other), &key)
        .await;
    assert_eq!(reused.status, 422, "{:?}", reused.body);
}

#[tokio::test]
async fn a_newer_session_of_the_same_conversation_ends_the_older() {
    let stage = Stage::set().await;
    let at = now_iso();
    let event = |n: u32| {
        let (id, session) = (format!("event-{n}"), format!("session-{n}"));
        message_event(&id, &session, &format!("message-{n}"), "silent", &at)
            .replace(&format!("conversation-of-{session}"), "the-conversation")
    };
    let thread = async |session: &str| {
        let core = &stage.running.hub.core;
        let id = core.id_key.held().unwrap().thread(CONNECTION, session);
        core.store.load(&id).await.expect("the thread").thread
    };
    assert_eq!(stage.webhook(event(1)).await, 200);
    stage.caught_up().await;
    assert!(thread("session-1").await.bot_holds());
    assert_eq!(stage.webhook(event(2)).await, 200);
    stage.caught_up().await;
    let older = thread("session-1")
        .await
        .conversation
        .expect("a conversation");
    assert_eq!(older.closed.expect("closed").reason, CloseReason::Moved);
    assert!(thread("session-2").await.bot_holds(), "the newer goes on");
}

//! Sessions from their opening to their end.

use std::time::Duration;

use serde_json::json;

use super::{Receiver, START, Stage, unlimited};
use crate::gladly::{
    ClosedBy, DeliveryState, GladlyConfig, GladlySim, LateCall, SessionState, Speaker,
    ViolationKind, WebhookConfig,
};

#[tokio::test]
async fn a_customer_stays_in_a_session_until_it_is_closed() {
    let stage = Stage::new().await;
    let first = stage.sim.customer_writes("ada", "one").unwrap();
    let second = stage.sim.customer_writes("ada", "two").unwrap();
    assert_eq!(first.session_id, second.session_id);
    let other = stage.sim.customer_writes("bob", "three").unwrap();
    assert_ne!(first.session_id, other.session_id);
    assert_ne!(first.customer_id, other.customer_id);

    let url = format!(
        "/message-automation/sessions/{}/close",
        first.session_id.clone().unwrap()
    );
    assert_eq!(
        stage
            .post(&url, json!({"description": "done"}))
            .await
            .status,
        204
    );
    let third = stage.sim.customer_writes("ada", "again").unwrap();
    assert_ne!(first.session_id, third.session_id);
    assert_ne!(first.conversation_id, third.conversation_id);
    assert_eq!(first.customer_id, third.customer_id);
    let ended = &stage.sim.sessions_of("ada")[0];
    assert_eq!(ended.state, SessionState::Closed(ClosedBy::Automation));
    assert_eq!(ended.closes, ["done"]);
}

#[tokio::test]
async fn a_new_session_joins_a_conversation_that_stayed_open() {
    let config = GladlyConfig {
        close_ends_conversation: false,
        ..unlimited()
    };
    let stage = Stage::with(config).await;
    let (session, conversation) = stage.opened("ada");
    stage.pass(300_000).await;
    let next = stage.sim.customer_writes("ada", "back").unwrap();
    assert_ne!(next.session_id, Some(session));
    assert_eq!(next.conversation_id, conversation);
}

#[tokio::test]
async fn five_minutes_of_silence_close_a_session_to_the_millisecond() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&["CONVERSATION/CLOSED"]).await;
    let (session, conversation) = stage.opened("ada");
    stage.pass(299_999).await;
    assert_eq!(
        stage.sim.session(&session).unwrap().state,
        SessionState::Automation
    );
    stage.pass(1).await;
    let closed = stage.sim.session(&session).unwrap();
    assert_eq!(closed.state, SessionState::Closed(ClosedBy::Silence));
    assert_eq!(closed.closed_at, Some(START + 300_000));
    let events = receiver.events();
    assert_eq!(events.len(), 1);
    assert_eq!(
        events[0]["content"]["conversationId"],
        conversation.as_str()
    );
    assert_eq!(events[0]["timestamp"], "2025-06-15T15:11:40Z");
    let view = stage
        .get(&format!("/conversations/{conversation}"))
        .await
        .body;
    assert_eq!(view["status"], "CLOSED");
    assert_eq!(view["closedAt"], "2025-06-15T15:11:40Z");
}

#[tokio::test]
async fn messages_of_either_side_reset_the_five_minutes_and_typing_does_not() {
    let stage = Stage::new().await;
    let (session, _) = stage.opened("ada");
    stage.pass(200_000).await;
    stage.say(&session, "still here").await;
    stage.pass(200_000).await;
    stage.sim.customer_writes("ada", "me too").unwrap();
    stage.pass(299_000).await;
    let url = format!("/message-automation/sessions/{session}/typing-indicators");
    assert_eq!(
        stage.post(&url, json!({"state": "STARTED"})).await.status,
        204
    );
    assert_eq!(stage.sim.session(&session).unwrap().closed_at, None);
    stage.pass(1_000).await;
    assert_eq!(
        stage.sim.session(&session).unwrap().closed_at,
        Some(START + 700_000)
    );
}

#[tokio::test]
async fn a_jump_of_the_clock_closes_as_of_the_right_time() {
    let stage = Stage::new().await;
    let (session, _) = stage.opened("ada");
    stage.clock.advance(3_600_000);
    // The late call itself finds the session closed, without any wait.
    assert_eq!(
        stage.say(&session, "too late").await.code(),
        "invalid_state"
    );
    assert_eq!(
        stage.sim.session(&session).unwrap().closed_at,
        Some(START + 300_000)
    );
    assert_eq!(stage.sim.violations()[0].kind, ViolationKind::AfterClose);
}

#[tokio::test]
async fn the_driver_closes_without_any_call() {
    let stage = Stage::new().await;
    let (session, _) = stage.opened("ada");
    let mut changes = stage.sim.0.changes.subscribe();
    // The driver goes to sleep on the clock before the clock is moved.
    while stage.clock.next_wake().is_none() {
        tokio::task::yield_now().await;
    }
    changes.mark_unchanged();
    stage.clock.advance(300_000);
    changes.changed().await.unwrap();
    let world = stage.sim.0.world.lock().unwrap();
    assert!(world.sessions[&session].closed_at.is_some());
}

#[tokio::test]
async fn a_handed_off_session_is_no_longer_the_bots() {
    let stage = Stage::new().await;
    let (session, _) = stage.opened("ada");
    assert_eq!(stage.hand_off(&session).await.status, 204);
    let late = stage.say(&session, "me again").await;
    assert_eq!((late.status, late.code()), (400, "invalid_state"));
    assert_eq!(stage.hand_off(&session).await.code(), "invalid_state");
    stage
        .sim
        .configure(|config| config.late_call = LateCall::NotExist);
    let late = stage.say(&session, "and again").await;
    assert_eq!((late.status, late.code()), (400, "not_exist"));
    let seen = stage.sim.session(&session).unwrap();
    assert_eq!(seen.handoffs, ["wants a person"]);
    assert!(seen.texts(Speaker::Bot).is_empty());
    let kinds: Vec<_> = stage.sim.violations().iter().map(|v| v.kind).collect();
    assert_eq!(kinds, [ViolationKind::AfterHandoff; 3]);
    // The five minutes are the automation's only.
    stage.pass(900_000).await;
    assert_eq!(
        stage.sim.session(&session).unwrap().state,
        SessionState::HandedOff
    );
}

#[tokio::test]
async fn a_merge_moves_ids_and_kills_the_sources_conversation() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&["CUSTOMER/MERGED"]).await;
    let ada = stage.sim.customer_writes("ada", "hello").unwrap();
    let bob = stage.sim.customer_writes("bob", "hello").unwrap();
    stage.sim.merge_customers("ada", "bob").unwrap();
    assert!(stage.sim.merge_customers("ada", "bob").is_err());
    assert!(stage.sim.merge_customers("ada", "nobody").is_err());
    stage.settled().await;
    assert_eq!(
        receiver.events()[0]["content"],
        json!({
            "sourceCustomerId": ada.customer_id,
            "destinationCustomerId": bob.customer_id,
            "sourceConversationId": ada.conversation_id,
            "destinationConversationId": bob.conversation_id,
        })
    );
    let gone = stage
        .get(&format!("/conversations/{}", ada.conversation_id))
        .await;
    assert_eq!((gone.status, gone.code()), (404, "not_exist"));
    assert_eq!(
        stage
            .get(&format!("/customers/{}", ada.customer_id))
            .await
            .status,
        301
    );
    assert_eq!(
        stage
            .get(&format!("/customers/{}", bob.customer_id))
            .await
            .status,
        200
    );
    // Both chats go on, now in one conversation of one customer.
    let more = stage.sim.customer_writes("ada", "more").unwrap();
    assert_eq!(more.session_id, ada.session_id);
    assert_eq!(more.conversation_id, bob.conversation_id);
    assert_eq!(more.customer_id, bob.customer_id);
    // One falling silent does not close the other's conversation.
    stage.pass(200_000).await;
    stage.say(&ada.session_id.unwrap(), "hi ada").await;
    stage.pass(100_000).await;
    let bobs = stage.sim.session(&bob.session_id.unwrap()).unwrap();
    assert!(bobs.closed_at.is_some());
    let view = stage
        .get(&format!("/conversations/{}", bob.conversation_id))
        .await
        .body;
    assert_eq!(view["status"], "OPEN");
}

#[tokio::test]
async fn a_session_merged_into_an_agents_conversation_stays_unseen() {
    let stage = Stage::new().await;
    let (adas, _) = stage.opened("ada");
    let (bobs, conversation) = stage.opened("bob");
    stage.hand_off(&bobs).await;
    stage.sim.merge_customers("ada", "bob").unwrap();
    assert_eq!(stage.say(&adas, "still the bot").await.status, 200);
    let items = stage
        .get(&format!("/conversations/{conversation}/items"))
        .await;
    assert_eq!(items.body, json!([]));
    // Its silence ends the session, not the agents' conversation.
    stage.pass(300_000).await;
    assert!(stage.sim.session(&adas).unwrap().closed_at.is_some());
    assert_eq!(stage.sim.customer("bob").unwrap().serves, "queue");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let (one, two) = (Stage::new().await, Stage::new().await);
    assert_eq!(one.opened("ada"), two.opened("ada"));
    let third = Stage::with(GladlyConfig {
        seed: 2,
        ..unlimited()
    })
    .await;
    assert_ne!(one.opened("bob"), third.opened("bob"));
}

#[tokio::test]
async fn on_the_real_clock_everything_goes_by_itself() {
    let mut config = unlimited();
    config.idle_close_ms = 40;
    config.retry_scale = 0.000_1;
    config.auto_agent.accept_after_ms = Some(1);
    let sim = GladlySim::new(config);
    let receiver = Receiver::start().await;
    let url = &receiver.served.base_url;
    sim.connect(WebhookConfig::new(url)).await.unwrap();
    receiver.answer(&[503, 503]);
    sim.customer_writes("ada", "hello").unwrap();
    let limit = Duration::from_secs(10);
    let delivered = |sim: &GladlySim| sim.deliveries()[0].state == DeliveryState::Delivered;
    assert!(sim.wait_until(limit, delivered).await);
    assert_eq!(sim.deliveries()[0].attempts.len(), 3);
    let closed = |sim: &GladlySim| sim.transcript()[0].closed_at.is_some();
    assert!(sim.wait_until(limit, closed).await);
    let session = &sim.transcript()[0];
    assert_eq!(session.closed_at, Some(session.opened_at + 40));

    sim.pause_automation(true);
    sim.customer_writes("bob", "hello").unwrap();
    let served = |sim: &GladlySim| {
        sim.customer("bob")
            .is_some_and(|view| view.serves == "agent")
    };
    assert!(sim.wait_until(limit, served).await);
    let never = Duration::from_millis(1);
    assert!(!sim.wait_until(never, |_| false).await);
}

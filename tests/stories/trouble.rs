//! When the platform misbehaves.

use crate::stage::Stage;
use baton_domain::Holder;
use baton_simulators::gladly::{ApiFault, ApiRule, Chance, Faults, Speaker};

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_not_sent_twice() {
    let stage = Stage::set().await;
    stage.gladly().set_faults(Faults {
        api: vec![ApiRule::on("/messages", Chance::Next(1), ApiFault::LoseAnswer).method("POST")],
        ..Faults::default()
    });
    let chat = stage.write("ada", "hello");
    stage.bot_says("ada", 1).await;
    stage
        .until(&chat, "the outcome", |loaded| {
            loaded.thread.outbox.is_empty() && loaded.thread.seq > 1
        })
        .await;
    assert_eq!(stage.read_by("ada", Speaker::Bot).len(), 1);
    assert_eq!(stage.gladly().repeated_bot_messages(), 0);
}

#[tokio::test]
async fn errors_and_limits_of_the_platform_are_outlasted() {
    let stage = Stage::set().await;
    stage.gladly().set_faults(Faults {
        api: vec![
            ApiRule::on("/messages", Chance::Next(2), ApiFault::Status(503)).method("POST"),
            ApiRule::on("/messages", Chance::Next(1), ApiFault::Status(429)).method("POST"),
            ApiRule::on("/handoff", Chance::Next(1), ApiFault::LoseAnswer).method("POST"),
        ],
        ..Faults::default()
    });
    let chat = stage.write("ada", "hello");
    stage.bot_says("ada", 1).await;
    stage.write("ada", "agent");
    stage
        .until(&chat, "the handoff", |loaded| {
            matches!(loaded.thread.holder(), Holder::Queue(_))
        })
        .await;
    let accepted = stage
        .gladly()
        .calls()
        .iter()
        .filter(|call| call.path.ends_with("/handoff") && call.status == 204)
        .count();
    assert!(accepted <= 1, "one handoff took effect");
    assert_eq!(stage.gladly().repeated_bot_messages(), 0);
}

#[tokio::test]
async fn webhooks_that_come_twice_late_and_out_of_order_lose_nothing() {
    let stage = Stage::set().await;
    stage.gladly().hold();
    for text in ["silent 1", "silent 2", "silent 3", "silent 4"] {
        stage.write("ada", text);
    }
    let order = baton_simulators::gladly::Release::Exactly(vec![3, 1, 1, 0, 2, 3]);
    stage.gladly().release(&order);
    let chat = stage.write("ada", "silent 5");
    let all = |bot: &baton_simulators::bot::SampleBot| {
        bot.told().iter().filter(|told| told.text.is_some()).count() >= 5
    };
    assert!(
        stage.bot().wait_until(crate::stage::SOON, all).await,
        "all five are told"
    );
    let id = stage.thread(&chat);
    let store = &stage.running.hub.core.store;
    let entries = store
        .entries(&id, 1, 100, baton_hub::store::Mechanism::Read)
        .await
        .expect("the log");
    let events = entries.iter().flat_map(|entry| &entry.events);
    let received = events.filter(|event| matches!(event, baton_domain::Event::Received { .. }));
    assert_eq!(received.count(), 5, "each once");
}

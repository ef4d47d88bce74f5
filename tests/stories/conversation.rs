//! The main job.

use crate::stage::{SOON, Stage};
use baton_domain::{CloseReason, Holder};
use baton_local::demo_settings::DemoTimers;
use baton_simulators::gladly::Speaker;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_customer_is_served_by_the_bot_then_by_an_agent() {
    let stage = Stage::set().await;
    let chat = stage.write("ada", "hello");
    let said = stage.bot_says("ada", 1).await;
    assert_eq!(said.len(), 1, "one greeting: {said:?}");

    stage
        .gladly()
        .customer_chooses("ada", "Order status")
        .expect("an entry of the menu");
    stage.bot_says("ada", 2).await;

    stage.write("ada", "I want an agent");
    let passed = stage
        .until(&chat, "the handoff", |loaded| {
            matches!(loaded.thread.holder(), Holder::Queue(_))
        })
        .await;
    assert!(
        passed.thread.outbox.is_empty()
            || passed
                .thread
                .outbox
                .iter()
                .all(|work| !work.kind.is_control())
    );

    stage
        .gladly()
        .agent_accepts("ada", None)
        .expect("an agent accepts");
    stage
        .until(&chat, "the agent", |loaded| {
            matches!(loaded.thread.holder(), Holder::Agent(_))
        })
        .await;
    stage
        .gladly()
        .agent_replies("ada", "Hello!")
        .expect("the agent writes");
    stage
        .gladly()
        .agent_closes("ada")
        .expect("the agent closes");
    let closed = stage
        .until(&chat, "the close", |loaded| loaded.thread.open().is_none())
        .await;
    let conversation = closed.thread.conversation.expect("a conversation");
    assert_eq!(
        conversation.closed.expect("closed").reason,
        CloseReason::Agent
    );
    stage.no_violations();
    assert_eq!(stage.gladly().repeated_bot_messages(), 0);
}

#[tokio::test]
async fn the_bot_closes_when_the_customer_says_bye() {
    let stage = Stage::set().await;
    let chat = stage.write("ada", "hello");
    stage.bot_says("ada", 1).await;
    stage.write("ada", "bye");
    let closed = stage
        .until(&chat, "the close", |loaded| loaded.thread.open().is_none())
        .await;
    let conversation = closed.thread.conversation.expect("a conversation");
    assert_eq!(
        conversation.closed.expect("closed").reason,
        CloseReason::Bot
    );
    stage.no_violations();
}

#[tokio::test]
async fn a_silent_customer_is_abandoned_and_never_handed_off() {
    let stage = Stage::with(DemoTimers {
        customer_silent: 11,
        bot_owes: 10,
    })
    .await;
    let chat = stage.write("ada", "what are your opening hours");
    stage.bot_says("ada", 1).await;
    let closed = stage
        .within(Duration::from_secs(25), &chat, "the close", |loaded| {
            loaded.thread.open().is_none()
        })
        .await;
    let conversation = closed.thread.conversation.expect("a conversation");
    assert_eq!(
        conversation.closed.as_ref().expect("closed").reason,
        CloseReason::Abandoned
    );
    let due = conversation.quiet_since.plus(11_000);
    let late = conversation.closed.as_ref().expect("closed").at.since(due);
    assert!(
        (0..=4_000).contains(&late),
        "closed {late} ms after its time"
    );
    // Gladly is not called: it closes by itself.
    let calls = stage.gladly().calls();
    assert!(
        !calls
            .iter()
            .any(|call| call.path.ends_with("/close") || call.path.ends_with("/handoff"))
    );
}

#[tokio::test]
async fn a_dead_bot_costs_the_customer_only_its_time() {
    let stage = Stage::with(DemoTimers {
        customer_silent: 60,
        bot_owes: 10,
    })
    .await;
    stage.bot().configure(|bot| bot.dead = true);
    let chat = stage.write("ada", "is anybody there");
    let passed = stage
        .within(Duration::from_secs(25), &chat, "the handoff", |loaded| {
            matches!(loaded.thread.holder(), Holder::Queue(_))
        })
        .await;
    let conversation = passed.thread.conversation.expect("a conversation");
    assert!(
        conversation.holder_since.since(conversation.opened_at) >= 10_000,
        "not before its time"
    );
    stage.no_violations();
}

#[tokio::test]
async fn a_bot_that_failed_for_a_moment_is_told_everything_in_order() {
    let stage = Stage::set().await;
    stage.bot().configure(|bot| bot.fail_first = 2);
    stage.write("ada", "first");
    stage.write("ada", "second");
    let came = stage
        .bot()
        .wait_until(SOON, |bot| {
            bot.told().iter().filter(|told| told.text.is_some()).count() >= 2
        })
        .await;
    assert!(came, "both messages are told in the end");
    stage.bot_says("ada", 2).await;
}

#[tokio::test]
async fn an_old_epoch_is_turned_down_with_the_present_holder() {
    let stage = Stage::set().await;
    let chat = stage.write("ada", "silent");
    let loaded = stage
        .until(&chat, "the message", |loaded| loaded.thread.bot_holds())
        .await;
    let path = format!("/v1/conversations/{}/messages", stage.thread(&chat));
    let say =
        |epoch: u64| json!({ "content": { "type": "text", "text": "hello" }, "epoch": epoch });
    let sent = stage
        .call(
            "POST",
            &path,
            "demo-bot-token",
            Some(say(loaded.thread.epoch)),
        )
        .await;
    assert_eq!(sent.status, 200, "{:?}", sent.body);

    let handoff = format!("/v1/conversations/{}/handoff", stage.thread(&chat));
    let reason = json!({ "reason": "wants a person" });
    let passed = stage
        .call("POST", &handoff, "demo-bot-token", Some(reason))
        .await;
    assert_eq!(passed.status, 200, "{:?}", passed.body);

    let refused = stage
        .call(
            "POST",
            &path,
            "demo-bot-token",
            Some(say(loaded.thread.epoch)),
        )
        .await;
    assert_eq!(refused.status, 409, "{:?}", refused.body);
    assert_eq!(refused.content_type, "application/problem+json");
    assert_eq!(refused.body["holder"]["kind"], "queue");
    assert_eq!(stage.read_by("ada", Speaker::Bot), ["hello"]);
    let page = refused.body["type"].as_str().expect("a type").to_owned();
    let page = page.trim_start_matches(&stage.running.base_url).to_owned();
    assert_eq!(
        stage.call("GET", &page, "", None).await.status,
        200,
        "the problem's page {page}"
    );
}

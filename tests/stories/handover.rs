//! What a handoff hands over, where it goes, and what merges and agents change.

use crate::stage::{SOON, Stage};
use baton_domain::{CloseReason, Holder};
use baton_simulators::gladly::{Said, Speaker};
use serde_json::json;

fn notes(stage: &Stage, name: &str) -> Vec<String> {
    let Some(view) = stage.gladly().customer(name) else {
        return Vec::new();
    };
    let lines = view.sessions.iter().flat_map(|session| &session.lines);
    lines
        .filter_map(|line| match &line.said {
            Said::Note { text } => Some(text.clone()),
            _ => None,
        })
        .collect()
}

async fn with_the_bot(stage: &Stage) -> (baton_simulators::gladly::Written, String) {
    let chat = stage.opened("ada").await;
    let path = format!("/v1/conversations/{}", stage.thread(&chat));
    (chat, path)
}

#[tokio::test]
async fn a_long_parcel_is_cut_for_the_description_and_whole_in_the_note() {
    let stage = Stage::set().await;
    let (_, path) = with_the_bot(&stage).await;
    let summary = "She asks for her parcel. ".repeat(30);
    let parcel =
        json!({ "reason": "wants a person", "summary": summary, "fields": { "order": "A-17" } });
    let passed = stage
        .call(
            "POST",
            &format!("{path}/handoff"),
            "demo-bot-token",
            Some(parcel),
        )
        .await;
    assert_eq!(passed.status, 200, "{:?}", passed.body);
    let sessions = stage.gladly().customer("ada").expect("a customer").sessions;
    let handoffs: Vec<&String> = sessions
        .iter()
        .flat_map(|session| &session.handoffs)
        .collect();
    assert_eq!(handoffs.len(), 1);
    assert_eq!(handoffs[0].chars().count(), 240);
    let notes = notes(&stage, "ada");
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].contains("A-17") && notes[0].contains("silent"),
        "fields and transcript: {notes:?}"
    );
    stage.no_violations();
}

#[tokio::test]
async fn another_inbox_is_asked_for_after_the_handoff() {
    let stage = Stage::set().await;
    let (chat, path) = with_the_bot(&stage).await;
    let billing = "inbox-billing-000000-B";
    let parcel = json!({ "reason": "an invoice", "to": { "inbox": billing } });
    let passed = stage
        .call(
            "POST",
            &format!("{path}/handoff"),
            "demo-bot-token",
            Some(parcel),
        )
        .await;
    assert_eq!(passed.status, 200, "{:?}", passed.body);
    assert_eq!(passed.body["holder"]["id"], billing);
    let view = stage.gladly().customer("ada").expect("a customer");
    assert_eq!(view.inbox_id.as_deref(), Some(billing));
    let loaded = stage.load(&chat).await;
    assert_eq!(
        *loaded.thread.holder(),
        Holder::Queue(Some(billing.to_owned()))
    );
    stage.no_violations();
}

#[tokio::test]
async fn a_bot_may_not_move_what_an_agent_has() {
    let stage = Stage::set().await;
    let (chat, path) = with_the_bot(&stage).await;
    let reason = json!({ "reason": "wants a person" });
    let passed = stage
        .call(
            "POST",
            &format!("{path}/handoff"),
            "demo-bot-token",
            Some(reason),
        )
        .await;
    assert_eq!(passed.status, 200);
    stage
        .gladly()
        .agent_accepts("ada", None)
        .expect("an agent accepts");
    stage
        .until(&chat, "the agent", |loaded| {
            matches!(loaded.thread.holder(), Holder::Agent(_))
        })
        .await;
    let move_it = json!({ "ask": "pass", "to": { "inbox": "inbox-billing-000000-B" } });
    let refused = stage
        .call(
            "POST",
            &format!("{path}/control"),
            "demo-bot-token",
            Some(move_it),
        )
        .await;
    assert_eq!(
        refused.status, 409,
        "the bot does not hold: {:?}",
        refused.body
    );
    assert_eq!(refused.body["holder"]["kind"], "agent");
}

#[tokio::test]
async fn a_merged_customers_conversation_goes_on() {
    let stage = Stage::set().await;
    // Somebody whose profile the other one turns out to be.
    stage.write("ben", "silent");
    let chat = stage.write("ada", "silent");
    let before = stage
        .until(&chat, "the message", |loaded| loaded.thread.bot_holds())
        .await
        .thread
        .identity;
    stage.caught_up().await;
    stage
        .gladly()
        .merge_customers("ada", "ben")
        .expect("they can be merged");
    let after = stage
        .until(&chat, "the other ids", |loaded| {
            loaded.thread.identity.customer != before.customer
        })
        .await;
    assert!(after.thread.bot_holds(), "the open conversation survives");
    let path = format!("/v1/conversations/{}", stage.thread(&chat));
    let say = json!({ "content": { "type": "text", "text": "still here" } });
    let sent = stage
        .call(
            "POST",
            &format!("{path}/messages"),
            "demo-bot-token",
            Some(say),
        )
        .await;
    assert_eq!(
        (sent.status, &sent.body["status"]),
        (200, &json!("sent")),
        "{:?}",
        sent.body
    );
}

#[tokio::test]
async fn the_platforms_own_close_ends_it_and_a_late_answer_is_refused() {
    let stage = Stage::set().await;
    let (chat, path) = with_the_bot(&stage).await;
    let reason = json!({ "reason": "wants a person" });
    stage
        .call(
            "POST",
            &format!("{path}/handoff"),
            "demo-bot-token",
            Some(reason),
        )
        .await;
    stage
        .gladly()
        .agent_accepts("ada", None)
        .expect("an agent accepts");
    stage
        .gladly()
        .agent_closes("ada")
        .expect("the agent closes");
    let closed = stage
        .until(&chat, "the close", |loaded| loaded.thread.open().is_none())
        .await;
    let conversation = closed.thread.conversation.expect("a conversation");
    let reason = conversation.closed.expect("closed").reason;
    assert!(
        matches!(reason, CloseReason::Agent | CloseReason::Platform),
        "{reason:?}"
    );
    let say = json!({ "content": { "type": "text", "text": "too late" } });
    let refused = stage
        .call(
            "POST",
            &format!("{path}/messages"),
            "demo-bot-token",
            Some(say),
        )
        .await;
    assert_eq!(refused.status, 409, "{:?}", refused.body);
    assert!(stage.read_by("ada", Speaker::Bot).is_empty());
}

#[tokio::test]
async fn who_writes_again_after_our_close_is_served_again() {
    let stage = Stage::set().await;
    let first = stage.write("ada", "hello");
    stage.bot_says("ada", 1).await;
    stage.write("ada", "bye");
    stage
        .until(&first, "the close", |loaded| loaded.thread.open().is_none())
        .await;
    let second = stage.write("ada", "hello again");
    assert_ne!(
        first.session_id, second.session_id,
        "Gladly opens another session"
    );
    stage
        .until(&second, "the second", |loaded| {
            loaded.thread.open().is_some()
        })
        .await;
    let came = stage
        .gladly()
        .wait_until(SOON, |_| stage.read_by("ada", Speaker::Bot).len() >= 2)
        .await;
    assert!(came, "the bot answers in the second session");
    stage.no_violations();
}

//! After the handoff: queue, agents, PATCH, items, notes.

use serde_json::{Value, json};

use super::{START, Stage, unlimited};
use crate::gladly::{AutoAgent, ClosedBy, SessionState, Speaker};

const BILLING: &str = "inbox-billing-000000-B";
const SUPPORT: &str = "inbox-support-000000-A";
const ONE: &str = "agent-one-000000000-aA";

#[tokio::test]
async fn a_handoff_goes_through_queue_and_agent_to_the_close() {
    let stage = Stage::new().await;
    let receiver = stage
        .receiver(&[
            "AUTOMATION/MESSAGE_RECEIVED",
            "CONTACT/STARTED",
            "CONTACT/MESSAGE_RECEIVED",
            "CONTACT/MESSAGE_SENT",
            "CONTACT/FULFILLED",
            "CONTACT/ENDED",
            "CONVERSATION_ASSIGNEE/UPDATED",
            "CONVERSATION/CLOSED",
        ])
        .await;
    let (session, conversation) = stage.opened("ada");
    assert_eq!(stage.sim.customer("ada").unwrap().serves, "bot");
    assert!(stage.sim.agent_accepts("ada", None).is_err());
    stage.hand_off(&session).await;
    assert_eq!(stage.sim.customer("ada").unwrap().serves, "queue");
    assert!(stage.sim.agent_replies("ada", "hi").is_err());
    let agent = stage
        .sim
        .agent_accepts("ada", Some("one@example.test"))
        .unwrap();
    assert_eq!(agent, ONE);
    assert_eq!(stage.sim.customer("ada").unwrap().serves, "agent");
    stage.sim.agent_replies("ada", "I am here").unwrap();
    let written = stage.sim.customer_writes("ada", "thanks").unwrap();
    assert_eq!(written.session_id.as_ref(), Some(&session));
    stage.sim.agent_closes("ada").unwrap();
    stage.settled().await;

    // One lane for the session and one for the conversation: compare as sets.
    let mut types = receiver.types();
    types.sort();
    assert_eq!(
        types,
        [
            "AUTOMATION/MESSAGE_RECEIVED",
            "CONTACT/ENDED",
            "CONTACT/FULFILLED",
            "CONTACT/MESSAGE_RECEIVED",
            "CONTACT/MESSAGE_SENT",
            "CONTACT/STARTED",
            "CONVERSATION/CLOSED",
            "CONVERSATION_ASSIGNEE/UPDATED",
            "CONVERSATION_ASSIGNEE/UPDATED",
        ]
    );
    let accepted = receiver
        .events()
        .into_iter()
        .find(|event| event["content"]["assignee"]["agentId"] == ONE)
        .unwrap();
    assert_eq!(accepted["content"]["assignee"]["inboxId"], SUPPORT);
    assert_eq!(
        accepted["content"]["context"]["assignee"],
        json!({"inboxId": SUPPORT})
    );
    assert_eq!(accepted["content"]["conversationId"], conversation.as_str());
    let ended = stage.sim.session(&session).unwrap();
    assert_eq!(ended.state, SessionState::Closed(ClosedBy::Agent));
    assert_eq!(ended.texts(Speaker::Agent), ["I am here"]);
    // Agents see nothing of the bot phase.
    let items = stage
        .get(&format!("/conversations/{conversation}/items"))
        .await
        .body;
    let texts: Vec<_> = items
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["content"]["content"].clone())
        .collect();
    assert_eq!(texts, ["I am here", "thanks"]);
}

#[tokio::test]
async fn agents_can_work_by_themselves() {
    let mut config = unlimited();
    config.auto_agent = AutoAgent {
        accept_after_ms: Some(2_000),
        reply_after_ms: Some(3_000),
        close_after_ms: Some(60_000),
        ..AutoAgent::default()
    };
    let stage = Stage::with(config).await;
    let (session, _) = stage.opened("ada");
    stage.hand_off(&session).await;
    stage.pass(1_999).await;
    assert_eq!(stage.sim.customer("ada").unwrap().serves, "queue");
    stage.pass(1).await;
    assert_eq!(stage.sim.customer("ada").unwrap().serves, "agent");
    stage.pass(3_000).await;
    assert_eq!(
        stage
            .sim
            .session(&session)
            .unwrap()
            .texts(Speaker::Agent)
            .len(),
        1
    );
    stage.sim.customer_writes("ada", "and?").unwrap();
    stage.pass(3_000).await;
    assert_eq!(
        stage
            .sim
            .session(&session)
            .unwrap()
            .texts(Speaker::Agent)
            .len(),
        2
    );
    stage.pass(59_999).await;
    assert_eq!(stage.sim.customer("ada").unwrap().serves, "agent");
    stage.pass(1).await;
    assert_eq!(stage.sim.customer("ada").unwrap().serves, "nobody");
    assert_eq!(
        stage.sim.session(&session).unwrap().closed_at,
        Some(START + 68_000)
    );
}

async fn patch(stage: &Stage, conversation: &str, body: Value) -> super::Got {
    stage
        .call("PATCH", &format!("/conversations/{conversation}"), body)
        .await
}

#[tokio::test]
async fn a_patch_moves_and_closes_within_its_rules() {
    let mut config = unlimited();
    config.agents[0].inboxes = vec![SUPPORT.into()];
    let stage = Stage::with(config).await;
    let (session, conversation) = stage.opened("ada");
    let to = |inbox: &str| json!({"assignee": {"inboxId": inbox}});
    let close = |force: bool| json!({"status": {"value": "CLOSED", "force": force}});

    // With the automation it cannot be moved.
    assert_eq!(
        patch(&stage, &conversation, to(BILLING)).await.code(),
        "invalid_state"
    );
    stage.hand_off(&session).await;
    assert_eq!(patch(&stage, &conversation, to(BILLING)).await.status, 204);
    let view = stage
        .get(&format!("/conversations/{conversation}"))
        .await
        .body;
    assert_eq!(
        (&view["inboxId"], &view["status"]),
        (&json!(BILLING), &json!("OPEN"))
    );
    assert!(view.get("agentId").is_none());

    for (body, attr, code) in [
        (json!({"assignee": {}}), "assignee.inboxId", "blank"),
        (to("nowhere"), "assignee.inboxId", "invalid"),
        (
            json!({"assignee": {"inboxId": SUPPORT, "agentId": "x"}}),
            "assignee.agentId",
            "invalid",
        ),
        (
            json!({"assignee": {"inboxId": BILLING, "agentId": ONE}}),
            "",
            "invalid_state",
        ),
        (json!({"status": {}}), "status.value", "blank"),
        (
            json!({"status": {"value": "WAITING"}}),
            "status.value",
            "invalid",
        ),
        (close(false), "", "invalid_state"),
    ] {
        let got = patch(&stage, &conversation, body.clone()).await;
        assert_eq!(
            (got.status, got.attr(), got.code()),
            (400, attr, code),
            "{body}"
        );
    }
    let both =
        json!({"assignee": {"inboxId": SUPPORT, "agentId": ONE}, "status": {"value": "OPEN"}});
    assert_eq!(patch(&stage, &conversation, both).await.status, 204);
    assert_eq!(
        stage.sim.customer("ada").unwrap().agent_id.as_deref(),
        Some(ONE)
    );
    stage.sim.configure(|config| config.topics_required = true);
    assert_eq!(
        patch(&stage, &conversation, close(true)).await.code(),
        "invalid_state"
    );
    let topic = stage.get("/topics").await.body[0]["id"].clone();
    let topics = format!("/conversations/{conversation}/topics");
    assert_eq!(
        stage.post(&topics, json!({"topicIds": ["x"]})).await.status,
        400
    );
    assert_eq!(
        stage
            .post(&topics, json!({"topicIds": [topic]}))
            .await
            .status,
        204
    );
    assert_eq!(patch(&stage, &conversation, close(true)).await.status, 204);
    assert_eq!(
        patch(&stage, &conversation, to(BILLING)).await.code(),
        "invalid_state"
    );
    assert_eq!(
        stage.sim.session(&session).unwrap().state,
        SessionState::Closed(ClosedBy::Api)
    );
    assert_eq!(patch(&stage, "nope", to(BILLING)).await.status, 404);
}

#[tokio::test]
async fn a_reopened_conversation_still_has_its_agent() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&["CONVERSATION/REOPENED"]).await;
    let (session, conversation) = stage.opened("ada");
    stage.hand_off(&session).await;
    stage.sim.agent_accepts("ada", None).unwrap();
    stage.sim.agent_closes("ada").unwrap();
    let open = json!({"status": {"value": "OPEN"}});
    assert_eq!(patch(&stage, &conversation, open).await.status, 204);
    stage.settled().await;
    assert_eq!(receiver.types(), ["CONVERSATION/REOPENED"]);
    let written = stage.sim.customer_writes("ada", "back").unwrap();
    assert_eq!(written.conversation_id, conversation);
    assert_eq!(stage.sim.customer("ada").unwrap().serves, "agent");
}

#[tokio::test]
async fn notes_are_for_agents() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&["CONVERSATION/NOTE_CREATED"]).await;
    let (session, conversation) = stage.opened("ada");
    stage.hand_off(&session).await;
    let url = format!("/conversations/{conversation}/notes");
    let note = stage.post(&url, json!({"body": "long story"})).await;
    assert_eq!(note.status, 201);
    assert!(
        note.headers["location"]
            .to_str()
            .unwrap()
            .starts_with("/api/v1/conversation-items/")
    );
    assert_eq!(note.body["content"]["body"], "long story");
    assert_eq!(stage.post(&url, json!({"body": " "})).await.code(), "blank");
    assert_eq!(
        stage
            .post("/conversations/x/notes", json!({"body": "x"}))
            .await
            .status,
        404
    );
    let items = stage
        .get(&format!("/conversations/{conversation}/items"))
        .await
        .body;
    assert_eq!(items[0]["content"]["type"], "CONVERSATION_NOTE");
    let view = stage.sim.customer("ada").unwrap();
    assert!(view.lines.iter().all(|line| line.text() != "long story"));
    stage.settled().await;
    assert_eq!(receiver.types().len(), 1);
}

#[tokio::test]
async fn a_paused_automation_sends_customers_to_people() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&["AUTOMATION/MESSAGE_RECEIVED"]).await;
    stage.sim.pause_automation(true);
    let written = stage.sim.customer_writes("ada", "anyone?").unwrap();
    assert_eq!(written.session_id, None);
    assert_eq!(stage.sim.customer("ada").unwrap().serves, "queue");
    stage.sim.pause_automation(false);
    assert_eq!(
        stage
            .sim
            .customer_writes("ada", "hello?")
            .unwrap()
            .session_id,
        None
    );
    assert!(
        stage
            .sim
            .customer_writes("bob", "hi")
            .unwrap()
            .session_id
            .is_some()
    );
    stage.settled().await;
    assert_eq!(receiver.texts(), ["hi"]);
}

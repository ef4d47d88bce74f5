//! The Events API.

use super::Stage;
use crate::gladly::GladlyConfig;
use serde_json::Value;

const ASKED: &str = "/events?startAt=2025-06-15T15:00:00Z&endAt=2025-06-15T16:00:00Z";

async fn ask(stage: &Stage, path: &str) -> (u16, Vec<Value>) {
    let request = stage.request("GET", &format!("/api/v1{path}"));
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    let lines = text.lines().filter_map(|line| line.parse().ok()).collect();
    (status, lines)
}

fn types(events: &[Value]) -> Vec<&str> {
    let names = events.iter().filter_map(|event| event["type"].as_str());
    names.collect()
}

#[tokio::test]
async fn it_tells_what_webhooks_tell_a_little_later() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&["CONVERSATION/CLOSED"]).await;
    let (session, _) = stage.opened("ada");
    stage.hand_off(&session).await;
    stage.pass(1_000).await;
    stage.sim.agent_accepts("ada", None).unwrap();
    stage.sim.agent_closes("ada").unwrap();
    stage.settled().await;
    let path = format!("{ASKED}&entities=CONVERSATION&entities=CUSTOMER");
    let (status, events) = ask(&stage, &path).await;
    assert_eq!((status, events.len()), (200, 0), "it is behind");
    stage.pass(15_000).await;
    let (_, events) = ask(&stage, &path).await;
    let names = types(&events);
    for name in ["CONVERSATION/CREATED", "CONVERSATION_ASSIGNEE/UPDATED"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(!names.iter().any(|name| name.starts_with("CONTACT")));
    let closed = events
        .iter()
        .find(|event| event["type"] == "CONVERSATION/CLOSED");
    let told = receiver.events();
    assert_eq!(closed, told.first(), "the same as the webhook's");
    let times: Vec<&str> = events
        .iter()
        .filter_map(|it| it["timestamp"].as_str())
        .collect();
    assert!(times.is_sorted());
}

#[tokio::test]
async fn questions_that_the_documents_do_not_allow_are_refused() {
    let stage = Stage::new().await;
    for path in [
        "/events".to_owned(),
        ASKED.to_owned(),
        format!("{ASKED}&entities=NOTES"),
        format!("{ASKED}&entities=CUSTOMER&limit=5"),
        "/events?startAt=2025-06-14T15:00:00Z&endAt=2025-06-15T16:00:00Z&entities=TASK".to_owned(),
        "/events?startAt=yesterday&endAt=2025-06-15T16:00:00Z&entities=TASK".to_owned(),
    ] {
        assert_eq!(ask(&stage, &path).await.0, 400, "{path}");
    }
    assert_eq!(stage.sim.violations().len(), 6);
}

#[tokio::test]
async fn it_tells_of_the_automation_only_where_that_is_so() {
    let path = format!("{ASKED}&entities=AUTOMATION");
    let stage = Stage::new().await;
    assert_eq!(ask(&stage, &path).await.0, 400);
    assert_eq!(stage.sim.violations(), [], "nobody could know");
    let stage = Stage::with(GladlyConfig {
        automation_events: true,
        rate_limit: None,
        ..GladlyConfig::default()
    })
    .await;
    stage.opened("ada");
    stage.pass(15_000).await;
    let (_, events) = ask(&stage, &path).await;
    assert_eq!(types(&events), ["AUTOMATION/MESSAGE_RECEIVED"]);
}

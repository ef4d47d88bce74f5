//! The control API, as a person at a terminal uses it.

use serde_json::{Value, json};

use super::Stage;

async fn control(stage: &Stage, method: &str, path: &str, body: Value) -> super::Got {
    let url = format!("{}/control{path}", stage.served.base_url);
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    Stage::send(stage.http.request(method, url).json(&body)).await
}

#[tokio::test]
async fn a_whole_story_can_be_told_over_http() {
    let stage = Stage::new().await;
    let ada = "/customers/ada%20b";
    let say = format!("{ada}/messages");
    let written = control(&stage, "POST", &say, json!({"text": "hello"})).await;
    assert_eq!(written.status, 200);
    let session = written.body["sessionId"].as_str().unwrap();
    for key in ["conversationId", "customerId", "messageId"] {
        assert!(written.body[key].is_string(), "{key}");
    }
    let menu = json!({"type": "MENU", "content": {
        "prompt": "What?", "menuItems": [{"id": "a", "label": "First thing"}]}});
    let url = format!("/message-automation/sessions/{session}/messages");
    assert_eq!(stage.post(&url, menu).await.status, 200);
    let choices = format!("{ada}/choices");
    assert_eq!(
        control(&stage, "POST", &choices, json!({"item": "z"}))
            .await
            .status,
        400
    );
    assert_eq!(
        control(&stage, "POST", &choices, json!({"item": "a"}))
            .await
            .status,
        200
    );
    stage.hand_off(session).await;
    assert_eq!(
        control(&stage, "POST", &format!("{ada}/accept"), json!({}))
            .await
            .status,
        200
    );
    let reply = control(
        &stage,
        "POST",
        &format!("{ada}/reply"),
        json!({"text": "hi"}),
    )
    .await;
    assert_eq!(reply.status, 200);
    let view = control(&stage, "GET", ada, json!({})).await.body;
    assert_eq!(view["serves"], "agent");
    let lines: Vec<(&str, &str)> = view["lines"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["said"]["type"] != "event")
        .map(|line| {
            let said = &line["said"];
            let text = said["text"].as_str().or(said["prompt"].as_str());
            (line["from"].as_str().unwrap(), text.unwrap())
        })
        .collect();
    assert_eq!(
        lines,
        [
            ("customer", "hello"),
            ("bot", "What?"),
            ("customer", "First thing"),
            ("agent", "hi")
        ]
    );
    assert_eq!(
        control(&stage, "POST", &format!("{ada}/close"), json!({}))
            .await
            .status,
        200
    );
    let view = control(&stage, "GET", ada, json!({})).await.body;
    assert_eq!(view["serves"], "nobody");
    assert_eq!(
        view["sessions"][0]["state"],
        json!({"state": "closed", "by": "agent"})
    );
}

#[tokio::test]
async fn mistakes_are_told_in_words() {
    let stage = Stage::new().await;
    for (method, path, body) in [
        ("POST", "/customers/ada/messages", json!({})),
        ("POST", "/customers/ada/messages", json!({"text": ""})),
        ("POST", "/customers/ada/messages", json!([])),
        ("POST", "/customers/ada/accept", json!({})),
        ("POST", "/customers/ada/reply", json!({"text": "x"})),
        ("POST", "/customers/ada/close", json!({})),
        ("POST", "/customers/ada/merge", json!({"into": "bob"})),
        ("POST", "/automation", json!({"paused": "yes"})),
        ("PUT", "/faults", json!({"api": 1})),
    ] {
        let got = control(&stage, method, path, body).await;
        assert_eq!(got.status, 400, "{path}");
        assert!(got.body["error"].is_string(), "{path}");
    }
    assert_eq!(
        control(&stage, "GET", "/customers/ada", json!({}))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn faults_and_records_are_at_hand() {
    let stage = Stage::new().await;
    let faults = json!({"api": [
        {"path": "/agents", "when": {"next": 1}, "fault": {"status": 503}},
        {"path": "/inboxes", "when": {"probability": 1.0}, "fault": "half_body"},
    ]});
    assert_eq!(control(&stage, "PUT", "/faults", faults).await.status, 200);
    assert_eq!(stage.get("/agents").await.status, 503);
    assert_eq!(stage.get("/agents").await.status, 200);
    stage.get("/nothing").await;
    assert_eq!(
        control(&stage, "POST", "/automation", json!({"paused": true}))
            .await
            .status,
        200
    );
    let violations = control(&stage, "GET", "/violations", json!({})).await.body;
    assert_eq!(violations[0]["kind"], "unknown_call");
    let calls = control(&stage, "GET", "/calls", json!({})).await.body;
    assert_eq!(calls.as_array().unwrap().len(), 3);
    for list in ["/sessions", "/deliveries"] {
        assert_eq!(
            control(&stage, "GET", list, json!({})).await.body,
            json!([])
        );
    }
}

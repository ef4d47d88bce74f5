//! The session calls and the directory: shapes, limits, statuses.

use serde_json::{Value, json};

use super::Stage;
use crate::gladly::{Speaker, ViolationKind};

fn path(session: &str, rest: &str) -> String {
    format!("/message-automation/sessions/{session}{rest}")
}

#[tokio::test]
async fn a_text_is_sent_and_read_back() {
    let stage = Stage::new().await;
    let (session, conversation) = stage.opened("ada");
    assert_eq!(session.len(), 22);
    assert_eq!(conversation.len(), 22);

    let sent = stage.say(&session, "Hello ❤").await;
    assert_eq!(sent.status, 200);
    assert_eq!(sent.body["type"], "TEXT");
    assert_eq!(sent.body["content"], json!({"value": "Hello ❤"}));
    assert_eq!(sent.body["from"]["type"], "AUTOMATION");
    assert_eq!(sent.body["createdAt"], "2025-06-15T15:06:40Z");
    let id = sent.body["id"].as_str().unwrap();
    assert_eq!(id.len(), 24);

    let one = stage.get(&path(&session, &format!("/messages/{id}"))).await;
    assert_eq!((one.status, &one.body), (200, &sent.body));
    let all = stage.get(&path(&session, "/messages")).await;
    assert_eq!(all.body.as_array().unwrap().len(), 2);
    assert_eq!(all.body[0]["from"]["type"], "CUSTOMER");
    assert_eq!(all.body[0]["content"]["value"], "hello");
    assert_eq!(
        stage.sim.sessions_of("ada")[0].texts(Speaker::Bot),
        ["Hello ❤"]
    );
    assert!(stage.sim.violations().is_empty());
}

#[tokio::test]
async fn a_session_tells_whose_it_is() {
    let stage = Stage::new().await;
    let (session, conversation) = stage.opened("ada");
    let view = stage.get(&path(&session, "")).await;
    assert_eq!(view.status, 200);
    assert_eq!(view.body["conversationId"], conversation.as_str());
    assert_eq!(view.body["endpointType"], "CHAT");
    assert_eq!(view.body["companyAddress"], "5f0c0ffee0000000000000a1");
    assert_eq!(view.body["target"]["targetType"], "AUTOMATION");

    assert_eq!(stage.hand_off(&session).await.status, 204);
    let view = stage.get(&path(&session, "")).await;
    assert_eq!(view.body["target"]["targetType"], "AGENT");
}

#[tokio::test]
async fn limits_are_counted_in_characters() {
    let stage = Stage::new().await;
    let (session, _) = stage.opened("ada");
    assert_eq!(stage.say(&session, &"ü".repeat(2_048)).await.status, 200);
    let long = stage.say(&session, &"ü".repeat(2_049)).await;
    assert_eq!(
        (long.status, long.code(), long.attr()),
        (400, "too_long", "content.value")
    );
    let empty = stage.say(&session, "").await;
    assert_eq!((empty.status, empty.code()), (400, "blank"));
    let missing = stage
        .post(
            &path(&session, "/messages"),
            json!({"type": "TEXT", "content": {}}),
        )
        .await;
    assert_eq!(missing.code(), "blank");
    let kinds: Vec<_> = stage.sim.violations().iter().map(|v| v.kind).collect();
    assert_eq!(kinds, [ViolationKind::LimitExceeded; 3]);
    // What was refused was not sent.
    assert_eq!(
        stage
            .sim
            .session(&session)
            .unwrap()
            .texts(Speaker::Bot)
            .len(),
        1
    );
}

#[tokio::test]
async fn unknown_types_and_bodies_are_400() {
    let stage = Stage::new().await;
    let (session, _) = stage.opened("ada");
    let url = path(&session, "/messages");
    let image = stage
        .post(&url, json!({"type": "IMAGE", "content": {"value": "x"}}))
        .await;
    assert_eq!(
        (image.status, image.attr(), image.code()),
        (400, "type", "invalid")
    );
    for body in ["", "[]", "{", "\"x\"", "{\"type\":1e400}"] {
        let request = stage.request("POST", &format!("/api/v1{url}"));
        let request = request
            .header("content-type", "application/json")
            .body(body);
        let got = Stage::send(request).await;
        assert_eq!(got.status, 400, "{body}");
        assert_eq!(got.code(), "invalid", "{body}");
    }
    let plain = stage
        .request("POST", &format!("/api/v1{url}"))
        .header("content-type", "text/plain");
    assert_eq!(Stage::send(plain.body("{}")).await.status, 400);
    let last = stage.sim.violations().pop().unwrap();
    assert_eq!(last.kind, ViolationKind::ContentType);
    assert_eq!(last.path, format!("/api/v1{url}"));
}

#[tokio::test]
async fn html_is_stripped_not_refused() {
    let stage = Stage::new().await;
    let (session, _) = stage.opened("ada");
    let body =
        json!({"type": "HTML", "content": {"value": "<b>Hi</b><img src=x><table>t</table>"}});
    let sent = stage.post(&path(&session, "/messages"), body).await;
    assert_eq!(sent.status, 200);
    assert_eq!(sent.body["content"]["value"], "<b>Hi</b>t");
}

fn menu(prompt: &str, items: Value) -> Value {
    json!({"type": "MENU", "content": {"prompt": prompt, "menuItems": items}})
}

#[tokio::test]
async fn menus_have_limits_for_every_part() {
    let stage = Stage::new().await;
    let (session, _) = stage.opened("ada");
    let url = path(&session, "/messages");
    let items = |n: u8| -> Value {
        (0..n)
            .map(|i| json!({"id": format!("item-{}", char::from(b'a' + i)), "label": "x"}))
            .collect()
    };
    let good = stage.post(&url, menu(&"p".repeat(50), items(10))).await;
    assert_eq!(good.status, 200, "{:?}", good.body);
    assert_eq!(
        good.body["content"]["menuItems"].as_array().unwrap().len(),
        10
    );

    let one = |id: &str, label: &str| json!([{"id": id, "label": label}]);
    for (body, attr, code) in [
        (
            menu(&"p".repeat(51), items(1)),
            "content.prompt",
            "too_long",
        ),
        (menu("", items(1)), "content.prompt", "blank"),
        (menu("p", items(0)), "content.menuItems", "wrong_length"),
        (menu("p", items(11)), "content.menuItems", "wrong_length"),
        (menu("p", json!("x")), "content.menuItems", "blank"),
        (menu("p", json!(["x"])), "content.menuItems", "invalid"),
        (
            menu("p", one(&"i".repeat(51), "l")),
            "content.menuItems.id",
            "too_long",
        ),
        (
            menu("p", one("a b", "l")),
            "content.menuItems.id",
            "invalid",
        ),
        (menu("p", one("a0", "l")), "content.menuItems.id", "invalid"),
        (
            menu("p", one("a", &"l".repeat(257))),
            "content.menuItems.label",
            "too_long",
        ),
        (
            menu(
                "p",
                json!([{"id": "a", "label": "1"}, {"id": "a", "label": "2"}]),
            ),
            "content.menuItems.id",
            "taken",
        ),
    ] {
        let got = stage.post(&url, body).await;
        assert_eq!((got.status, got.attr(), got.code()), (400, attr, code));
    }
    stage.sim.configure(|config| config.zero_in_menu_ids = true);
    assert_eq!(
        stage.post(&url, menu("p", one("a0", "l"))).await.status,
        200
    );
}

#[tokio::test]
async fn descriptions_have_1_to_240_characters_and_are_not_blank() {
    let stage = Stage::new().await;
    for (number, (description, code)) in [
        (json!("é".repeat(240)), ""),
        (json!("é".repeat(241)), "too_long"),
        (json!(""), "blank"),
        (json!(" \n\t"), "blank"),
        (json!(null), "blank"),
        (json!(7), "invalid"),
    ]
    .into_iter()
    .enumerate()
    {
        for call in ["handoff", "close"] {
            let (session, _) = stage.opened(&format!("{call}{number}"));
            let url = path(&session, &format!("/{call}"));
            let got = stage.post(&url, json!({"description": description})).await;
            let expected = if code.is_empty() { 204 } else { 400 };
            assert_eq!(
                (got.status, got.code()),
                (expected, code),
                "{call} {description}"
            );
        }
    }
}

#[tokio::test]
async fn unknown_sessions_are_404_but_400_for_handoff_and_close() {
    let stage = Stage::new().await;
    let text = json!({"type": "TEXT", "content": {"value": "x"}});
    let why = json!({"description": "x"});
    for (method, rest, body, status) in [
        ("POST", "/messages", text, 404),
        ("GET", "/messages", json!({}), 404),
        ("GET", "/messages/5f0000000000000000000000", json!({}), 404),
        ("GET", "", json!({}), 404),
        (
            "POST",
            "/typing-indicators",
            json!({"state": "STARTED"}),
            404,
        ),
        ("POST", "/handoff", why.clone(), 400),
        ("POST", "/close", why, 400),
    ] {
        let got = stage
            .call(method, &path("AAAAAAAAAAAAAAAAAAAAAA", rest), body)
            .await;
        assert_eq!(
            (got.status, got.code()),
            (status, "not_exist"),
            "{method} {rest}"
        );
        assert_eq!(got.body["errors"][0]["detail"], "entity does not exist");
    }
    let (session, _) = stage.opened("ada");
    assert_eq!(
        stage.get(&path(&session, "/messages/nope")).await.status,
        404
    );
    assert_eq!(stage.get("/nothing/here").await.status, 404);
    assert_eq!(stage.call("DELETE", "/agents", json!({})).await.status, 405);
    assert_eq!(
        stage.sim.violations().last().unwrap().kind,
        ViolationKind::UnknownCall
    );
}

#[tokio::test]
async fn typing_takes_two_states() {
    let stage = Stage::new().await;
    let (session, _) = stage.opened("ada");
    let url = path(&session, "/typing-indicators");
    assert_eq!(
        stage.post(&url, json!({"state": "STARTED"})).await.status,
        204
    );
    assert_eq!(
        stage.post(&url, json!({"state": "STOPPED"})).await.status,
        204
    );
    assert_eq!(
        stage.post(&url, json!({"state": "PAUSED"})).await.code(),
        "invalid"
    );
    assert_eq!(stage.sim.session(&session).unwrap().typing, 2);
}

#[tokio::test]
async fn the_directory_lists_what_was_configured() {
    let stage = Stage::new().await;
    let organization = stage.get("/organization").await.body;
    assert_eq!(organization["name"], "example");
    assert_eq!(organization["gladlyUrl"], "https://example.gladly.com");
    let agents = stage.get("/agents").await.body;
    assert_eq!(agents.as_array().unwrap().len(), 3);
    let id = agents[0]["id"].as_str().unwrap();
    assert_eq!(stage.get(&format!("/agents/{id}")).await.body, agents[0]);
    assert_eq!(stage.get("/agents/nobody").await.status, 404);
    let inboxes = stage.get("/inboxes").await.body;
    assert_eq!(
        inboxes[0],
        json!({"id": "inbox-support-000000-A", "name": "Support", "disabled": false})
    );
    assert_eq!(inboxes.as_array().unwrap().len(), 3);
    assert_eq!(
        stage.get("/inboxes/inbox-billing-000000-B").await.body["name"],
        "Billing"
    );
    assert_eq!(stage.get("/topics").await.body.as_array().unwrap().len(), 2);
    for list in [agents, inboxes] {
        for entry in list.as_array().unwrap() {
            assert_eq!(entry["id"].as_str().unwrap().len(), 22, "{entry}");
        }
    }
}

#[tokio::test]
async fn identical_bot_messages_are_counted() {
    let stage = Stage::new().await;
    let (one, _) = stage.opened("ada");
    let (two, _) = stage.opened("bob");
    for (session, text) in [
        (&one, "same"),
        (&two, "same"),
        (&one, "same"),
        (&one, "other"),
    ] {
        stage.say(session, text).await;
    }
    assert_eq!(stage.sim.repeated_bot_messages(), 1);
}

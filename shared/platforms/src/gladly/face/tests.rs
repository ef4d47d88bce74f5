use super::*;
use crate::gladly::readback::ConversationStatus;
use baton_domain::{Content, ConversationId, Identity, MenuItem, ThreadId, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn parsed(body: Value) -> Result<Content, FaceError> {
    parse_message(body.to_string().as_bytes())
}

/// Attribute and code of each problem.
fn problems(error: FaceError) -> Vec<(String, String)> {
    let pair = |problem: FaceProblem| (problem.attr.unwrap_or_default(), problem.code);
    error.problems.into_iter().map(pair).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(attr, code)| ((*attr).to_owned(), (*code).to_owned()))
        .collect()
}

#[test]
fn messages_are_read_as_gladly_reads_them() {
    let text = parsed(json!({"type": "TEXT", "content": {"value": "Hi"}})).unwrap();
    assert_eq!(text, Content::text("Hi"));
    let html = parsed(json!({"type": "HTML", "content": {"value": "<b>Hi</b>"}})).unwrap();
    assert_eq!(
        html,
        Content::Html {
            html: "<b>Hi</b>".to_owned()
        }
    );
    let menu = json!({"type": "MENU", "content": {
        "prompt": "Sure?", "menuItems": [{"id": "yes", "label": "Yes"}]}});
    let items = vec![MenuItem {
        id: "yes".to_owned(),
        label: "Yes".to_owned(),
    }];
    assert_eq!(
        parsed(menu).unwrap(),
        Content::Menu {
            prompt: "Sure?".to_owned(),
            items
        }
    );
}

#[test]
fn errors_have_gladlys_shape_and_codes() {
    let wrong = |body: Value| problems(parsed(body).unwrap_err());
    assert_eq!(
        wrong(json!({"type": "IMAGE"})),
        pairs(&[("type", "invalid")])
    );
    assert_eq!(wrong(json!({})), pairs(&[("type", "blank")]));
    assert_eq!(wrong(json!([])), pairs(&[("", "invalid")]));
    let blank = pairs(&[("content.value", "blank")]);
    assert_eq!(
        wrong(json!({"type": "TEXT", "content": {"value": ""}})),
        blank
    );
    // The inbound spelling is a common slip.
    assert_eq!(
        wrong(json!({"type": "TEXT", "content": {"body": "Hi"}})),
        blank
    );
    let long = json!({"type": "TEXT", "content": {"value": "x".repeat(2_049)}});
    assert_eq!(wrong(long), pairs(&[("content.value", "too_long")]));
    let menu = json!({"type": "MENU", "content": {"prompt": "?", "menuItems": [{"id": "a b"}, 7]}});
    let expected = [
        ("content.menuItems[0].id", "invalid"),
        ("content.menuItems[0].label", "blank"),
        ("content.menuItems[1].id", "blank"),
        ("content.menuItems[1].label", "blank"),
    ];
    assert_eq!(wrong(menu), pairs(&expected));

    let error = FaceError::not_exist(false);
    assert_eq!(error.status, 404);
    let body: Value = serde_json::from_slice(&error.body()).unwrap();
    let shape = json!({"errors": [{"code": "not_exist", "detail": "entity does not exist"}]});
    assert_eq!(body, shape);
    assert_eq!(FaceError::not_exist(true).status, 400);
}

#[test]
fn descriptions_and_typing() {
    let description =
        |text: &str| parse_description(json!({"description": text}).to_string().as_bytes());
    assert_eq!(description(&"é".repeat(240)), Ok("é".repeat(240)));
    let too_long = problems(description(&"é".repeat(241)).unwrap_err());
    assert_eq!(too_long, pairs(&[("description", "too_long")]));
    assert!(description("  ").is_err());
    assert!(parse_description(b"").is_err());
    assert_eq!(parse_typing(br#"{"state":"STARTED"}"#), Ok(true));
    assert_eq!(parse_typing(br#"{"state":"STOPPED"}"#), Ok(false));
    assert!(parse_typing(br#"{"state":"started"}"#).is_err());
}

#[test]
fn patches_are_read_whole_or_refused() {
    let patch = |body: Value| parse_patch(body.to_string().as_bytes());
    let both = patch(json!({
        "assignee": {"inboxId": "in_1", "agentId": "ag_1"},
        "status": {"value": "CLOSED", "force": true},
    }));
    let assignee = Some(Assignee {
        inbox: "in_1".to_owned(),
        agent: Some("ag_1".to_owned()),
    });
    let status = Some(StatusChange {
        closed: true,
        force: true,
    });
    assert_eq!(both, Ok(Patch { assignee, status }));
    let open = patch(json!({"status": {"value": "OPEN"}, "assignee": null})).unwrap();
    assert_eq!(
        open.status,
        Some(StatusChange {
            closed: false,
            force: false
        })
    );
    let blank = patch(json!({"assignee": {}, "status": {}})).unwrap_err();
    let expected = [("assignee.inboxId", "blank"), ("status.value", "blank")];
    assert_eq!(problems(blank), pairs(&expected));
    assert!(patch(json!({})).is_err());
    assert!(patch(json!({"status": {"value": "WAITING"}})).is_err());
}

const AT: Timestamp = Timestamp(1_735_787_045_060);

fn conversation() -> ConversationId {
    ConversationId::new(
        &ThreadId::parse(&format!("thr_{}", "a".repeat(26))).unwrap(),
        1,
    )
}

#[test]
fn message_objects_have_gladlys_fields() {
    let conversation = conversation();
    let context = BTreeMap::new();
    let object = |content: &Content, from: From| {
        let conversation = &conversation;
        let view = MessageView {
            id: "msg_1",
            conversation,
            content,
            at: AT,
            from,
            context: &context,
        };
        message_object(&view)
    };
    let expected = json!({
        "id": "msg_1",
        "sessionId": conversation.to_string(),
        "type": "TEXT",
        "content": {"value": "Hi"},
        "createdAt": "2025-01-02T03:04:05.060Z",
        "from": {"type": "CUSTOMER", "id": "cu_1"},
        "context": {},
    });
    assert_eq!(
        object(&Content::text("Hi"), From::Customer("cu_1".to_owned())),
        expected
    );
    let place = Content::Location {
        latitude: 52.5,
        longitude: 13.4,
        name: None,
        address: None,
    };
    let object = object(&place, From::Automation);
    assert_eq!(
        (&object["type"], &object["from"]["type"]),
        (&json!("TEXT"), &json!("AUTOMATION"))
    );
    assert!(
        object["content"]["value"]
            .as_str()
            .unwrap()
            .contains("mlat=52.5")
    );
}

fn gladlys() -> Identity {
    Identity {
        name: "se_1".to_owned(),
        address: "app_1".to_owned(),
        customer: Some("cu_1".to_owned()),
        conversation: Some("co_1".to_owned()),
        ..Identity::default()
    }
}

#[test]
fn ids_are_gladlys_on_gladly_and_the_hubs_elsewhere() {
    let id = conversation();
    assert_eq!(conversation_name(&gladlys(), &id), "co_1");
    assert_eq!(customer_name(&gladlys(), &id), "cu_1");
    let elsewhere = Identity {
        conversation: None,
        ..gladlys()
    };
    assert_eq!(conversation_name(&elsewhere, &id), id.to_string());
    assert_eq!(customer_name(&elsewhere, &id), id.thread().as_str());
}

#[test]
fn sessions_and_conversations_read_back_as_gladlys() {
    let (id, identity) = (conversation(), gladlys());
    let mut view = SessionView {
        conversation: &id,
        identity: &identity,
        created_at: AT,
        updated_at: AT,
        target: Target::Automation,
    };
    use crate::gladly::readback::{SessionState, conversation_state, session_state};
    let object = session_object(&view);
    assert_eq!(object["id"], json!(id.to_string()));
    assert_eq!(
        (&object["conversationId"], &object["customerId"]),
        (&json!("co_1"), &json!("cu_1"))
    );
    let state = |view: &SessionView<'_>| session_state(session_object(view).to_string().as_bytes());
    assert_eq!(state(&view), SessionState::Automation);
    view.target = Target::Agent;
    assert_eq!(state(&view), SessionState::Agent);

    let mut view = ConversationView {
        conversation: &id,
        identity: &identity,
        agent: None,
        inbox: Some("in_1"),
        created_at: AT,
        closed_at: None,
        status: Status::Open,
    };
    let object = conversation_object(&view);
    assert_eq!(object["id"], json!("co_1"));
    assert!(object.get("agentId").is_none() && object.get("closedAt").is_none());
    let read = conversation_state(object.to_string().as_bytes()).unwrap();
    assert_eq!(read.status, ConversationStatus::Open);
    assert_eq!((read.inbox.as_deref(), read.agent), (Some("in_1"), None));
    (view.inbox, view.status) = (None, Status::New);
    let object = conversation_object(&view);
    assert_eq!(object["status"], json!("NEW"));
    assert!(object.get("inboxId").is_none());
}

proptest! {
    #[test]
    fn no_body_panics(body in any::<Vec<u8>>()) {
        let _ = (parse_message(&body).is_ok(), parse_description(&body).is_ok());
        let _ = (parse_typing(&body).is_ok(), parse_patch(&body).is_ok());
    }

    #[test]
    fn what_the_hub_sends_the_face_reads(text in "[^\\s]{1,200}") {
        let call = crate::gladly::outbound::send_message("s", &Content::text(text.as_str())).unwrap();
        prop_assert_eq!(parse_message(&call.body.unwrap()), Ok(Content::text(text)));
    }
}

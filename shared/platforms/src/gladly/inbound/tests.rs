use super::*;
use proptest::prelude::*;
use serde_json::json;

const RECEIVED: Timestamp = Timestamp(1_735_800_000_000);
const RECORDED: Timestamp = Timestamp(1_735_787_045_060);

fn read(value: &Value) -> Webhook {
    parse(value.to_string().as_bytes(), RECEIVED).unwrap()
}

fn message() -> Value {
    json!({
        "id": "ev_1",
        "type": "AUTOMATION/MESSAGE_RECEIVED",
        "timestamp": "2025-01-02T03:04:05.06Z",
        "initiator": {"id": "cu_1", "type": "CUSTOMER"},
        "content": {
            "sessionId": "se_1",
            "channelType": "CHAT",
            "customerId": "cu_1",
            "conversationId": "co_1",
            "companyAddress": "app_1",
            "context": {"URL": "https://shop.example/", "IsAuthenticated": "false"},
            "message": {"id": "me_1", "type": "TEXT", "content": {"body": "where is my order 😀"}},
        },
        "somethingNew": {"nested": [1, 2, 3]},
    })
}

/// The message with one field of `content` changed, or removed by `null`.
fn message_with(key: &str, value: Value) -> Value {
    let mut changed = message();
    changed["content"][key] = value;
    changed
}

fn thread(webhook: Webhook) -> (Identity, PlatformEvent) {
    match webhook.what {
        What::Thread { identity, event } => (identity, event),
        other => panic!("no thread: {other:?}"),
    }
}

#[test]
fn a_customers_message_names_its_thread() {
    let webhook = read(&message());
    assert_eq!(webhook.event_id.as_deref(), Some("ev_1"));
    assert_eq!(
        (webhook.kind.as_str(), webhook.at),
        ("AUTOMATION/MESSAGE_RECEIVED", Some(RECORDED))
    );
    let (identity, event) = thread(webhook);
    assert_eq!(
        identity,
        Identity {
            connection: String::new(),
            name: "se_1".to_owned(),
            address: "app_1".to_owned(),
            customer: Some("cu_1".to_owned()),
            conversation: Some("co_1".to_owned()),
            channel: Some("CHAT".to_owned()),
        }
    );
    assert_eq!(event.id, Fingerprint::of(&[b"gladly", b"ev_1"]));
    assert_eq!(event.at, RECORDED);
    let context = [
        ("IsAuthenticated".to_owned(), "false".to_owned()),
        ("URL".to_owned(), "https://shop.example/".to_owned()),
    ];
    let news = News::Message {
        id: "me_1".to_owned(),
        content: Content::text("where is my order 😀"),
        context: context.into(),
    };
    assert_eq!(event.news, news);
}

#[test]
fn sms_is_served_and_other_channels_are_recorded() {
    let (identity, _) = thread(read(&message_with("channelType", json!("SMS"))));
    assert_eq!(identity.channel.as_deref(), Some("SMS"));
    let other = OtherChannel {
        channel: "VOICE".to_owned(),
        session: Some("se_1".to_owned()),
        address: Some("app_1".to_owned()),
        conversation: Some("co_1".to_owned()),
    };
    let read_other = read(&message_with("channelType", json!("VOICE"))).what;
    assert_eq!(read_other, What::OtherChannel(other));
    // No field is promised.
    let (identity, _) = thread(read(&message_with("channelType", Value::Null)));
    assert_eq!(identity.channel, None);
}

#[test]
fn a_message_without_its_session_is_found_by_its_conversation() {
    let what = read(&message_with("sessionId", Value::Null)).what;
    let What::ByConversation {
        conversation,
        customer,
        event,
    } = what
    else {
        panic!("{what:?}");
    };
    assert_eq!(
        (conversation.as_str(), customer.as_deref()),
        ("co_1", Some("cu_1"))
    );
    assert!(matches!(event.news, News::Message { .. }));
    let mut nowhere = message_with("sessionId", json!(""));
    nowhere["content"]["conversationId"] = Value::Null;
    assert_eq!(read(&nowhere).what, What::Other);
}

#[test]
fn an_unknown_kind_of_message_is_kept_whole() {
    let image = json!({"id": "me_2", "type": "IMAGE", "content": {"url": "https://a.example/i"}});
    let (_, event) = thread(read(&message_with("message", image.clone())));
    let content = Content::Native {
        platform: "gladly".to_owned(),
        body: image,
    };
    assert_eq!(
        event.news,
        News::Message {
            id: "me_2".to_owned(),
            content,
            context: context(&message()["content"]),
        }
    );
}

#[test]
fn the_outbound_spelling_of_text_is_read_too() {
    let message = json!({"id": "me_3", "type": "TEXT", "content": {"value": "Hi"}});
    let (_, event) = thread(read(&message_with("message", message)));
    let said =
        |news| matches!(news, News::Message { content, .. } if content == Content::text("Hi"));
    assert!(said(event.news));
}

#[test]
fn odd_times_are_the_callers_now() {
    for odd in [json!("soon"), json!(12), Value::Null] {
        let mut changed = message();
        changed["timestamp"] = odd;
        let webhook = read(&changed);
        assert_eq!(webhook.at, None);
        assert_eq!(thread(webhook).1.at, RECEIVED);
    }
}

#[test]
fn events_without_an_id_differ_by_what_they_say() {
    let print = |change: &dyn Fn(&mut Value)| {
        let mut changed = message();
        changed["id"] = Value::Null;
        change(&mut changed);
        thread(read(&changed)).1.id
    };
    let first = print(&|_| {});
    assert_eq!(first, print(&|it| it["somethingNew"] = json!(1)));
    for change in [
        (|it: &mut Value| it["timestamp"] = json!("2025-01-02T03:04:06Z")) as fn(&mut Value),
        |it| it["content"]["sessionId"] = json!("se_2"),
        |it| it["content"]["message"]["id"] = json!("me_2"),
        |it| it["content"]["message"]["content"]["body"] = json!("?"),
    ] {
        assert_ne!(first, print(&change));
    }
}

#[test]
fn an_echo_belongs_to_its_session() {
    let sent = json!({
        "id": "ev_2", "type": "AUTOMATION/MESSAGE_SENT", "timestamp": "2025-01-02T03:04:05.06Z",
        "content": {"sessionId": "se_1", "channelType": "CHAT", "companyAddress": "app_1",
            "message": {"id": "me_9", "type": "MENU"}},
    });
    let (identity, event) = thread(read(&sent));
    assert_eq!(identity.name, "se_1");
    assert_eq!(
        event.news,
        News::Echo {
            id: "me_9".to_owned(),
            ours: None
        }
    );
    let nameless = json!({"type": "AUTOMATION/MESSAGE_SENT", "content": {"sessionId": "se_1"}});
    assert_eq!(read(&nameless).what, What::Other);
}

fn about_conversation(kind: &str, content: Value) -> Option<(String, Option<String>, News)> {
    let event = json!({"id": "ev_3", "type": kind, "content": content});
    match read(&event).what {
        What::ByConversation {
            conversation,
            customer,
            event,
        } => Some((conversation, customer, event.news)),
        _ => None,
    }
}

#[test]
fn closes_assignments_and_merges_go_by_conversation() {
    let ids = json!({"conversationId": "co_1", "customerId": "cu_1"});
    let place = ("co_1".to_owned(), Some("cu_1".to_owned()));
    let told = about_conversation("CONVERSATION/CLOSED", ids.clone()).unwrap();
    assert_eq!(told, (place.0.clone(), place.1.clone(), News::Closed));

    let assigned = |assignee: Value| {
        let mut content = ids.clone();
        content["assignee"] = assignee;
        about_conversation("CONVERSATION_ASSIGNEE/UPDATED", content).map(|(_, _, news)| news)
    };
    let agent = News::Control(Holder::Agent("ag_1".to_owned()));
    assert_eq!(
        assigned(json!({"inboxId": "in_1", "agentId": "ag_1"})),
        Some(agent)
    );
    let queue = News::Control(Holder::Queue(Some("in_1".to_owned())));
    assert_eq!(assigned(json!({"inboxId": "in_1"})), Some(queue.clone()));
    assert_eq!(
        assigned(json!({"inboxId": "in_1", "agentId": ""})),
        Some(queue)
    );
    assert_eq!(assigned(Value::Null), None);

    let merged = json!({
        "sourceConversationId": "co_1", "destinationConversationId": "co_2",
        "sourceCustomerId": "cu_1", "destinationCustomerId": "cu_2",
    });
    let renamed = News::Renamed {
        customer: Some("cu_2".to_owned()),
        conversation: Some("co_2".to_owned()),
    };
    let told = about_conversation("CUSTOMER/MERGED", merged).unwrap();
    assert_eq!(told, (place.0, place.1, renamed));
    let no_source = json!({"destinationCustomerId": "cu_2", "sourceCustomerId": "cu_1"});
    assert_eq!(about_conversation("CUSTOMER/MERGED", no_source), None);
}

#[test]
fn ping_and_the_unknown_are_answered() {
    assert_eq!(read(&json!({"type": "PING"})).what, What::Ping);
    assert_eq!(
        read(&json!({"type": "SOMETHING/NEW", "content": 1})).what,
        What::Other
    );
    assert_eq!(read(&json!({})).what, What::Other);
    assert_eq!(
        read(&json!({"type": 7, "id": 8})).event_id.as_deref(),
        Some("8")
    );
}

#[test]
fn what_is_no_object_is_refused() {
    for body in ["", "null", "[]", "{", "\"x\"", "<xml/>"] {
        assert!(parse(body.as_bytes(), RECEIVED).is_err(), "{body}");
    }
    let deep = "{\"a\":".repeat(100_000);
    assert!(parse(deep.as_bytes(), RECEIVED).is_err());
}

/// JSON that looks like an event in places.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "(AUTOMATION/MESSAGE_RECEIVED|PING|CUSTOMER/MERGED|CHAT|TEXT|)".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let key = "(id|type|timestamp|content|message|sessionId|conversationId|assignee|context|body)";
    leaf.prop_recursive(4, 48, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..8)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(body in any::<Vec<u8>>()) {
        let _ = parse(&body, RECEIVED);
    }

    #[test]
    fn no_json_panics(mut value in any_json(), kind in "(AUTOMATION/MESSAGE_RECEIVED|AUTOMATION/MESSAGE_SENT|CONVERSATION/CLOSED|CONVERSATION_ASSIGNEE/UPDATED|CUSTOMER/MERGED)") {
        if let Some(map) = value.as_object_mut() {
            map.insert("type".to_owned(), kind.into());
            let read = parse(value.to_string().as_bytes(), RECEIVED).unwrap();
            // A thread always has a name.
            if let What::Thread { identity, .. } = read.what {
                prop_assert!(!identity.name.is_empty());
            }
        }
    }

    #[test]
    fn every_delivery_of_an_event_is_the_same(body in any_json()) {
        let bytes = body.to_string();
        prop_assert_eq!(
            parse(bytes.as_bytes(), RECEIVED).ok(),
            parse(bytes.as_bytes(), RECEIVED).ok()
        );
    }
}

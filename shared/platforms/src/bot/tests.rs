use super::*;
use crate::gladly::inbound::{self, What};
use crate::http::parse_basic;
use baton_domain::{MenuItem, News, Place, ThreadId};
use serde_json::{Value, json};

const AT: Timestamp = Timestamp(1_735_787_045_060);
const NOW: Timestamp = Timestamp(1_735_787_046_500);
const KEY: &str = "whsec_dGVzdC1zZWNyZXQtdGVzdC1zZWNyZXQtMDE=";

struct Told {
    conversation: ConversationId,
    message: MessageId,
    identity: Identity,
    content: Content,
    context: BTreeMap<String, String>,
}

fn told(content: Content) -> Told {
    let thread = ThreadId::parse(&format!("thr_{}", "a".repeat(26))).unwrap();
    Told {
        conversation: ConversationId::new(&thread, 1),
        message: MessageId::new(&thread, Place(7, 0)),
        identity: Identity {
            connection: String::new(),
            name: "se_1".to_owned(),
            address: "app_1".to_owned(),
            customer: Some("cu_1".to_owned()),
            conversation: Some("co_1".to_owned()),
            channel: Some("CHAT".to_owned()),
        },
        content,
        context: [("URL".to_owned(), "https://shop.example/".to_owned())].into(),
    }
}

impl Told {
    fn telling(&self) -> Telling<'_> {
        Telling {
            connection: "shop-chat",
            conversation_id: &self.conversation,
            message_id: &self.message,
            epoch: 3,
            seq: 7,
            at: AT,
            identity: &self.identity,
            content: &self.content,
            context: &self.context,
            source_event_id: None,
        }
    }
}

fn body(call: &HttpCall) -> Value {
    serde_json::from_slice(call.body.as_deref().unwrap()).unwrap()
}

#[test]
fn batons_format_is_a_signed_cloud_event() {
    let told = told(Content::text("Hi 😀"));
    let auth = BotAuth {
        keys: vec![SigningKey::parse(KEY).unwrap()],
        ..BotAuth::default()
    };
    let call = tell(BotFormat::Baton, &told.telling(), &auth, NOW);
    let id = told.message.to_string();
    let expected = json!({
        "specversion": "1.0",
        "id": id,
        "source": "/baton/connections/shop-chat",
        "type": "baton.message.received",
        "subject": told.conversation.to_string(),
        "time": "2025-01-02T03:04:05.060Z",
        "datacontenttype": "application/json",
        "data": {
            "connection": "shop-chat",
            "conversation": told.conversation.to_string(),
            "message": id,
            "epoch": 3,
            "seq": 7,
            "identity": {"name": "se_1", "address": "app_1", "customer": "cu_1",
                "conversation": "co_1", "channel": "CHAT"},
            "content": {"type": "text", "text": "Hi 😀"},
            "context": {"URL": "https://shop.example/"},
        },
    });
    assert_eq!(body(&call), expected);
    assert_eq!((call.method, call.path.as_str()), (Method::Post, ""));
    assert!(
        call.header("content-type")
            .unwrap()
            .starts_with("application/cloudevents+json")
    );
    assert_eq!(call.header("webhook-id"), Some(id.as_str()));

    // An independent receiver takes it.
    let mut headers = std::collections::HashMap::new();
    headers.extend(call.headers.iter().cloned());
    let receiver = standardwebhooks::Webhook::new(KEY).unwrap();
    let signed = receiver
        .sign(&id, NOW.0 / 1_000, call.body.as_deref().unwrap())
        .unwrap();
    assert_eq!(headers.get("webhook-signature"), Some(&signed));
}

#[test]
fn a_repeated_telling_keeps_its_id_and_body() {
    let told = told(Content::text("Hi"));
    let auth = BotAuth {
        keys: vec![SigningKey::parse(KEY).unwrap()],
        ..BotAuth::default()
    };
    let first = tell(BotFormat::Baton, &told.telling(), &auth, NOW);
    let second = tell(BotFormat::Baton, &told.telling(), &auth, NOW.plus(2_000));
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_ne!(
        first.header("webhook-signature"),
        second.header("webhook-signature")
    );
}

#[test]
fn gladlys_format_reads_as_gladlys_own() {
    let told = told(Content::text("Hi"));
    let auth = BotAuth {
        basic: Some(("hub".to_owned(), "test-password".to_owned())),
        headers: vec![("X-Test".to_owned(), "test-token".to_owned())],
        ..BotAuth::default()
    };
    let call = tell(BotFormat::Gladly, &told.telling(), &auth, NOW);
    let basic = call.header("authorization").and_then(parse_basic);
    assert_eq!(basic, Some(("hub".to_owned(), "test-password".to_owned())));
    assert_eq!(call.header("x-test"), Some("test-token"));
    assert!(call.header("webhook-signature").is_none());

    let webhook = inbound::parse(call.body.as_deref().unwrap(), NOW).unwrap();
    assert_eq!(webhook.event_id, Some(told.message.to_string()));
    assert_eq!(webhook.at, Some(AT));
    let What::Thread { identity, event } = webhook.what else {
        panic!("no thread")
    };
    // What the face's paths take.
    assert_eq!(identity.name, told.conversation.to_string());
    assert_eq!(
        (identity.address.as_str(), identity.customer.as_deref()),
        ("app_1", Some("cu_1"))
    );
    let (id, content, context) = (
        told.message.to_string(),
        told.content.clone(),
        told.context.clone(),
    );
    assert_eq!(
        event.news,
        News::Message {
            id,
            content,
            context
        }
    );
}

#[test]
fn a_bot_for_gladly_gets_text_on_any_platform() {
    let items = vec![MenuItem {
        id: "1".to_owned(),
        label: "One".to_owned(),
    }];
    let mut told = told(Content::Menu {
        prompt: "Which?".to_owned(),
        items,
    });
    told.identity.channel = Some("whatsapp".to_owned());
    told.identity.conversation = None;
    let mut telling = told.telling();
    telling.source_event_id = Some("ev_1");
    let event = body(&tell(BotFormat::Gladly, &telling, &BotAuth::default(), NOW));
    assert_eq!(event["id"], "ev_1");
    assert_eq!(event["content"]["channelType"], "CHAT");
    // A number or a name elsewhere is not shown: the hub's own ids stand for them.
    let (thread, conversation) = (told.conversation.thread(), told.conversation.to_string());
    assert_eq!(event["content"]["customerId"], thread.as_str());
    assert_eq!(event["content"]["conversationId"], conversation);
    assert_eq!(event["content"]["message"]["type"], "TEXT");
    assert_eq!(
        event["content"]["message"]["content"]["body"],
        "Which?\n1. One"
    );
}

#[test]
fn pings_have_each_formats_shape() {
    let auth = BotAuth::default();
    let ping_of = |format| ping(format, "shop-chat", "ping_1", &auth, NOW);
    let event = body(&ping_of(BotFormat::Baton));
    assert_eq!(
        (&event["type"], &event["id"]),
        (&json!("baton.ping"), &json!("ping_1"))
    );
    let gladly = ping_of(BotFormat::Gladly);
    let webhook = inbound::parse(gladly.body.as_deref().unwrap(), NOW).unwrap();
    assert_eq!(webhook.what, What::Ping);
}

#[test]
fn words_of_formats() {
    for format in [BotFormat::Baton, BotFormat::Gladly] {
        assert_eq!(BotFormat::parse(format.as_str()), Some(format));
    }
    assert_eq!(BotFormat::parse("smoke"), None);
}

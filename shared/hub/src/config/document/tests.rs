use super::*;
use crate::settings::{Bot, BotFormat, Connection, Endpoint, SecretText, WebhookCredentials};
use baton_domain::{Content, Desk, Holder, Policy, QueueLimit, Timestamp};

fn secret(text: &str) -> SecretText {
    SecretText::new(text)
}

/// Settings that use every field, also those no document of this release can set.
fn full() -> Settings {
    let set = |word: &str| WebhookCredentials {
        basic: Some((
            format!("test-user-{word}"),
            secret(&format!("test-password-{word}")),
        )),
        headers: vec![(
            "X-Gladly-Token".to_owned(),
            secret(&format!("test-header-{word}")),
        )],
        until: (word == "older").then_some(Timestamp(1_795_162_530_250)),
    };
    let endpoint = Endpoint {
        id: "in".to_owned(),
        platform: Platform::Gladly,
        accepts: vec![set("now"), set("before"), set("older")],
    };
    let mut policy = Policy::own_desk(Some("inbox_1".to_owned()));
    policy.primary = Holder::App("app_1".to_owned());
    policy.desk = Desk::App("app_1".to_owned());
    policy.timers.queue_limit = Some((60_000, QueueLimit::ToInbox("inbox_2".to_owned())));
    policy.reminder = Some(Content::text("Still there?"));
    policy.survey = Some(Content::text("How was it?"));
    let bot = Bot {
        url: "https://bot.example.com/hook".to_owned(),
        format: BotFormat::Baton,
        basic: Some(("test-bot".to_owned(), secret("test-bot-password"))),
        signing_keys: vec![secret("test-key-new"), secret("test-key-old")],
    };
    let connection = Connection {
        id: "shop".to_owned(),
        endpoint: "in".to_owned(),
        platform: Platform::Gladly,
        base_url: "https://acme.gladly.com".to_owned(),
        addresses: vec!["app_1".to_owned()],
        api_user: "test-agent@example.com".to_owned(),
        api_token: secret("test-api-token"),
        bot: Some(bot),
        policy,
        text_on_bus: true,
        keep_messages: 700_000_000,
        repair_webhook: false,
    };
    let plain = Connection {
        id: "plain".to_owned(),
        bot: None,
        policy: Policy::gladly(None),
        ..connection.clone()
    };
    let settings = Settings {
        revision: String::new(),
        endpoints: [(endpoint.id.clone(), endpoint)].into(),
        connections: [connection, plain].map(|it| (it.id.clone(), it)).into(),
        public_url: Some("https://hub.example.com".to_owned()),
    };
    revised(settings).unwrap()
}

#[test]
fn nothing_is_lost_on_the_way() {
    let settings = full();
    let (document, secrets) = to_document(&settings).unwrap();
    let back = from_document(&document, &secrets).unwrap();
    // Secrets do not print; the second writing compares them.
    assert_eq!(format!("{settings:?}"), format!("{back:?}"));
    assert_eq!(to_document(&back).unwrap(), (document, secrets));
}

#[test]
fn the_document_holds_no_secret() {
    let (document, secrets) = to_document(&full()).unwrap();
    assert!(!document.contains("test-"), "{document}");
    let secrets: serde_json::Value = serde_json::from_str(&secrets).unwrap();
    assert_eq!(secrets["endpoint/in/password"], "test-password-now");
    assert_eq!(
        secrets["endpoint/in/previous/headers/X-Gladly-Token"],
        "test-header-before"
    );
    assert_eq!(secrets["connection/shop/api_token"], "test-api-token");
    assert_eq!(
        secrets["connection/shop/bot/signing_keys/1"],
        "test-key-old"
    );
}

#[test]
fn the_revision_follows_the_document() {
    let mut settings = full();
    assert_eq!(settings.revision.len(), 32);
    let before = settings.revision.clone();
    settings.public_url = None;
    assert_ne!(revised(settings).unwrap().revision, before);
}

#[test]
fn a_missing_secret_is_named() {
    let (document, secrets) = to_document(&full()).unwrap();
    let mut secrets: serde_json::Map<String, Value> = serde_json::from_str(&secrets).unwrap();
    secrets.remove("connection/shop/bot/password");
    let error = from_document(&document, &serde_json::to_string(&secrets).unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the secret `connection/shop/bot/password` is missing"
    );
}

#[test]
fn unreadable_secrets_are_not_quoted() {
    let (document, _) = to_document(&full()).unwrap();
    let error = from_document(&document, "\"test-secret\"").unwrap_err();
    assert!(matches!(error, BadDocument::Secrets { .. }));
    assert!(!format!("{error} {error:?}").contains("test-secret"));
}

#[test]
fn what_a_newer_release_added_is_left_alone() {
    let settings = full();
    let (document, secrets) = to_document(&settings).unwrap();
    let mut document: Value = serde_json::from_str(&document).unwrap();
    document["later"] = "x".into();
    document["connections"][0]["later"] = "x".into();
    document["connections"][0]["policy"]["timers"]["later"] = 5.into();
    let other = serde_json::json!({"id": "number", "platform": "a-later-one", "policy": 7});
    document["connections"]
        .as_array_mut()
        .unwrap()
        .push(other.clone());
    document["endpoints"].as_array_mut().unwrap().push(other);
    let mut more: Value = serde_json::from_str(&secrets).unwrap();
    more["hub/something"] = serde_json::json!({"nested": true});

    let back = from_document(&document.to_string(), &more.to_string()).unwrap();
    let rewritten = to_document(&back).unwrap();
    assert_eq!(rewritten, to_document(&settings).unwrap());
}

#[test]
fn a_newer_form_is_refused() {
    let error = from_document(r#"{"schema": 2}"#, "{}").unwrap_err();
    assert!(matches!(error, BadDocument::Newer(2)));
    assert!(
        from_document(r#"{"schema": 1}"#, "{}")
            .unwrap()
            .connections
            .is_empty()
    );
    assert!(matches!(
        from_document("", "{}"),
        Err(BadDocument::Document(_))
    ));
}

#[test]
fn an_unknown_word_on_a_known_platform_is_an_error() {
    let (document, secrets) = to_document(&full()).unwrap();
    let document = document.replace(r#""format":"baton""#, r#""format":"carrier-pigeon""#);
    let error = from_document(&document, &secrets).unwrap_err();
    assert!(error.to_string().contains("carrier-pigeon"), "{error}");
}

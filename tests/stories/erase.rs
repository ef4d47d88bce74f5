//! A customer is erased: nothing of it is left in the table, in logs or among what was
//! given up, and nothing comes back by itself.

use crate::process::World;
use crate::stage::{SOON, Stage, message_event, now_iso};
use baton_hub::store::Loaded;
use baton_local::hub::{TABLE, open_engine};
use baton_simulators::gladly::{GladlySim, Speaker};

/// Words that stand for what is personal.
const TEXT: &str = "canary-text-4711";
const NAME: &str = "Canary Jane Roe";
const MAIL: &str = "canary@mail.example";
const PHONE: &str = "+15550004711";
const SESSION: &str = "canary-session-4711";
/// In a body it makes the handler of a debug build panic.
const FAULT: &str = "the-words-that-a-fault-is-in";
/// In what names no thread: it stays for its 14 days.
const STRAY: &str = "stray-words-4712";

/// Everything the hub has to say.
const LEVELS: &str =
    "info,baton_hub=trace,baton_functions=trace,baton_local=trace,baton_platforms=trace";

fn is_done(loaded: &Loaded) -> bool {
    loaded.thread.is_erased() && loaded.thread.forgetting.is_none()
}

/// A message with everything personal in it.
fn personal(event: &str, message: &str, at: &str) -> String {
    let words = message_event(event, SESSION, message, TEXT, at);
    let mut body: serde_json::Value = serde_json::from_str(&words).expect("JSON");
    body["content"]["context"]["Name"] = NAME.into();
    body["content"]["context"]["Email"] = MAIL.into();
    body["content"]["context"]["Phone"] = PHONE.into();
    body["content"]["customerId"] = "canary-customer-4711".into();
    body.to_string()
}

#[tokio::test]
async fn an_admin_erases_and_what_comes_again_vanishes() {
    let stage = Stage::set().await;
    let at = now_iso();
    assert_eq!(
        stage.webhook(personal("event-1", "message-1", &at)).await,
        200
    );
    let thread = stage.thread_of(SESSION);
    let path = format!("/v1/conversations/{thread}/erase");
    for (token, status) in [
        ("", 401),
        ("wrong", 401),
        ("demo-reader-token", 403),
        ("demo-agent-token", 403),
        ("demo-bot-token", 403),
    ] {
        assert_eq!(stage.call("POST", &path, token, None).await.status, status);
    }
    stage.caught_up().await;
    assert!(holds(&stage, TEXT).await && holds(&stage, SESSION).await);

    let first = stage.call("POST", &path, "demo-admin-token", None).await;
    assert_eq!(
        (first.status, first.body["state"].as_str()),
        (202, Some("erasing"))
    );
    let end = tokio::time::Instant::now() + SOON;
    loop {
        let loaded = stage.load_thread(&thread).await;
        if is_done(&loaded) {
            break;
        }
        assert!(tokio::time::Instant::now() < end, "{:#?}", loaded.thread);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let again = stage.call("POST", &path, "demo-admin-token", None).await;
    assert_eq!(
        (again.status, again.body["state"].as_str()),
        (200, Some("erased"))
    );
    stage.caught_up().await;
    for personal in [TEXT, NAME, MAIL, PHONE, SESSION, "canary-customer-4711"] {
        assert!(!holds(&stage, personal).await, "{personal} is there");
    }

    // The same event, another of the same moment, and one that is too old for the log.
    for (event, at) in [
        ("event-1", at.as_str()),
        ("event-2", at.as_str()),
        ("event-3", "2026-01-01T08:00:00.000Z"),
    ] {
        assert_eq!(stage.webhook(personal(event, "message-1", at)).await, 200);
    }
    assert!(!holds(&stage, TEXT).await, "it came back");
    // Requests are told; the conversation says nothing.
    let said = serde_json::json!({ "content": { "type": "text", "text": "x" } });
    let messages = format!("/v1/conversations/{thread}/messages");
    let refused = stage
        .call("POST", &messages, "demo-bot-token", Some(said))
        .await;
    assert_eq!(refused.status, 409, "{:?}", refused.body);
    assert!(refused.body["type"].to_string().contains("erased"));
    let read = stage.call("GET", &messages, "demo-admin-token", None).await;
    assert_eq!(
        read.body["messages"].as_array().map(Vec::len),
        Some(0),
        "{:?}",
        read.body
    );

    // Who writes again is heard, in a conversation of its own.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let new = message_event("event-9", SESSION, "message-9", "hello again", &now_iso());
    assert_eq!(stage.webhook(new).await, 200);
    let loaded = stage.load_thread(&thread).await;
    let begun = loaded
        .thread
        .open()
        .map(|conversation| conversation.first_seq);
    assert!(
        begun > Some(loaded.thread.erased_by),
        "{:#?}",
        loaded.thread
    );
    assert!(holds(&stage, "hello again").await);
}

async fn holds(stage: &Stage, word: &str) -> bool {
    let contents = stage.running.hub.contents().await.expect("the table");
    contents.iter().any(|item| item.contains(word))
}

fn answered(gladly: &GladlySim) -> bool {
    gladly.customer("ada").is_some_and(|view| {
        let sessions = view.sessions.iter();
        sessions
            .flat_map(|it| it.texts(Speaker::Bot))
            .next()
            .is_some()
    })
}

#[tokio::test]
async fn canaries_are_in_no_log_and_after_the_erasure_in_no_item() {
    let mut world = World::new("erase", LEVELS).await;
    world.hub.kill();
    world.hub.environment = vec![("BATON_TEST_PANIC_ON", FAULT.to_owned())];
    world.hub.start().await;
    let written = world
        .gladly
        .customer_writes("ada", TEXT)
        .expect("she writes");
    assert!(
        world.gladly.wait_until(SOON, answered).await,
        "the bot answers"
    );
    let session = written.session_id.clone().expect("a session");

    // Errors of every kind, each with something personal in it.
    let client = reqwest::Client::new();
    let url = world.hub.url();
    let webhook = |body: String| {
        let sent = client
            .post(format!("{url}/webhooks/gladly/gladly-main"))
            .basic_auth("webhook-user", Some("test-secret-webhook"))
            .body(body);
        async move { sent.send().await.expect("an answer").status().as_u16() }
    };
    let at = now_iso();
    assert_eq!(webhook(personal("event-1", "message-1", &at)).await, 200);
    for body in [
        format!(r#"{{"sessionId": "{session}", "{TEXT}"#),
        format!(r#"{{"sessionId": "{session}", "x": "{TEXT} {FAULT}"}}"#),
        format!(r#"["{SESSION}", "{MAIL}"]"#),
        personal("event-5", "message-5", &at).replace("CHAT", "CARRIER_PIGEON"),
        personal("event-6", "message-6", "2026-01-01T08:00:00.000Z"),
        STRAY.to_owned(),
    ] {
        assert_eq!(webhook(body).await, 200);
    }
    for (path, body) in [
        (
            "/v1/conversations/thr_aaaaaaaaaaaaaaaaaaaaaaaaaa/messages".to_owned(),
            format!(r#"{{"{TEXT}": 1}}"#),
        ),
        (
            format!("/v1/conversations/{PHONE}/messages"),
            "{}".to_owned(),
        ),
        (
            format!("/v1/conversations?connection={MAIL}"),
            String::new(),
        ),
        (format!("/v1/{TEXT}"), String::new()),
        (
            format!("/gladly/api/v1/message-automation/sessions/{session}/messages"),
            format!(r#"{{"{TEXT}"#),
        ),
    ] {
        let call = client
            .post(format!("{url}{path}"))
            .bearer_auth(&world.token);
        let status = call.body(body).send().await.expect("an answer").status();
        assert!(status.is_client_error(), "{path}: {status}");
    }

    // Where nobody can be asked, and --yes is not given, nothing happens.
    let customer = ["erase", "--customer", "shop-chat", &written.customer_id];
    // The stream has told of the names.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let dry = [&customer[..], &["--dry-run"]].concat();
    let (went_well, shown, complaint) = world.hub.operate(&dry);
    assert!(
        went_well && shown.contains("thr_") && shown.contains("open"),
        "{shown}{complaint}"
    );
    assert!(
        !shown.contains(TEXT) && !shown.contains(&session),
        "{shown}"
    );
    let (went_well, _, complaint) = world.hub.operate(&customer);
    assert!(!went_well && complaint.contains("--yes"), "{complaint}");
    let (went_well, _, complaint) =
        world
            .hub
            .operate(&["erase", "--customer", "no-chat", "x", "--dry-run"]);
    assert!(!went_well && complaint.contains("shop-chat"), "{complaint}");

    let (went_well, shown, complaint) = world.hub.operate(&[&customer[..], &["--yes"]].concat());
    assert!(went_well && shown.contains("erased"), "{shown}{complaint}");
    let (went_well, shown, complaint) =
        world
            .hub
            .operate(&["erase", "--customer", "shop-chat", SESSION, "--yes"]);
    assert!(went_well && shown.contains("erased"), "{shown}{complaint}");
    // What comes again.
    assert_eq!(webhook(personal("event-1", "message-1", &at)).await, 200);
    assert_eq!(webhook(personal("event-7", "message-7", &at)).await, 200);

    world.hub.kill();
    let folder = world.hub.folder.clone();
    let log = std::fs::read_to_string(folder.join("log")).expect("the log");
    assert!(log.contains("poison") && log.contains("panic"), "{log}");
    let letters = std::fs::read_to_string(folder.join("data/dead-letters.jsonl"));
    let letters = letters.unwrap_or_default();
    let engine = open_engine(Some(&folder.join("data"))).expect("the data file");
    let items = engine.contents(TABLE).await.expect("the table");
    let items = items.join("\n\n");
    let customer = written.customer_id.as_str();
    let own = [
        &session,
        customer,
        &written.conversation_id,
        &written.message_id,
    ];
    for canary in own.into_iter().chain([TEXT, NAME, MAIL, PHONE, SESSION]) {
        assert!(!log.contains(canary), "the log says {canary}");
        assert!(!letters.contains(canary), "a dead letter says {canary}");
        assert!(!items.contains(canary), "the table says {canary}: {items}");
    }
    assert!(
        items.contains(STRAY),
        "what names no thread cannot be found"
    );
}

#[tokio::test]
async fn without_a_running_hub_the_folder_is_erased() {
    let mut world = World::new("erase-folder", "off").await;
    let written = world
        .gladly
        .customer_writes("ada", TEXT)
        .expect("she writes");
    assert!(
        world.gladly.wait_until(SOON, answered).await,
        "the bot answers"
    );
    // The stream has told of the names before the hub is gone.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    world.hub.kill();
    let (went_well, shown, complaint) = world.hub.operate(&[
        "erase",
        "--customer",
        "shop-chat",
        &written.conversation_id,
        "--yes",
        "--config",
        "baton.toml",
    ]);
    assert!(went_well && shown.contains("erased"), "{shown}{complaint}");
    let engine = open_engine(Some(&world.hub.folder.join("data"))).expect("the data file");
    let items = engine.contents(TABLE).await.expect("the table");
    let items = items.join("\n\n");
    for canary in [TEXT, &written.customer_id, &written.conversation_id] {
        assert!(!items.contains(canary), "the table says {canary}: {items}");
    }
}

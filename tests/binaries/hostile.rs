//! What is no event, no JSON, too large; panics.

use crate::stage::{Stage, http, sample};
use baton_tests::built;
use baton_tests::emulator::Emulator;
use baton_tests::scene::Parties;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What API Gateway hands over at most is 10 MB, Lambda takes 6: an event of 6 MB in
/// all. Source: Lambda quotas, invocation payload, synchronous.
const LARGEST_BODY: usize = 6 * 1024 * 1024 - 4096;

fn nowhere() -> Parties {
    Parties::of_samples("http://127.0.0.1:9", "http://127.0.0.1:9")
}

fn webhook(body: &str, base64: bool) -> Value {
    let mut event = sample("gladly");
    event["body"] = json!(body);
    event["isBase64Encoded"] = json!(base64);
    event
}

#[tokio::test]
async fn an_authentic_webhook_is_taken_whatever_is_in_it() {
    let Some(mut stage) = Stage::set(&nowhere(), &["gladly"]).await else {
        return;
    };
    let process = stage.emulator.alive("gladly");
    let message = |text: &str| {
        let body = sample("gladly")["body"]
            .as_str()
            .expect("a body")
            .to_owned();
        body.replace("Where is my order?", text)
    };
    let bodies = [
        (String::new(), false),
        ("{".to_owned(), false),
        ("null".to_owned(), false),
        ("[1,2".to_owned(), false),
        ("\u{0}\u{1}\u{fffd}".to_owned(), false),
        ("no base64 at all".to_owned(), true),
        ("/////w==".to_owned(), true),
        ("[".repeat(100_000), false),
        (r#"{"type":7,"content":"text"}"#.to_owned(), false),
        (
            r#"{"type":"AUTOMATION/MESSAGE_RECEIVED","content":{}}"#.to_owned(),
            false,
        ),
        (
            r#"{"type":"AUTOMATION/NEVER_HEARD_OF","content":{"a":[{}]}}"#.to_owned(),
            false,
        ),
        (message(&"x".repeat(500_000)), false),
        ("y".repeat(LARGEST_BODY), false),
    ];
    for (body, base64) in bodies {
        let start: String = body.chars().take(60).collect();
        let answer = stage.answer("gladly", &webhook(&body, base64)).await;
        assert_eq!(http(&answer).0, 200, "{start}");
    }

    let mut forged = webhook(&"y".repeat(LARGEST_BODY), false);
    forged["headers"]["authorization"] = json!("Basic Zm9yZ2VkOmZvcmdlZA==");
    let asked = stage.scene.aws.uses();
    assert_eq!(http(&stage.answer("gladly", &forged).await).0, 401);
    assert_eq!(
        stage.scene.aws.uses(),
        asked,
        "a forged webhook costs no call"
    );

    assert_eq!(stage.play_http("gladly").await.0, 200);
    assert_eq!(
        stage.emulator.alive("gladly"),
        process,
        "one process all the way"
    );
}

#[tokio::test]
async fn what_is_no_event_is_an_error_and_not_the_end() {
    let functions = [
        "gladly",
        "send",
        "conversations",
        "relay",
        "publish",
        "sweep",
    ];
    let Some(mut stage) = Stage::set(&nowhere(), &functions).await else {
        return;
    };
    let nothing = [
        "7",
        "\"text\"",
        "[]",
        "{}",
        r#"{"Records":7}"#,
        r#"{"Records":[{}]}"#,
        r#"{"headers":[]}"#,
    ];
    for function in functions {
        let process = stage.emulator.alive(function);
        for event in nothing {
            // Whatever has no `detail-type` is a tick to the sweep, which then runs for
            // minutes.
            if function == "sweep" && event.starts_with(['{', '[']) {
                continue;
            }
            let called = stage
                .calls
                .call(function, event.into())
                .await
                .expect("an answer");
            let answered = serde_json::from_slice::<Value>(&called.body);
            assert!(
                answered.is_ok(),
                "{function} {event}: {} {:?}",
                called.status,
                called.body
            );
        }
        assert_eq!(
            stage.emulator.alive(function),
            process,
            "{function} lives on"
        );
    }
    assert_eq!(stage.play_http("gladly").await.0, 200);
}

#[tokio::test]
async fn a_panic_is_one_failed_call() {
    let Some(program) = Emulator::program() else {
        println!("SKIPPED: cargo-lambda is not installed (tests/run installs it)");
        return;
    };
    let binaries = built::functions(&["panicking"]).expect("it can be built");
    let mut emulator = Emulator::start(&program).expect("the emulator starts");
    // The emulator knows only the names of functions.
    let binary = binaries.join("examples/panicking");
    emulator
        .attach(&binary, "gladly", &BTreeMap::new())
        .expect("it starts");
    let process = emulator.alive("gladly");
    let calls = emulator.calls();
    let mut panics = sample("gladly");
    panics["headers"]["x-panic"] = json!("yes");
    for _ in 0..3 {
        let failed = calls.call("gladly", panics.to_string().into_bytes()).await;
        let failed = failed.expect("an answer");
        assert!(failed.is_error(), "{failed:?}");
        let next = calls
            .call("gladly", sample("gladly").to_string().into_bytes())
            .await;
        let answer: Value = serde_json::from_slice(&next.expect("an answer").body).expect("JSON");
        assert_eq!(http(&answer).0, 204);
    }
    assert_eq!(emulator.alive("gladly"), process, "the same process");
    assert_eq!(process.len(), 1);
    let said = emulator.said().join("\n");
    assert!(
        said.contains("panicking.rs"),
        "where it was is logged: {said}"
    );
    assert!(
        !said.contains("the caller asked for it"),
        "what it said is not: {said}"
    );
}

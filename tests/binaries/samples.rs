//! Every sample of `events/` does what it is a sample of.

use crate::stage::{Stage, bot, patient_platform, sample};
use baton_domain::{CloseReason, ConversationId, Holder};
use baton_tests::scene::{CONNECTION, Parties, thread};
use serde_json::Value;

#[test]
fn the_samples_are_about_one_thread() {
    let conversation = ConversationId::new(&thread(), 1).to_string();
    for command in ["send", "handoff", "close", "control"] {
        assert_eq!(
            sample(command)["pathParameters"]["id"],
            conversation,
            "{command}"
        );
    }
    for events in ["relay", "publish"] {
        let key = &sample(events)["Records"][0]["dynamodb"]["Keys"]["pk"]["S"];
        assert_eq!(key, thread().as_str(), "{events}");
    }
}

#[tokio::test]
async fn webhooks_make_a_thread_and_questions_show_it() {
    let (bot, served) = bot().await;
    let parties = Parties::of_samples("http://127.0.0.1:9", &served.base_url);
    let functions = [
        "gladly",
        "relay",
        "publish",
        "sweep",
        "conversations",
        "connections",
    ];
    let Some(stage) = Stage::set(&parties, &functions).await else {
        return;
    };

    assert_eq!(stage.play_http("gladly").await.0, 200);
    let loaded = stage.thread().await;
    assert_eq!(loaded.thread.seq, 1);
    assert!(loaded.thread.bot_holds());
    compare_images(&stage).await;

    assert_eq!(stage.play_http("gladly").await.0, 200, "delivered again");
    assert_eq!(stage.play_http("gladly_ping").await.0, 200);
    assert_eq!(stage.thread().await.thread.seq, 1, "neither is news");
    assert_eq!(stage.play_http("gladly_base64").await.0, 200);
    assert_eq!(stage.thread().await.thread.seq, 2);

    let relayed = stage.play("relay").await;
    assert_eq!(relayed["batchItemFailures"], Value::Array(Vec::new()));
    let told: Vec<_> = bot
        .told()
        .into_iter()
        .filter_map(|told| told.text)
        .collect();
    assert_eq!(told, ["Where is my order?"]);
    assert!(bot.told().iter().all(|told| told.authentic));
    let removed = stage.play("relay_ttl_remove").await;
    assert_eq!(removed["batchItemFailures"], Value::Array(Vec::new()));

    let published = stage.play("publish").await;
    assert_eq!(published["batchItemFailures"], Value::Array(Vec::new()));
    let on_the_bus = stage.scene.bus.recent();
    let names: Vec<_> = on_the_bus
        .iter()
        .filter_map(|event| event["detail-type"].as_str())
        .collect();
    assert!(names.contains(&"conversation.opened"), "{names:?}");

    let swept = stage.play("sweep_slice").await;
    assert_eq!(swept["rows"], 1);

    let (status, list) = stage.play_http("conversations").await;
    assert_eq!(status, 200, "{list}");
    let listed = list.to_string();
    assert!(
        listed.contains(&ConversationId::new(&thread(), 1).to_string()),
        "{listed}"
    );
    let (status, stale) = stage.play_http("connections_change").await;
    assert_eq!(status, 412, "its revision is nobody's: {stale}");
    let (status, list) = stage.play_http("connections").await;
    assert_eq!(status, 200, "{list}");
    assert!(list.to_string().contains(CONNECTION));

    let told = stage.emulator.said().join("\n");
    for secret in [
        "Where is my order",
        "customer-sample-1",
        "session-sample-1",
        "test-secret",
        "test-token",
    ] {
        assert!(!told.contains(secret), "`{secret}` is logged:\n{told}");
    }
}

/// The stream's samples show what the hub writes: the same attributes and, but for
/// times and random ids, the same events.
async fn compare_images(stage: &Stage) {
    let records = stage.stream().await;
    let written = records
        .iter()
        .map(|record| &record["dynamodb"]["NewImage"])
        .find(|image| image["sk"]["S"] == "e#0000000001")
        .expect("the first entry");
    let events = |image: &Value| -> Value {
        let mut events: Value =
            serde_json::from_str(image["d"]["S"].as_str().expect("events")).expect("JSON");
        for event in events.as_array_mut().expect("a list") {
            for fact in event.as_object_mut().expect("one event").values_mut() {
                fact.as_object_mut().expect("facts").remove("at");
            }
        }
        events
    };
    for name in ["relay", "publish"] {
        let shown = &sample(name)["Records"][0]["dynamodb"]["NewImage"];
        let keys = |image: &Value| -> Vec<String> {
            image
                .as_object()
                .expect("an image")
                .keys()
                .cloned()
                .collect()
        };
        assert_eq!(keys(shown), keys(written), "{name}: {written}");
        assert_eq!(events(shown), events(written), "{name}: {written}");
        for same in ["pk", "sk", "v", "cn", "f", "ep", "w", "ds"] {
            assert_eq!(shown[same], written[same], "{name}: {same}");
        }
    }
}

#[tokio::test]
async fn a_tick_ends_when_the_next_one_has_taken_over() {
    let parties = Parties::of_samples("http://127.0.0.1:9", "http://127.0.0.1:9");
    // Two sandboxes: the second tick comes while the first is running.
    let Some(stage) = Stage::set(&parties, &["sweep", "sweep"]).await else {
        return;
    };
    let first = tokio::spawn({
        let calls = stage.calls.clone();
        async move {
            calls
                .call("sweep", sample("sweep").to_string().into_bytes())
                .await
        }
    });
    let asked = || stage.scene.aws.count("sweep", "dynamodb:Query");
    until("the first tick asks", || asked() > 0).await;
    let _second = tokio::spawn({
        let calls = stage.calls.clone();
        async move {
            calls
                .call("sweep", sample("sweep").to_string().into_bytes())
                .await
        }
    });
    let relieved = tokio::time::timeout(std::time::Duration::from_secs(20), first).await;
    let answer = relieved
        .expect("it is relieved")
        .expect("no panic")
        .expect("an answer");
    assert!(
        !answer.is_error(),
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
}

async fn until(what: &str, is: impl Fn() -> bool) {
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while !is() {
        assert!(tokio::time::Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A stage on which the webhook of the samples came in, and one function more.
async fn opened(function: &str) -> Option<Stage> {
    let platform = Box::leak(Box::new(patient_platform().await));
    let parties = Parties::of_samples(&platform.base_url, "http://127.0.0.1:9");
    let stage = Stage::set(&parties, &["gladly", function]).await?;
    assert_eq!(stage.play_http("gladly").await.0, 200);
    Some(stage)
}

#[tokio::test]
async fn the_bot_sends() {
    let Some(stage) = opened("send").await else {
        return;
    };
    let (status, first) = stage.play_http("send").await;
    assert_eq!(status, 200, "{first}");
    let loaded = stage.thread().await;
    assert!(loaded.thread.outbox.is_empty(), "{loaded:?}");
    let (status, again) = stage.play_http("send").await;
    assert_eq!(status, 200);
    assert_eq!(first["id"], again["id"], "the key makes it one message");
    assert_eq!(stage.thread().await.thread.seq, loaded.thread.seq);
}

#[tokio::test]
async fn the_bot_hands_off() {
    let Some(stage) = opened("handoff").await else {
        return;
    };
    let (status, body) = stage.play_http("handoff").await;
    assert_eq!(status, 200, "{body}");
    let loaded = stage.thread().await;
    assert!(
        matches!(loaded.thread.holder(), Holder::Queue(_)),
        "{loaded:?}"
    );
}

#[tokio::test]
async fn the_bot_passes_control() {
    let Some(stage) = opened("control").await else {
        return;
    };
    let (status, body) = stage.play_http("control").await;
    assert_eq!(status, 200, "{body}");
    let loaded = stage.thread().await;
    assert!(
        matches!(loaded.thread.holder(), Holder::Queue(_)),
        "{loaded:?}"
    );
}

#[tokio::test]
async fn the_bot_closes() {
    let Some(stage) = opened("close").await else {
        return;
    };
    let (status, body) = stage.play_http("close").await;
    assert_eq!(status, 200, "{body}");
    let conversation = stage
        .thread()
        .await
        .thread
        .conversation
        .expect("a conversation");
    assert_eq!(
        conversation.closed.expect("closed").reason,
        CloseReason::Bot
    );
}

//! Everything that goes wrong on purpose.

use std::collections::HashMap;

use serde_json::json;

use super::{START, Stage, unlimited};
use crate::gladly::{
    ApiFault, ApiRule, AttemptOutcome, Chance, DeliveryOrder, DeliveryState, Faults, Release,
    Speaker, WebhookFaults,
};

const RECEIVED: &str = "AUTOMATION/MESSAGE_RECEIVED";

fn webhook(faults: WebhookFaults) -> Faults {
    Faults {
        webhook: faults,
        api: Vec::new(),
    }
}

fn api(rule: ApiRule) -> Faults {
    Faults {
        api: vec![rule],
        ..Faults::default()
    }
}

#[tokio::test]
async fn duplicates_carry_the_same_id() {
    for concurrent in [false, true] {
        let stage = Stage::new().await;
        let receiver = stage.receiver(&[RECEIVED]).await;
        stage.sim.set_faults(webhook(WebhookFaults {
            duplicate: Chance::Next(1),
            copies: 3,
            concurrent,
            ..WebhookFaults::default()
        }));
        stage.sim.customer_writes("ada", "one").unwrap();
        stage.sim.customer_writes("ada", "two").unwrap();
        stage.settled().await;
        let mut texts = receiver.texts();
        texts.sort();
        assert_eq!(texts, ["one", "one", "one", "one", "two"]);
        let events = receiver.events();
        let of_one: Vec<_> = events
            .iter()
            .filter(|event| event["content"]["message"]["content"]["body"] == "one")
            .collect();
        assert!(of_one.iter().all(|event| *event == of_one[0]));
    }
}

#[tokio::test]
async fn a_lost_answer_is_retried_although_it_took_effect() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&[RECEIVED]).await;
    stage.sim.set_faults(webhook(WebhookFaults {
        lose_answer: Chance::Next(1),
        ..WebhookFaults::default()
    }));
    stage.opened("ada");
    stage.settled().await;
    assert_eq!(
        stage.sim.deliveries()[0].attempts[0].outcome,
        AttemptOutcome::AnswerLost(200)
    );
    stage.pass(30_000).await;
    assert_eq!(receiver.events().len(), 2);
    assert_eq!(stage.sim.deliveries()[0].state, DeliveryState::Delivered);
}

#[tokio::test]
async fn an_event_can_be_overtaken_by_the_next() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&[RECEIVED]).await;
    stage.sim.set_faults(webhook(WebhookFaults {
        reorder: Chance::Next(1),
        ..WebhookFaults::default()
    }));
    for text in ["one", "two", "three"] {
        stage.sim.customer_writes("ada", text).unwrap();
    }
    stage.settled().await;
    assert_eq!(receiver.texts(), ["two", "one", "three"]);
    // Without a next one it goes by itself.
    stage.sim.set_faults(webhook(WebhookFaults {
        reorder: Chance::Next(1),
        ..WebhookFaults::default()
    }));
    stage.sim.customer_writes("ada", "four").unwrap();
    stage.settled().await;
    assert_eq!(receiver.texts().len(), 3);
    stage.pass(1_000).await;
    assert_eq!(receiver.texts().len(), 4);
}

#[tokio::test]
async fn a_delayed_event_leaves_within_its_limit() {
    let stage = Stage::new().await;
    let receiver = stage.receiver(&[RECEIVED]).await;
    stage.sim.set_faults(webhook(WebhookFaults {
        delay: Chance::Probability(1.0),
        delay_ms: 5_000,
        ..WebhookFaults::default()
    }));
    for number in 0..20 {
        stage
            .sim
            .customer_writes("ada", &format!("m{number}"))
            .unwrap();
    }
    stage.settled().await;
    let at_once = receiver.texts().len();
    assert!(at_once < 5, "{at_once}");
    stage.pass(5_000).await;
    assert_eq!(receiver.texts().len(), 20);
}

#[tokio::test]
async fn held_events_leave_in_the_order_a_test_wants() {
    for (release, expected) in [
        (Release::InOrder, vec!["0", "1", "2", "3"]),
        (Release::Reversed, vec!["3", "2", "1", "0"]),
        (Release::Exactly(vec![2, 0, 2, 9]), vec!["2", "0", "2"]),
    ] {
        let stage = Stage::new().await;
        let receiver = stage.receiver(&[RECEIVED]).await;
        stage.sim.hold();
        for number in 0..4 {
            stage
                .sim
                .customer_writes("ada", &number.to_string())
                .unwrap();
        }
        stage.settled().await;
        assert!(receiver.events().is_empty());
        assert_eq!(stage.sim.release(&release), 4);
        stage.settled().await;
        assert_eq!(receiver.texts(), expected);
        stage.sim.customer_writes("ada", "free").unwrap();
        stage.settled().await;
        assert_eq!(receiver.texts().last().unwrap(), "free");
    }
}

#[tokio::test]
async fn a_shuffle_replays_and_concurrent_delivery_loses_nothing() {
    let mut orders = Vec::new();
    for seed in [3, 3, 4] {
        let stage = Stage::new().await;
        let receiver = stage.receiver(&[RECEIVED]).await;
        stage.sim.hold();
        for number in 0..16 {
            stage
                .sim
                .customer_writes("ada", &number.to_string())
                .unwrap();
        }
        stage.sim.release(&Release::Shuffled(seed));
        stage.settled().await;
        orders.push(receiver.texts());
    }
    assert_eq!(orders[0], orders[1]);
    assert_ne!(orders[0], orders[2]);

    let mut config = unlimited();
    config.delivery_order = DeliveryOrder::Concurrent;
    let stage = Stage::with(config).await;
    let receiver = stage.receiver(&[RECEIVED]).await;
    stage.sim.hold();
    stage.sim.customer_writes("ada", "x").unwrap();
    stage.sim.release(&Release::Exactly(vec![0; 16]));
    stage.settled().await;
    assert_eq!(receiver.texts(), ["x"; 16]);
}

#[tokio::test]
async fn a_call_can_take_effect_without_an_answer() {
    let stage = Stage::new().await;
    let (session, _) = stage.opened("ada");
    let rule = ApiRule::on("/messages", Chance::Next(1), ApiFault::LoseAnswer).method("POST");
    stage.sim.set_faults(api(rule));
    let url = format!("/api/v1/message-automation/sessions/{session}/messages");
    let body = json!({"type": "TEXT", "content": {"value": "once"}});
    let lost = stage.request("POST", &url).json(&body).send().await;
    assert!(lost.is_err(), "the connection ends before the head");
    assert_eq!(
        stage.sim.session(&session).unwrap().texts(Speaker::Bot),
        ["once"]
    );
    let call = stage.sim.calls().pop().unwrap();
    assert_eq!((call.status, call.fault), (200, Some(ApiFault::LoseAnswer)));
    assert_eq!(stage.say(&session, "twice").await.status, 200);
}

#[tokio::test]
async fn an_answer_can_break_off_in_its_middle() {
    let stage = Stage::new().await;
    let (session, _) = stage.opened("ada");
    for (path, method) in [("messages", "GET"), ("handoff", "POST")] {
        stage
            .sim
            .set_faults(api(ApiRule::on(path, Chance::Next(1), ApiFault::HalfBody)));
        let url = format!("/api/v1/message-automation/sessions/{session}/{path}");
        let request = stage
            .request(method, &url)
            .json(&json!({"description": "x"}));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.bytes().await.is_err());
    }
    assert_eq!(stage.sim.session(&session).unwrap().handoffs, ["x"]);
}

#[tokio::test]
async fn refusals_and_hangs_have_no_effect() {
    let stage = Stage::new().await;
    let (session, _) = stage.opened("ada");
    for status in [429, 500, 503] {
        stage.sim.set_faults(api(ApiRule::on(
            "",
            Chance::Next(1),
            ApiFault::Status(status),
        )));
        assert_eq!(stage.say(&session, "no").await.status, status);
    }
    stage
        .sim
        .set_faults(api(ApiRule::on("", Chance::Next(1), ApiFault::Hang)));
    let (clock, sim) = (stage.clock.clone(), stage.sim.clone());
    let nudge = async {
        sim.wait_until(std::time::Duration::from_secs(5), |sim| {
            sim.calls()
                .last()
                .is_some_and(|call| call.fault == Some(ApiFault::Hang))
        })
        .await;
        while clock.next_wake().is_none_or(|at| at > START + 60_000) {
            tokio::task::yield_now().await;
        }
        clock.advance(60_000);
    };
    let (hung, ()) = tokio::join!(stage.say(&session, "no"), nudge);
    assert_eq!(hung.status, 503);
    assert!(
        stage
            .sim
            .session(&session)
            .unwrap()
            .texts(Speaker::Bot)
            .is_empty()
    );
}

#[tokio::test]
async fn chances_replay_with_their_seed() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let mut config = unlimited();
        config.seed = seed;
        let stage = Stage::with(config).await;
        let rule = ApiRule::on("/agents", Chance::Probability(0.5), ApiFault::Status(500));
        stage.sim.set_faults(api(rule));
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(stage.get("/agents").await.status);
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    let mut counts: HashMap<u16, u32> = HashMap::new();
    for status in &runs[0] {
        *counts.entry(*status).or_default() += 1;
    }
    assert!((10..=30).contains(&counts[&500]), "{counts:?}");
}

//! Everything at once: webhooks doubled, late, out of order and with lost answers; API
//! calls refused, cut off and lost after they took effect. The oracle is what the
//! platform saw and what the bot was told.

use crate::stage::Stage;
use baton_local::demo_settings::DemoTimers;
use baton_simulators::gladly::{ApiFault, ApiRule, Chance, Faults, Speaker, WebhookFaults};
use baton_simulators::random::Random;
use std::time::Duration;

/// How long the weather lasts, and how many write in it.
const CUSTOMERS: usize = 12;
const ROUNDS: usize = 5;
/// Outlasting it takes retries of several seconds each, one thread beside the other.
const CLEARS_WITHIN: Duration = Duration::from_secs(90);

fn storm() -> Faults {
    let some = |share: f64| Chance::Probability(share);
    Faults {
        webhook: WebhookFaults {
            duplicate: some(0.3),
            copies: 2,
            concurrent: true,
            delay: some(0.2),
            delay_ms: 300,
            reorder: some(0.2),
            reorder_ms: 300,
            lose_answer: some(0.1),
        },
        api: vec![
            ApiRule::on("/messages", some(0.10), ApiFault::LoseAnswer).method("POST"),
            ApiRule::on("/messages", some(0.05), ApiFault::HalfBody).method("POST"),
            ApiRule::on("/messages", some(0.05), ApiFault::Status(500)).method("POST"),
            ApiRule::on("/messages", some(0.05), ApiFault::Status(429)).method("POST"),
            ApiRule::on("/messages", some(0.10), ApiFault::Status(503)).method("GET"),
            ApiRule::on("/handoff", some(0.20), ApiFault::LoseAnswer).method("POST"),
            ApiRule::on("/handoff", some(0.20), ApiFault::Status(503)).method("POST"),
            ApiRule::on("/notes", some(0.20), ApiFault::Status(500)).method("POST"),
        ],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_bad_weather_nothing_is_lost_and_nothing_said_twice() {
    let stage = Stage::with(DemoTimers {
        customer_silent: 300,
        bot_owes: 200,
    })
    .await;
    let seed = crate::stage::seed();
    println!("seed {seed}");
    stage.gladly().configure(|gladly| gladly.retry_scale = 0.02);
    let mut random = Random::new(seed);
    stage.gladly().set_faults(storm());

    let names: Vec<String> = (0..CUSTOMERS).map(|n| format!("customer-{n}")).collect();
    let mut chats = Vec::new();
    let mut written = Vec::new();
    for round in 0..ROUNDS {
        for name in &names {
            let text = format!("message {round} of {name}");
            let chat = stage.write(name, &text);
            if round == 0 {
                chats.push(chat);
            }
            written.push(text);
            tokio::time::sleep(Duration::from_millis(random.below(30))).await;
        }
    }
    let told = |text: &String| {
        let told = stage.bot().told();
        told.iter().any(|told| told.text.as_ref() == Some(text))
    };
    let all = stage
        .bot()
        .wait_until(CLEARS_WITHIN, |_| written.iter().all(&told))
        .await;
    let missing: Vec<&String> = written.iter().filter(|text| !told(text)).collect();
    assert!(all, "never told: {missing:?}");

    // Every message is answered, each once.
    let answers = |name: &str| stage.read_by(name, Speaker::Bot).len();
    let answered = stage
        .gladly()
        .wait_until(CLEARS_WITHIN, |_| {
            names.iter().all(|name| answers(name) >= ROUNDS)
        })
        .await;
    let counts: Vec<usize> = names.iter().map(|name| answers(name)).collect();
    assert!(
        answered,
        "answers: {counts:?}, the bot's failures: {:?}",
        stage.bot().failed_calls()
    );
    assert_eq!(
        stage.gladly().repeated_bot_messages(),
        0,
        "nothing is said twice"
    );

    // And everybody gets to an agent, once.
    for name in &names {
        stage.write(name, "agent");
    }
    let handed = stage
        .gladly()
        .wait_until(CLEARS_WITHIN, |gladly| {
            names.iter().all(|name| {
                gladly
                    .customer(name)
                    .is_some_and(|view| view.serves == "queue")
            })
        })
        .await;
    let serving: Vec<_> = names
        .iter()
        .filter_map(|name| stage.gladly().customer(name))
        .map(|view| view.serves)
        .collect();
    assert!(handed, "serving: {serving:?}");
    for chat in &chats {
        let limit = CLEARS_WITHIN;
        let loaded = stage
            .within(limit, chat, "the hub knows it", |loaded| {
                loaded.thread.leaving().is_none() && !loaded.thread.bot_holds()
            })
            .await;
        let conversation = loaded.thread.conversation.expect("a conversation");
        assert_eq!(
            conversation.time_held(loaded.thread.last_at).total(),
            loaded.thread.last_at.since(conversation.opened_at)
        );
    }
    let handoffs = stage.gladly().transcript();
    assert!(
        handoffs.iter().all(|session| session.handoffs.len() <= 1),
        "no handoff twice"
    );
}

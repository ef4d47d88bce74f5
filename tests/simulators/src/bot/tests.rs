//! The bot behind the simulated Gladly: two real servers, one virtual clock.

use std::time::Duration;

use serde_json::{Value, json};

use super::{AnswerTime, BotConfig, SampleBot};
use crate::clock::Clock;
use crate::gladly::{
    ApiFault, ApiRule, Chance, ClosedBy, Faults, GladlyConfig, GladlySim, Said, SessionState,
    SessionTranscript, Speaker, WebhookConfig,
};
use crate::serving::{self, Served};

struct Stage {
    gladly: GladlySim,
    bot: SampleBot,
    clock: Clock,
    served: [Served; 2],
}

impl Stage {
    async fn new(change: impl FnOnce(&mut BotConfig)) -> Self {
        let clock = Clock::virtual_at(1_750_000_000_000);
        let config = GladlyConfig {
            rate_limit: None,
            ..GladlyConfig::default()
        };
        let gladly = GladlySim::with_clock(config, clock.clone());
        let api = gladly.serve().await.unwrap();
        let mut config = BotConfig::calling(&api.base_url);
        config.webhook_credentials = Some(("hook".into(), "test-hook-password".into()));
        config.backoff_ms = 0;
        change(&mut config);
        let bot = SampleBot::with_clock(config, clock.clone());
        let hook = bot.serve().await.unwrap();
        let webhook = WebhookConfig::new(&hook.base_url)
            .basic("hook", "test-hook-password")
            .event("CONVERSATION/CLOSED");
        gladly.connect(webhook).await.unwrap();
        Self {
            gladly,
            bot,
            clock,
            served: [api, hook],
        }
    }

    async fn hears(&self, text: &str) -> SessionTranscript {
        let written = self.gladly.customer_writes("ada", text).unwrap();
        self.settled().await;
        self.gladly.session(&written.session_id.unwrap()).unwrap()
    }

    async fn settled(&self) {
        tokio::time::timeout(Duration::from_secs(10), self.gladly.quiesce())
            .await
            .expect("deliveries come to rest");
    }
}

#[tokio::test]
async fn it_greets_with_a_menu_and_knows_its_items() {
    let stage = Stage::new(|_| {}).await;
    let session = stage.hears("hello").await;
    let Said::Menu { items, .. } = &session.lines[1].said else {
        panic!("{:?}", session.lines);
    };
    let labels: Vec<_> = items.iter().map(|item| item.label.as_str()).collect();
    assert_eq!(
        labels,
        ["Order status", "Opening hours", "Talk to an agent"]
    );
    stage.gladly.customer_chooses("ada", "hours").unwrap();
    stage.settled().await;
    stage.hears("thank you").await;
    let session = &stage.gladly.sessions_of("ada")[0];
    let texts = session.texts(Speaker::Bot);
    assert!(texts[1].contains("9 to 17"), "{texts:?}");
    assert!(texts[2].contains("thank you"), "{texts:?}");
    assert!(stage.gladly.violations().is_empty());
    assert_eq!(
        stage.bot.texts(&session.session_id),
        ["hello", "Opening hours", "thank you"]
    );
    assert!(stage.bot.failed_calls().is_empty());
}

#[tokio::test]
async fn it_hands_off_and_closes() {
    let stage = Stage::new(|_| {}).await;
    let session = stage.hears("an AGENT please").await;
    assert_eq!(session.state, SessionState::HandedOff);
    assert!(session.handoffs[0].contains("an AGENT please"));
    stage.gladly.agent_accepts("ada", None).unwrap();
    stage.gladly.agent_closes("ada").unwrap();
    let session = stage.hears("bye").await;
    assert_eq!(session.state, SessionState::Closed(ClosedBy::Automation));
    let long = format!("agent {}", "ü".repeat(3_000));
    assert_eq!(stage.hears(&long).await.state, SessionState::HandedOff);
    assert!(stage.gladly.violations().is_empty());
    let told = stage.bot.told();
    assert!(
        told.iter()
            .any(|t| t.event_type == "CONVERSATION/CLOSED" && t.status == Some(200))
    );
}

#[tokio::test]
async fn it_can_be_silent_send_html_and_take_its_time() {
    let stage = Stage::new(|_| {}).await;
    assert!(stage.hears("silent").await.texts(Speaker::Bot).is_empty());
    let session = stage.hears("html").await;
    assert!(matches!(&session.lines[2].said, Said::Html { text } if text.contains("<strong>")));
    stage.gladly.customer_writes("ada", "slow 3").unwrap();
    let asleep = stage.bot.wait_until(Duration::from_secs(5), |bot| {
        bot.told()
            .last()
            .is_some_and(|told| told.text.as_deref() == Some("slow 3"))
    });
    assert!(asleep.await);
    let start = stage.clock.now();
    while stage.clock.next_wake().is_none_or(|at| at > start + 3_000) {
        tokio::task::yield_now().await;
    }
    stage.clock.advance(3_000);
    stage.settled().await;
    let session = &stage.gladly.sessions_of("ada")[0];
    assert!(session.texts(Speaker::Bot)[1].contains("3 seconds"));
    let told = stage.bot.told().pop().unwrap();
    assert_eq!(told.answered_at, Some(start + 3_000));
}

#[tokio::test]
async fn it_crashes_as_often_as_told_and_recovers() {
    let stage = Stage::new(|config| config.crashes = 2).await;
    stage.hears("crash").await;
    for wait in [30_000, 300_000] {
        // The bot's answer must not find the session closed for silence.
        stage
            .gladly
            .configure(|config| config.idle_close_ms = 3_600_000);
        stage.clock.advance(wait);
        stage.settled().await;
    }
    let statuses: Vec<_> = stage
        .bot
        .told()
        .iter()
        .filter(|told| told.text.is_some())
        .map(|told| told.status.unwrap())
        .collect();
    assert_eq!(statuses, [500, 500, 200]);
}

#[tokio::test]
async fn a_repeated_event_is_answered_once() {
    let stage = Stage::new(|_| {}).await;
    stage.gladly.set_faults(Faults {
        webhook: crate::gladly::WebhookFaults {
            duplicate: Chance::Probability(1.0),
            copies: 4,
            ..Default::default()
        },
        ..Faults::default()
    });
    let session = stage.hears("hello").await;
    assert_eq!(session.texts(Speaker::Bot).len(), 1);
    assert_eq!(
        stage.bot.told().iter().filter(|t| t.text.is_some()).count(),
        5
    );
    assert_eq!(stage.bot.texts(&session.session_id), ["hello"]);
}

#[tokio::test]
async fn a_lost_answer_or_a_fault_never_doubles_what_it_says() {
    for fault in [
        ApiFault::LoseAnswer,
        ApiFault::HalfBody,
        ApiFault::Status(503),
        ApiFault::Status(429),
    ] {
        let stage = Stage::new(|_| {}).await;
        let rule = ApiRule::on("", Chance::Next(1), fault).method("POST");
        stage.gladly.set_faults(Faults {
            api: vec![rule.clone()],
            ..Faults::default()
        });
        let session = stage.hears("hello").await;
        assert_eq!(session.texts(Speaker::Bot).len(), 1, "{fault:?}");
        stage.gladly.set_faults(Faults {
            api: vec![rule],
            ..Faults::default()
        });
        let session = stage.hears("agent").await;
        assert_eq!(session.handoffs.len(), 1, "{fault:?}");
        assert!(
            stage.bot.failed_calls().is_empty(),
            "{:?}",
            stage.bot.failed_calls()
        );
    }
}

#[tokio::test]
async fn it_fails_first_answers_late_and_plays_dead() {
    let stage = Stage::new(|config| {
        config.fail_first = 1;
        config.answer = AnswerTime::AfterAcknowledging;
    })
    .await;
    stage.hears("hello").await;
    assert_eq!(stage.bot.told().last().unwrap().status, Some(500));
    stage.clock.advance(30_000);
    stage.settled().await;
    let late = stage.gladly.wait_until(Duration::from_secs(5), |gladly| {
        gladly.transcript()[0].texts(Speaker::Bot).len() == 1
    });
    assert!(late.await);
    stage.bot.configure(|config| config.dead = true);
    stage.hears("anyone?").await;
    assert_eq!(stage.bot.told().last().unwrap().status, Some(503));
}

#[tokio::test]
async fn it_refuses_strangers_and_takes_unknown_events() {
    let stage = Stage::new(|_| {}).await;
    let http = serving::client().unwrap();
    let hook = &stage.served[1].base_url;
    let post = |body: Value, password: &'static str| {
        http.post(hook)
            .basic_auth("hook", Some(password))
            .json(&body)
            .send()
    };
    assert_eq!(
        post(json!({"type": "PING"}), "wrong")
            .await
            .unwrap()
            .status(),
        401
    );
    let known = "test-hook-password";
    assert_eq!(
        post(json!({"type": "PING"}), known).await.unwrap().status(),
        200
    );
    assert_eq!(
        post(json!({"type": "NEW/THING"}), known)
            .await
            .unwrap()
            .status(),
        200
    );
    let empty = json!({"type": "AUTOMATION/MESSAGE_RECEIVED"});
    assert_eq!(post(empty, known).await.unwrap().status(), 200);
    assert_eq!(
        http.post(hook).body("{").send().await.unwrap().status(),
        400
    );
    assert_eq!(
        stage
            .bot
            .told()
            .iter()
            .filter(|told| !told.authentic)
            .count(),
        1
    );
    assert_eq!(stage.served[0].base_url, stage.bot.config().base_url);
}

#[tokio::test]
async fn it_can_be_mounted_below_a_path() {
    let bot = SampleBot::new(BotConfig::default());
    let app = axum::Router::new().nest("/sim/bot", bot.router());
    let served = serving::serve(app).await.unwrap();
    let http = serving::client().unwrap();
    let ping = http
        .post(format!("{}/sim/bot", served.base_url))
        .json(&json!({"type": "PING"}));
    assert_eq!(ping.send().await.unwrap().status(), 200);
    assert_eq!(bot.told()[0].event_type, "PING");
}

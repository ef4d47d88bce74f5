//! A customer, the hub, the bot, and back: API Gateway, the stream and the bus are the
//! local hub's, and every function is its own process.

use crate::stage::Stage;
use baton_local::gateway;
use baton_local::invoke::Functions;
use baton_local::streams::Streams;
use baton_simulators::bot::{BotConfig, SampleBot};
use baton_simulators::gladly::{GladlyConfig, GladlySim, Speaker, WebhookConfig};
use baton_simulators::serving::serve;
use baton_tests::scene::{
    BOT_PASSWORD, BOT_USER, ENDPOINT, Parties, TABLE, WEBHOOK_PASSWORD, WEBHOOK_USER,
};
use std::sync::Arc;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_answered_and_handed_off() {
    let gladly = GladlySim::new(GladlyConfig::default());
    let platform = gladly.serve().await.expect("a port");
    let bot = SampleBot::new(BotConfig {
        webhook_credentials: Some((BOT_USER.to_owned(), BOT_PASSWORD.to_owned())),
        token: "test-token-bot".to_owned(),
        ..BotConfig::default()
    });
    let bot_served = bot.serve().await.expect("a port");
    let config = gladly.config();
    let parties = Parties {
        gladly: platform.base_url.clone(),
        address: config.app_address.clone(),
        credentials: (config.agent_email.clone(), config.api_token.clone()),
        inbox: config.default_inbox.id.clone(),
        bot: bot_served.base_url.clone(),
    };
    let functions = [
        "gladly", "relay", "publish", "sweep", "send", "handoff", "close",
    ];
    let Some(stage) = Stage::set(&parties, &functions).await else {
        return;
    };
    let called: Arc<dyn Functions> = Arc::new(stage.calls.clone());
    let scene = &stage.scene;
    let clock = Arc::clone(scene.engine.clock());
    let front = gateway::router(Arc::clone(&scene.template), Arc::clone(&called), clock);
    let front = serve(front).await.expect("a port");
    bot.configure(|bot| bot.base_url = format!("{}/gladly", front.base_url));
    let streams = Streams::start(
        &scene.engine,
        TABLE,
        &scene.template.streams,
        &called,
        &scene.dead_letters,
    )
    .await
    .expect("the stream can be read");
    let webhook = format!("{}/webhooks/gladly/{ENDPOINT}", front.base_url);
    gladly
        .connect(WebhookConfig::new(&webhook).basic(WEBHOOK_USER, WEBHOOK_PASSWORD))
        .await
        .expect("the hub answers the PING");

    gladly
        .customer_writes("ada", "hello")
        .expect("it can be written");
    let heard = |from, least: usize| {
        let sessions = gladly
            .customer("ada")
            .map(|view| view.sessions)
            .unwrap_or_default();
        sessions
            .iter()
            .flat_map(|session| session.texts(from))
            .count()
            >= least
    };
    let answered = gladly.wait_until(SOON, |_| heard(Speaker::Bot, 1)).await;
    assert!(
        answered,
        "the bot answers: {:?}\n{}",
        bot.failed_calls(),
        stage.emulator.said().join("\n")
    );
    gladly
        .customer_writes("ada", "I want an agent")
        .expect("it can be written");
    let passed = gladly
        .wait_until(SOON, |sim| sim.agent_accepts("ada", None).is_ok())
        .await;
    assert!(
        passed,
        "it is handed off: {:?}\n{}",
        bot.failed_calls(),
        stage.emulator.said().join("\n")
    );

    let violations = gladly.violations();
    assert!(violations.is_empty(), "{violations:#?}");
    assert_eq!(gladly.repeated_bot_messages(), 0);
    assert!(bot.told().iter().all(|told| told.authentic));
    streams.caught_up().await.expect("the stream can be read");
    let letters = scene.dead_letters.recent();
    assert!(letters.is_empty(), "{letters:?}");
    streams.stop().await;
}

//! Webhooks that the hub cannot use: the platform notices nothing, the process goes on,
//! and after a fix an operator has them taken in.

use crate::process::World;
use crate::stage::SOON;
use baton_simulators::bot::SampleBot;
use baton_simulators::gladly::DeliveryState;

/// In a body it makes the handler of a debug build panic.
const FAULT: &str = "the-words-that-a-fault-is-in";
/// More than Gladly would stand: it switches a webhook off after five failures of one
/// event.
const MANY: usize = 100;

fn told(bot: &SampleBot, text: &str) -> usize {
    let told = bot.told();
    told.iter()
        .filter(|told| told.text.as_deref() == Some(text))
        .count()
}

async fn is_told(world: &World, text: &str) {
    let came = world.bot.wait_until(SOON, |bot| told(bot, text) > 0).await;
    assert!(came, "{text:?} is told");
}

/// Waits until the platform has an answer to each of its webhooks.
async fn is_delivered(world: &World) {
    let done = |gladly: &baton_simulators::gladly::GladlySim| {
        let deliveries = gladly.deliveries();
        let pending = |it: &baton_simulators::gladly::Delivery| it.state == DeliveryState::Pending;
        !deliveries.iter().any(pending)
    };
    assert!(
        world.gladly.wait_until(SOON, done).await,
        "all are answered"
    );
    let deliveries = world.gladly.deliveries();
    let failed: Vec<_> = deliveries
        .iter()
        .filter(|it| it.state != DeliveryState::Delivered || it.attempts.len() != 1)
        .collect();
    assert!(failed.is_empty(), "each by its first attempt: {failed:#?}");
    let enabled = world.gladly.webhook_enabled(&world.webhook);
    assert_eq!(enabled, Some(true), "the webhook stays enabled");
}

/// The ids in a list.
fn ids(list: &str) -> Vec<&str> {
    let words = list.lines().filter_map(|line| line.split(' ').next());
    words.filter(|word| word.starts_with("psn_")).collect()
}

// Where the handler panics is built into debug builds alone.
#[cfg(debug_assertions)]
#[tokio::test]
async fn a_hundred_panics_cost_no_message_no_process_and_no_webhook() {
    let mut world = World::new("poison-panic", "off").await;
    world.hub.kill();
    world.hub.environment = vec![("BATON_TEST_PANIC_ON", FAULT.to_owned())];
    world.hub.start().await;
    let process = world.hub.id();
    let poisonous = |number: usize| format!("{number}: {FAULT}");
    for number in 0..MANY {
        let customer = format!("customer-{}", number % 10);
        let written = world.gladly.customer_writes(&customer, &poisonous(number));
        written.expect("it can be written");
    }
    is_delivered(&world).await;
    world
        .gladly
        .customer_writes("ada", "hello")
        .expect("it can be written");
    is_told(&world, "hello").await;
    is_delivered(&world).await;
    assert_eq!(world.hub.id(), process, "the same process");
    assert!(process.is_some());

    // bites: a list that shows what customers write.
    let (ok, list, _) = world.hub.operate(&["poison", "list", "--limit", "1000"]);
    assert!(ok && !list.contains(FAULT), "{list}");
    assert_eq!(ids(&list).len(), MANY, "{list}");
    assert!(list.contains("it made the handler panic"), "{list}");
    let (ok, body, _) = world.hub.operate(&["poison", "show", ids(&list)[0]]);
    assert!(ok && body.contains(FAULT), "{body}");

    // Replayed before the fix they stay.
    let first = ids(&list)[0].to_owned();
    let (ok, out, error) = world.hub.operate(&["poison", "replay", &first]);
    assert!(!ok && out.contains("still poison"), "{out} {error}");
    assert_eq!(world.hub.id(), process, "the same process still");

    // The fix: a version of the hub without the fault.
    world.hub.kill();
    world.hub.environment.clear();
    world.hub.start().await;
    let (ok, list, _) = world.hub.operate(&["poison", "list"]);
    assert!(ok);
    assert_eq!(ids(&list).len(), MANY, "they outlive the process: {list}");
    let (ok, out, error) = world.hub.operate(&["poison", "replay", &first]);
    assert!(ok && out.contains("taken in"), "{out} {error}");
    let (ok, out, error) = world.hub.operate(&["poison", "replay", "--all"]);
    assert!(ok, "{out} {error}");
    for number in 0..MANY {
        is_told(&world, &poisonous(number)).await;
    }
    let (_, list, _) = world.hub.operate(&["poison", "list"]);
    assert_eq!(ids(&list).len(), 0, "{list}");
    let (ok, _, error) = world.hub.operate(&["poison", "replay", &first]);
    assert!(!ok, "what was taken in is gone: {error}");
    world.hub.kill();
}

#[tokio::test]
async fn what_came_to_an_unknown_address_is_taken_in_once_it_is_configured() {
    let mut world = World::new("poison-address", "off").await;
    let address = world.gladly.config().app_address;
    let file = world.hub.folder.join("baton.toml");
    let right = std::fs::read_to_string(&file).expect("the configuration");
    let wrong = right.replace(&address, "000000000000000000000000");
    assert_ne!(right, wrong);
    world.hub.kill();
    std::fs::write(&file, wrong).expect("it is written");
    world.hub.start().await;
    for text in ["one", "two"] {
        world
            .gladly
            .customer_writes("ada", text)
            .expect("it can be written");
    }
    is_delivered(&world).await;
    let (_, list, _) = world.hub.operate(&["poison", "list"]);
    assert_eq!(ids(&list).len(), 2, "{list}");
    assert!(list.contains("no connection has this address"), "{list}");
    let (ok, out, _) = world.hub.operate(&["poison", "replay", "--all"]);
    assert!(!ok, "nothing has changed: {out}");

    // One of them comes again by itself, after the fix and before the replay.
    world.hub.kill();
    std::fs::write(&file, right).expect("it is written");
    world.hub.start().await;
    let body = world
        .gladly
        .deliveries()
        .into_iter()
        .find(|it| it.body.contains("\"one\""))
        .expect("it was sent");
    let again = reqwest::Client::new()
        .post(format!("{}/webhooks/gladly/gladly-main", world.hub.url()))
        .basic_auth("webhook-user", Some("test-secret-webhook"))
        .body(body.body);
    let answer = again.send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    let (ok, out, error) = world.hub.operate(&["poison", "replay", "--all"]);
    assert!(ok, "{out} {error}");
    is_told(&world, "two").await;
    // bites: a replay past the deduplication.
    assert_eq!(told(&world.bot, "one"), 1, "told once");
    let (_, list, _) = world.hub.operate(&["poison", "list"]);
    assert_eq!(ids(&list).len(), 0, "{list}");
    let (ok, _, error) = world.hub.operate(&["poison", "replay", "nonsense"]);
    assert!(!ok && error.contains("psn_"), "{error}");
    world.hub.kill();
    let (ok, _, error) = world.hub.operate(&["poison", "replay", "--all"]);
    assert!(!ok && error.contains("no hub runs"), "{error}");
}

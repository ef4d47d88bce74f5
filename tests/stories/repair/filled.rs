//! What the webhook did not bring is fetched.

use super::{CONNECTION, World};
use crate::stage::message_event;
use baton_domain::{HolderKind, Timestamp};
use baton_hub::checkup::State;
use baton_hub::facts::iso;
use baton_simulators::gladly::{GladlyConfig, Speaker};
use serde_json::Value;

#[tokio::test]
async fn a_webhook_that_was_switched_off_is_repaired_and_nothing_is_lost_or_doubled() {
    let world = World::new("repair", GladlyConfig::default(), true).await;
    world.outage().await;
    // While deliveries still fail, so does switching it on.
    world.look().await;
    assert_eq!(world.gladly.webhook_enabled(&world.webhook), Some(false));
    world.look().await;
    assert_eq!(world.on_bus("webhook.disabled").len(), 1, "told once");
    assert_eq!(world.on_bus("webhook.repaired"), [] as [Value; 0]);

    world.gate.close(false);
    world.look().await;
    assert_eq!(world.gladly.webhook_enabled(&world.webhook), Some(true));
    let repaired = world.on_bus("webhook.repaired");
    assert_eq!(repaired.len(), 1);
    assert_eq!(repaired[0]["detail"]["data"]["by"], "hub");
    world.pass(1).await;
    world
        .nothing_is_lost_or_doubled(&["ada", "bob", "dora"])
        .await;

    // A retry that was on its way comes after all, as an event that nobody has seen.
    let sessions = world.gladly.sessions_of("ada");
    let mut lines = sessions[0].lines.iter().rev();
    let line = lines.find(|line| line.from == Speaker::Customer);
    let line = line.expect("she wrote");
    let late = message_event(
        "a-late-event",
        &sessions[0].session_id,
        &line.message_id,
        line.text(),
        &iso(Timestamp(line.at)),
    );
    let url = format!("{}/webhooks/gladly/gladly-main", world.gate.url());
    let request = reqwest::Client::new().post(url).body(late);
    let request = request.basic_auth("webhook-user", Some("test-secret-webhook"));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);

    // Nobody knew of Carl's session until it speaks again.
    world.write("carl", "silent second of carl");
    world
        .until("carl is heard", async || world.told("carl").len() == 1)
        .await;
    world
        .running
        .hub
        .caught_up()
        .await
        .expect("the stream is read");
    for passes in 2..=3 {
        let now = world.running.hub.core.clock.now();
        let soon = |state: &mut State| {
            if let Some(gap) = &mut state.gap {
                gap.next = now;
            }
        };
        world.check(soon).await;
        world.pass(passes).await;
    }
    assert_eq!(world.state().await.gap, None, "it is filled");
    world
        .until("all of carl", async || world.told("carl").len() == 2)
        .await;
    let (mut ids, mut logged) = (world.written("carl").0, world.logged("carl").await);
    ids.sort();
    logged.sort();
    assert_eq!(logged, ids, "late, but there, and once");
    world
        .nothing_is_lost_or_doubled(&["ada", "bob", "dora"])
        .await;
}

#[tokio::test]
async fn where_the_events_api_tells_what_customers_said_new_sessions_are_found_at_once() {
    let sim = GladlyConfig {
        automation_events: true,
        ..GladlyConfig::default()
    };
    let world = World::new("repair-events", sim, true).await;
    world.outage().await;
    world.gate.close(false);
    world.look().await;
    world.pass(1).await;
    world
        .nothing_is_lost_or_doubled(&["ada", "bob", "carl", "dora"])
        .await;
}

#[tokio::test]
async fn what_is_fetched_while_it_also_comes_is_there_once() {
    let world = World::new("repair-race", GladlyConfig::default(), true).await;
    world.write("eve", "silent hello from eve");
    world.look().await;
    world
        .until("eve is heard", async || world.told("eve").len() == 1)
        .await;
    world
        .running
        .hub
        .caught_up()
        .await
        .expect("the stream is read");
    world.gate.close(true);
    for number in 1..=20 {
        world.write("eve", &format!("silent {number} by eve"));
    }
    world.switched_off().await;
    world.gate.close(false);
    // Retries of the platform, under ids of events that nobody has seen, while the same
    // messages are fetched.
    let session = world.gladly.sessions_of("eve").remove(0);
    let (ids, texts) = world.written("eve");
    let written = session.lines.iter();
    let written = written.filter(|line| line.from == Speaker::Customer && line.is_message());
    let retries = async {
        for (number, line) in written.enumerate().skip(1) {
            let (event, id) = (format!("late-{number}"), &line.message_id);
            // Recorded a moment after the message.
            let at = iso(Timestamp(line.at + 1_500));
            let late = message_event(&event, &session.session_id, id, line.text(), &at);
            let url = format!("{}/webhooks/gladly/gladly-main", world.gate.url());
            let request = reqwest::Client::new().post(url).body(late);
            let request = request.basic_auth("webhook-user", Some("test-secret-webhook"));
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 200);
        }
    };
    let repair = async {
        world.look().await;
        world.pass(1).await;
    };
    tokio::join!(repair, retries);
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(world.logged("eve").await), sorted(ids));
    let told = async || world.told("eve").len() >= texts.len();
    world.until("eve is heard", told).await;
    assert_eq!(sorted(world.told("eve")), sorted(texts.clone()));
}

#[tokio::test]
async fn what_agents_did_meanwhile_is_followed() {
    let world = World::new("repair-agents", GladlyConfig::default(), true).await;
    world.write("dora", "agent, please: dora");
    world
        .until("dora is handed off", async || queued(&world).await == 1)
        .await;
    world.look().await;
    world.gate.close(true);
    world.gladly.agent_accepts("dora", None).expect("she can");
    world.gladly.agent_closes("dora").expect("she can");
    world.switched_off().await;
    assert_eq!(queued(&world).await, 1, "the hub did not hear of it");
    world.gate.close(false);
    world.look().await;
    world
        .until("the close is known", async || queued(&world).await == 0)
        .await;
    let closed = world.on_bus("conversation.closed");
    assert_eq!(closed[0]["detail"]["data"]["reason"], "agent", "{closed:?}");
}

async fn queued(world: &World) -> usize {
    let store = &world.running.hub.core.store;
    let rows = store.open_rows(CONNECTION, HolderKind::Queue, 10, None);
    rows.await.expect("the index can be read").len()
}

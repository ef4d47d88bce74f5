//! What the checks find and tell.

use super::{CONNECTION, World};
use baton_domain::Timestamp;
use baton_hub::checkup::State;
use baton_hub::store::Mechanism;
use baton_simulators::gladly::GladlyConfig;
use serde_json::Value;

#[tokio::test]
async fn where_repairing_is_not_allowed_it_is_told_and_the_gap_filled_once_somebody_did() {
    let world = World::new("repair-by-hand", GladlyConfig::default(), false).await;
    world.outage().await;
    world.gate.close(false);
    world.look().await;
    world.look().await;
    assert_eq!(world.gladly.webhook_enabled(&world.webhook), Some(false));
    let told = world.on_bus("webhook.disabled");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["detail"]["data"]["repairs"], false);
    assert!(told[0]["detail"]["data"]["switched_off_at"].is_string());
    let enabled = world.gladly.enable_webhook(&world.webhook).await;
    enabled.expect("its PING is answered");
    world.look().await;
    world.pass(1).await;
    world
        .nothing_is_lost_or_doubled(&["ada", "bob", "dora"])
        .await;
    assert_eq!(
        world.on_bus("webhook.repaired")[0]["detail"]["data"]["by"],
        "platform"
    );
}

#[tokio::test]
async fn a_connection_is_checked_each_day_and_the_bus_is_told() {
    let world = World::new("checked", GladlyConfig::default(), true).await;
    let examine = |state: &mut State| {
        state.looked_at = Some(Timestamp(i64::MAX / 4));
        state.examined_at = None;
    };
    world.check(examine).await;
    let checked = world.on_bus("connection.checked");
    let last = &checked.last().expect("it was told")["detail"]["data"];
    assert_eq!(last["errors"], 0, "{last}");
    assert_eq!(world.on_bus("connection.unhealthy"), [] as [Value; 0]);
    // A look when all is well: what it costs, every five minutes. (6 write units, 1 read.)
    world.look().await;
    let units = world.running.hub.core.store.units();
    let before = units.tallies()[&Mechanism::Checkup];
    let core = &world.running.hub.core;
    let kept = core.store.checkup(CONNECTION).await.expect("it is kept");
    let due = Timestamp(kept.expect("it is armed").due * 1_000);
    assert!(
        due.since(core.clock.now()) > 200_000,
        "not before five minutes"
    );
    world.look().await;
    let after = units.tallies()[&Mechanism::Checkup];
    // Making it due, and waiting for it, is the test's.
    let (write, calls) = (after.write - before.write, after.calls - before.calls);
    assert!(write <= 10.0, "{write} write units in {calls} requests");
    world.bot.configure(|bot| bot.dead = true);
    world.check(examine).await;
    let ill = world.on_bus("connection.unhealthy");
    assert_eq!(
        ill[0]["detail"]["data"]["findings"][0]["code"],
        "bot_refuses"
    );
}

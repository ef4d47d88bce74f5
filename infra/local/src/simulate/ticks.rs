//! The minute rule: ticks jittered, lost, doubled and late.

use super::fleet::Fleet;
use super::stage::between;
use super::weather::Fault;
use crate::invoke::Functions;
use std::time::Duration;

/// Starts the schedules of the template.
pub(super) fn start(fleet: &Fleet) {
    for schedule in fleet.template().schedules.clone() {
        let fleet = fleet.clone();
        tokio::spawn(async move {
            let stage = fleet.stage().clone();
            let mut random = stage.random(&format!("ticks of {}", schedule.function));
            let began = tokio::time::Instant::now();
            for number in 0u32.. {
                tokio::time::sleep_until(began + schedule.every * number).await;
                if stage.strikes(Fault::TickLost, &mut random) {
                    stage.note("rule", || "tick lost".to_owned());
                    continue;
                }
                let times = if stage.strikes(Fault::TickDoubled, &mut random) {
                    2
                } else {
                    1
                };
                for _ in 0..times {
                    let mut after = between(&mut random, 0, 2_000);
                    if stage.strikes(Fault::TickLate, &mut random) {
                        after += between(&mut random, 5_000, 59_000);
                    }
                    let (fleet, function) = (fleet.clone(), schedule.function.clone());
                    tokio::spawn(tick(fleet, function, after));
                }
            }
        });
    }
}

async fn tick(fleet: Fleet, function: String, after: Duration) {
    tokio::time::sleep(after).await;
    // Nobody waits for it, and it is not tried again.
    let event = br#"{"detail-type":"Scheduled Event","detail":{}}"#.to_vec();
    if let Err(error) = fleet.invoke(&function, event).await {
        fleet
            .stage()
            .note("rule", || format!("the sweep ended: {error}"));
    }
}

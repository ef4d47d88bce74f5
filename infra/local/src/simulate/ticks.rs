//! The minute rule: ticks jittered, lost, doubled and late.
//!
//! In most runs the rule rests while nothing is due: a sweep would ask in vain every two
//! seconds, and a run would be mostly that. A tick that was left out for it comes late,
//! as soon as something becomes due before the next.

use super::fleet::Fleet;
use super::stage::{Stage, between};
use super::weather::Fault;
use crate::invoke::Functions;
use baton_simulators::random::Random;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// What is due within this time of a tick, in ms, must find a sweep that runs: until the
/// next tick, and the time that may take.
const AHEAD: i64 = 75_000;

/// Starts the schedules of the template.
pub(super) fn start(fleet: &Fleet) {
    for schedule in fleet.template().schedules.clone() {
        let random = fleet
            .stage()
            .random(&format!("ticks of {}", schedule.function));
        tokio::spawn(run(
            fleet.clone(),
            schedule.function,
            schedule.every,
            random,
        ));
    }
}

async fn run(fleet: Fleet, function: String, every: Duration, mut random: Random) {
    let stage = fleet.stage().clone();
    let rests = random.below(4) > 0;
    let began = Instant::now();
    for number in 0u32.. {
        sleep_until(began + every * number).await;
        if rests && !is_needed(&fleet, &stage).await {
            fleet.end_sweeps();
            let next = began + every * (number + 1);
            let from = stage.clock.now();
            let needed = becomes_needed(&fleet, &stage, next).await;
            fleet.note_rest(from);
            if !needed {
                continue;
            }
        }
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
            tokio::spawn(tick(fleet.clone(), function.clone(), after));
        }
    }
}

/// Whether anything is due soon; also where that cannot be learned.
async fn is_needed(fleet: &Fleet, stage: &Stage) -> bool {
    let soon = (stage.clock.now() + AHEAD) / 1_000;
    match fleet.due().earliest().await {
        Some(earliest) => earliest.is_some_and(|at| at <= soon),
        None => true,
    }
}

/// Waits until a sweep is needed, or the next tick.
async fn becomes_needed(fleet: &Fleet, stage: &Stage, next: Instant) -> bool {
    while Instant::now() < next {
        let written = tokio::time::timeout_at(next, fleet.due().written());
        if written.await.is_ok() && is_needed(fleet, stage).await {
            return true;
        }
    }
    false
}

async fn tick(fleet: Fleet, function: String, after: Duration) {
    sleep(after).await;
    // Nobody waits for it, and it is not tried again.
    let event = br#"{"detail-type":"Scheduled Event","detail":{}}"#.to_vec();
    if let Err(error) = fleet.invoke(&function, event).await {
        fleet
            .stage()
            .note("rule", || format!("the sweep ended: {error}"));
    }
}

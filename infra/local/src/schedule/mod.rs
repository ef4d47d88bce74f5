//! The template's schedules, on tokio's clock.

#[cfg(test)]
mod tests;

use crate::bus::envelope;
use crate::dead_letters::DeadLetters;
use crate::engine::Clock;
use crate::invoke::{Functions, call_for_event};
use crate::template::Schedule;
use crate::{ACCOUNT, REGION};
use serde_json::json;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// The running schedules. Dropping it stops them, and the calls they started.
#[derive(Debug)]
pub struct Schedules {
    tasks: JoinSet<()>,
}

impl Schedules {
    /// Starts them: each fires at once, and then at its interval. As on AWS, a
    /// call is not waited for; ticks that passed while the machine slept are not
    /// made up for.
    #[must_use]
    pub fn start(
        schedules: &[Schedule],
        functions: &Arc<dyn Functions>,
        dead_letters: &DeadLetters,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        for schedule in schedules {
            tasks.spawn(tick(
                schedule.clone(),
                Arc::clone(functions),
                dead_letters.clone(),
                Arc::clone(clock),
            ));
        }
        Self { tasks }
    }

    /// Stops them at once.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn tick(
    schedule: Schedule,
    functions: Arc<dyn Functions>,
    dead_letters: DeadLetters,
    clock: Arc<dyn Clock>,
) {
    let rule = format!(
        "arn:aws:events:{REGION}:{ACCOUNT}:rule/baton-{}",
        schedule.function
    );
    let mut calls = JoinSet::new();
    let mut ticks = tokio::time::interval(schedule.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        while calls.try_join_next().is_some() {}
        let event = envelope::event(
            "aws.events",
            "Scheduled Event",
            &json!({}),
            std::slice::from_ref(&rule),
            clock.now_unix_secs(),
        );
        // The next tick makes good a lost one: no retries.
        calls.spawn(call_for_event(
            Arc::clone(&functions),
            schedule.function.clone(),
            event,
            0,
            dead_letters.clone(),
        ));
    }
}

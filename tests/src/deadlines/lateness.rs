//! Deadlines spread out over time: how late they are, whatever the ticks do.

use super::cloud::{Cloud, Failed, Weather};
use super::fleet::{Fleet, Sandboxes, Seen};
use super::sandbox::Size;
use super::sessions::{Sessions, TIMERS, connections};
use super::ticks::Ticks;
use super::verdict::Verdict;
use baton_domain::time::MINUTE;
use std::sync::Arc;
use std::time::Duration;

/// The first tick has come by then.
const FIRST_TICK: i64 = MINUTE;

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many conversations.
    pub sessions: usize,
    /// Over how many minutes they begin.
    pub minutes: u64,
    /// What becomes of the ticks.
    pub ticks: Ticks,
    /// How far the index is behind at most, in milliseconds.
    pub index_lag: u64,
    /// How far any clock is off at most, in milliseconds.
    pub skew: u64,
    /// What a sandbox is given.
    pub size: Size,
    /// The seed of all chances.
    pub seed: u64,
}

impl Plan {
    /// Sandboxes without limits of processor, five milliseconds from the store.
    #[must_use]
    pub fn calm(sessions: usize, minutes: u64) -> Self {
        Self {
            sessions,
            minutes,
            ticks: Ticks::jittered(),
            index_lag: 1_000,
            skew: 250,
            size: Size {
                work: None,
                latency: Duration::from_millis(5),
            },
            seed: 1,
        }
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Against the model.
    pub verdict: Verdict,
    /// Of the sandboxes.
    pub seen: Seen,
    /// Threads that the index still offers at the end.
    pub left: usize,
    /// The store, for looking inside.
    pub cloud: Arc<Cloud>,
}

/// Runs it.
///
/// # Errors
/// When the store or the template fail.
pub async fn run(plan: &Plan) -> Result<Outcome, Failed> {
    let weather = Weather {
        index_lag: plan.index_lag,
        partitions: None,
        seed: plan.seed,
    };
    let cloud = Cloud::new(weather, connections()).await?;
    let sandboxes = Sandboxes {
        size: plan.size,
        skew: plan.skew,
        limit: None,
    };
    let fleet = Fleet::new(&cloud, sandboxes, plan.seed)?;
    let sessions = Sessions::new(&cloud, i64::try_from(plan.skew)?);
    let longest = TIMERS.iter().map(|(owes, silent)| owes + silent).max();
    // Room for the last timers, and for two ticks after them.
    let minutes = plan.minutes + longest.unwrap_or_default().unsigned_abs().div_ceil(60) + 4;
    let ticks = tokio::spawn(
        plan.ticks
            .clone()
            .run(cloud.time, fleet.clone(), minutes, plan.seed),
    );
    let over = i64::try_from(plan.minutes)? * MINUTE;
    sessions
        .spread(plan.sessions, FIRST_TICK, over, plan.seed)
        .await?;
    ticks.await?;
    Ok(Outcome {
        verdict: Verdict::of(&cloud, &sessions.model),
        seen: fleet.seen(),
        left: cloud.still_due().await?.len(),
        cloud,
    })
}

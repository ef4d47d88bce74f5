//! Everything due in one second: throttled partitions, small processors, few sandboxes.

use super::cloud::{Cloud, Failed, Weather};
use super::fleet::{Fleet, Sandboxes, Seen};
use super::sandbox::{Size, Work};
use super::sessions::{Sessions, connections};
use super::ticks::Ticks;
use super::time::BEGIN;
use super::verdict::Verdict;
use baton_domain::time::{MINUTE, SECOND};
use baton_hub::store::{Mechanism, Tally};
use std::collections::BTreeMap;
use std::time::Duration;

/// The memory at which Lambda gives a whole processor, in MB. Source: Lambda developer
/// guide, "Configure Lambda function memory": "At 1,769 MB, a function has the
/// equivalent of one vCPU".
const WHOLE_PROCESSOR_MB: f64 = 1_769.0;

/// A run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many conversations are due.
    pub sessions: usize,
    /// Partitions of the table, each of 1,000 write units a second.
    pub partitions: usize,
    /// What work costs on a whole processor.
    pub work: Work,
    /// Memory of a sandbox, in MB; `None` takes the template's.
    pub memory: Option<u32>,
    /// Sandboxes at once; `None` takes the template's reserved concurrency.
    pub limit: Option<usize>,
    /// How far the index is behind at most, in milliseconds.
    pub index_lag: u64,
    /// The seed of all chances.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Against the model.
    pub verdict: Verdict,
    /// Of the sandboxes.
    pub seen: Seen,
    /// Writes that were throttled.
    pub throttled: u64,
    /// Requests and units of all sweeps, by mechanism.
    pub tallies: BTreeMap<Mechanism, Tally>,
    /// When the index offered none of these threads as overdue any more, in
    /// milliseconds after the second; `None` where some were left at the end.
    pub settled: Option<i64>,
}

/// When the customers write, in milliseconds from the begin: some ticks have come.
const WRITTEN: i64 = 2 * MINUTE + 30 * SECOND + 200;
/// How long the bot may take then, in seconds, and a silent customer.
const TIMERS: (i64, i64) = (60, 300);
/// How long a run is watched after the second, in minutes.
const WATCHED: u64 = 5;

/// Runs it.
///
/// # Errors
/// When the store or the template fail.
pub async fn run(plan: &Plan) -> Result<Outcome, Failed> {
    let weather = Weather {
        index_lag: plan.index_lag,
        partitions: Some(plan.partitions),
        seed: plan.seed,
    };
    let cloud = Cloud::new(weather, connections()).await?;
    let spec = cloud.template.function("sweep").ok_or("no sweep")?;
    let memory = plan.memory.unwrap_or(spec.memory_mb);
    let share = (f64::from(memory) / WHOLE_PROCESSOR_MB).min(1.0);
    let sandboxes = Sandboxes {
        size: Size {
            work: Some((share, plan.work)),
            latency: Duration::from_millis(5),
        },
        skew: 250,
        limit: plan.limit,
    };
    let fleet = Fleet::new(&cloud, sandboxes, plan.seed)?;
    let sessions = Sessions::new(&cloud, 0);
    let minutes = 3 + WATCHED;
    let ticks = tokio::spawn(Ticks::jittered().run(cloud.time, fleet.clone(), minutes, plan.seed));
    sessions.at_once(plan.sessions, WRITTEN, TIMERS).await?;
    let due = BEGIN.plus(WRITTEN + TIMERS.0 * SECOND).seconds_up() * SECOND;
    let mut settled = None;
    let core = cloud.free_core("auditor", 0);
    while settled.is_none() && !ticks.is_finished() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut overdue = 0;
        for shard in 0..baton_hub::store::item::SHARDS {
            overdue += core.store.due(shard, 0, due / SECOND, 1, None).await?.len();
        }
        let now = cloud.time.now().0;
        settled = (overdue == 0 && now > due).then_some(now - due);
    }
    ticks.await?;
    let mut tallies: BTreeMap<Mechanism, Tally> = BTreeMap::new();
    let seen = fleet.seen();
    for store in &seen.stores {
        for (mechanism, tally) in store.units().tallies() {
            let sum = tallies.entry(mechanism).or_default();
            sum.calls += tally.calls;
            sum.read += tally.read;
            sum.write += tally.write;
        }
    }
    Ok(Outcome {
        verdict: Verdict::of(&cloud, &sessions.model),
        seen,
        throttled: cloud.throttled(),
        tallies,
        settled,
    })
}

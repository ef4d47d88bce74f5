//! Deadlines at scale, in virtual time, and what a sandbox needs for them, measured with
//! the released binary. `BATON_SESSIONS` is the number of conversations: a million takes
//! long, the usual number minutes. The burst has as many fewer sandboxes and partitions as
//! it has fewer conversations than [`WHOLE`].

use crate::table::Row;
use baton_local::template::Template;
use baton_tests::deadlines::burst;
use baton_tests::deadlines::cloud::Failed;
use baton_tests::deadlines::flat::{self, Cost, Live};
use baton_tests::deadlines::lateness::{self, Plan};
use baton_tests::deadlines::process::{self, Needs};
use baton_tests::deadlines::shard;
use baton_tests::deadlines::ticks::Ticks;
use baton_tests::deadlines::verdict::percentile;
use std::path::{Path, PathBuf};

/// Conversations that the figures are about.
const WHOLE: usize = 100_000;
/// Conversations of a run where nobody says otherwise.
const USUAL: usize = 25_000;
/// How many of them begin in a minute: an hour for all.
const A_MINUTE: usize = WHOLE / 60;
/// Rows that are due when the memory of a tick's sandbox is measured.
const TICK_ROWS: usize = 20_000;
/// Partitions of the table: on demand it begins with four. Source: DynamoDB developer
/// guide, "On-demand capacity mode", initial throughput of 4,000 write units.
const PARTITIONS: usize = 4;
/// Rows of these sections. Each has a clock and a store of its own; they run side by side.
pub(crate) async fn measure(sections: Vec<&str>, binaries: PathBuf) -> Result<Vec<Row>, Failed> {
    let mut running = Vec::new();
    for section in sections {
        let section = match section {
            "lateness" => lateness_rows,
            "burst" => burst_rows,
            "flat" => flat_rows,
            _ => shard_rows,
        };
        let binaries = binaries.clone();
        running.push(tokio::task::spawn_blocking(move || section(&binaries)));
    }
    let mut rows = Vec::new();
    for section in running {
        rows.extend(section.await??);
    }
    Ok(rows)
}

fn sessions() -> usize {
    let given = std::env::var("BATON_SESSIONS").ok();
    given.and_then(|n| n.parse().ok()).unwrap_or(USUAL)
}

fn paused() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?)
}

fn lateness_rows(_: &Path) -> Result<Vec<Row>, Failed> {
    let count = sessions();
    let minutes = u64::try_from((count / A_MINUTE).max(4))?;
    let usual = paused()?.block_on(lateness::run(&Plan::calm(count, minutes)))?;
    let lost = Plan {
        ticks: Ticks {
            lost: vec![5],
            doubled: vec![9],
            late: vec![13],
            ..Ticks::jittered()
        },
        ..Plan::calm(count / 10, 20)
    };
    let lost = paused()?.block_on(lateness::run(&lost))?;
    let (v, l) = (&usual.verdict, &lost.verdict);
    let early = v.earliest().min(l.earliest());
    Ok(vec![
        row(
            format!("timers' lateness, p99 of {count}"),
            format!("p50 {} ms", v.within(0.5)),
            format!("{} ms", v.within(0.99)),
            "<= 2000 ms",
            v.within(0.99) <= 2_000 && v.all_once(),
        ),
        row(
            "timers that fired early",
            "-",
            format!("earliest {early} ms late"),
            ">= 0 ms",
            early >= 0,
        ),
        row(
            "lateness with a tick lost, one doubled, one late",
            format!("p99 {} ms", l.within(0.99)),
            format!("{} ms at most", l.latest()),
            "<= 65000 ms",
            l.latest() <= 65_000 && l.all_once(),
        ),
    ])
}

/// What the real binary needs.
fn needs(binaries: &Path) -> Result<Needs, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(process::measure(binaries, TICK_ROWS))
}

fn burst_rows(binaries: &Path) -> Result<Vec<Row>, Failed> {
    let needs = needs(binaries)?;
    let scale = (WHOLE / sessions()).max(1);
    let template = Template::builtin()?;
    let reserved = template
        .function("sweep")
        .and_then(|sweep| sweep.reserved_concurrency);
    // Two ticks overlap; the rest is there for slices.
    let slices = usize::try_from(reserved.unwrap_or_default())?.saturating_sub(2);
    let plan = burst::Plan {
        sessions: sessions(),
        partitions: (PARTITIONS / scale).max(1),
        work: needs.work(),
        memory: None,
        limit: Some(2 + (slices / scale).max(1)),
        index_lag: 0,
        seed: 1,
    };
    let outcome = paused()?.block_on(burst::run(&plan))?;
    let v = &outcome.verdict;
    Ok(vec![
        row(
            format!("{} due in one second, all closed", plan.sessions),
            format!(
                "p50 {:.1} s, {} throttled",
                seconds(v.within(0.5)),
                outcome.throttled
            ),
            format!("{:.1} s", seconds(v.latest())),
            "<= 60 s",
            v.latest() <= 60_000 && v.never == 0,
        ),
        row(
            "closed twice, never, early",
            format!(
                "{} sandboxes, {} slices",
                outcome.seen.made, outcome.seen.slices
            ),
            format!("{}, {}, {}", v.twice, v.never, v.earliest() < 0),
            "0, 0, false",
            v.all_once() && v.earliest() >= 0,
        ),
        row(
            "memory of a sweep's sandbox: slice, tick",
            format!(
                "{:.0} us a row in {:.1} requests",
                needs.fired.as_secs_f64() * 1e6,
                needs.requests
            ),
            format!("{:.1} MB, {:.1} MB", needs.slice_mb, needs.tick_mb),
            "<= 64 MB",
            needs.slice_mb.max(needs.tick_mb) <= 64.0,
        ),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "spans of minutes")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1e3
}

fn flat_rows(_: &Path) -> Result<Vec<Row>, Failed> {
    let most = sessions() * 10;
    let sizes: Vec<usize> = [1_000, 10_000, 100_000, 1_000_000]
        .into_iter()
        .filter(|size| *size <= most)
        .collect();
    let quiet = paused()?.block_on(flat::run(&sizes, Live::Quiet))?;
    let watched = paused()?.block_on(flat::run(&[1_000, 10_000], Live::Watched))?;
    let mut rows = Vec::new();
    for (what, costs) in [("live", &quiet), ("watched", &watched)] {
        for cost in costs.iter().skip(1) {
            rows.extend(costs.first().map(|first| beside(what, first, cost)));
        }
    }
    Ok(rows)
}

fn beside(what: &str, first: &Cost, cost: &Cost) -> Row {
    let found = cost.found / first.found;
    let wall = cost.wall.as_secs_f64() / first.wall.as_secs_f64();
    row(
        format!("sweep beside {} {what}: read units, wall", cost.live),
        format!(
            "{:.0}, {:.2} s at {}",
            first.found,
            first.wall.as_secs_f64(),
            first.live
        ),
        format!("{found:.2}x, {wall:.2}x ({:.0} with loads)", cost.read),
        "<= 1.1x, <= 1.5x",
        found <= 1.1 && wall <= 1.5,
    )
}

fn shard_rows(_: &Path) -> Result<Vec<Row>, Failed> {
    let outcome = paused()?.block_on(shard::run(10, 15, 1))?;
    Ok(vec![row(
        "append to the bot's call beside a slow bot, p99",
        format!(
            "p50 {} ms; the slow one's p50 {} ms",
            percentile(&outcome.others, 0.5),
            percentile(&outcome.slow, 0.5)
        ),
        format!("{} ms", outcome.p99()),
        "<= 1000 ms",
        outcome.p99() <= 1_000 && outcome.never == 0,
    )])
}

fn row(
    figure: impl Into<String>,
    baseline: impl Into<String>,
    measured: impl Into<String>,
    reach: &str,
    met: bool,
) -> Row {
    Row {
        figure: figure.into(),
        baseline: baseline.into(),
        measured: measured.into(),
        reach: reach.to_owned(),
        met: Some(met),
        kept: None,
    }
}

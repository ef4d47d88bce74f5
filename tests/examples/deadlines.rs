//! Deadlines at scale, in virtual time: prints each figure beside what is to be reached.
//!
//!     cargo run --profile emulator --example deadlines [SECTION...]
//!
//! Sections: `lateness`, `burst`, `flat`, `shard`. What a row of a slice costs in
//! processor time, and how much memory a sandbox needs, is measured with the real binary
//! where `BATON_BENCH_BINARIES` names the folder of released functions; else the burst
//! takes what was measured last. `BATON_SESSIONS` makes fewer conversations than 100,000,
//! at the same rate, and for the burst with as many fewer sandboxes and partitions.

use baton_local::template::Template;
use baton_tests::deadlines::burst;
use baton_tests::deadlines::cloud::Failed;
use baton_tests::deadlines::flat::{self, Cost, Live};
use baton_tests::deadlines::lateness::{self, Plan};
use baton_tests::deadlines::process::{self, Needs};
use baton_tests::deadlines::row::{Row, table};
use baton_tests::deadlines::sandbox::Work;
use baton_tests::deadlines::shard;
use baton_tests::deadlines::ticks::Ticks;
use baton_tests::deadlines::verdict::percentile;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Conversations of a run.
const SESSIONS: usize = 100_000;
/// How many of them begin in a minute: an hour for all.
const A_MINUTE: usize = SESSIONS / 60;
/// Rows that are due when the memory of a tick's sandbox is measured.
const TICK_ROWS: usize = 20_000;
/// Partitions of the table: on demand it begins with four. Source: DynamoDB developer
/// guide, "On-demand capacity mode", initial throughput of 4,000 write units.
const PARTITIONS: usize = 4;
/// What a request and a row of the index cost in processor time when the released binary
/// was measured last, on a Xeon of 2.1 GHz.
const MEASURED: Work = Work {
    request: Duration::from_micros(213),
    row: Duration::from_micros(4),
};

type Section = fn() -> Result<Vec<Row>, Failed>;

const SECTIONS: [(&str, Section); 4] = [
    ("lateness", lateness_rows),
    ("burst", burst_rows),
    ("flat", flat_rows),
    ("shard", shard_rows),
];

fn main() -> Result<(), Failed> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let chosen = |name: &str| only.is_empty() || only.iter().any(|only| only == name);
    let chosen = SECTIONS.into_iter().filter(|(name, _)| chosen(name));
    // Each has a clock and a store of its own.
    let running: Vec<_> = chosen
        .map(|(name, section)| {
            std::thread::spawn(move || {
                let began = Instant::now();
                let rows = section();
                eprintln!("{name}: {:.0} s", began.elapsed().as_secs_f64());
                rows
            })
        })
        .collect();
    let mut rows = Vec::new();
    for section in running {
        rows.extend(section.join().map_err(|_| "a section panicked")??);
    }
    println!("{}", table(&rows));
    Ok(())
}

fn sessions() -> usize {
    let given = std::env::var("BATON_SESSIONS").ok();
    given.and_then(|n| n.parse().ok()).unwrap_or(SESSIONS)
}

fn paused() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?)
}

fn lateness_rows() -> Result<Vec<Row>, Failed> {
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
        Row::new(
            format!("timers' lateness, p99 of {count}"),
            format!("p50 {} ms", v.within(0.5)),
            format!("{} ms", v.within(0.99)),
            "<= 2000 ms",
            v.within(0.99) <= 2_000 && v.all_once(),
        ),
        Row::new(
            "timers that fired early",
            "-",
            format!("earliest {early} ms late"),
            ">= 0 ms",
            early >= 0,
        ),
        Row::new(
            "lateness with a tick lost, one doubled, one late",
            format!("p99 {} ms", l.within(0.99)),
            format!("{} ms at most", l.latest()),
            "<= 65000 ms",
            l.latest() <= 65_000 && l.all_once(),
        ),
    ])
}

/// The real binary's needs, where there is one.
fn needs() -> Result<Option<Needs>, Failed> {
    let Some(folder) = std::env::var_os("BATON_BENCH_BINARIES").map(PathBuf::from) else {
        return Ok(None);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    Ok(Some(
        runtime.block_on(process::measure(&folder, TICK_ROWS))?,
    ))
}

fn burst_rows() -> Result<Vec<Row>, Failed> {
    let needs = needs()?;
    let scale = (SESSIONS / sessions()).max(1);
    let template = Template::builtin()?;
    let reserved = template
        .function("sweep")
        .and_then(|sweep| sweep.reserved_concurrency);
    // Two ticks overlap; the rest is there for slices.
    let slices = usize::try_from(reserved.unwrap_or_default())?.saturating_sub(2);
    let plan = burst::Plan {
        sessions: sessions(),
        partitions: (PARTITIONS / scale).max(1),
        work: needs.map_or(MEASURED, |needs| needs.work()),
        memory: None,
        limit: Some(2 + (slices / scale).max(1)),
        index_lag: 0,
        seed: 1,
    };
    let outcome = paused()?.block_on(burst::run(&plan))?;
    let v = &outcome.verdict;
    let mut rows = vec![
        Row::new(
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
        Row::new(
            "closed twice, never, early",
            format!(
                "{} sandboxes, {} slices",
                outcome.seen.made, outcome.seen.slices
            ),
            format!("{}, {}, {}", v.twice, v.never, v.earliest() < 0),
            "0, 0, false",
            v.all_once() && v.earliest() >= 0,
        ),
    ];
    if let Some(needs) = needs {
        rows.push(Row::new(
            "memory of a sweep's sandbox: slice, tick",
            format!(
                "{:.0} us a row in {:.1} requests",
                needs.fired.as_secs_f64() * 1e6,
                needs.requests
            ),
            format!("{:.1} MB, {:.1} MB", needs.slice_mb, needs.tick_mb),
            "<= 64 MB",
            needs.slice_mb.max(needs.tick_mb) <= 64.0,
        ));
    }
    Ok(rows)
}

#[expect(clippy::cast_precision_loss, reason = "spans of minutes")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1e3
}

fn flat_rows() -> Result<Vec<Row>, Failed> {
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
    Row::new(
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

fn shard_rows() -> Result<Vec<Row>, Failed> {
    let outcome = paused()?.block_on(shard::run(10, 15, 1))?;
    Ok(vec![Row::new(
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

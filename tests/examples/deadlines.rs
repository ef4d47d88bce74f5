//! Deadlines at scale, in virtual time: prints each figure beside what is to be reached.
//!
//!     cargo run --profile emulator --example deadlines [SECTION...]

use baton_tests::deadlines::cloud::Failed;
use baton_tests::deadlines::lateness::{self, Plan};
use baton_tests::deadlines::row::{Row, table};
use baton_tests::deadlines::sandbox::Work;
use baton_tests::deadlines::{burst, flat};
use std::time::{Duration, Instant};

fn main() -> Result<(), Failed> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let chosen = |name: &str| only.is_empty() || only.iter().any(|only| only == name);
    let mut rows = Vec::new();
    if chosen("lateness") {
        rows.extend(lateness_rows()?);
    }
    if chosen("burst") {
        let n = |name: &str, d: usize| {
            std::env::var(name)
                .ok()
                .and_then(|n| n.parse::<usize>().ok())
                .unwrap_or(d)
        };
        let began = Instant::now();
        let plan = burst::Plan {
            sessions: n("SESSIONS", 10_000),
            partitions: n("PARTITIONS", 8),
            work: Work {
                request: Duration::from_micros(n("REQUEST", 120) as u64),
                row: Duration::from_micros(n("ROW", 8) as u64),
            },
            memory: Some(n("MEMORY", 128) as u32),
            limit: Some(n("LIMIT", 20)),
            index_lag: n("LAG", 1000) as u64,
            seed: 1,
        };
        let outcome = paused()?.block_on(burst::run(&plan))?;
        let v = &outcome.verdict;
        println!("{plan:?}");
        println!(
            "p50 {} p99 {} max {} earliest {} never {} twice {} made {} at once {} throttled calls {} slices {} failed {:?} settled {:?} throttled writes {} in {:?}",
            v.within(0.5),
            v.within(0.99),
            v.latest(),
            v.earliest(),
            v.never,
            v.twice,
            outcome.seen.made,
            outcome.seen.at_once,
            outcome.seen.throttled,
            outcome.seen.slices,
            outcome.seen.failed,
            outcome.settled,
            outcome.throttled,
            began.elapsed()
        );
        println!("{:?}", outcome.tallies);
    }
    if chosen("process") {
        let began = Instant::now();
        let folder = std::env::var("FUNCTIONS")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let due = std::env::var("DUE")
            .ok()
            .and_then(|n| n.parse().ok())
            .unwrap_or(20_000);
        println!(
            "{:?}",
            runtime.block_on(baton_tests::deadlines::process::measure(
                folder.as_ref(),
                due
            ))?
        );
        println!("in {:?}", began.elapsed());
    }
    if chosen("shard") {
        let began = Instant::now();
        let minutes = std::env::var("MINUTES")
            .ok()
            .and_then(|n| n.parse().ok())
            .unwrap_or(10);
        let o = paused()?.block_on(baton_tests::deadlines::shard::run(minutes, 15, 1))?;
        let p = |v: &[i64], s| baton_tests::deadlines::verdict::percentile(v, s);
        println!(
            "others {} p50 {} p99 {} max {}; slow {} p50 {} p99 {} max {}; never {} again {} in {:?}",
            o.others.len(),
            p(&o.others, 0.5),
            o.p99(),
            p(&o.others, 1.0),
            o.slow.len(),
            p(&o.slow, 0.5),
            p(&o.slow, 0.99),
            p(&o.slow, 1.0),
            o.never,
            o.again,
            began.elapsed()
        );
    }
    if chosen("flat") {
        let began = Instant::now();
        let costs = paused()?.block_on(flat::run(&[1_000, 10_000, 100_000]))?;
        for cost in costs {
            println!("{cost:?}");
        }
        println!("in {:?}", began.elapsed());
    }
    println!("{}", table(&rows));
    Ok(())
}

fn paused() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?)
}

fn lateness_rows() -> Result<Vec<Row>, Failed> {
    let began = Instant::now();
    let sessions = std::env::var("SESSIONS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(10_000);
    let plan = Plan::calm(sessions, 60);
    let outcome = paused()?.block_on(lateness::run(&plan))?;
    let v = &outcome.verdict;
    println!(
        "p50 {} p99 {} max {} earliest {} never {} twice {} left {} seen {:?} failed {:?} in {:?}",
        v.within(0.5),
        v.within(0.99),
        v.latest(),
        v.earliest(),
        v.never,
        v.twice,
        outcome.left,
        outcome.seen.made,
        outcome.seen.failed,
        began.elapsed()
    );
    for (late, id, at) in &v.worst {
        println!(
            "{late} {id} due {}",
            at.since(baton_tests::deadlines::time::BEGIN)
        );
        let id = baton_domain::ThreadId::parse(id)?;
        let store = outcome.cloud.free_core("look", 0).store;
        let log =
            paused()?.block_on(store.entries(&id, 1, 50, baton_hub::store::Mechanism::Read))?;
        for e in log {
            println!(
                "   {} at {} due {:?} {:?}",
                e.seq,
                e.at.since(baton_tests::deadlines::time::BEGIN),
                e.due.map(|d| d.since(baton_tests::deadlines::time::BEGIN)),
                e.events.iter().map(|e| e.name()).collect::<Vec<_>>()
            );
        }
    }
    Ok(vec![Row::new(
        "lateness p99",
        "-",
        format!("{} ms", v.within(0.99)),
        "<= 2,000 ms",
        v.within(0.99) <= 2_000 && v.all_once(),
    )])
}

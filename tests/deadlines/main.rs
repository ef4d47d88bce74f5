//! Deadlines at scale, scaled down: the hub's own sweep on a virtual clock, with what AWS
//! does to it. `tests/bench` runs the same with its full numbers.

use baton_tests::deadlines::flat::Live;
use baton_tests::deadlines::lateness::{self, Plan};
use baton_tests::deadlines::sandbox::Work;
use baton_tests::deadlines::ticks::Ticks;
use baton_tests::deadlines::{burst, flat, shard};
use std::time::Duration;

/// What 99 of 100 timers keep to, in milliseconds, and all when one tick is lost.
const LATE: i64 = 2_000;
const LATE_WITHOUT_A_TICK: i64 = 65_000;

// bites: asking the index every 5 s; firing 1.5 s after the time.
#[tokio::test(start_paused = true)]
async fn timers_fire_within_two_seconds_and_none_early() {
    let outcome = lateness::run(&Plan::calm(300, 4)).await.expect("a run");
    let verdict = outcome.verdict;
    assert!(verdict.all_once(), "{verdict:?}");
    assert!(verdict.earliest() >= 0, "{} ms", verdict.earliest());
    assert!(verdict.within(0.99) <= LATE, "{} ms", verdict.within(0.99));
    assert!(outcome.seen.failed.is_empty(), "{:?}", outcome.seen.failed);
}

// bites: a sweep that ends when its minute does.
#[tokio::test(start_paused = true)]
async fn a_lost_tick_costs_a_minute_and_doubled_or_late_ones_nothing() {
    for seed in 1..=3 {
        let plan = Plan {
            ticks: Ticks {
                lost: vec![3],
                doubled: vec![1, 6],
                late: vec![8],
                ..Ticks::jittered()
            },
            seed,
            ..Plan::calm(200, 8)
        };
        let verdict = lateness::run(&plan).await.expect("a run").verdict;
        assert!(verdict.all_once(), "seed {seed}: {verdict:?}");
        assert!(verdict.earliest() >= 0, "seed {seed}: {verdict:?}");
        assert!(
            verdict.latest() <= LATE_WITHOUT_A_TICK,
            "seed {seed}: {} ms",
            verdict.latest()
        );
    }
}

// bites: slices that are put on the bus again by every question.
#[tokio::test(start_paused = true)]
async fn everything_due_in_one_second_is_closed_once() {
    let plan = burst::Plan {
        sessions: 1_500,
        partitions: 1,
        work: Work {
            request: Duration::from_micros(200),
            row: Duration::from_micros(4),
        },
        memory: None,
        limit: Some(4),
        index_lag: 500,
        seed: 1,
    };
    let outcome = burst::run(&plan).await.expect("a run");
    let verdict = &outcome.verdict;
    assert!(verdict.all_once(), "{verdict:?}");
    assert!(verdict.earliest() >= 0, "{} ms", verdict.earliest());
    assert!(verdict.latest() <= 60_000, "{} ms", verdict.latest());
    assert!(outcome.seen.slices > 0, "{:?}", outcome.seen);
}

// bites: a Scan, or an index that is read from its beginning.
#[tokio::test(start_paused = true)]
async fn finding_what_is_due_costs_the_same_beside_ever_more_live_conversations() {
    let costs = flat::run(&[50, 2_000], Live::Quiet).await.expect("a run");
    let [few, many] = costs.as_slice() else {
        panic!("{costs:?}");
    };
    assert!(
        few.found > 0.0 && many.found <= 1.1 * few.found,
        "{costs:?}"
    );
    assert!(many.read <= 1.1 * few.read, "{costs:?}");
}

// bites: giving a bot that was slow its full time again whenever half a minute is over.
#[tokio::test(start_paused = true)]
async fn a_slow_bot_holds_up_nobody_else_on_its_shard() {
    let outcome = shard::run(4, 4, 1).await.expect("a run");
    assert_eq!(outcome.never, 0);
    assert!(outcome.others.len() > 200, "{}", outcome.others.len());
    assert!(outcome.p99() <= 1_000, "{} ms", outcome.p99());
}

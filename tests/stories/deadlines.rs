//! Timers in real time: a few hundred conversations with the shortest timers there are.

use crate::stage::Stage;
use baton_domain::Event;
use baton_domain::time::SECOND;
use baton_hub::store::Mechanism;
use baton_local::demo_settings::DemoTimers;
use baton_simulators::gladly::Speaker;
use std::time::Duration;

const CUSTOMERS: usize = 200;
/// The shortest timer there is, in seconds.
const SILENT: u32 = 10;
/// What the hub promises of timers of that length and more: 99 of 100 fire so soon after
/// their time, in milliseconds, and none before it.
const LATE: i64 = 2_000;

/// How many want each processor: 1 where nobody waits for one. The promise is about the
/// hub, so what a busy machine adds is allowed for. Known on Linux alone.
fn crowd() -> i64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load
        .split(['.', ' '])
        .next()
        .and_then(|whole| whole.parse().ok());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let each = load.unwrap_or(0) / i64::try_from(processors).unwrap_or(1);
    each.max(1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_second_timers_fire_within_two_seconds() {
    let stage = Stage::with(DemoTimers {
        customer_silent: SILENT,
        bot_owes: 60,
    })
    .await;
    let mut chats = Vec::new();
    for number in 0..CUSTOMERS {
        let name = format!("customer-{number}");
        chats.push((stage.write(&name, "hello"), name));
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    for (_, name) in &chats {
        stage.bot_says(name, 1).await;
    }
    let mut late = Vec::new();
    for (chat, name) in &chats {
        stage
            .until(chat, "the silent customer's conversation ends", |loaded| {
                loaded.thread.open().is_none()
            })
            .await;
        let store = &stage.running.hub.core.store;
        let thread = stage.thread(chat);
        let log = store.entries(&thread, 1, 100, Mechanism::Read).await;
        let log = log.expect("a log");
        let at = |is: fn(&Event) -> bool| {
            let found = log.iter().rev().find(|entry| entry.events.iter().any(is));
            found.map(|entry| entry.at)
        };
        let said = at(|event| matches!(event, Event::Sent { .. })).expect("the bot spoke");
        let closed = at(|event| matches!(event, Event::Closed { .. })).expect("it was closed");
        late.push(closed.since(said) - i64::from(SILENT) * SECOND);
        assert!(!stage.read_by(name, Speaker::Bot).is_empty());
    }
    late.sort_unstable();
    let p99 = late[CUSTOMERS * 99 / 100 - 1];
    let (first, median, last) = (late[0], late[CUSTOMERS / 2], late[CUSTOMERS - 1]);
    println!("late by {first} to {last} ms, median {median} ms, p99 {p99} ms");
    assert!(first >= 0, "one fired early: {late:?}");
    assert!(p99 <= LATE * crowd(), "late: {late:?}");
    stage.no_violations();
}

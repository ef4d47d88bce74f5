//! The hub of processes that is killed and stormed at.

use crate::load::Chat;
use crate::storm::Watch;
use baton_local::engine::Faults;
use baton_simulators::bot::BotConfig;
use baton_tests::built;
use baton_tests::processes::Plan;
pub(crate) use baton_tests::processes::ProcessHub as World;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The minute rule, faster: a sweep that was killed is missing until the next tick.
const TICK: Duration = Duration::from_secs(10);
/// Gladly's own waits of 30 s, 5 min, 30 min and 1 h, faster.
const RETRY_SCALE: f64 = 0.01;
/// Gladly switches a webhook off after five failures of one event. Among ten thousand
/// kills, five in a row meet the same one, which says nothing of the hub: the platform is
/// this much more patient here.
const MORE_TRIES: usize = 5;

/// Everything running and connected.
pub(crate) async fn set(seed: u64) -> World {
    in_weather(seed, None, &Watch::default()).await
}

/// The same, with functions that see the database through these faults, and are watched
/// from where HTTP comes in.
pub(crate) async fn in_weather(seed: u64, faults: Option<Arc<dyn Faults>>, watch: &Watch) -> World {
    let binaries = built::functions(&[]).expect("the functions can be built");
    let watch = watch.clone();
    let plan = Plan {
        seed,
        tick: TICK,
        retry_scale: RETRY_SCALE,
        // Kills make the bot late, which is no reason here to take it the conversation.
        timers: "bot_owes = \"200s\"".to_owned(),
        log_level: "warn",
        faults,
        around_http: Some(Box::new(move |functions| watch.over(functions))),
        bot: BotConfig {
            tries: 12,
            backoff_ms: 50,
            ..BotConfig::default()
        },
        ..Plan::new(binaries)
    };
    let world = World::start(plan).await.expect("the hub starts");
    world.gladly.configure(|gladly| {
        let last = gladly.retry_delays_ms.last().copied().unwrap_or_default();
        gladly.retry_delays_ms.extend([last; MORE_TRIES]);
    });
    world
}

/// Waits until the hub has nothing left to do for any of them; false if that takes
/// longer than the limit.
pub(crate) async fn settles(world: &World, chats: &[Chat], limit: Duration) -> bool {
    let end = Instant::now() + limit;
    for chat in chats {
        loop {
            let thread = world.thread(&chat.session).await;
            let thread = thread.expect("the thread can be read");
            let ended = thread.open().is_none() || !chat.ends();
            if thread.outbox.is_empty() && thread.untold.is_none() && ended {
                break;
            }
            if Instant::now() > end {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    true
}

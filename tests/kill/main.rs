//! Real functions under load, one process per sandbox, over real sockets: killed with
//! `kill -9` again and again at random moments; and with a database that throttles,
//! fails, is slow, hangs and loses answers. DynamoDB, EventBridge and API Gateway live in
//! the test, as they live on AWS; the platform and the bot live there, too.
//!
//! | module | subject |
//! |---|---|
//! | `world` | a hub of processes between a simulated platform and a sample bot |
//! | `load` | customers who write, are answered, and leave or go on to an agent |
//! | `killer` | whom it meets, and when |
//! | `probe` | a bot that writes all the time |
//! | `storm` | what the database does, and how its callers are answered |
//! | `verdict` | what the platform sent and got, and what the bot was told, compared |
//!
//! A trial is a kill that met a call in hand; kills of idle sandboxes are counted apart.
//! `BATON_KILLS` says how many trials there are to be (see `tests/kill-trials`),
//! `BATON_SEED` which sandboxes are met; what runs at the same time is the machine's own.

mod killer;
mod load;
mod probe;
mod storm;
mod verdict;
mod world;

use killer::Killed;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use verdict::Verdict;

/// Trials of a run that is part of all tests.
const FEW: u64 = 200;
/// Trials that one hub sees before everything is looked at and a new one takes its place.
const ROUND: u64 = 500;
/// Customers of one hub at once.
const CUSTOMERS: u64 = 24;
/// How long the hub may go on after every customer has everything.
const SETTLES_WITHIN: Duration = Duration::from_secs(60);
/// Hubs at once: the stream of one stands still while its reader is killed.
const HUBS: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_nothing_is_lost_or_doubled() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let trials: u64 = number("BATON_KILLS").unwrap_or(FEW);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let seed: u64 = number("BATON_SEED").unwrap_or(u64::from(now.subsec_nanos()));
    println!("seed {seed}, {trials} trials");
    let began = Instant::now();
    let progress = Arc::new(Progress {
        trials,
        begun: AtomicU64::new(0),
        made: AtomicU64::new(0),
        began,
    });
    let mut hubs = JoinSet::new();
    for hub in 0..HUBS {
        let progress = Arc::clone(&progress);
        hubs.spawn(rounds(seed.wrapping_add(hub << 32), progress));
    }
    let mut killed = Killed::default();
    let mut total = Verdict::default();
    while let Some(played) = hubs.join_next().await {
        let (by_hub, verdict) = played.expect("it plays to the end");
        killed.add(&by_hub);
        total.add(verdict);
    }
    println!("{}", killed.table(began.elapsed()));
    println!("{total}");
    assert!(total.is_clean(), "{}", total.complaints());
}

/// How far all hubs together are.
struct Progress {
    trials: u64,
    /// Trials that some round has taken upon itself.
    begun: AtomicU64,
    made: AtomicU64,
    began: Instant,
}

impl Progress {
    /// The trials of the next round; none where there are enough.
    fn next(&self) -> Option<u64> {
        let round = ROUND.min(self.trials.div_ceil(HUBS));
        let begun = self.begun.fetch_add(round, Ordering::Relaxed);
        let left = self.trials.saturating_sub(begun);
        (left > 0).then_some(left.min(round))
    }

    fn tell(&self) {
        let made = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        if made.is_multiple_of(100) {
            let seconds = self.began.elapsed().as_secs();
            println!("{seconds:>6} s {made:>8} of {} trials", self.trials);
        }
    }
}

/// One hub after the other, until there were enough trials.
async fn rounds(seed: u64, progress: Arc<Progress>) -> (Killed, Verdict) {
    let mut killed = Killed::default();
    let mut total = Verdict::default();
    while let Some(trials) = progress.next() {
        let seed = seed.wrapping_add(killed.trials());
        let (in_round, verdict) = play(seed, trials, &progress).await;
        killed.add(&in_round);
        total.add(verdict);
    }
    (killed, total)
}

/// One round: load and kills until there were so many trials, then peace until everyone
/// has what they wait for, then the verdict.
async fn play(seed: u64, trials: u64, progress: &Progress) -> (Killed, Verdict) {
    let world = world::set(seed).await;
    let load = load::start(&world, seed, CUSTOMERS);
    let killed = killer::run(&world.sandboxes, seed, trials, || progress.tell()).await;
    let peace = Instant::now();
    let chats = load.finish().await;
    let settled = world::settles(&world, &chats, SETTLES_WITHIN).await;
    let verdict = verdict::of(&world, &chats, settled, peace.elapsed()).await;
    if !verdict.is_clean() {
        println!("{}", verdict.complaints());
    }
    world.end().await;
    (killed, verdict)
}

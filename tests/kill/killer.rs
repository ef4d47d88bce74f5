//! Picks a live sandbox and kills it, again and again.

use baton_simulators::random::Random;
use baton_tests::sandboxes::{Kill, Live, Sandboxes};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Whom the killer meets, and how often.
struct Aim {
    function: &'static str,
    /// Between two kills there is a random time of twice this at most. A sweep and the
    /// stream's readers have to get somewhere in between.
    every_ms: u64,
    /// From when a call is seen until its sandbox is killed there is a random time of at
    /// most this: about what a call takes.
    within_us: u64,
}

const fn aim(function: &'static str, every_ms: u64, within_us: u64) -> Aim {
    Aim {
        function,
        every_ms,
        within_us,
    }
}

const AIMS: [Aim; 8] = [
    aim("gladly", 300, 40_000),
    aim("send", 200, 80_000),
    aim("handoff", 100, 80_000),
    aim("close", 100, 80_000),
    aim("conversations", 400, 30_000),
    aim("relay", 5_000, 300_000),
    aim("publish", 1_500, 100_000),
    aim("sweep", 20_000, 5_000_000),
];

/// Kills by function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Killed(BTreeMap<String, Counts>);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    calls: u64,
    idle: u64,
}

impl Killed {
    /// Kills that met a call in hand.
    pub(crate) fn trials(&self) -> u64 {
        self.0.values().map(|counts| counts.calls).sum()
    }

    fn count(&mut self, function: &str, met: Kill) {
        let counts = self.0.entry(function.to_owned()).or_default();
        match met {
            Kill::Call => counts.calls += 1,
            Kill::Idle => counts.idle += 1,
        }
    }

    pub(crate) fn add(&mut self, more: &Self) {
        for (function, counts) in &more.0 {
            let sum = self.0.entry(function.clone()).or_default();
            sum.calls += counts.calls;
            sum.idle += counts.idle;
        }
    }

    /// A table for people.
    pub(crate) fn table(&self, took: Duration) -> String {
        let mut text = format!("\n{:<16}{:>12}{:>12}\n", "killed", "in a call", "idle");
        let line = |name: &str, calls: u64, idle: u64| format!("{name:<16}{calls:>12}{idle:>12}\n");
        for (function, counts) in &self.0 {
            text += &line(function, counts.calls, counts.idle);
        }
        let idle = self.0.values().map(|counts| counts.idle).sum();
        text += &line("all", self.trials(), idle);
        let seconds = took.as_secs_f64();
        #[allow(clippy::cast_precision_loss)]
        let rate = (self.trials() + idle) as f64 / seconds;
        text + &format!(
            "{rate:.1} kills a second over {seconds:.0} s, calm between rounds included"
        )
    }
}

/// Kills until there were so many trials; tells of each.
pub(crate) async fn run(sandboxes: &Sandboxes, seed: u64, trials: u64, tell: impl Fn()) -> Killed {
    let (report, mut reports) = mpsc::unbounded_channel();
    let mut killers = JoinSet::new();
    for aim in AIMS {
        let random = Random::keyed(seed, aim.function);
        killers.spawn(kill(sandboxes.clone(), aim, random, report.clone()));
    }
    let mut killed = Killed::default();
    while killed.trials() < trials
        && let Some((function, met)) = reports.recv().await
    {
        killed.count(function, met);
        if met == Kill::Call {
            tell();
        }
    }
    killers.shutdown().await;
    // Kills that were made, but not told of yet.
    while let Ok((function, met)) = reports.try_recv() {
        killed.count(function, met);
    }
    killed
}

/// Kills sandboxes of one function, again and again.
async fn kill(
    sandboxes: Sandboxes,
    aim: Aim,
    mut random: Random,
    report: mpsc::UnboundedSender<(&'static str, Kill)>,
) {
    let mut calls = sandboxes.calls();
    loop {
        tokio::time::sleep(Duration::from_millis(random.below(2 * aim.every_ms))).await;
        let met = loop {
            if let Some(met) = pick(&sandboxes.live(), aim.function, &mut random) {
                break met;
            }
            if calls.changed().await.is_err() {
                return;
            }
        };
        tokio::time::sleep(Duration::from_micros(random.below(aim.within_us))).await;
        if let Some(kill) = sandboxes.kill(met).await
            && report.send((aim.function, kill)).is_err()
        {
            return;
        }
    }
}

/// A sandbox of this function that has a call in hand.
fn pick(live: &[Live], function: &str, random: &mut Random) -> Option<u64> {
    let busy: Vec<u64> = live
        .iter()
        .filter(|it| it.busy && it.function == function)
        .map(|it| it.number)
        .collect();
    let place = random.below(busy.len() as u64);
    busy.get(usize::try_from(place).unwrap_or(0)).copied()
}

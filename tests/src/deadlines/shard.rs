//! A shard of the stream on which one bot takes five seconds for every call: how long
//! the customers of the others wait until their bots are called.

use super::cloud::{Cloud, Failed, TABLE, Weather};
use super::fleet::{Fleet, Sandboxes};
use super::sandbox::Size;
use super::sessions::{Sessions, first_word};
use super::ticks::Ticks;
use super::time::{BEGIN, Time};
use super::verdict::percentile;
use baton_domain::time::{MINUTE, SECOND};
use baton_domain::{Policy, Timestamp};
use baton_functions::streams;
use baton_hub::calls::{Carried, Carrier, NoAnswer};
use baton_hub::deliver::Deliverer;
use baton_hub::relay::Relay;
use baton_hub::telling::Teller;
use baton_local::dead_letters::DeadLetters;
use baton_local::invoke::{BoxFuture, Functions, InvokeError};
use baton_local::streams::Streams;
use baton_simulators::random::Random;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Bots on the shard; the first is the slow one.
const BOTS: u64 = 20;
/// How long the slow bot takes, in milliseconds.
const SLOW: u64 = 5_000;
/// How long the others take: 50 ms and up to so much more.
const OTHERS: u64 = 250;
/// Messages before this, in milliseconds from the begin, do not count: the sandbox gets
/// to know its receivers.
const WARM: i64 = 2 * MINUTE;
/// How often Lambda asks a shard for records. Source: Lambda developer guide, "Polling
/// and batching streams": a base rate of four times a second.
const POLLS: u64 = 250;

/// What came of it, in milliseconds from the append to the call, sorted.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Of the other bots, after the warm-up.
    pub others: Vec<i64>,
    /// Of the slow one.
    pub slow: Vec<i64>,
    /// Messages whose bot was never called.
    pub never: usize,
    /// Calls beyond the first for a message.
    pub again: usize,
}

impl Outcome {
    /// The figure: what 99 of 100 of the others do not exceed.
    #[must_use]
    pub fn p99(&self) -> i64 {
        percentile(&self.others, 0.99)
    }
}

/// Runs it for so many minutes with so many messages a second.
///
/// # Errors
/// When the store, the stream or the template fail.
pub async fn run(minutes: u64, a_second: u64, seed: u64) -> Result<Outcome, Failed> {
    let weather = Weather {
        index_lag: 0,
        partitions: None,
        seed,
    };
    let mut policy = Policy::gladly(Some("inbox_1".to_owned()));
    // The bots here never answer; it is not their timers that are measured.
    policy.timers.bot_owes = None;
    policy.timers.customer_silent = None;
    let connections = (0..BOTS).map(|bot| (connection(bot), policy.clone()));
    let cloud = Cloud::new(weather, connections).await?;
    let bots = Arc::new(Bots {
        time: cloud.time,
        called: Mutex::default(),
        random: Mutex::new(Random::keyed(seed, "bots")),
    });
    cloud.carried_by(Arc::clone(&bots) as Arc<dyn Carrier>);
    let size = Size {
        work: None,
        latency: Duration::from_millis(5),
    };
    let functions: Arc<dyn Functions> = Arc::new(Consumers {
        relay: relay(&cloud, size),
        random: Arc::new(Mutex::new(Random::keyed(seed, "polls"))),
    });
    let letters = DeadLetters::memory();
    let mappings = &cloud.template.streams;
    let engine = cloud.plain_engine();
    let streams = Streams::start(engine, TABLE, mappings, &functions, &letters).await?;
    let sandboxes = Sandboxes {
        size,
        skew: 0,
        limit: None,
    };
    let fleet = Fleet::new(&cloud, sandboxes, seed)?;
    let ticks = tokio::spawn(Ticks::default().run(cloud.time, fleet, minutes + 1, seed));
    let written = write(&cloud, minutes, a_second, seed).await?;
    ticks.await?;
    streams.caught_up().await?;
    streams.stop().await;
    let called = bots.called.lock().unwrap_or_else(PoisonError::into_inner);
    let mut outcome = Outcome::default();
    for (number, (bot, at)) in written.iter().enumerate() {
        let Some(calls) = called.get(&number) else {
            outcome.never += 1;
            continue;
        };
        outcome.again += calls.len() - 1;
        let waited = calls.first().map_or(0, |first| first.since(*at));
        if *bot == 0 {
            outcome.slow.push(waited);
        } else if at.since(BEGIN) >= WARM {
            outcome.others.push(waited);
        }
    }
    outcome.others.sort_unstable();
    outcome.slow.sort_unstable();
    Ok(outcome)
}

/// Customers write to any bot, each for the first time: by number, whose bot and when.
async fn write(
    cloud: &Arc<Cloud>,
    minutes: u64,
    a_second: u64,
    seed: u64,
) -> Result<Vec<(u64, Timestamp)>, Failed> {
    let sessions = Sessions::new(cloud, 0);
    let mut random = Random::keyed(seed, "customers");
    let mut written = Vec::new();
    let end = i64::try_from(minutes)? * MINUTE;
    let mut at = SECOND;
    while at < end {
        cloud.time.reach(BEGIN.plus(at)).await;
        let bot = random.below(BOTS);
        sessions.writes(&connection(bot), written.len()).await?;
        written.push((bot, cloud.time.now()));
        at += 1 + i64::try_from(random.below(2_000 / a_second))?;
    }
    Ok(written)
}

fn connection(bot: u64) -> String {
    format!("shop-{bot:02}")
}

fn relay(cloud: &Arc<Cloud>, size: Size) -> Relay {
    let core = cloud.core("relay", size, 0);
    let calls = cloud.calls(core.clock.clone());
    Relay {
        teller: Teller::new(calls.clone()),
        deliverer: Deliverer { core, calls },
    }
}

/// The stream's consumers: `relay` in one sandbox, as one shard has one; `publish` does
/// nothing here.
struct Consumers {
    relay: Relay,
    random: Arc<Mutex<Random>>,
}

impl Functions for Consumers {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let (relay, random) = (self.relay.clone(), Arc::clone(&self.random));
        let is_relay = function == "relay";
        Box::pin(async move {
            if !is_relay {
                return Ok(b"{}".to_vec());
            }
            let polled = {
                let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
                random.below(POLLS)
            };
            tokio::time::sleep(Duration::from_millis(polled)).await;
            let failed = |error: serde_json::Error| InvokeError::Failed(error.to_string());
            let batch = serde_json::from_slice(&payload).map_err(failed)?;
            serde_json::to_vec(&streams::relay(relay, batch).await).map_err(failed)
        })
    }
}

/// The bots, who note when they are called for which message.
#[derive(Debug)]
struct Bots {
    time: Time,
    called: Mutex<BTreeMap<usize, Vec<Timestamp>>>,
    random: Mutex<Random>,
}

impl Carrier for Bots {
    fn carry(&self, request: reqwest::Request) -> Carried {
        let body = request.body().and_then(|body| body.as_bytes());
        let text = String::from_utf8_lossy(body.unwrap_or_default()).into_owned();
        if let Some(number) = first_word::number_in(&text) {
            let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
            called.entry(number).or_default().push(self.time.now());
        }
        let slow = request.url().as_str().contains(&connection(0));
        let takes = if slow {
            SLOW
        } else {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            50 + random.below(OTHERS)
        };
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(takes)).await;
            let answer = axum::http::Response::builder().status(200).body("");
            answer
                .map(reqwest::Response::from)
                .map_err(|_| NoAnswer::Unknown)
        })
    }
}

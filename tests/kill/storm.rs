//! DynamoDB throttles, fails, is slow, hangs, or loses its answers, for a hundredth up
//! to all of the functions' requests. Whoever asks has an answer in time; what was
//! accepted is neither lost nor done twice once it is over.

use crate::load;
use crate::probe::Probe;
use crate::verdict;
use crate::world;
use baton_local::engine::{After, Before, Call, Faults};
use baton_local::invoke::{BoxFuture, Functions, InvokeError};
use baton_simulators::random::Random;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How many of a hundred requests are struck, one after the other, and how long each.
const SHARES: [u64; 4] = [1, 10, 50, 100];
const EACH_LASTS: Duration = Duration::from_secs(4);
/// Customers at once.
const CUSTOMERS: u64 = 6;
/// Less than a try of a request may take, and more.
const SLOW: Duration = Duration::from_millis(700);
const HANGS: Duration = Duration::from_secs(5);
/// Gladly waits so long for a webhook's answer.
const WEBHOOK_WITHIN: Duration = Duration::from_secs(15);
/// A command's call, and a question, are answered by then.
const CALL_WITHIN: Duration = Duration::from_secs(8);
/// What the start of a process, and everything else that a busy machine does at the same
/// time, may add to that here.
const MACHINE_ADDS: Duration = Duration::from_millis(1_500);
/// Tries of one request.
const TRIES: u32 = 3;
/// Once it is over.
const SETTLES_WITHIN: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Throttles,
    Fails,
    Slow,
    Hangs,
    LosesAnswers,
}

/// The weather: a kind, and how many of a hundred requests it strikes.
#[derive(Debug)]
struct Weather {
    kind: Kind,
    share: Mutex<u64>,
    random: Mutex<Random>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Weather {
    fn strikes(&self) -> bool {
        locked(&self.random).below(100) < *locked(&self.share)
    }
}

impl Faults for Weather {
    fn before(&self, _call: &Call<'_>) -> Before {
        if self.kind == Kind::LosesAnswers || !self.strikes() {
            return Before::Proceed;
        }
        match self.kind {
            Kind::Throttles => Before::Throttle,
            Kind::Fails => Before::InternalError,
            Kind::Slow => Before::Delay(SLOW),
            Kind::Hangs | Kind::LosesAnswers => Before::Delay(HANGS),
        }
    }

    fn after(&self, _call: &Call<'_>, _applied: bool) -> After {
        match self.kind == Kind::LosesAnswers && self.strikes() {
            true => After::LoseAnswer,
            false => After::Proceed,
        }
    }
}

/// Calls of functions behind HTTP: how long each took, and with which status.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<Vec<Watched>>>);

struct Watched {
    function: String,
    took: Duration,
    /// 0 where the function gave no answer of its own.
    status: u64,
}

impl Watch {
    /// The functions, watched.
    pub(crate) fn over(&self, functions: Arc<dyn Functions>) -> Arc<dyn Functions> {
        Arc::new(WatchedFunctions {
            functions,
            watch: self.clone(),
        })
    }
}

struct WatchedFunctions {
    functions: Arc<dyn Functions>,
    watch: Watch,
}

impl Functions for WatchedFunctions {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let called = self.functions.invoke(function, payload);
        let (watch, function) = (self.watch.clone(), function.to_owned());
        Box::pin(async move {
            let began = Instant::now();
            let answered = called.await;
            let status = answered.as_ref().ok().and_then(|answer| {
                let answer: serde_json::Value = serde_json::from_slice(answer).ok()?;
                answer.get("statusCode")?.as_u64()
            });
            locked(&watch.0).push(Watched {
                function,
                took: began.elapsed(),
                status: status.unwrap_or_default(),
            });
            answered
        })
    }
}

/// What a storm came to.
struct Outcome {
    kind: Kind,
    /// By function: calls, and the longest.
    calls: BTreeMap<String, (usize, Duration)>,
    /// By function and status.
    statuses: BTreeMap<(String, u64), usize>,
    tries: BTreeMap<u32, u64>,
    wrong: Vec<String>,
    /// Messages of the bot that writes all the time: accepted, and not.
    probed: (usize, usize),
    verdict: verdict::Verdict,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_table_does_answers_are_in_time_and_nothing_accepted_is_lost() {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let seed = std::env::var("BATON_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(u64::from(now.subsec_nanos()));
    println!("seed {seed}");
    let mut storms = JoinSet::new();
    for kind in [
        Kind::Throttles,
        Kind::Fails,
        Kind::Slow,
        Kind::Hangs,
        Kind::LosesAnswers,
    ] {
        storms.spawn(storm(kind, seed));
    }
    let outcomes = storms.join_all().await;
    for outcome in &outcomes {
        println!("{outcome}");
    }
    let wrong: Vec<&String> = outcomes.iter().flat_map(|it| &it.wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn storm(kind: Kind, seed: u64) -> Outcome {
    let weather = Arc::new(Weather {
        kind,
        share: Mutex::new(0),
        random: Mutex::new(Random::keyed(seed, "weather")),
    });
    let watch = Watch::default();
    let world = world::in_weather(seed, Some(weather.clone()), &watch).await;
    let probe = Probe::start(&world).await;
    let load = load::start(&world, seed, CUSTOMERS);
    for share in SHARES {
        *locked(&weather.share) = share;
        tokio::time::sleep(EACH_LASTS).await;
    }
    *locked(&weather.share) = 0;
    let over = Instant::now();
    let probed = probe.finish(&world).await;
    let chats = load.finish().await;
    let settled = world::settles(&world, &chats, SETTLES_WITHIN).await;
    let verdict = verdict::of(&world, &chats, settled, over.elapsed()).await;
    let tries = world.scene.aws.tries();
    let mut outcome = Outcome {
        kind,
        calls: BTreeMap::new(),
        statuses: BTreeMap::new(),
        tries: tries.by_number.clone(),
        wrong: probed.wrong,
        probed: (probed.accepted, probed.refused),
        verdict,
    };
    for call in locked(&watch.0).iter() {
        outcome.judge(call);
    }
    outcome.judge_tries(&tries.waits);
    if !outcome.verdict.is_clean() {
        outcome.wrong.push(outcome.verdict.complaints());
    }
    world.end().await;
    outcome
}

impl Outcome {
    fn judge(&mut self, call: &Watched) {
        let limit = match call.function.as_str() {
            "gladly" => WEBHOOK_WITHIN,
            "send" | "handoff" | "close" | "control" | "conversations" => CALL_WITHIN,
            _ => return,
        };
        let (calls, longest) = self.calls.entry(call.function.clone()).or_default();
        *calls += 1;
        *longest = call.took.max(*longest);
        let key = (call.function.clone(), call.status);
        *self.statuses.entry(key).or_default() += 1;
        let said = |what: &str| format!("{:?}: {} {what}", self.kind, call.function);
        if call.took > limit + MACHINE_ADDS {
            self.wrong.push(said(&format!("took {:?}", call.took)));
        }
        let webhook = call.function == "gladly" && ![200, 503].contains(&call.status);
        let server = call.status >= 500 && call.status != 503;
        if call.status == 0 || webhook || server {
            self.wrong.push(said(&format!("answered {}", call.status)));
        }
    }

    /// At most three tries, and between them waits with full jitter: they are spread
    /// over their whole range, from nothing on.
    fn judge_tries(&mut self, waits: &BTreeMap<u32, std::collections::VecDeque<Duration>>) {
        let kind = self.kind;
        if let Some((most, _)) = self.tries.last_key_value()
            && *most > TRIES
        {
            self.wrong
                .push(format!("{kind:?}: a request was tried {most} times"));
        }
        let struck = matches!(kind, Kind::Throttles | Kind::Fails | Kind::LosesAnswers);
        let Some(second) = waits.get(&2).filter(|_| struck) else {
            if struck {
                self.wrong
                    .push(format!("{kind:?}: nothing was tried twice"));
            }
            return;
        };
        let mut second: Vec<Duration> = second.iter().copied().collect();
        second.sort_unstable();
        let at = |percent: usize| second.get(second.len() * percent / 100).copied();
        let spread = at(10).zip(at(90));
        // Up to a second before the second try; without jitter all would be alike, with
        // less of it none would be short.
        let full = spread
            .is_some_and(|(low, high)| high - low > Duration::from_millis(400) && low < high / 2);
        if second.len() < 20 || !full {
            let waits = second.len();
            self.wrong
                .push(format!("{kind:?}: {waits} waits, most within {spread:?}"));
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "== {:?}: tries {:?}", self.kind, self.tries)?;
        for (function, (calls, longest)) in &self.calls {
            let by_status: Vec<String> = self
                .statuses
                .iter()
                .filter(|((of, _), _)| of == function)
                .map(|((_, status), count)| format!("{status}: {count}"))
                .collect();
            let by_status = by_status.join(", ");
            let longest = longest.as_secs_f64();
            writeln!(
                f,
                "{function:<16}{calls:>6} calls, the longest {longest:.1} s ({by_status})"
            )?;
        }
        let (accepted, refused) = self.probed;
        writeln!(
            f,
            "written by a bot    {accepted} accepted, {refused} refused"
        )?;
        write!(f, "{}", self.verdict)
    }
}

//! What a message costs: the table's units by the reference conversation, and the time
//! and logs of the released functions while customers talk to a bot and are handed off.

use crate::accounting::cpu_ms;
use crate::table::Row;
use baton_local::invoke::{BoxFuture, Functions, InvokeError};
use baton_simulators::bot::BotConfig;
use baton_simulators::gladly::{GladlySim, Speaker};
use baton_tests::processes::{Plan, ProcessHub};
use baton_tests::reference::{self, LIMIT, MESSAGES, NAIVE};
use baton_tests::scene::Failed;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// USD a message in or out may cost, per million, and of that of the naive design.
const REACH: f64 = 3.00;
const SHARE_OF_NAIVE: f64 = 0.5;
/// The naive design: 8 write units and 1 read unit, 25 ms at 512 MB, 2 KB of logs a
/// message.
const NAIVE_UNITS: f64 = 8.0 * 0.625 + 0.125;
const NAIVE_MS: f64 = 25.0;
const NAIVE_GB: f64 = 0.5;
const NAIVE_LOG: f64 = 2_048.0;

/// USD for a gigabyte-second on arm64, a gigabyte of logs taken in, a million calls of
/// functions, of requests to an HTTP API, and of events on a bus. Source: AWS price
/// lists of Lambda, CloudWatch, API Gateway and EventBridge, us-east-1.
const GB_SECOND: f64 = 0.000_013_333_4;
const LOG_GB: f64 = 0.50;
const CALLS: f64 = 0.20;
const REQUESTS: f64 = 1.00;
const EVENTS: f64 = 1.00;
/// What CloudWatch adds to a line of logs, in bytes (CloudWatch Logs quotas).
const LINE: f64 = 26.0;
/// The functions' memory in gigabytes, and the share of a processor that comes with it.
const GB: f64 = 0.125;
const SHARE: f64 = 128.0 / 1_769.0;
/// Milliseconds that a request to AWS takes beside what it takes here.
const ROUND_TRIP: f64 = 5.0;
/// Milliseconds after which the bot answers.
const BOT_TAKES: i64 = 200;
/// Customers at a time, and what each writes before it asks for an agent.
const CUSTOMERS: usize = 6;
const TURNS: usize = 10;
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// The rows of the table's units, and of everything together.
pub(crate) async fn measure(binaries: &Path) -> Result<Vec<Row>, Failed> {
    let whole = reference::play(reference::Plan::WHOLE).await;
    let longer = reference::play(reference::Plan::WHOLE.lasting(600_000)).await;
    eprintln!("{whole}\n{longer}");
    let naive = format!("naive {NAIVE:.2}");
    let unit = "USD a million";
    let mut rows = vec![
        Row::at_most("table, 20 messages in 4 min", whole.usd(), LIMIT, unit, 2)
            .beside(naive.clone())
            .kept("usd", "table", whole.usd()),
        Row::shown(
            "table, 20 messages in 10 min",
            format!("{:.2} {unit}", longer.usd()),
        )
        .beside(naive),
    ];
    let talk = Talk::hold(binaries).await?;
    let (time, logs) = (talk.lambda_usd(), talk.log_usd());
    let usd = whole.usd() + time + logs;
    let naive = NAIVE_UNITS
        + NAIVE_MS / 1_000.0 * NAIVE_GB * GB_SECOND * 1e6
        + NAIVE_LOG / 1e9 * LOG_GB * 1e6;
    let reach = REACH.min(SHARE_OF_NAIVE * naive);
    rows.push(
        Row::at_most("table, functions and logs", usd, reach, unit, 2)
            .beside(format!("naive {naive:.2}"))
            .saying(&format!("functions {time:.2}, logs {logs:.2}"))
            .kept("usd", "message", usd),
    );
    let millions = 1.0 / talk.messages;
    for (what, number, price) in [
        ("calls of functions", talk.calls(), CALLS),
        ("requests to the HTTP API", talk.requests, REQUESTS),
        ("events on the bus", talk.events, EVENTS),
    ] {
        let usd = number * millions * price;
        let each = number * millions;
        rows.push(Row::shown(
            &format!("fee: {what}"),
            format!("{usd:.2} {unit} ({each:.2} a message)"),
        ));
    }
    let month = 30.0 * 86_400.0 * GB * GB_SECOND;
    rows.push(Row::shown(
        "the sweep, whatever the traffic",
        format!("{month:.2} USD a month"),
    ));
    eprintln!("{}", talk.table());
    Ok(rows)
}

/// What one function did.
#[derive(Clone, Debug, Default)]
struct Account {
    calls: f64,
    /// Milliseconds that its calls took here.
    wall: f64,
    /// Milliseconds of CPU.
    cpu: f64,
    /// Requests to AWS.
    requests: f64,
}

impl Account {
    /// Milliseconds that AWS would bill: what was waited for here, its CPU at the share
    /// of 128 MB, and its requests' way.
    fn billed(&self) -> f64 {
        (self.wall - self.cpu).max(0.0) + self.cpu / SHARE + self.requests * ROUND_TRIP
    }
}

/// What a few conversations took.
struct Talk {
    accounts: BTreeMap<String, Account>,
    messages: f64,
    requests: f64,
    events: f64,
    log_bytes: f64,
}

impl Talk {
    async fn hold(binaries: &Path) -> Result<Self, Failed> {
        let meter = Meter::default();
        let (all, http) = (meter.clone(), meter.clone());
        let hub = ProcessHub::start(Plan {
            around_all: Some(Box::new(move |functions| all.over(functions, false))),
            around_http: Some(Box::new(move |functions| http.over(functions, true))),
            bot: BotConfig {
                slow_ms: BOT_TAKES,
                ..BotConfig::default()
            },
            ..Plan::new(binaries.to_owned())
        })
        .await?;
        // What only the first calls need is not counted.
        chat(hub.gladly.clone(), "first".to_owned()).await?;
        hub.caught_up().await?;
        let before = Self::count(&hub, &meter)?;
        let mut customers = JoinSet::new();
        for number in 0..CUSTOMERS {
            customers.spawn(chat(hub.gladly.clone(), format!("customer {number}")));
        }
        let mut messages = 0.0;
        while let Some(held) = customers.join_next().await {
            messages += held??;
        }
        hub.caught_up().await?;
        let mut talk = Self::count(&hub, &meter)?.since(&before);
        talk.messages = messages;
        hub.end().await;
        Ok(talk)
    }

    fn count(hub: &ProcessHub, meter: &Meter) -> Result<Self, Failed> {
        let metered = meter.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut accounts = metered.accounts.clone();
        for sandbox in hub.sandboxes.live() {
            let account = accounts.entry(sandbox.function).or_default();
            if let Some(process) = sandbox.process {
                account.cpu += cpu_ms(process)?;
            }
        }
        for (used, number) in hub.scene.aws.uses() {
            if let Some(account) = accounts.get_mut(&used.function) {
                account.requests += number as f64;
            }
        }
        // It runs all the time, however many messages there are.
        accounts.remove("sweep");
        let log = std::fs::read_to_string(hub.log())?;
        Ok(Self {
            accounts,
            messages: 0.0,
            requests: metered.requests,
            events: *hub.scene.bus.taken().borrow() as f64,
            log_bytes: log.len() as f64 + LINE * log.lines().count() as f64,
        })
    }

    fn since(mut self, before: &Self) -> Self {
        for (name, account) in &mut self.accounts {
            if let Some(before) = before.accounts.get(name) {
                account.calls -= before.calls;
                account.wall -= before.wall;
                account.cpu -= before.cpu;
                account.requests -= before.requests;
            }
        }
        self.requests -= before.requests;
        self.events -= before.events;
        self.log_bytes -= before.log_bytes;
        self
    }

    fn calls(&self) -> f64 {
        self.accounts.values().map(|account| account.calls).sum()
    }

    fn lambda_usd(&self) -> f64 {
        let billed: f64 = self.accounts.values().map(Account::billed).sum();
        billed / 1_000.0 * GB * GB_SECOND * 1e6 / self.messages
    }

    fn log_usd(&self) -> f64 {
        self.log_bytes / 1e9 * LOG_GB * 1e6 / self.messages
    }

    fn table(&self) -> String {
        let mut lines = format!(
            "{:<14}{:>10}{:>10}{:>10}{:>12}\n",
            "a message", "calls", "CPU ms", "billed ms", "AWS requests"
        );
        for (name, account) in &self.accounts {
            let per = |number: f64| number / self.messages;
            lines.push_str(&format!(
                "{name:<14}{:>10.2}{:>10.3}{:>10.1}{:>12.2}\n",
                per(account.calls),
                per(account.cpu),
                per(account.billed()),
                per(account.requests),
            ));
        }
        lines.push_str(&format!(
            "{:.0} messages, {:.0} bytes of logs each",
            self.messages,
            self.log_bytes / self.messages
        ));
        lines
    }
}

/// One conversation: ten messages and answers, then an agent, who closes. How many
/// messages went in and out.
async fn chat(gladly: GladlySim, name: String) -> Result<f64, Failed> {
    let mut session = None;
    for turn in 1..=TURNS {
        let text = format!("question {turn} of {name}");
        session = gladly.customer_writes(&name, &text)?.session_id.or(session);
        let id = session.clone().ok_or("no session")?;
        let began = Instant::now();
        while answers(&gladly, &id) < turn {
            if began.elapsed() > ANSWERS_WITHIN {
                return Err(format!("{name} waited in vain for answer {turn}").into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // As people do; the stream is read in batches all the same.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    gladly.customer_writes(&name, &format!("{name} wants an agent"))?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    gladly.agent_accepts(&name, None)?;
    gladly.agent_closes(&name)?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(MESSAGES + 1.0)
}

fn answers(gladly: &GladlySim, session: &str) -> usize {
    let session = gladly.session(session);
    session.map_or(0, |session| session.texts(Speaker::Bot).len())
}

/// Counts calls and their time.
#[derive(Clone, Debug, Default)]
struct Meter(Arc<Mutex<Metered>>);

#[derive(Debug, Default)]
struct Metered {
    accounts: BTreeMap<String, Account>,
    requests: f64,
}

impl Meter {
    fn over(&self, functions: Arc<dyn Functions>, http: bool) -> Arc<dyn Functions> {
        Arc::new(MeteredFunctions {
            functions,
            meter: self.clone(),
            http,
        })
    }
}

struct MeteredFunctions {
    functions: Arc<dyn Functions>,
    meter: Meter,
    /// Only requests of the front come by here; their calls are counted behind.
    http: bool,
}

impl Functions for MeteredFunctions {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let called = self.functions.invoke(function, payload);
        let (meter, function, http) = (self.meter.clone(), function.to_owned(), self.http);
        Box::pin(async move {
            let began = Instant::now();
            let answered = called.await;
            let mut metered = meter.0.lock().unwrap_or_else(PoisonError::into_inner);
            if http {
                metered.requests += 1.0;
            } else {
                let account = metered.accounts.entry(function).or_default();
                account.calls += 1.0;
                account.wall += began.elapsed().as_secs_f64() * 1_000.0;
            }
            answered
        })
    }
}

//! Measures function binaries: size, CPU of a cold start, memory, CPU of a warm call.
//! `tests/figures` builds what is measured and calls this; see there.
//!
//! CPU is what the kernel's scheduler counted for the process's threads
//! (`/proc/<pid>/task/*/schedstat`, nanoseconds), read while the process sleeps; memory
//! is `VmHWM` of `/proc/<pid>/status`. So it runs on Linux only.

use baton_local::invoke::{BoxFuture, Functions, InvokeError};
use baton_tests::built::{Process, workspace};
use baton_tests::runtime_api::{Answer, RuntimeApi};
use baton_tests::scene::{Failed, Parties, Scene};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Cold starts of each function; the median counts.
const STARTS: usize = 31;
/// Calls before CPU is counted, and calls that count.
const WARM_UP: usize = 200;
const CALLS: usize = 2_000;
/// How long a process may take until it asks for its first event.
const STARTS_WITHIN: Duration = Duration::from_secs(10);
/// How long a process that asked is given to fall asleep.
const FALLS_ASLEEP: Duration = Duration::from_millis(20);

/// How many times the bare function's CPU a cold start may take: with DynamoDB and
/// Secrets Manager alone, and where EventBridge or the client for platforms is linked.
const START: f64 = 2.2;
const START_TWO_CLIENTS: f64 = 3.0;
/// How large a webhook's function may be, and any other, in MB.
const WEBHOOK_SIZE: f64 = 4.2;
const SIZE: f64 = 5.5;
/// What memory may be taken, in MB.
const MEMORY: f64 = 9.0;

/// The bus needs no function here.
struct Nobody;

impl Functions for Nobody {
    fn invoke(
        &self,
        function: &str,
        _payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let function = function.to_owned();
        Box::pin(async move { Err(InvokeError::Unknown(function)) })
    }
}

#[derive(Debug)]
struct Figures {
    name: String,
    megabytes: f64,
    start_ms: f64,
    memory_mb: f64,
    call_ms: Option<f64>,
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments
        .next()
        .ok_or("usage: figures FOLDER_OF_BINARIES [FUNCTION...]")?;
    let only: Vec<PathBuf> = arguments.collect();
    // Nothing is there: a function that calls out is refused at once.
    let parties = Parties::of_samples("http://127.0.0.1:9", "http://127.0.0.1:9");
    let scene = Scene::set(&parties, Arc::new(Nobody)).await?;
    let bare = folder.join("examples/bare");
    let mut table = vec![measure(&bare, "bare", &BTreeMap::new(), bare_event).await?];
    for spec in &scene.template.functions {
        let name = spec.name.as_str();
        let chosen = only.is_empty() || only.iter().any(|only| only.as_os_str() == name);
        let binary = folder.join(name);
        if !chosen || !binary.is_file() {
            continue;
        }
        let environment = scene.environment(name)?;
        table.push(match name {
            "gladly" => measure(&binary, name, &environment, webhook).await?,
            _ => start_only(&binary, name, &environment).await?,
        });
    }
    print(&table);
    Ok(())
}

async fn measure(
    binary: &Path,
    name: &str,
    environment: &BTreeMap<String, String>,
    event: fn(usize) -> Vec<u8>,
) -> Result<Figures, Failed> {
    let mut figures = start_only(binary, name, environment).await?;
    let api = RuntimeApi::serve().await?;
    let process = Process::function(binary, name, &api.address(), environment)?;
    for number in 0..WARM_UP {
        call(&api, event(number)).await?;
    }
    tokio::time::sleep(FALLS_ASLEEP).await;
    let before = cpu(process.id())?;
    for number in 0..CALLS {
        call(&api, event(WARM_UP + number)).await?;
    }
    tokio::time::sleep(FALLS_ASLEEP).await;
    let spent = cpu(process.id())? - before;
    figures.call_ms = Some(spent / CALLS as f64);
    figures.memory_mb = memory(process.id())?;
    Ok(figures)
}

/// Calls, and insists that all went well: a failure would be measured as a fast call.
async fn call(api: &RuntimeApi, event: Vec<u8>) -> Result<(), Failed> {
    match api.invoke(event).await {
        Some(Answer::Response(body)) => {
            let body: Value = serde_json::from_slice(&body)?;
            match body.get("statusCode") {
                None => Ok(()),
                Some(status) if *status == 200 => Ok(()),
                Some(status) => Err(format!("a call was answered {status}").into()),
            }
        }
        other => Err(format!("a call failed: {other:?}").into()),
    }
}

async fn start_only(
    binary: &Path,
    name: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Figures, Failed> {
    let mut starts = Vec::with_capacity(STARTS);
    let mut most = 0.0_f64;
    for _ in 0..STARTS {
        let api = RuntimeApi::serve().await?;
        let mut asked = api.asked();
        let process = Process::function(binary, name, &api.address(), environment)?;
        let first = asked.wait_for(|count| *count > 0);
        if tokio::time::timeout(STARTS_WITHIN, first).await.is_err() {
            let said = process.said().join("\n");
            return Err(format!("{name} asked for no event: {said}").into());
        }
        tokio::time::sleep(FALLS_ASLEEP).await;
        starts.push(cpu(process.id())?);
        most = most.max(memory(process.id())?);
    }
    starts.sort_by(f64::total_cmp);
    let size = std::fs::metadata(binary)?.len();
    Ok(Figures {
        name: name.to_owned(),
        megabytes: size as f64 / 1e6,
        start_ms: starts.get(STARTS / 2).copied().unwrap_or_default(),
        memory_mb: most,
        call_ms: None,
    })
}

/// Milliseconds of CPU that a process has used, all its threads together.
fn cpu(process: u32) -> Result<f64, Failed> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let spent = text.split_whitespace().next().unwrap_or_default();
        nanoseconds += spent.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e6)
}

/// The most memory that a process has had, in MB (of 1,024 * 1,024).
fn memory(process: u32) -> Result<f64, Failed> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line
        .and_then(|line| line.split_whitespace().next())
        .ok_or("no VmHWM in the process's status")?;
    Ok(kilobytes.parse::<f64>()? / 1_024.0)
}

fn bare_event(_number: usize) -> Vec<u8> {
    sample()
}

fn sample() -> Vec<u8> {
    let path = workspace().join("events/gladly.json");
    std::fs::read(path).unwrap_or_default()
}

/// The sample webhook as a new message of a customer of its own.
fn webhook(number: usize) -> Vec<u8> {
    let mut event: Value = serde_json::from_slice(&sample()).unwrap_or_default();
    let body = event.get("body").and_then(Value::as_str);
    let body = body
        .unwrap_or_default()
        .replace("-sample-1", &format!("-figure-{number}"));
    if let Some(event) = event.as_object_mut() {
        event.insert("body".to_owned(), json!(body));
    }
    event.to_string().into_bytes()
}

fn print(table: &[Figures]) {
    let bare = table.first().map_or(1.0, |bare| bare.start_ms);
    let line = |cells: [&str; 6]| {
        let [name, size, start, factor, memory, call] = cells;
        println!("{name:<14}{size:>9}{start:>13}{factor:>9}{memory:>10}{call:>13}");
    };
    println!("{}", machine());
    line([
        "function",
        "size MB",
        "cold CPU ms",
        "x bare",
        "RSS MB",
        "warm CPU ms",
    ]);
    for row in table {
        let (factor, size) = match row.name.as_str() {
            "bare" => (f64::INFINITY, f64::INFINITY),
            "gladly" => (START, WEBHOOK_SIZE),
            "conversations" | "connections" => (START, SIZE),
            _ => (START_TWO_CLIENTS, SIZE),
        };
        let mark = |value: f64, most: f64, digits: usize| {
            let over = if value > most { " !" } else { "" };
            format!("{value:.digits$}{over}")
        };
        let ratio = row.start_ms / bare;
        line([
            &row.name,
            &mark(row.megabytes, size, 2),
            &format!("{:.2}", row.start_ms),
            &mark(ratio, factor, 2),
            &mark(row.memory_mb, MEMORY, 1),
            &row.call_ms
                .map_or_else(String::new, |ms| format!("{ms:.3}")),
        ]);
    }
    println!(
        "! is above what is aimed at: {START} x bare ({START_TWO_CLIENTS} with a second client), \
         {WEBHOOK_SIZE} MB (webhooks) or {SIZE} MB, {MEMORY} MB RSS"
    );
}

/// The processor's name and number, since CPU times say nothing without.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(':').nth(1)).unwrap_or("?");
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{processors} x{model}, {STARTS} starts each (median), {CALLS} calls")
}

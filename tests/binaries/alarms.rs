//! Every alarm of the template rings once: what it is about is brought about on the real
//! functions, and its own definition is evaluated against what their logs say. Metrics
//! that are AWS's own are written down as an outage would have them.

use crate::past::{Past, armed, message};
use crate::stage::{Stage, bot, http, patient_platform, platform_with_webhook_off, sample};
use axum::Router;
use axum::http::StatusCode;
use baton_local::engine::{Before, Call, Faults};
use baton_simulators::serving::serve;
use baton_tests::alarms::{Alarm, MetricId, Series, State, alarms};
use baton_tests::built::{self, workspace};
use baton_tests::emulator::Emulator;
use baton_tests::scene::{Parties, SESSION, STACK, thread};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The alarms on what the hub counts. Each is brought about by a test of its own: one
/// that is not is never constructed, which does not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    BotNotTold,
    FailedSends,
    LateTimers,
    Panics,
    Poison,
    StorageErrors,
    StuckTimers,
    UnhealthyConnection,
    WebhookOff,
    WebhooksUnavailable,
}

/// The alarms on metrics of AWS's own services.
const OF_AWS: [&str; 9] = [
    "ApiDurationAlarm",
    "ApiErrorsAlarm",
    "ApiThrottlesAlarm",
    "DeadLettersAlarm",
    "DurationAlarm",
    "PublishLagAlarm",
    "RelayLagAlarm",
    "SweepSilentAlarm",
    "ThrottlesAlarm",
];

/// The start of a period of every length that alarms have.
const START: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;

fn all() -> Vec<Alarm> {
    alarms().expect("the alarms can be read")
}

fn named(name: &str) -> Alarm {
    let found = all().into_iter().find(|alarm| alarm.name == name);
    found.unwrap_or_else(|| panic!("the template has no {name}"))
}

/// Lines with metrics that a function has written, once they name this one.
async fn lines(emulator: &Emulator, function: &str, metric: &str) -> Vec<String> {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let prefix = format!("{function}: ");
        let said = emulator.said();
        let lines: Vec<String> = said
            .iter()
            .filter_map(|line| line.strip_prefix(&prefix))
            .filter(|line| line.contains("_aws"))
            .map(str::to_owned)
            .collect();
        let named = format!("{{\"Name\":\"{metric}\"}}");
        if lines.iter().any(|line| line.contains(&named)) {
            return lines;
        }
        assert!(Instant::now() < end, "no {metric}: {}", said.join("\n"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The alarm rings while what these lines tell of lasts, happening `often` in each of its
/// periods; and no longer.
fn rings(own: Own, lines: &[String], often: usize) {
    let alarm = named(&format!("{own:?}Alarm"));
    let series = |periods: usize| {
        let mut series = Series::default();
        for period in 0..periods as i64 {
            for line in std::iter::repeat_n(lines, often).flatten() {
                let mut line: Value = serde_json::from_str(line).expect("JSON");
                line["_aws"]["Timestamp"] = json!(START + period * alarm.period + 1_000);
                let taken = series.take_in(&line.to_string());
                assert_eq!(taken, Ok(true), "{line}");
            }
        }
        series
    };
    let state = |series: &Series, periods: usize| {
        let now = START + periods as i64 * alarm.period;
        alarm.state(series, now).expect("it can be played")
    };
    let lasting = series(alarm.datapoints);
    assert_eq!(state(&lasting, alarm.datapoints), State::Alarm, "{alarm:?}");
    let after = alarm.datapoints + alarm.periods;
    assert_eq!(state(&lasting, after), State::Ok, "it ends: {alarm:?}");
    if alarm.datapoints > 1 {
        let short = series(alarm.datapoints - 1);
        assert_eq!(state(&short, alarm.periods), State::Ok, "{alarm:?}");
    }
}

/// None of the alarms on what the hub counts rings for these lines.
fn all_is_quiet(lines: &[String]) {
    let mut series = Series::default();
    for line in lines {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        line["_aws"]["Timestamp"] = json!(START + 1_000);
        assert_eq!(series.take_in(&line.to_string()), Ok(true), "{line}");
    }
    for alarm in all() {
        if !OF_AWS.contains(&alarm.name.as_str()) {
            let state = alarm.state(&series, START + alarm.period);
            assert_eq!(state, Ok(State::Ok), "{}: {series:?}", alarm.name);
        }
    }
}

fn nowhere() -> Parties {
    Parties::of_samples("http://127.0.0.1:9", "http://127.0.0.1:9")
}

#[test]
fn every_alarm_is_tried_here_and_has_a_page() {
    let own = [
        Own::BotNotTold,
        Own::FailedSends,
        Own::LateTimers,
        Own::Panics,
        Own::Poison,
        Own::StorageErrors,
        Own::StuckTimers,
        Own::UnhealthyConnection,
        Own::WebhookOff,
        Own::WebhooksUnavailable,
    ];
    let mut tried: BTreeSet<String> = own.iter().map(|own| format!("{own:?}Alarm")).collect();
    tried.extend(OF_AWS.map(str::to_owned));
    let names: BTreeSet<String> = all().into_iter().map(|alarm| alarm.name).collect();
    assert_eq!(tried, names);
    let folder = workspace().join("docs/operations/alarms");
    let mut pages = BTreeSet::new();
    for alarm in all() {
        let page = alarm
            .description
            .split_once("docs/operations/alarms/")
            .and_then(|(_, rest)| rest.strip_suffix('.'))
            .unwrap_or_else(|| panic!("{} names no page", alarm.name));
        let text = std::fs::read_to_string(folder.join(page))
            .unwrap_or_else(|error| panic!("{page}: {error}"));
        for part in [alarm.name.as_str(), "## See", "## Check", "## Repair"] {
            assert!(text.contains(part), "{page} lacks {part}");
        }
        pages.insert(page.to_owned());
    }
    let files = std::fs::read_dir(&folder).expect("a folder");
    let files: BTreeSet<String> = files
        .map(|file| file.expect("readable").file_name().display().to_string())
        .filter(|name| name != "README.md")
        .collect();
    assert_eq!(files, pages, "every page is of an alarm");
}

#[tokio::test]
async fn nothing_rings_while_all_is_well() {
    let (_bot, served) = bot().await;
    let platform = patient_platform().await;
    let parties = Parties::of_samples(&platform.base_url, &served.base_url);
    let functions = ["gladly", "relay", "publish", "send", "sweep"];
    let Some(stage) = Stage::set(&parties, &functions).await else {
        return;
    };
    assert_eq!(stage.play_http("gladly").await.0, 200);
    stage.play("relay").await;
    stage.play("publish").await;
    assert_eq!(stage.play_http("send").await.0, 200);
    stage.play("sweep_slice").await;
    let mut said = lines(&stage.emulator, "gladly", "Webhooks").await;
    said.extend(lines(&stage.emulator, "send", "MessagesSent").await);
    said.extend(lines(&stage.emulator, "relay", "ColdStarts").await);
    said.extend(lines(&stage.emulator, "sweep", "ColdStarts").await);
    assert_eq!(said.len(), 4, "one line a call: {said:#?}");
    let webhook: Value = serde_json::from_str(&said[0]).expect("JSON");
    assert_eq!(webhook["message"], "a webhook was taken in");
    assert_eq!(webhook["write"]["append"], 1.0);
    assert_eq!(webhook["threads"], json!([thread().as_str()]));
    assert_eq!(webhook["FunctionName"], "gladly");
    let sent: Value = serde_json::from_str(&said[1]).expect("JSON");
    assert_eq!(sent["calls"]["gladly"]["made"], 1);
    all_is_quiet(&said);
    for line in stage.emulator.said() {
        for secret in ["Where is my order", "customer-sample-1", SESSION] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}

#[tokio::test]
async fn poison_rings() {
    let Some(stage) = Stage::set(&nowhere(), &["gladly"]).await else {
        return;
    };
    let mut event = sample("gladly");
    event["body"] = json!("{");
    assert_eq!(http(&stage.answer("gladly", &event).await).0, 200);
    rings(
        Own::Poison,
        &lines(&stage.emulator, "gladly", "Poison").await,
        1,
    );
}

/// The table refuses whatever is asked of its threads; settings can be read.
struct Down;

impl Faults for Down {
    fn before(&self, call: &Call<'_>) -> Before {
        match call.operation {
            "GetItem" => Before::Proceed,
            _ => Before::InternalError,
        }
    }
}

#[tokio::test]
async fn a_table_that_is_down_rings() {
    let Some(stage) = Stage::with(&nowhere(), Some(Arc::new(Down)), &["gladly"]).await else {
        return;
    };
    assert_eq!(stage.play_http("gladly").await.0, 503);
    let said = lines(&stage.emulator, "gladly", "StorageErrors").await;
    rings(Own::StorageErrors, &said, 1);
    rings(Own::WebhooksUnavailable, &said, 1);
}

#[tokio::test]
async fn messages_that_fail_ring() {
    let refuses = Router::new().fallback(async || (StatusCode::BAD_REQUEST, "{}"));
    let platform = serve(refuses).await.expect("a port");
    let parties = Parties::of_samples(&platform.base_url, "http://127.0.0.1:9");
    let Some(stage) = Stage::set(&parties, &["gladly", "send"]).await else {
        return;
    };
    assert_eq!(stage.play_http("gladly").await.0, 200);
    stage.play("send").await;
    let said = lines(&stage.emulator, "send", "MessagesFailed").await;
    rings(Own::FailedSends, &said, 6);
}

#[tokio::test]
async fn a_bot_that_is_not_there_rings() {
    let Some(stage) = Stage::set(&nowhere(), &["gladly", "relay"]).await else {
        return;
    };
    assert_eq!(stage.play_http("gladly").await.0, 200);
    stage.play("relay").await;
    let said = lines(&stage.emulator, "relay", "BotNotTold").await;
    rings(Own::BotNotTold, &said, 21);
}

#[tokio::test]
async fn timers_that_fire_late_ring() {
    let Some(stage) = Stage::set(&nowhere(), &["sweep"]).await else {
        return;
    };
    // The bot owes an answer for a minute, since five minutes ago.
    Past::of(&stage.scene, 300)
        .webhook(message(SESSION, 0))
        .await;
    let mut slice = sample("sweep_slice");
    slice["detail"]["rows"] = json!([armed(&thread())]);
    stage.answer("sweep", &slice).await;
    let said = lines(&stage.emulator, "sweep", "TimersLate").await;
    rings(Own::LateTimers, &said, 1);
    rings(Own::StuckTimers, &said, 1);
}

#[tokio::test]
async fn a_webhook_that_is_off_and_a_connection_that_is_not_well_ring() {
    let platform = platform_with_webhook_off(StatusCode::BAD_REQUEST).await;
    let parties = Parties::of_samples(&platform.base_url, "http://127.0.0.1:9");
    let Some(stage) = Stage::set(&parties, &["sweep"]).await else {
        return;
    };
    stage.checked().await;
    let said = lines(&stage.emulator, "sweep", "WebhookOff").await;
    rings(Own::WebhookOff, &said, 1);
    // The look at the webhook comes first, and the rest of the check after it.
    stage.checked().await;
    let said = lines(&stage.emulator, "sweep", "ConnectionsUnhealthy").await;
    rings(Own::UnhealthyConnection, &said[1..], 1);
}

#[tokio::test]
async fn panics_ring() {
    let Some(program) = Emulator::program() else {
        println!("SKIPPED: cargo-lambda is not installed (tests/run installs it)");
        return;
    };
    let binaries = built::functions(&["panicking"]).expect("it can be built");
    let mut emulator = Emulator::start(&program).expect("the emulator starts");
    let stack = BTreeMap::from([("BATON_STACK".to_owned(), STACK.to_owned())]);
    emulator
        .attach(&binaries.join("examples/panicking"), "gladly", &stack)
        .expect("it starts");
    let mut event = sample("gladly");
    event["headers"]["x-panic"] = json!("yes");
    let calls = emulator.calls();
    let called = calls.call("gladly", event.to_string().into_bytes()).await;
    assert!(called.expect("an answer").is_error());
    rings(Own::Panics, &lines(&emulator, "gladly", "Panics").await, 1);
}

fn of_aws(namespace: &str, name: &str, dimension: &str, value: &str) -> MetricId {
    MetricId {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        dimensions: BTreeMap::from([(dimension.to_owned(), value.to_owned())]),
    }
}

/// Numbers by the minute, for ten minutes.
fn by_the_minute(metric: &MetricId, numbers: impl Fn(i64) -> Option<f64>) -> Series {
    let mut series = Series::default();
    for minute in 0..10 {
        if let Some(number) = numbers(minute) {
            series.put(metric.clone(), START + minute * MINUTE + 1_000, number);
        }
    }
    series
}

#[test]
fn outages_that_aws_counts_ring() {
    let lambda = |name, function| of_aws("AWS/Lambda", name, "FunctionName", function);
    // A stream that stopped: its oldest record is a minute older each minute.
    let stopped = |minute: i64| Some((minute * MINUTE) as f64);
    type Numbers = fn(i64) -> Option<f64>;
    let outages: [(&str, MetricId, Numbers, Numbers); 9] = [
        (
            "DeadLettersAlarm",
            of_aws(
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                "QueueName",
                "DeadLetters.QueueName",
            ),
            |_| Some(0.0),
            |_| Some(1.0),
        ),
        (
            "RelayLagAlarm",
            lambda("IteratorAge", "relay"),
            |_| Some(900.0),
            stopped,
        ),
        (
            "PublishLagAlarm",
            lambda("IteratorAge", "publish"),
            |_| Some(3_000.0),
            stopped,
        ),
        (
            "SweepSilentAlarm",
            lambda("Invocations", "sweep"),
            |_| Some(1.0),
            |_| None,
        ),
        (
            "ApiErrorsAlarm",
            of_aws("AWS/ApiGateway", "5xx", "ApiId", "Api"),
            |_| Some(2.0),
            |_| Some(40.0),
        ),
        (
            "ThrottlesAlarm",
            lambda("Throttles", "gladly"),
            |_| Some(0.0),
            |_| Some(3.0),
        ),
        (
            "ApiThrottlesAlarm",
            lambda("Throttles", "send"),
            |_| Some(0.0),
            |_| Some(3.0),
        ),
        // 150 s is what a sweep may take, and 130 s what it does; a webhook has 15 s.
        (
            "DurationAlarm",
            lambda("Duration", "sweep"),
            |_| Some(131_000.0),
            |_| Some(149_000.0),
        ),
        (
            "ApiDurationAlarm",
            lambda("Duration", "conversations"),
            |_| Some(20_000.0),
            |_| Some(28_900.0),
        ),
    ];
    let tried: BTreeSet<&str> = outages.iter().map(|(name, ..)| *name).collect();
    assert_eq!(tried, BTreeSet::from(OF_AWS));
    for (name, metric, well, outage) in outages {
        let alarm = named(name);
        assert!(
            alarm.metrics().any(|read| *read == metric),
            "{name}: {alarm:?}"
        );
        let state =
            |numbers: Numbers| alarm.state(&by_the_minute(&metric, numbers), START + 10 * MINUTE);
        assert_eq!(state(well), Ok(State::Ok), "{name}");
        assert_eq!(state(outage), Ok(State::Alarm), "{name}");
    }
}

/// An alarm takes ten metrics at most, so each watch has two: one for webhooks, stream and
/// sweep, one for the API.
#[test]
fn every_function_is_watched_for_throttles_and_by_its_own_timeout() {
    let template = baton_local::template::Template::builtin().expect("a template");
    let watches = |name: &str| [named(name), named(&format!("Api{name}"))];
    let ringing = |alarms: &[Alarm], series: &Series, now: i64| {
        let states = alarms.iter().map(|alarm| alarm.state(series, now));
        states.filter(|state| *state == Ok(State::Alarm)).count()
    };
    let (throttles, durations) = (watches("ThrottlesAlarm"), watches("DurationAlarm"));
    for function in &template.functions {
        let throttled = of_aws("AWS/Lambda", "Throttles", "FunctionName", &function.name);
        let ring = by_the_minute(&throttled, |_| Some(1.0));
        let rung = ringing(&throttles, &ring, START + 10 * MINUTE);
        assert_eq!(rung, 1, "{}", function.name);

        let duration = of_aws("AWS/Lambda", "Duration", "FunctionName", &function.name);
        let timeout = function.timeout.as_millis() as f64;
        for (share, expected) in [(0.94, 0), (0.96, 1)] {
            let mut series = Series::default();
            series.put(duration.clone(), START + 1, share * timeout);
            let rung = ringing(&durations, &series, START + MINUTE);
            assert_eq!(rung, expected, "{} at {share}", function.name);
        }
    }
}

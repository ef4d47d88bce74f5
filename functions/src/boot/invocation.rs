//! One line at the end of each call: what the call says of itself, what it consumed and
//! what was counted in it, as CloudWatch's Embedded Metric Format. CloudWatch makes
//! metrics of what `_aws` names; the rest is there for queries. Source: CloudWatch user
//! guide, "Specification: Embedded metric format".
//!
//! A metric costs money by its name and dimensions, each month, so the dimensions are the
//! stack, or the function where a number means something for it alone; what the table's
//! mechanisms consume and whom calls went to are fields.

use super::logs::JsonLines;
use baton_hub::Clock;
use baton_hub::metrics::{self, Count, Counted};
use baton_hub::store::Units;
use baton_platforms::moment::to_iso;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The namespace of all metrics.
const NAMESPACE: &str = "Baton";

/// What all calls of a process have in common.
struct Process {
    lines: JsonLines,
    /// The stack's name; empty outside of one, and then no metrics are made.
    stack: String,
    function: String,
    started: Instant,
    /// How long the start took.
    start: OnceLock<Duration>,
    units: OnceLock<Units>,
    is_warm: AtomicBool,
}

static PROCESS: OnceLock<Process> = OnceLock::new();

/// A start begins; its calls are told of on these lines.
pub(super) fn begin(lines: JsonLines) {
    let variable = |name| std::env::var(name).unwrap_or_default();
    PROCESS.get_or_init(|| Process {
        lines,
        stack: variable("BATON_STACK"),
        function: variable("AWS_LAMBDA_FUNCTION_NAME"),
        started: Instant::now(),
        start: OnceLock::new(),
        units: OnceLock::new(),
        is_warm: AtomicBool::new(false),
    });
}

/// The start is over: what comes now are calls.
pub(super) fn ready() {
    if let Some(process) = PROCESS.get() {
        process.start.get_or_init(|| process.started.elapsed());
    }
}

/// What calls consume is read from here.
pub(super) fn meter(units: &Units) {
    if let Some(process) = PROCESS.get() {
        process.units.get_or_init(|| units.clone());
    }
}

/// A call. Its line is written when this is dropped, by a panic as well.
pub(super) struct Invocation {
    request: String,
    began: Instant,
}

impl Invocation {
    pub(super) fn begins(request: String) -> Self {
        Self {
            request,
            began: Instant::now(),
        }
    }
}

impl Drop for Invocation {
    fn drop(&mut self) {
        if let Some(process) = PROCESS.get() {
            JsonLines::write(&process.line(self));
        }
    }
}

impl Process {
    fn line(&self, invocation: &Invocation) -> Map<String, Value> {
        let counted = metrics::take();
        let mut line = self.lines.take_kept();
        let now = Clock::real().now();
        line.entry("message").or_insert("a call".into());
        line.insert("timestamp".to_owned(), to_iso(now).into());
        // Of this level, so that no filter of Lambda's takes the metrics away.
        line.insert("level".to_owned(), "INFO".into());
        line.insert("requestId".to_owned(), invocation.request.as_str().into());
        line.insert("ms".to_owned(), ms(invocation.began.elapsed()));
        let is_cold = !self.is_warm.swap(true, Ordering::Relaxed);
        if is_cold {
            let start = self.start.get().copied().unwrap_or_default();
            line.insert("start_ms".to_owned(), ms(start));
        }
        self.add_units(&mut line);
        if !counted.calls.is_empty() {
            line.insert("calls".to_owned(), calls(&counted));
        }
        if !counted.threads.is_empty() {
            let ids = counted.threads.iter().map(|id| id.as_str());
            line.insert("threads".to_owned(), ids.collect::<Value>());
        }
        self.add_metrics(&mut line, &counted, is_cold, now.0);
        line
    }

    fn add_units(&self, line: &mut Map<String, Value>) {
        let Some(units) = self.units.get() else {
            return;
        };
        let (mut read, mut write) = (Map::new(), Map::new());
        for (mechanism, tally) in units.take() {
            for (units, of) in [(tally.read, &mut read), (tally.write, &mut write)] {
                if units > 0.0 {
                    of.insert(mechanism.as_str().replace(' ', "_"), units.into());
                }
            }
        }
        for (name, units) in [("read", read), ("write", write)] {
            if !units.is_empty() {
                line.insert(name.to_owned(), units.into());
            }
        }
    }

    fn add_metrics(
        &self,
        line: &mut Map<String, Value>,
        counted: &Counted,
        is_cold: bool,
        now: i64,
    ) {
        let (mut of_stack, mut of_function) = (Vec::new(), Vec::new());
        let mut put = |name: &str, value: Value, of_one: bool| {
            let names = if of_one {
                &mut of_function
            } else {
                &mut of_stack
            };
            names.push(json!({ "Name": name }));
            line.insert(name.to_owned(), value);
        };
        for (count, number) in &counted.counts {
            // A webhook's function is its platform.
            let of_one = matches!(count, Count::Webhooks | Count::WebhooksRefused);
            put(count.name(), (*number).into(), of_one);
        }
        if let Some(lateness) = counted.lateness_ms {
            put("LatenessMaxMs", lateness.into(), false);
        }
        for (name, number) in platform_calls(counted) {
            put(name, number.into(), false);
        }
        if is_cold {
            put("ColdStarts", 1.into(), true);
        }
        if self.stack.is_empty() {
            return;
        }
        let mut directives = Vec::new();
        for (dimension, value, names) in [
            ("Stack", &self.stack, of_stack),
            ("FunctionName", &self.function, of_function),
        ] {
            if names.is_empty() {
                continue;
            }
            line.insert(dimension.to_owned(), value.as_str().into());
            directives.push(json!({
                "Namespace": NAMESPACE,
                "Dimensions": [[dimension]],
                "Metrics": names,
            }));
        }
        if !directives.is_empty() {
            let aws = json!({ "Timestamp": now, "CloudWatchMetrics": directives });
            line.insert("_aws".to_owned(), aws);
        }
    }
}

fn ms(time: Duration) -> Value {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into()
}

/// Calls by whom they went to.
fn calls(counted: &Counted) -> Value {
    let parties = counted.calls.iter().map(|(party, calls)| {
        let numbers = [
            ("made", calls.made),
            ("slow", calls.slow),
            ("throttled", calls.throttled),
            ("unanswered", calls.unanswered),
        ];
        let mut said: Map<String, Value> = numbers
            .into_iter()
            .filter(|(_, number)| *number > 0)
            .map(|(name, number)| (name.to_owned(), number.into()))
            .collect();
        said.insert("longest_ms".to_owned(), calls.longest_ms.into());
        ((*party).to_owned(), Value::Object(said))
    });
    Value::Object(parties.collect())
}

/// Calls to platforms, all together; bots answer for themselves.
fn platform_calls(counted: &Counted) -> impl Iterator<Item = (&'static str, u64)> {
    let platforms = || counted.calls.iter().filter(|(party, _)| **party != "bot");
    let sum = |of: fn(&metrics::CallCounts) -> u64| platforms().map(|(_, calls)| of(calls)).sum();
    [
        ("PlatformCalls", sum(|calls| calls.made)),
        ("PlatformSlow", sum(|calls| calls.slow)),
        ("PlatformThrottled", sum(|calls| calls.throttled)),
        ("PlatformUnanswered", sum(|calls| calls.unanswered)),
    ]
    .into_iter()
    .filter(|(_, number)| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_hub::metrics::CallCounts;
    use std::collections::BTreeMap;

    fn process(stack: &str) -> Process {
        Process {
            lines: JsonLines::of(tracing::Level::INFO),
            stack: stack.to_owned(),
            function: "hub-GladlyFunction-1".to_owned(),
            started: Instant::now(),
            start: OnceLock::new(),
            units: OnceLock::new(),
            is_warm: AtomicBool::new(false),
        }
    }

    fn counted() -> Counted {
        let call = CallCounts {
            made: 2,
            slow: 1,
            longest_ms: 2_500,
            ..CallCounts::default()
        };
        Counted {
            counts: BTreeMap::from([(Count::Webhooks, 1), (Count::Poison, 1)]),
            lateness_ms: Some(700),
            calls: BTreeMap::from([("gladly", call), ("bot", call)]),
            threads: Vec::new(),
        }
    }

    #[test]
    fn every_metric_has_its_number_and_its_dimension() {
        let mut line = Map::new();
        process("hub").add_metrics(&mut line, &counted(), true, 1_795_162_530_250);
        let aws = line["_aws"].clone();
        assert_eq!(aws["Timestamp"], 1_795_162_530_250_i64);
        let directives = aws["CloudWatchMetrics"].as_array().unwrap();
        let of = |dimension: &str| -> Vec<&str> {
            let found = directives
                .iter()
                .find(|directive| directive["Dimensions"] == json!([[dimension]]));
            let names = found.unwrap()["Metrics"].as_array().unwrap();
            names
                .iter()
                .filter_map(|metric| metric["Name"].as_str())
                .collect()
        };
        let of_stack = ["Poison", "LatenessMaxMs", "PlatformCalls", "PlatformSlow"];
        assert_eq!(of("Stack"), of_stack);
        assert_eq!(of("FunctionName"), ["Webhooks", "ColdStarts"]);
        // bites: a dimension or a metric that is named and not there; CloudWatch drops the
        // whole line.
        for name in of("Stack").into_iter().chain(of("FunctionName")) {
            assert!(line[name].is_number(), "{name}");
        }
        assert_eq!(line["PlatformCalls"], 2);
        assert_eq!(line["Stack"], "hub");
        assert_eq!(line["FunctionName"], "hub-GladlyFunction-1");
    }

    #[test]
    fn without_a_stack_there_are_numbers_and_no_metrics() {
        let mut line = Map::new();
        process("").add_metrics(&mut line, &counted(), false, 0);
        assert_eq!(line["Poison"], 1);
        assert!(!line.contains_key("_aws") && !line.contains_key("ColdStarts"));
        let mut line = Map::new();
        process("hub").add_metrics(&mut line, &Counted::default(), false, 0);
        assert!(line.is_empty(), "{line:?}");
    }

    #[test]
    fn a_call_that_counted_nothing_is_one_line_still() {
        let process = process("hub");
        let line = process.line(&Invocation::begins("request-1".to_owned()));
        assert_eq!(line["message"], "a call");
        assert_eq!(line["requestId"], "request-1");
        assert_eq!(line["ColdStarts"], 1);
        let line = process.line(&Invocation::begins("request-2".to_owned()));
        assert!(!line.contains_key("start_ms"));
    }
}

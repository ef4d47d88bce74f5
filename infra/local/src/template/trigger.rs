//! What starts a function without a request: schedules, rules on the stack's
//! bus, and the table's stream.

use super::TemplateError;
use super::node::Node;
use super::pattern::Pattern;
use serde_json::Value;
use std::time::Duration;

/// A function that runs at fixed intervals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The function, by its binary's name.
    pub function: String,
    /// From one start to the next.
    pub every: Duration,
}

/// A function that events on the stack's own bus start.
#[derive(Clone, Debug, PartialEq)]
pub struct BusRule {
    /// The function, by its binary's name.
    pub function: String,
    /// Which events: over `source`, `detail-type`, `detail` and the other
    /// fields of an EventBridge event.
    pub pattern: Pattern,
    /// How often a start is tried again.
    pub maximum_retry_attempts: u32,
}

/// A function that reads the table's stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamMapping {
    /// The function, by its binary's name.
    pub function: String,
    /// Most records of one call.
    pub batch_size: u32,
    /// How long records are gathered before a call; zero calls at once.
    pub batching_window: Duration,
    /// How many batches of one shard run at once.
    pub parallelization_factor: u32,
    /// Whether reading starts with the oldest record there is, instead of with
    /// those that come after the mapping was made.
    pub from_oldest: bool,
    /// A record is passed on if one of these fits; without any, every record is.
    pub filters: Vec<Pattern>,
    /// Whether the function names the records that failed, in
    /// `batchItemFailures`; Lambda goes on from the earliest of them.
    pub reports_item_failures: bool,
    /// Whether a batch that failed as a whole is tried again in halves.
    pub bisects_on_error: bool,
    /// How often a batch is tried again before it is given up.
    pub maximum_retry_attempts: u32,
    /// The queue that hears of what was given up, by its logical id and
    /// attribute.
    pub dead_letters: Option<String>,
}

impl StreamMapping {
    /// Whether a stream record, as a function reads it (`eventName`,
    /// `dynamodb`), is passed on.
    #[must_use]
    pub fn wants(&self, record: &Value) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| filter.matches(record))
    }
}

/// Reads the properties of a `Schedule` event.
pub(super) fn read_schedule(
    function: &str,
    properties: &Node<'_>,
) -> Result<Schedule, TemplateError> {
    let expression = properties.get("Schedule")?;
    let every = parse_rate(&expression.text()?)
        .ok_or_else(|| expression.unsupported("a schedule that is not rate(...)"))?;
    Ok(Schedule {
        function: function.to_owned(),
        every,
    })
}

/// Reads the properties of an `EventBridgeRule` event.
pub(super) fn read_bus_rule(
    function: &str,
    properties: &Node<'_>,
) -> Result<BusRule, TemplateError> {
    // Events of the account's default bus do not exist on one machine.
    properties.get("EventBusName")?;
    let retries = match properties.find("RetryPolicy") {
        Some(policy) => policy.get("MaximumRetryAttempts")?.number()?,
        // EventBridge's default.
        None => 185,
    };
    Ok(BusRule {
        function: function.to_owned(),
        pattern: Pattern::parse(properties.get("Pattern")?.raw())?,
        maximum_retry_attempts: retries,
    })
}

/// Reads the properties of a `DynamoDB` event. What a mapping may leave out on
/// AWS must be written here: the defaults (endless retries) suit nobody.
pub(super) fn read_stream(
    function: &str,
    properties: &Node<'_>,
) -> Result<StreamMapping, TemplateError> {
    let position = properties.get("StartingPosition")?;
    let from_oldest = match position.text()?.as_str() {
        "TRIM_HORIZON" => true,
        "LATEST" => false,
        other => return Err(position.unsupported(format!("the starting position {other}"))),
    };
    let mut filters = Vec::new();
    if let Some(criteria) = properties.find("FilterCriteria") {
        for filter in criteria.get("Filters")?.items() {
            filters.push(read_filter(&filter.get("Pattern")?)?);
        }
    }
    let mut reports_item_failures = false;
    if let Some(types) = properties.find("FunctionResponseTypes") {
        for kind in types.items() {
            reports_item_failures |= kind.text()? == "ReportBatchItemFailures";
        }
    }
    let dead_letters = properties
        .find("DestinationConfig")
        .map(|config| config.get("OnFailure")?.get("Destination")?.reference())
        .transpose()?;
    Ok(StreamMapping {
        function: function.to_owned(),
        batch_size: properties.get("BatchSize")?.number()?,
        batching_window: properties
            .get("MaximumBatchingWindowInSeconds")?
            .seconds()?,
        parallelization_factor: properties.get("ParallelizationFactor")?.number()?,
        from_oldest,
        filters,
        reports_item_failures,
        bisects_on_error: properties.get("BisectBatchOnFunctionError")?.flag()?,
        maximum_retry_attempts: properties.get("MaximumRetryAttempts")?.number()?,
        dead_letters,
    })
}

/// A stream filter is JSON within a text.
fn read_filter(pattern: &Node<'_>) -> Result<Pattern, TemplateError> {
    let json: Value = serde_json::from_str(&pattern.text()?)
        .map_err(|_| pattern.shape("an event pattern in JSON"))?;
    Pattern::parse(&json)
}

/// `rate(1 minute)`, `rate(2 hours)`: EventBridge's rate expressions.
fn parse_rate(expression: &str) -> Option<Duration> {
    let inside = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (number, unit) = inside.split_once(' ')?;
    let seconds: u64 = match unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        _ => return None,
    };
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    seconds.checked_mul(number).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_minutes_hours_and_days() {
        let seconds = |text| parse_rate(text).map(|every| every.as_secs());
        assert_eq!(seconds("rate(1 minute)"), Some(60));
        assert_eq!(seconds("rate(5 minutes)"), Some(300));
        assert_eq!(seconds("rate(2 hours)"), Some(7_200));
        assert_eq!(seconds("rate(1 day)"), Some(86_400));
        for text in [
            "rate(0 minutes)",
            "rate(1)",
            "rate(1 week)",
            "cron(* * * * ? *)",
            "",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}

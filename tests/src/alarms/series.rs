//! Numbers with their times; log lines as metrics.

use serde_json::Value;
use std::collections::BTreeMap;

/// A metric: namespace, name, and dimensions by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricId {
    /// Such as `AWS/Lambda`.
    pub namespace: String,
    /// Such as `Duration`.
    pub name: String,
    /// Such as `FunctionName` and the function.
    pub dimensions: BTreeMap<String, String>,
}

/// What CloudWatch knows: each metric's numbers, with their times in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Series(BTreeMap<MetricId, Vec<(i64, f64)>>);

impl Series {
    /// Adds a number.
    pub fn put(&mut self, metric: MetricId, at: i64, value: f64) {
        self.0.entry(metric).or_default().push((at, value));
    }

    /// Takes in a line of a function's log as CloudWatch does with the Embedded Metric
    /// Format; whether it held metrics.
    ///
    /// # Errors
    /// Where CloudWatch would drop the line: a dimension or a number that is named is not
    /// there, or more than the format allows. Source: CloudWatch user guide,
    /// "Specification: Embedded metric format".
    pub fn take_in(&mut self, line: &str) -> Result<bool, String> {
        let Ok(line) = serde_json::from_str::<Value>(line) else {
            return Ok(false);
        };
        let Some(aws) = line.get("_aws") else {
            return Ok(false);
        };
        let at = aws["Timestamp"].as_i64().ok_or("no Timestamp")?;
        for directive in list(&aws["CloudWatchMetrics"])? {
            let namespace = text(&directive["Namespace"])?;
            let metrics = list(&directive["Metrics"])?;
            if metrics.len() > 100 {
                return Err("more than 100 metrics in a directive".to_owned());
            }
            for set in list(&directive["Dimensions"])? {
                let mut dimensions = BTreeMap::new();
                for name in list(set)? {
                    let name = text(name)?;
                    dimensions.insert(name.clone(), text(&line[&name])?);
                }
                for metric in metrics {
                    let name = text(&metric["Name"])?;
                    let value = line[&name].as_f64().ok_or(format!("{name} is no number"))?;
                    let id = MetricId {
                        namespace: namespace.clone(),
                        name,
                        dimensions: dimensions.clone(),
                    };
                    self.put(id, at, value);
                }
            }
        }
        Ok(true)
    }

    /// All metrics there are.
    pub fn metrics(&self) -> impl Iterator<Item = &MetricId> {
        self.0.keys()
    }

    /// The sum of a metric's numbers.
    #[must_use]
    pub fn sum(&self, metric: &MetricId) -> f64 {
        let numbers = self.0.get(metric);
        numbers.map_or(0.0, |numbers| numbers.iter().map(|(_, value)| value).sum())
    }

    /// A metric's number for the period that begins then, by this statistic; `None`
    /// without data.
    ///
    /// # Errors
    /// When the statistic is not known.
    pub fn datapoint(
        &self,
        metric: &MetricId,
        from: i64,
        period: i64,
        statistic: &str,
    ) -> Result<Option<f64>, String> {
        let numbers = self.0.get(metric).map(Vec::as_slice).unwrap_or_default();
        let within = numbers
            .iter()
            .filter(|(at, _)| (from..from + period).contains(at))
            .map(|(_, value)| *value);
        Ok(match statistic {
            "Sum" => within.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value)),
            "Maximum" => within.reduce(f64::max),
            other => return Err(format!("the statistic {other} is not played here")),
        })
    }
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or(format!("{value} is no list"))
}

fn text(value: &Value) -> Result<String, String> {
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or(format!("{value} is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line() -> Value {
        json!({
            "_aws": {"Timestamp": 60_000, "CloudWatchMetrics": [{
                "Namespace": "Baton", "Dimensions": [["Stack"]], "Metrics": [{"Name": "Poison"}],
            }]},
            "Stack": "baton",
            "Poison": 2,
        })
    }

    #[test]
    fn a_line_becomes_numbers() {
        let mut series = Series::default();
        assert_eq!(series.take_in(&line().to_string()), Ok(true));
        assert_eq!(series.take_in("a line"), Ok(false));
        assert_eq!(series.take_in(r#"{"level":"WARN"}"#), Ok(false));
        let metric = MetricId {
            namespace: "Baton".to_owned(),
            name: "Poison".to_owned(),
            dimensions: BTreeMap::from([("Stack".to_owned(), "baton".to_owned())]),
        };
        let of = |from, statistic| series.datapoint(&metric, from, 60_000, statistic);
        assert_eq!(of(60_000, "Sum"), Ok(Some(2.0)));
        assert_eq!(of(0, "Sum"), Ok(None));
        assert!(of(0, "p99").is_err());
    }

    #[test]
    fn a_line_that_cloudwatch_would_drop_is_an_error() {
        for missing in ["Stack", "Poison"] {
            let mut line = line();
            line.as_object_mut().expect("an object").remove(missing);
            let taken = Series::default().take_in(&line.to_string());
            assert!(taken.is_err(), "{missing}");
        }
    }
}

//! An alarm as the template has it, and whether it rings.

use super::expression::evaluate;
use super::series::{MetricId, Series};
use crate::scene::STACK;
use baton_local::template::{Template, builtin_document};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an alarm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It rings.
    Alarm,
    /// It does not.
    Ok,
}

/// An alarm.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// Its logical id.
    pub name: String,
    /// What it says of itself.
    pub description: String,
    /// What is read, by the name that the expression uses.
    queries: BTreeMap<String, Query>,
    /// Metric math over them; none where there is one query.
    expression: Option<String>,
    /// Milliseconds.
    pub period: i64,
    /// How many periods are looked at.
    pub periods: usize,
    /// How many of them must be beyond the threshold.
    pub datapoints: usize,
    threshold: f64,
    comparison: String,
    missing: String,
}

#[derive(Clone, Debug)]
struct Query {
    metric: MetricId,
    statistic: String,
}

/// Every alarm of the template. References have the values that the scene's functions
/// know: the stack's name, a function's name for itself; anything else is called by its
/// name in the template.
///
/// # Errors
/// When an alarm has a form that is not played here.
pub fn alarms() -> Result<Vec<Alarm>, String> {
    let document = builtin_document().map_err(|error| error.to_string())?;
    let template = Template::builtin().map_err(|error| error.to_string())?;
    let values = Values {
        document: &document,
        template: &template,
    };
    let resources = document["Resources"].as_object().ok_or("no resources")?;
    resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm")
        .map(|(name, resource)| {
            values
                .alarm(name, &resource["Properties"])
                .map_err(|error| format!("{name}: {error}"))
        })
        .collect()
}

struct Values<'a> {
    document: &'a Value,
    template: &'a Template,
}

impl Values<'_> {
    /// The text of a value or reference.
    fn text(&self, value: &Value) -> Result<String, String> {
        match value {
            Value::String(text) => return Ok(text.clone()),
            Value::Number(number) => return Ok(number.to_string()),
            _ => {}
        }
        if let Some(name) = value["Ref"].as_str() {
            if name == "AWS::StackName" {
                return Ok(STACK.to_owned());
            }
            let default = &self.document["Parameters"][name]["Default"];
            if !default.is_null() {
                return self.text(default);
            }
            let mut functions = self.template.functions.iter();
            let function = functions.find(|function| function.logical_id == name);
            return Ok(function.map_or(name, |function| &function.name).to_owned());
        }
        let attribute = value["Fn::GetAtt"].as_array();
        let parts: Option<Vec<&str>> =
            attribute.and_then(|parts| parts.iter().map(Value::as_str).collect());
        parts
            .map(|parts| parts.join("."))
            .ok_or(format!("{value} is not known here"))
    }

    fn number(&self, value: &Value) -> Result<f64, String> {
        let text = self.text(value)?;
        text.parse().map_err(|_| format!("{text} is no number"))
    }

    fn metric(&self, of: &Value) -> Result<MetricId, String> {
        let dimensions = of["Dimensions"].as_array().ok_or("no dimensions")?;
        Ok(MetricId {
            namespace: self.text(&of["Namespace"])?,
            name: self.text(&of["MetricName"])?,
            dimensions: dimensions
                .iter()
                .map(|one| Ok((self.text(&one["Name"])?, self.text(&one["Value"])?)))
                .collect::<Result<_, String>>()?,
        })
    }

    fn alarm(&self, name: &str, properties: &Value) -> Result<Alarm, String> {
        let mut queries = BTreeMap::new();
        let mut expression = None;
        let mut period = None;
        if let Some(metrics) = properties["Metrics"].as_array() {
            for one in metrics {
                if let Some(text) = one["Expression"].as_str() {
                    if one["ReturnData"] != true || expression.is_some() {
                        return Err("one expression is what is compared".to_owned());
                    }
                    expression = Some(text.to_owned());
                    continue;
                }
                let stat = &one["MetricStat"];
                let its = self.number(&stat["Period"])?;
                if period.replace(its).is_some_and(|other| other != its) {
                    return Err("metrics of different periods".to_owned());
                }
                let query = Query {
                    metric: self.metric(&stat["Metric"])?,
                    statistic: self.text(&stat["Stat"])?,
                };
                queries.insert(self.text(&one["Id"])?, query);
            }
            // Source: CloudWatch user guide, alarms on metric math.
            if queries.len() > 10 {
                return Err("an alarm takes ten metrics at most".to_owned());
            }
        } else {
            period = Some(self.number(&properties["Period"])?);
            let query = Query {
                metric: self.metric(properties)?,
                statistic: self.text(&properties["Statistic"])?,
            };
            queries.insert("it".to_owned(), query);
        }
        let periods = self.number(&properties["EvaluationPeriods"])? as usize;
        let datapoints = match &properties["DatapointsToAlarm"] {
            Value::Null => periods,
            number => self.number(number)? as usize,
        };
        Ok(Alarm {
            name: name.to_owned(),
            description: self.text(&properties["AlarmDescription"])?,
            queries,
            expression,
            period: period.ok_or("no period")? as i64 * 1_000,
            periods,
            datapoints,
            threshold: self.number(&properties["Threshold"])?,
            comparison: self.text(&properties["ComparisonOperator"])?,
            missing: self.text(&properties["TreatMissingData"])?,
        })
    }
}

impl Alarm {
    /// The metrics that it reads.
    pub fn metrics(&self) -> impl Iterator<Item = &MetricId> {
        self.queries.values().map(|query| &query.metric)
    }

    /// What it is at a moment, by the periods that have ended by then.
    ///
    /// # Errors
    /// When its definition has a form that is not played here.
    pub fn state(&self, series: &Series, now: i64) -> Result<State, String> {
        let end = now.div_euclid(self.period) * self.period;
        let mut breaching = 0;
        for back in 1..=self.periods {
            let from = end - back as i64 * self.period;
            let is_beyond = match self.value(series, from)? {
                Some(value) => self.is_beyond(value)?,
                None => match self.missing.as_str() {
                    "breaching" => true,
                    "notBreaching" => false,
                    other => return Err(format!("missing data treated as {other}")),
                },
            };
            breaching += usize::from(is_beyond);
        }
        Ok(if breaching >= self.datapoints {
            State::Alarm
        } else {
            State::Ok
        })
    }

    fn value(&self, series: &Series, from: i64) -> Result<Option<f64>, String> {
        let mut values = BTreeMap::new();
        for (name, query) in &self.queries {
            let value = series.datapoint(&query.metric, from, self.period, &query.statistic)?;
            values.insert(name.clone(), value);
        }
        evaluate(self.expression.as_deref().unwrap_or("it"), &values)
    }

    fn is_beyond(&self, value: f64) -> Result<bool, String> {
        match self.comparison.as_str() {
            "GreaterThanThreshold" => Ok(value > self.threshold),
            "GreaterThanOrEqualToThreshold" => Ok(value >= self.threshold),
            "LessThanThreshold" => Ok(value < self.threshold),
            other => Err(format!("the comparison {other} is not played here")),
        }
    }
}

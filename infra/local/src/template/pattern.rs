//! Event patterns of EventBridge rules and stream filters: a JSON tree whose
//! leaves are lists of accepted values.

use super::TemplateError;
use serde_json::Value;
use std::collections::BTreeMap;

/// What an event must look like.
///
/// Known are exact values, `{"prefix": "..."}` and `{"exists": true|false}`;
/// any other operator is refused when the pattern is read, so that a filter
/// never means less here than on AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Fields);

type Fields = BTreeMap<String, Rule>;

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    /// Every field must match.
    Fields(Fields),
    /// One condition must match.
    Any(Vec<Condition>),
}

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    Exactly(Value),
    Prefix(String),
    Exists(bool),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is not an object of lists, or uses an operator that is not known.
    pub fn parse(pattern: &Value) -> Result<Self, TemplateError> {
        fields(pattern, "pattern").map(Self)
    }

    /// Whether the event, or stream record, fits.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        fit_fields(&self.0, Some(event))
    }
}

fn fields(value: &Value, path: &str) -> Result<Fields, TemplateError> {
    let map = value
        .as_object()
        .filter(|map| !map.is_empty())
        .ok_or_else(|| TemplateError::Shape {
            path: path.to_owned(),
            expected: "an object with at least one field",
        })?;
    map.iter()
        .map(|(key, value)| Ok((key.clone(), rule(value, &format!("{path}.{key}"))?)))
        .collect()
}

fn rule(value: &Value, path: &str) -> Result<Rule, TemplateError> {
    match value {
        Value::Array(list) => list
            .iter()
            .map(|item| condition(item, path))
            .collect::<Result<_, _>>()
            .map(Rule::Any),
        other => fields(other, path).map(Rule::Fields),
    }
}

fn condition(value: &Value, path: &str) -> Result<Condition, TemplateError> {
    let Value::Object(operator) = value else {
        return Ok(Condition::Exactly(value.clone()));
    };
    let mut entries = operator.iter();
    match (entries.next(), entries.next()) {
        (Some((name, Value::String(text))), None) if name == "prefix" => {
            Ok(Condition::Prefix(text.clone()))
        }
        (Some((name, Value::Bool(wanted))), None) if name == "exists" => {
            Ok(Condition::Exists(*wanted))
        }
        _ => Err(TemplateError::Unsupported {
            path: path.to_owned(),
            what: format!("the operator {value}"),
        }),
    }
}

fn fit_fields(fields: &Fields, value: Option<&Value>) -> bool {
    // A list in the event fits when one of its elements does.
    if let Some(Value::Array(items)) = value {
        return items.iter().any(|item| fit_fields(fields, Some(item)));
    }
    fields.iter().all(|(key, rule)| {
        let field = value.and_then(|value| value.get(key));
        match rule {
            Rule::Fields(fields) => fit_fields(fields, field),
            Rule::Any(conditions) => conditions.iter().any(|condition| condition.fits(field)),
        }
    })
}

impl Condition {
    fn fits(&self, value: Option<&Value>) -> bool {
        if let (Some(Value::Array(items)), Self::Exactly(_) | Self::Prefix(_)) = (value, self) {
            return items.iter().any(|item| self.fits(Some(item)));
        }
        match self {
            Self::Exactly(wanted) => value == Some(wanted),
            Self::Prefix(prefix) => value
                .and_then(Value::as_str)
                .is_some_and(|text| text.starts_with(prefix)),
            // Only leaves exist in EventBridge's sense.
            Self::Exists(wanted) => value.is_some_and(|value| !value.is_object()) == *wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(pattern: &Value, event: &Value, fits: bool) {
        let parsed = Pattern::parse(pattern).expect("a pattern");
        assert_eq!(parsed.matches(event), fits, "{pattern} on {event}");
    }

    #[test]
    fn one_value_of_a_list_is_enough_and_every_field_counts() {
        let pattern = json!({"source": ["a", "b"], "n": [1, null]});
        check(
            &pattern,
            &json!({"source": "b", "n": 1, "more": true}),
            true,
        );
        check(&pattern, &json!({"source": "a", "n": null}), true);
        check(&pattern, &json!({"source": "c", "n": 1}), false);
        check(&pattern, &json!({"source": "a"}), false);
        check(&pattern, &json!({"source": "a", "n": "1"}), false);
        check(&pattern, &json!("source"), false);
    }

    #[test]
    fn prefixes_are_of_text() {
        let pattern = json!({"d": {"sk": {"S": [{"prefix": "e#"}]}}});
        check(&pattern, &json!({"d": {"sk": {"S": "e#1"}}}), true);
        check(&pattern, &json!({"d": {"sk": {"S": "E#1"}}}), false);
        check(&pattern, &json!({"d": {"sk": {"N": "1"}}}), false);
        check(&pattern, &json!({"d": {"sk": "e#1"}}), false);
        check(&pattern, &json!({"d": null}), false);
    }

    #[test]
    fn existence_is_of_leaves() {
        let there = json!({"a": {"b": [{"exists": true}]}});
        check(&there, &json!({"a": {"b": null}}), true);
        check(&there, &json!({"a": {"b": {"c": 1}}}), false);
        check(&there, &json!({"a": {}}), false);
        let absent = json!({"a": {"b": [{"exists": false}]}});
        check(&absent, &json!({"a": {}}), true);
        check(&absent, &json!({}), true);
        check(&absent, &json!({"a": {"b": 0}}), false);
    }

    #[test]
    fn a_list_in_the_event_fits_by_one_element() {
        check(&json!({"a": ["x"]}), &json!({"a": ["w", "x"]}), true);
        check(
            &json!({"a": [{"prefix": "x"}]}),
            &json!({"a": ["w", "xy"]}),
            true,
        );
        check(&json!({"a": ["x"]}), &json!({"a": []}), false);
        check(
            &json!({"a": {"b": [1]}}),
            &json!({"a": [{"b": 0}, {"b": 1}]}),
            true,
        );
        check(&json!({"a": {"b": [1]}}), &json!({"a": []}), false);
    }

    #[test]
    fn unknown_operators_and_shapes_are_refused() {
        for pattern in [
            json!({"a": [{"suffix": "x"}]}),
            json!({"a": [{"numeric": [">", 1]}]}),
            json!({"a": [{"prefix": {"equals-ignore-case": "x"}}]}),
            json!({"a": [{"prefix": "x", "exists": true}]}),
            json!({"a": [{}]}),
            json!({"a": "x"}),
            json!({"a": {}}),
            json!({}),
            json!([]),
        ] {
            assert!(Pattern::parse(&pattern).is_err(), "{pattern} was read");
        }
    }
}

//! A place in the template: it knows its path, for errors, and the values that
//! parameters have by default.

use super::TemplateError;
use serde_json::{Map, Value};
use std::time::Duration;

/// Parameters' defaults and the conditions over them.
pub(super) struct Defaults<'a> {
    parameters: Option<&'a Map<String, Value>>,
    conditions: Option<&'a Map<String, Value>>,
}

impl<'a> Defaults<'a> {
    pub(super) fn of(document: &'a Value) -> Self {
        let section = |name: &str| document.get(name).and_then(Value::as_object);
        Self {
            parameters: section("Parameters"),
            conditions: section("Conditions"),
        }
    }

    /// The text of a value as a stack with default parameters has it; nothing
    /// where only a deployed stack knows (a table's name) or `AWS::NoValue`.
    fn evaluate(&self, value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Object(_) => {
                let (name, argument) = function(value)?;
                match name {
                    "Ref" => self.parameter(argument.as_str()?),
                    "Fn::Sub" => self.substitute(argument.as_str()?),
                    "Fn::If" => {
                        let [condition, yes, no] = argument.as_array()?.as_slice() else {
                            return None;
                        };
                        let holds = self.condition(condition.as_str()?)?;
                        self.evaluate(if holds { yes } else { no })
                    }
                    _ => None,
                }
            }
            Value::Null | Value::Array(_) => None,
        }
    }

    fn parameter(&self, name: &str) -> Option<String> {
        self.evaluate(self.parameters?.get(name)?.get("Default")?)
    }

    fn substitute(&self, text: &str) -> Option<String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after.split_once('}')?;
            result.push_str(before);
            result.push_str(&self.parameter(name)?);
            rest = behind;
        }
        result.push_str(rest);
        Some(result)
    }

    fn condition(&self, name: &str) -> Option<bool> {
        self.holds(self.conditions?.get(name)?)
    }

    fn holds(&self, value: &Value) -> Option<bool> {
        let (name, argument) = function(value)?;
        match (name, argument.as_array().map(Vec::as_slice)) {
            ("Condition", _) => self.condition(argument.as_str()?),
            ("Fn::Equals", Some([a, b])) => Some(self.evaluate(a)? == self.evaluate(b)?),
            ("Fn::Not", Some([inner])) => self.holds(inner).map(|holds| !holds),
            _ => None,
        }
    }
}

/// The name and argument of an intrinsic function, such as `Ref`.
fn function(value: &Value) -> Option<(&str, &Value)> {
    let mut entries = value.as_object()?.iter();
    match (entries.next(), entries.next()) {
        (Some((name, argument)), None) => Some((name, argument)),
        _ => None,
    }
}

/// A place in the template.
pub(super) struct Node<'a> {
    value: &'a Value,
    path: String,
    defaults: &'a Defaults<'a>,
}

impl<'a> Node<'a> {
    pub(super) fn root(document: &'a Value, defaults: &'a Defaults<'a>) -> Self {
        Self {
            value: document,
            path: String::new(),
            defaults,
        }
    }

    /// The value as it stands, intrinsic functions included.
    pub(super) fn raw(&self) -> &'a Value {
        self.value
    }

    fn child(&self, key: &str, value: &'a Value) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self {
            value,
            path: format!("{}{dot}{key}", self.path),
            defaults: self.defaults,
        }
    }

    /// The value under `key`, which must be there.
    pub(super) fn get(&self, key: &str) -> Result<Self, TemplateError> {
        self.find(key).ok_or_else(|| TemplateError::Shape {
            path: self.child(key, &Value::Null).path,
            expected: "present",
        })
    }

    /// The value under `key`, if any.
    pub(super) fn find(&self, key: &str) -> Option<Self> {
        self.value.get(key).map(|value| self.child(key, value))
    }

    pub(super) fn entries(&self) -> Result<Vec<(&'a str, Self)>, TemplateError> {
        let map = self.value.as_object().ok_or_else(|| self.shape("a map"))?;
        Ok(map
            .iter()
            .map(|(key, value)| (key.as_str(), self.child(key, value)))
            .collect())
    }

    /// The items of a list. A single value counts as a list of one, as it does
    /// in policies.
    pub(super) fn items(&self) -> Vec<Self> {
        match self.value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.child(&index.to_string(), item))
                .collect(),
            single => vec![self.child("0", single)],
        }
    }

    /// The text under default parameters, if it is known before deployment.
    pub(super) fn evaluated(&self) -> Option<String> {
        self.defaults.evaluate(self.value)
    }

    pub(super) fn text(&self) -> Result<String, TemplateError> {
        self.evaluated().ok_or_else(|| self.shape("text"))
    }

    /// A whole number, not negative.
    pub(super) fn number(&self) -> Result<u32, TemplateError> {
        self.evaluated()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.shape("a whole number"))
    }

    pub(super) fn seconds(&self) -> Result<Duration, TemplateError> {
        Ok(Duration::from_secs(self.number()?.into()))
    }

    pub(super) fn flag(&self) -> Result<bool, TemplateError> {
        self.value
            .as_bool()
            .ok_or_else(|| self.shape("true or false"))
    }

    /// What a value refers to, in the words of `!Sub` without its braces:
    /// `Secret` for `!Ref Secret`, `Table.Arn` for `!GetAtt Table.Arn`,
    /// `Table.Arn/index/due` for `!Sub ${Table.Arn}/index/due`.
    pub(super) fn reference(&self) -> Result<String, TemplateError> {
        let text = match (self.value, function(self.value)) {
            (Value::String(text), _) => Some(text.clone()),
            (_, Some(("Ref", Value::String(name)))) => Some(name.clone()),
            (_, Some(("Fn::Sub", Value::String(text)))) => Some(text.replace(['$', '{', '}'], "")),
            (_, Some(("Fn::GetAtt", Value::Array(parts)))) => parts
                .iter()
                .map(Value::as_str)
                .collect::<Option<Vec<_>>>()
                .map(|parts| parts.join(".")),
            _ => None,
        };
        text.ok_or_else(|| self.shape("text or a reference"))
    }

    pub(super) fn shape(&self, expected: &'static str) -> TemplateError {
        TemplateError::Shape {
            path: self.path.clone(),
            expected,
        }
    }

    pub(super) fn unsupported(&self, what: impl Into<String>) -> TemplateError {
        TemplateError::Unsupported {
            path: self.path.clone(),
            what: what.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({
            "Parameters": {
                "Size": {"Default": 128},
                "Switch": {"Default": "on"},
                "NoDefault": {"Type": "String"},
            },
            "Conditions": {
                "On": {"Fn::Equals": [{"Ref": "Switch"}, "on"]},
                "Off": {"Fn::Not": [{"Condition": "On"}]},
            },
            "Values": {
                "ref": {"Ref": "Size"},
                "sub": {"Fn::Sub": "a${Size}b${Switch}"},
                "yes": {"Fn::If": ["On", 1, 2]},
                "no": {"Fn::If": ["Off", 1, {"Ref": "AWS::NoValue"}]},
                "resource": {"Ref": "Table"},
                "open": {"Fn::Sub": "${Size"},
                "undefined": {"Ref": "NoDefault"},
                "attribute": {"Fn::GetAtt": ["Table", "Arn"]},
                "index": {"Fn::Sub": "${Table.Arn}/index/due"},
            },
        })
    }

    #[test]
    fn parameters_have_their_defaults() {
        let document = document();
        let defaults = Defaults::of(&document);
        let values = Node::root(&document, &defaults)
            .get("Values")
            .expect("there");
        let evaluated = |key: &str| values.get(key).expect("there").evaluated();
        assert_eq!(evaluated("ref").as_deref(), Some("128"));
        assert_eq!(evaluated("sub").as_deref(), Some("a128bon"));
        assert_eq!(evaluated("yes").as_deref(), Some("1"));
        for unknown in ["no", "resource", "open", "undefined", "attribute", "index"] {
            assert_eq!(evaluated(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn references_name_the_resource() {
        let document = document();
        let defaults = Defaults::of(&document);
        let values = Node::root(&document, &defaults)
            .get("Values")
            .expect("there");
        let reference = |key: &str| values.get(key).expect("there").reference();
        assert_eq!(reference("resource").as_deref(), Ok("Table"));
        assert_eq!(reference("attribute").as_deref(), Ok("Table.Arn"));
        assert_eq!(reference("index").as_deref(), Ok("Table.Arn/index/due"));
    }

    #[test]
    fn errors_say_where() {
        let document = document();
        let defaults = Defaults::of(&document);
        let root = Node::root(&document, &defaults);
        let missing = root.get("Values").and_then(|values| values.get("nothing"));
        assert_eq!(
            missing.err().map(|error| error.to_string()).as_deref(),
            Some("the template's Values.nothing should be present")
        );
        let number = root.get("Values").and_then(|values| values.get("sub"));
        assert_eq!(
            number
                .and_then(|node| node.number())
                .err()
                .map(|error| error.to_string())
                .as_deref(),
            Some("the template's Values.sub should be a whole number")
        );
    }
}

//! YAML with CloudFormation's short tags, as the JSON CloudFormation makes of
//! it: `!Ref X` is `{"Ref": "X"}`, `!Sub ...` is `{"Fn::Sub": ...}`.

use super::TemplateError;
use saphyr::{LoadableYamlNode, Scalar, Tag, Yaml};
use serde_json::{Map, Number, Value, json};

/// Reads the first document of `text`.
pub(super) fn read(text: &str) -> Result<Value, TemplateError> {
    let documents =
        Yaml::load_from_str(text).map_err(|error| TemplateError::Yaml(error.to_string()))?;
    let document = documents.into_iter().next();
    to_json(&document.ok_or_else(|| bad("no document"))?)
}

fn to_json(node: &Yaml<'_>) -> Result<Value, TemplateError> {
    match node {
        Yaml::Value(scalar) => scalar_to_json(scalar),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| Ok((key_text(key)?, to_json(value)?)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
        Yaml::Tagged(tag, inner) => Ok(intrinsic(tag, to_json(inner)?)),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            Err(bad("an alias or a value that cannot be read"))
        }
    }
}

fn scalar_to_json(scalar: &Scalar<'_>) -> Result<Value, TemplateError> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::from(*value),
        Scalar::FloatingPoint(value) => Number::from_f64(value.into_inner())
            .map(Value::Number)
            .ok_or_else(|| bad("a number without a value"))?,
        Scalar::String(text) => Value::from(text.as_ref()),
    })
}

fn key_text(key: &Yaml<'_>) -> Result<String, TemplateError> {
    match key {
        Yaml::Value(Scalar::String(text)) => Ok(text.to_string()),
        // Keys such as metric names may look like numbers.
        Yaml::Value(Scalar::Integer(number)) => Ok(number.to_string()),
        _ => Err(bad("a key that is not text")),
    }
}

fn intrinsic(tag: &Tag, value: Value) -> Value {
    match (tag.suffix.as_str(), value) {
        (_, value) if tag.is_yaml_core_schema() => value,
        ("Ref", value) => json!({ "Ref": value }),
        ("Condition", value) => json!({ "Condition": value }),
        ("GetAtt", Value::String(text)) => {
            let (resource, attribute) = text.split_once('.').unwrap_or((&text, ""));
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        (name, value) => json!({ (format!("Fn::{name}")): value }),
    }
}

fn bad(what: &str) -> TemplateError {
    TemplateError::Yaml(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_become_their_long_form() {
        let text = "
a: !Ref Table
b: !GetAtt Table.Arn
c: !GetAtt Nested.Outputs.Url
d: !Sub ${A}/x
e: !If [Big, !Ref A, 2]
f: !Condition Big
g: !!str 5
";
        let expected = json!({
            "a": {"Ref": "Table"},
            "b": {"Fn::GetAtt": ["Table", "Arn"]},
            "c": {"Fn::GetAtt": ["Nested", "Outputs.Url"]},
            "d": {"Fn::Sub": "${A}/x"},
            "e": {"Fn::If": ["Big", {"Ref": "A"}, 2]},
            "f": {"Condition": "Big"},
            "g": "5",
        });
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn scalars_keep_their_kind() {
        let text = "{a: 1, b: on, c: true, d: '1', e: 1.5, f: , g: 2012-10-17}";
        let expected = json!({
            "a": 1, "b": "on", "c": true, "d": "1", "e": 1.5, "f": null, "g": "2012-10-17",
        });
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn what_is_no_template_is_an_error() {
        for text in ["", "a: [", "a: 1\na: 2", "[1, 2]: x", "{a: .inf}"] {
            assert!(
                matches!(read(text), Err(TemplateError::Yaml(_))),
                "{text:?} was read"
            );
        }
    }
}

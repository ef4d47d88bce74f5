//! Two stacks of the template live in one account and region: expanded for each, no
//! resource of one has a physical name of the other's.

use baton_hub::store::Mechanism;
use baton_local::template::builtin_document;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Properties that end in `Name` and name something else than the resource itself.
const OF_OTHERS: [(&str, &str); 4] = [
    ("AWS::Serverless::HttpApi", "StageName"),
    ("AWS::CloudWatch::Alarm", "MetricName"),
    // Policies within roles are named within them.
    ("AWS::IAM::Policy", "PolicyName"),
    ("AWS::ApiGatewayV2::ApiMapping", "DomainName"),
];

/// A stack: its name, and its parameters where they differ from the defaults.
struct Stack<'a> {
    name: &'a str,
    parameters: BTreeMap<&'a str, &'a str>,
    document: &'a Value,
}

impl Stack<'_> {
    fn parameter(&self, name: &str) -> Option<String> {
        if let Some(given) = self.parameters.get(name) {
            return Some((*given).to_owned());
        }
        let default = &self.document["Parameters"][name]["Default"];
        match default {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn reference(&self, name: &str) -> String {
        match name {
            "AWS::StackName" => self.name.to_owned(),
            _ if name.starts_with("AWS::") => name.to_owned(),
            // What CloudFormation makes up begins with the stack's name.
            _ => self
                .parameter(name)
                .unwrap_or_else(|| format!("{}-{name}-1A2B3C", self.name)),
        }
    }

    fn holds(&self, condition: &Value) -> bool {
        let list = |name: &str| condition[name].as_array().cloned();
        if let Some(name) = condition["Condition"].as_str() {
            self.holds(&self.document["Conditions"][name])
        } else if let Some(parts) = list("Fn::And") {
            parts.iter().all(|part| self.holds(part))
        } else if let Some(parts) = list("Fn::Not") {
            !self.holds(&parts[0])
        } else if let Some(parts) = list("Fn::Equals") {
            self.expand(&parts[0]) == self.expand(&parts[1])
        } else {
            panic!("what condition is {condition}?")
        }
    }

    fn expand(&self, value: &Value) -> Value {
        if let Some(name) = value["Ref"].as_str() {
            return json!(self.reference(name));
        }
        if let Some(text) = value["Fn::Sub"].as_str() {
            let mut parts = text.split("${");
            let mut whole = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let (name, rest) = part.split_once('}').expect("a closing brace");
                whole.push_str(&self.reference(name));
                whole.push_str(rest);
            }
            return json!(whole);
        }
        if let Some(choice) = value["Fn::If"].as_array() {
            let holds = self.holds(&json!({ "Condition": choice[0] }));
            return self.expand(&choice[if holds { 1 } else { 2 }]);
        }
        match value {
            Value::Array(items) => items.iter().map(|item| self.expand(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(key, value)| (key.clone(), self.expand(value)))
                .collect(),
            other => other.clone(),
        }
    }

    /// Every name that the template gives to a resource, with the resource's type.
    fn names(&self) -> BTreeSet<(String, String)> {
        let mut names = BTreeSet::new();
        let resources = self.document["Resources"].as_object().expect("resources");
        for (id, resource) in resources {
            let conditional = resource["Condition"].as_str();
            if conditional.is_some_and(|name| !self.holds(&json!({ "Condition": name }))) {
                continue;
            }
            let kind = resource["Type"].as_str().expect("a type");
            let properties = resource["Properties"].as_object().expect("properties");
            for (key, value) in properties {
                let names_another = OF_OTHERS.contains(&(kind, key.as_str()));
                if key.ends_with("Name") && !names_another {
                    let name = self.expand(value);
                    let name = name.as_str().unwrap_or_else(|| panic!("{id}.{key}"));
                    names.insert((kind.to_owned(), name.to_owned()));
                }
            }
        }
        names
    }
}

#[test]
fn two_stacks_fit_one_account() {
    let document = builtin_document().expect("a template");
    let stack = |name, domain| Stack {
        name,
        parameters: BTreeMap::from([
            ("DomainName", domain),
            ("HostedZoneId", "Z123"),
            ("KmsKeyArn", "arn:aws:kms:eu-central-1:000000000000:key/1"),
        ]),
        document: &document,
    };
    let one = stack("one", "one.example.com").names();
    let two = stack("two", "two.example.com").names();
    // The bus, four queries, the domain and its record.
    assert_eq!(one.len(), 7, "{one:#?}");
    let both: Vec<_> = one.intersection(&two).collect();
    assert!(both.is_empty(), "{both:#?}");
    let plain = Stack {
        parameters: BTreeMap::new(),
        ..stack("one", "")
    };
    assert_eq!(plain.names().len(), 5);
}

#[test]
fn the_dashboard_is_json_and_shows_what_there_is() {
    let document = builtin_document().expect("a template");
    let stack = Stack {
        name: "one",
        parameters: BTreeMap::new(),
        document: &document,
    };
    let body = stack.expand(&document["Resources"]["Overview"]["Properties"]["DashboardBody"]);
    let body: Value = serde_json::from_str(body.as_str().expect("text")).expect("JSON");
    let widgets = body["widgets"].as_array().expect("widgets");
    let alarms = widgets[0]["properties"]["alarms"]
        .as_array()
        .expect("alarms");
    let resources = document["Resources"].as_object().expect("resources");
    let count = resources
        .values()
        .filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm")
        .count();
    assert_eq!(alarms.len(), count, "every alarm is shown");
    for widget in &widgets[1..] {
        for metric in widget["properties"]["metrics"].as_array().expect("metrics") {
            let parts = metric.as_array().expect("a list");
            let of = parts[3].as_str().expect("a dimension's value");
            // A reference to a resource that is not there would name nothing.
            let named = of
                .strip_prefix("one-")
                .map(|rest| rest.trim_end_matches("-1A2B3C"));
            let known = named.is_none_or(|named| {
                resources.contains_key(named.split('.').next().unwrap_or_default())
            });
            assert!(known, "{metric}");
        }
    }
}

/// Mechanisms that a saved query may ask for.
const MECHANISMS: [Mechanism; 11] = [
    Mechanism::Load,
    Mechanism::Append,
    Mechanism::Arm,
    Mechanism::Checkpoint,
    Mechanism::Checkup,
    Mechanism::Wake,
    Mechanism::Row,
    Mechanism::Directory,
    Mechanism::DueIndex,
    Mechanism::Lease,
    Mechanism::Read,
];

#[test]
fn saved_queries_ask_for_fields_that_lines_have() {
    let document = builtin_document().expect("a template");
    let known: BTreeSet<String> = MECHANISMS
        .iter()
        .map(|mechanism| mechanism.as_str().replace(' ', "_"))
        .collect();
    let query = &document["Resources"]["UnitsQuery"]["Properties"]["QueryString"];
    let query = query.as_str().expect("text");
    let asked = query.split(|letter: char| !letter.is_alphanumeric() && !"._".contains(letter));
    let asked: BTreeSet<String> = asked
        .filter_map(|word| word.strip_prefix("read.").or(word.strip_prefix("write.")))
        .map(str::to_owned)
        .collect();
    assert_eq!(asked, known);
    // Every log group there is, so that no function is left out.
    let resources = document["Resources"].as_object().expect("resources");
    let functions = resources
        .values()
        .filter(|resource| resource["Type"] == "AWS::Serverless::Function")
        .count();
    for (name, resource) in resources {
        if resource["Type"] == "AWS::Logs::QueryDefinition" {
            let groups = resource["Properties"]["LogGroupNames"].as_array();
            assert_eq!(groups.map(Vec::len), Some(functions), "{name}");
        }
    }
}

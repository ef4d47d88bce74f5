//! The samples in `events/` fit the functions they are for.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

fn sample(name: &str) -> Value {
    let path = folder().join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The function that a sample is for: its name up to the first underscore.
fn samples() -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = std::fs::read_dir(folder())
        .expect("events/ is there")
        .filter_map(|entry| {
            let name = entry
                .expect("readable")
                .file_name()
                .into_string()
                .expect("UTF-8");
            let name = name.strip_suffix(".json")?.to_owned();
            let function = name.split('_').next()?.to_owned();
            Some((name, function))
        })
        .collect();
    names.sort();
    names
}

#[test]
fn every_function_has_a_sample_and_every_sample_a_function() {
    let template = Template::builtin().expect("readable");
    let samples = samples();
    for function in &template.functions {
        assert!(
            samples.iter().any(|(name, _)| *name == function.name),
            "no events/{}.json",
            function.name
        );
    }
    for (name, function) in &samples {
        assert!(
            template.function(function).is_some(),
            "events/{name}.json is for nobody"
        );
    }
}

/// What starts a function decides the shape of its samples.
#[test]
fn every_sample_has_the_envelope_of_its_trigger() {
    let template = Template::builtin().expect("readable");
    for (name, function) in samples() {
        let event = sample(&name);
        if event.get("Records").is_some() {
            check_stream(&template, &name, &function, &event);
        } else if event.get("detail-type").is_some() {
            check_bus(&template, &name, &function, &event);
        } else {
            check_http(&template, &name, &function, &event);
        }
    }
}

fn check_http(template: &Template, name: &str, function: &str, event: &Value) {
    assert_eq!(event["version"], "2.0", "{name}");
    let http = &event["requestContext"]["http"];
    let method = http["method"].as_str().expect("a method");
    let path = event["rawPath"].as_str().expect("a path");
    assert_eq!(http["path"], path, "{name}");
    assert_eq!(event["requestContext"]["stage"], "$default", "{name}");
    let chosen = template.match_route(method, path).expect(name);
    assert_eq!(chosen.function, function, "{name}");
    assert_eq!(event["routeKey"], chosen.route_key, "{name}");
    let parameters: BTreeMap<String, String> = event
        .get("pathParameters")
        .map(|map| serde_json::from_value(map.clone()).expect("texts"))
        .unwrap_or_default();
    assert_eq!(parameters, chosen.path_parameters, "{name}");
    if let Some(body) = event["body"].as_str() {
        let bytes = match event["isBase64Encoded"].as_bool() {
            Some(true) => STANDARD.decode(body).expect("base64"),
            _ => body.as_bytes().to_vec(),
        };
        let length = event["headers"]["content-length"].as_str();
        assert_eq!(length, Some(bytes.len().to_string().as_str()), "{name}");
        serde_json::from_slice::<Value>(&bytes).expect("a JSON body");
    }
}

fn check_stream(template: &Template, name: &str, function: &str, event: &Value) {
    let mapping = template
        .streams
        .iter()
        .find(|mapping| mapping.function == function)
        .expect(name);
    for record in event["Records"].as_array().expect("records") {
        assert_eq!(record["eventSource"], "aws:dynamodb", "{name}");
        assert!(record["dynamodb"]["SequenceNumber"].is_string(), "{name}");
        // A removal is there to be ignored: the filter keeps it away on AWS,
        // and the function must not mind it either.
        let inserted = record["eventName"] == "INSERT";
        assert_eq!(mapping.wants(record), inserted, "{name}");
        if inserted {
            let image = &record["dynamodb"]["NewImage"];
            assert_eq!(image["pk"], record["dynamodb"]["Keys"]["pk"], "{name}");
            assert_eq!(image["sk"], record["dynamodb"]["Keys"]["sk"], "{name}");
            let events = image["d"]["S"].as_str().expect("events");
            assert!(serde_json::from_str::<Vec<Value>>(events).is_ok(), "{name}");
        } else {
            assert_eq!(
                record["userIdentity"]["principalId"],
                "dynamodb.amazonaws.com"
            );
        }
    }
}

fn check_bus(template: &Template, name: &str, function: &str, event: &Value) {
    assert!(event["detail"].is_object(), "{name}");
    if event["source"] == "aws.events" {
        assert_eq!(event["detail-type"], "Scheduled Event", "{name}");
        assert!(
            template
                .schedules
                .iter()
                .any(|schedule| schedule.function == function)
        );
    } else {
        let mut rules = template
            .bus_rules
            .iter()
            .filter(|rule| rule.function == function);
        assert!(rules.any(|rule| rule.pattern.matches(event)), "{name}");
    }
}

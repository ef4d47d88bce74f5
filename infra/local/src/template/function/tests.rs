//! What the project's own functions may do and know.

use super::*;
use crate::template::tests::{ALL, builtin};
use std::collections::BTreeSet;

/// Pairs of an action and a resource.
fn rights(function: &FunctionSpec) -> BTreeSet<(&str, &str)> {
    function
        .policy
        .iter()
        .flat_map(|statement| {
            statement.actions.iter().flat_map(|action| {
                statement
                    .resources
                    .iter()
                    .map(|resource| (action.as_str(), resource.as_str()))
            })
        })
        .collect()
}

#[test]
fn an_http_function_answers_before_the_gateway_gives_up() {
    let template = builtin();
    for route in &template.routes {
        let function = template.function(&route.function).expect("known");
        assert!(
            function.timeout < Duration::from_secs(30),
            "{}",
            route.key()
        );
    }
    let seconds = |name| template.function(name).map(|f| f.timeout.as_secs());
    assert_eq!(seconds("conversations"), Some(29));
    assert_eq!(seconds("send"), Some(15));
    assert_eq!(seconds("sweep"), Some(150));
}

#[test]
fn rights_are_written_out() {
    for function in &builtin().functions {
        for (action, resource) in rights(function) {
            let name = &function.name;
            assert!(!action.contains('*'), "{name}: {action}");
            assert_ne!(action, "dynamodb:Scan", "{name}");
            assert_ne!(resource, "*", "{name}: {action}");
            // Streams are listed by table; AWS names no narrower resource.
            assert_eq!(
                resource.contains('*'),
                action == "dynamodb:ListStreams",
                "{name}: {action} on {resource}"
            );
        }
    }
}

#[test]
fn each_function_may_do_what_its_work_needs_and_no_more() {
    let template = builtin();
    let append = ["GetItem", "PutItem", "Query", "UpdateItem"];
    for (name, on_table, on_index) in [
        ("gladly", append.as_slice(), [].as_slice()),
        ("send", append.as_slice(), [].as_slice()),
        ("handoff", append.as_slice(), [].as_slice()),
        ("close", append.as_slice(), [].as_slice()),
        ("control", append.as_slice(), [].as_slice()),
        ("relay", append.as_slice(), [].as_slice()),
        ("publish", append.as_slice(), [].as_slice()),
        (
            "conversations",
            ["GetItem", "Query"].as_slice(),
            ["open"].as_slice(),
        ),
        (
            "connections",
            ["GetItem", "PutItem", "Query"].as_slice(),
            [].as_slice(),
        ),
        (
            "sweep",
            ["DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"].as_slice(),
            ["due", "open"].as_slice(),
        ),
    ] {
        let function = template.function(name).expect(name);
        let rights = rights(function);
        let table: Vec<&str> = rights
            .iter()
            .filter(|(_, resource)| *resource == "Table.Arn")
            .filter_map(|(action, _)| action.strip_prefix("dynamodb:"))
            .collect();
        assert_eq!(table, on_table, "{name}");
        let indexes: Vec<&str> = rights
            .iter()
            .filter_map(|(_, resource)| resource.strip_prefix("Table.Arn/index/"))
            .collect();
        assert_eq!(indexes, on_index, "{name}");
    }
}

#[test]
fn only_who_needs_it_reaches_bus_queue_stream_and_secrets() {
    let template = builtin();
    let who = |action: &str, resource: &str| -> Vec<&str> {
        template
            .functions
            .iter()
            .filter(|function| function.allows(action, resource))
            .map(|function| function.name.as_str())
            .collect()
    };
    assert_eq!(who("events:PutEvents", "Bus.Arn"), ["publish", "sweep"]);
    assert_eq!(
        who("sqs:SendMessage", "DeadLetters.Arn"),
        ["publish", "relay", "sweep"]
    );
    assert_eq!(
        who("dynamodb:GetRecords", "Table.StreamArn"),
        ["publish", "relay"]
    );
    // Who computes a name that it was not given.
    assert_eq!(
        who("secretsmanager:GetSecretValue", "IdKey"),
        ["control", "conversations", "gladly", "publish", "sweep"]
    );
    assert_eq!(who("secretsmanager:GetSecretValue", "Secret"), ALL);
    for function in &template.functions {
        let bus = function.environment.contains_key("BATON_BUS");
        assert_eq!(
            bus,
            function.allows("events:PutEvents", "Bus.Arn"),
            "{}",
            function.name
        );
        let log = function.logical_id.replace("Function", "Log.Arn");
        assert!(
            function.allows("logs:PutLogEvents", &log),
            "{}",
            function.name
        );
    }
}

#[test]
fn settings_are_known_where_a_parameter_gives_them() {
    let template = builtin();
    for function in &template.functions {
        let value = |key: &str| function.environment.get(key).map(Option::as_deref);
        assert_eq!(value("BATON_TABLE"), Some(None));
        assert_eq!(value("BATON_SECRET_ARN"), Some(None));
        assert_eq!(value("BATON_ID_KEY_ARN"), Some(None));
        assert_eq!(value("RUST_LOG"), Some(Some("INFO")));
    }
}

#[test]
fn who_calls_a_platform_has_reserved_concurrency_and_knows_the_sum() {
    let template = builtin();
    let mut sum = 0;
    for function in &template.functions {
        let calls = ["close", "control", "handoff", "relay", "send", "sweep"]
            .contains(&function.name.as_str());
        assert_eq!(
            function.reserved_concurrency.is_some(),
            calls,
            "{}",
            function.name
        );
        sum += function.reserved_concurrency.unwrap_or_default();
        let told = function.environment.get("BATON_PLATFORM_CONCURRENCY");
        assert_eq!(told.is_some(), calls, "{}", function.name);
    }
    let told = template.function("send").expect("there").environment["BATON_PLATFORM_CONCURRENCY"]
        .clone()
        .expect("numbers");
    let told: u32 = told
        .split(',')
        .map(|number| number.parse::<u32>().expect("a number"))
        .sum();
    assert_eq!(told, sum);
}

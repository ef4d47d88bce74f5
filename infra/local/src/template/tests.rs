//! What the project's own template must say.

use super::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// The names of all functions, in order.
pub(super) const ALL: [&str; 10] = [
    "close",
    "connections",
    "control",
    "conversations",
    "gladly",
    "handoff",
    "publish",
    "relay",
    "send",
    "sweep",
];

pub(super) fn builtin() -> Template {
    Template::builtin().expect("the template is readable")
}

#[test]
fn the_functions_are_known_and_named_after_their_binaries() {
    let template = builtin();
    let names: Vec<&str> = template.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ALL);
    for function in &template.functions {
        assert_eq!(
            function.logical_id.to_lowercase(),
            format!("{}function", function.name)
        );
        assert_eq!(function.memory_mb, 128);
    }
    assert_eq!(
        template.function("send").map(|f| f.logical_id.as_str()),
        Some("SendFunction")
    );
    assert_eq!(template.function("baton"), None);
}

#[test]
fn every_function_is_started_by_something() {
    let template = builtin();
    let mut started: BTreeSet<&str> = BTreeSet::new();
    started.extend(template.routes.iter().map(|route| route.function.as_str()));
    started.extend(
        template
            .schedules
            .iter()
            .map(|schedule| schedule.function.as_str()),
    );
    started.extend(template.bus_rules.iter().map(|rule| rule.function.as_str()));
    started.extend(
        template
            .streams
            .iter()
            .map(|stream| stream.function.as_str()),
    );
    assert_eq!(started, BTreeSet::from(ALL));
}

#[test]
fn routes_lead_to_their_functions() {
    let template = builtin();
    for (method, path, function, key) in [
        (
            "POST",
            "/webhooks/gladly/g-1",
            "gladly",
            "POST /webhooks/gladly/{endpoint}",
        ),
        (
            "POST",
            "/v1/conversations/c/messages",
            "send",
            "POST /v1/conversations/{id}/messages",
        ),
        (
            "POST",
            "/v1/conversations/c/typing",
            "send",
            "POST /v1/conversations/{id}/typing",
        ),
        (
            "POST",
            "/v1/conversations/c/handoff",
            "handoff",
            "POST /v1/conversations/{id}/handoff",
        ),
        (
            "POST",
            "/v1/conversations/c/close",
            "close",
            "POST /v1/conversations/{id}/close",
        ),
        (
            "POST",
            "/v1/conversations/c/control",
            "control",
            "POST /v1/conversations/{id}/control",
        ),
        (
            "GET",
            "/v1/conversations",
            "conversations",
            "GET /v1/conversations",
        ),
        (
            "GET",
            "/v1/conversations/c",
            "conversations",
            "GET /v1/conversations/{id}",
        ),
        (
            "GET",
            "/v1/conversations/c/messages",
            "conversations",
            "GET /v1/conversations/{id}/messages",
        ),
        (
            "GET",
            "/v1/conversations/c/events",
            "conversations",
            "GET /v1/conversations/{id}/events",
        ),
        (
            "GET",
            "/v1/connections",
            "connections",
            "GET /v1/connections",
        ),
        (
            "GET",
            "/v1/connections/shop",
            "connections",
            "GET /v1/connections/{id}",
        ),
        ("GET", "/openapi.json", "connections", "GET /openapi.json"),
        (
            "GET",
            "/problems/not-holder",
            "connections",
            "GET /problems/{name}",
        ),
        ("GET", "/health", "connections", "GET /health"),
        (
            "DELETE",
            "/v1/conversations/c",
            "connections",
            "ANY /v1/{proxy+}",
        ),
        ("GET", "/v1/nothing/here", "connections", "ANY /v1/{proxy+}"),
        (
            "PATCH",
            "/gladly/api/v1/conversations/c",
            "control",
            "PATCH /gladly/api/v1/conversations/{id}",
        ),
        (
            "GET",
            "/gladly/api/v1/conversations/c",
            "conversations",
            "GET /gladly/api/v1/conversations/{id}",
        ),
        (
            "GET",
            "/gladly/api/v1/agents",
            "connections",
            "ANY /gladly/{proxy+}",
        ),
    ] {
        let chosen = template.match_route(method, path).expect(path);
        assert_eq!(
            (chosen.function, chosen.route_key.as_str()),
            (function, key)
        );
    }
    assert_eq!(template.match_route("GET", "/"), None);
    assert_eq!(template.match_route("GET", "/webhooks/gladly/g-1"), None);
}

#[test]
fn the_gladly_face_has_its_session_calls() {
    let template = builtin();
    let base = "/gladly/api/v1/message-automation/sessions/s-1";
    for (method, tail, function) in [
        ("GET", "", "conversations"),
        ("GET", "/messages", "conversations"),
        ("POST", "/messages", "send"),
        ("POST", "/typing-indicators", "send"),
        ("POST", "/handoff", "handoff"),
        ("POST", "/close", "close"),
        ("DELETE", "/messages", "connections"),
    ] {
        let chosen = template
            .match_route(method, &format!("{base}{tail}"))
            .expect(tail);
        assert_eq!(chosen.function, function, "{method} {tail}");
    }
    let chosen = template
        .match_route("GET", &format!("{base}/messages/m-1"))
        .expect("one message");
    assert_eq!(chosen.function, "conversations");
    assert_eq!(chosen.path_parameters["id"], "s-1");
    assert_eq!(chosen.path_parameters["message"], "m-1");
}

#[test]
fn the_sweep_runs_every_minute_and_takes_slices() {
    let template = builtin();
    assert_eq!(
        template.schedules,
        [Schedule {
            function: "sweep".to_owned(),
            every: Duration::from_secs(60)
        }]
    );
    let [rule] = template.bus_rules.as_slice() else {
        panic!("one rule: {:?}", template.bus_rules);
    };
    assert_eq!(rule.function, "sweep");
    let event = |source: &str, kind: &str| json!({"source": source, "detail-type": kind});
    assert!(rule.pattern.matches(&event("baton", "sweep.slice")));
    assert!(!rule.pattern.matches(&event("baton", "message.received")));
    assert!(!rule.pattern.matches(&event("else", "sweep.slice")));
}

fn record(event: &str, sk: &str, leaves: Option<&str>) -> Value {
    let mut image = json!({"pk": {"S": "thr_x"}, "sk": {"S": sk}});
    if let Some(letters) = leaves {
        image["w"] = json!({ "S": letters });
    }
    json!({"eventName": event, "dynamodb": {"NewImage": image}})
}

#[test]
fn the_stream_reaches_relay_and_publish_in_order() {
    let template = builtin();
    let stream = |name: &str| {
        let mut found = template
            .streams
            .iter()
            .filter(|stream| stream.function == name);
        let stream = found.next().expect("a mapping").clone();
        assert_eq!(found.next(), None);
        stream
    };
    for name in ["relay", "publish"] {
        let mapping = stream(name);
        assert_eq!(mapping.parallelization_factor, 1);
        assert!(mapping.from_oldest && mapping.reports_item_failures && mapping.bisects_on_error);
        assert_eq!(mapping.dead_letters.as_deref(), Some("DeadLetters.Arn"));
        assert!(mapping.maximum_retry_attempts > 0);
    }
    let (relay, publish) = (stream("relay"), stream("publish"));
    assert_eq!(relay.batching_window, Duration::ZERO);
    assert_eq!(publish.batching_window, Duration::from_secs(2));

    for (event, sk, leaves, relayed, published) in [
        ("INSERT", "e#0000000001", Some("d"), true, true),
        ("INSERT", "e#0000000001", Some("dtr"), true, true),
        ("INSERT", "e#0000000001", Some("tr"), true, true),
        ("INSERT", "e#0000000001", Some("r"), false, true),
        ("INSERT", "e#0000000001", None, false, true),
        ("INSERT", "row#1", Some("t"), false, false),
        ("MODIFY", "e#0000000001", Some("t"), false, false),
        ("REMOVE", "e#0000000001", Some("t"), false, false),
    ] {
        let record = record(event, sk, leaves);
        assert_eq!(relay.wants(&record), relayed, "relay, {record}");
        assert_eq!(publish.wants(&record), published, "publish, {record}");
    }
}

#[test]
fn the_table_has_its_keys_indexes_and_stream() {
    let request = builtin().table.create_request("hub");
    assert_eq!(request["TableName"], "hub");
    assert_eq!(request["BillingMode"], "PAY_PER_REQUEST");
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    assert_eq!(
        request["KeySchema"],
        json!([key("pk", "HASH"), key("sk", "RANGE")])
    );
    assert_eq!(
        request["StreamSpecification"],
        json!({"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"})
    );
    assert_eq!(
        request["GlobalSecondaryIndexes"],
        json!([
            {
                "IndexName": "due",
                "KeySchema": [key("ds", "HASH"), key("due", "RANGE")],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
            {
                "IndexName": "open",
                "KeySchema": [key("op", "HASH"), key("os", "RANGE")],
                "Projection": {"ProjectionType": "ALL"},
            },
        ])
    );
    let types: BTreeSet<(&str, &str)> = request["AttributeDefinitions"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|attribute| {
            Some((
                attribute["AttributeName"].as_str()?,
                attribute["AttributeType"].as_str()?,
            ))
        })
        .collect();
    let expected = [
        ("pk", "S"),
        ("sk", "S"),
        ("ds", "S"),
        ("due", "N"),
        ("op", "S"),
        ("os", "S"),
    ];
    assert_eq!(types, BTreeSet::from(expected));
    let ttl = builtin().table.ttl_request("hub");
    assert_eq!(ttl["TimeToLiveSpecification"]["AttributeName"], "ttl");
}

#[test]
fn what_cannot_be_played_is_refused() {
    for (from, to) in [
        (
            "PayloadFormatVersion: \"2.0\"",
            "PayloadFormatVersion: \"1.0\"",
        ),
        ("rate(1 minute)", "cron(0 * * * ? *)"),
        ("Type: EventBridgeRule", "Type: SQS"),
        (
            "StartingPosition: TRIM_HORIZON",
            "StartingPosition: AT_TIMESTAMP",
        ),
        ("[{\"prefix\":\"e#\"}]", "[{\"suffix\":\"e#\"}]"),
        ("CodeUri: ../target/lambda/send/", "CodeUri: ../functions/"),
        (
            "Effect: Allow\n                Action: [events",
            "Effect: Deny\n                Action: [events",
        ),
        ("BatchSize: 100", "BatchSize: many"),
    ] {
        let text = BUILTIN.replacen(from, to, 1);
        assert_ne!(text, BUILTIN, "{from} is not there");
        assert!(Template::parse(&text).is_err(), "{to} was read");
    }
}

//! What each function really asks of AWS, held against its policy: all of it is allowed,
//! and nothing is allowed that none of it needs.

use crate::past::{Past, armed, conversation_of, message};
use crate::stage::{Stage, http, platform_with_webhook_off, sample};
use axum::http::StatusCode;
use baton_hub::store::due::{Due, DueKind};
use baton_local::template::{FunctionSpec, Template};
use baton_tests::aws::Use;
use baton_tests::scene::{Parties, thread_of};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Messages after which whoever appends the next entry writes a checkpoint beside it.
const LONG: usize = 8;
/// More threads due at once than one sweep takes on itself.
const CROWD: usize = 160;

/// What Lambda and CloudWatch do in a function's name, not the function: reading the
/// stream, handing over what was given up, writing logs. Source: Lambda developer guide,
/// execution role permissions of a DynamoDB event source, of a failure destination and
/// of logs.
const IN_ITS_NAME: [&str; 7] = [
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:SendMessage",
];

/// An action on a resource, in the template's words.
type Right = (String, String);

fn allowed(function: &FunctionSpec) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for statement in &function.policy {
        for action in &statement.actions {
            for resource in &statement.resources {
                rights.insert((action.clone(), resource.clone()));
            }
        }
    }
    rights
}

fn used(used: &Use) -> Right {
    let resource = match used.resource.split_once('/') {
        Some(("bus", _)) => "Bus.Arn".to_owned(),
        Some(("secret", id)) if id.ends_with("id-key") => "IdKey".to_owned(),
        Some(("secret", _)) => "Secret".to_owned(),
        Some(("table", index)) => format!("Table.Arn/{index}"),
        _ => "Table.Arn".to_owned(),
    };
    (used.action.clone(), resource)
}

/// A sample of a call about a conversation, about this one instead.
fn about(name: &str, session: &str) -> Value {
    let mut event = sample(name);
    let id = conversation_of(session).to_string();
    event["pathParameters"]["id"] = json!(id);
    event
}

/// The same call in the Gladly face.
fn in_face(mut event: Value, route: &str, id: &str, body: Value) -> Value {
    let (method, path) = route.split_once(' ').expect("method and path");
    event["routeKey"] = json!(route);
    event["rawPath"] = json!(path.replace("{id}", id));
    event["requestContext"]["http"]["method"] = json!(method);
    event["pathParameters"] = json!({ "id": id });
    // The user is ignored, the password is the token: `any:test-token-bot`.
    event["headers"]["authorization"] = json!("Basic YW55OnRlc3QtdG9rZW4tYm90");
    event["body"] = match body {
        Value::Null => Value::Null,
        body => json!(body.to_string()),
    };
    event
}

/// The webhook of an event that names a conversation and no session.
fn closed(conversation: &str, event: &str) -> String {
    json!({
        "id": event,
        "type": "CONVERSATION/CLOSED",
        "initiator": {"id": "agent-1", "type": "AGENT"},
        "content": {"conversationId": conversation, "customerId": "customer-sample-1"},
    })
    .to_string()
}

impl Stage {
    /// The functions behind HTTP: each reads settings and tokens, a long thread, and
    /// writes an entry with a checkpoint beside it; the face finds threads by names.
    async fn commands(&self) {
        let past = Past::of(&self.scene, 1);
        for name in ["send", "handoff", "close", "control"] {
            past.messages(name, LONG).await;
            let (status, body) = http(&self.answer(name, &about(name, name)).await);
            assert_eq!(status, 200, "{name}: {body}");
        }
        let face = "/gladly/api/v1/message-automation/sessions/{id}";
        for (function, what, body) in [
            (
                "send",
                "messages",
                json!({"type": "TEXT", "content": {"value": "Hello"}}),
            ),
            (
                "handoff",
                "handoff",
                json!({"description": "A person, please."}),
            ),
            ("close", "close", json!({"description": "Done."})),
        ] {
            let session = format!("face-{function}");
            past.messages(&session, 1).await;
            let route = format!("POST {face}/{what}");
            let id = conversation_of(&session).to_string();
            let event = in_face(sample(function), &route, &id, body);
            let (status, body) = http(&self.answer(function, &event).await);
            assert!((200..300).contains(&status), "{function}: {status} {body}");
        }
        let patch = in_face(
            sample("control"),
            "PATCH /gladly/api/v1/conversations/{id}",
            "conversation-face-send",
            json!({"assignee": {"inboxId": "inbox_1"}}),
        );
        let (status, body) = http(&self.answer("control", &patch).await);
        assert!((200..300).contains(&status), "control: {status} {body}");
        for name in ["conversations", "connections"] {
            assert_eq!(self.play_http(name).await.0, 200, "{name}");
        }
        let one = in_face(
            sample("conversations"),
            "GET /gladly/api/v1/conversations/{id}",
            "conversation-face-send",
            Value::Null,
        );
        assert_eq!(http(&self.answer("conversations", &one).await).0, 200);
        let unknown = in_face(
            sample("connections"),
            "ANY /gladly/{proxy+}",
            "x",
            Value::Null,
        );
        self.answer("connections", &unknown).await;
    }

    /// An admin reads a connection's settings, changes them twice, since the first change
    /// is filed by the second, and sees who did.
    async fn configured(&self) {
        let call = async |method: &str, rest: &str, revision: &str, body: Value| {
            let mut event = sample("connections_change");
            let path = format!("/v1/connections/shop-chat{rest}");
            event["routeKey"] = json!(format!("{method} /v1/connections/{{id}}{rest}"));
            event["rawPath"] = json!(path);
            event["requestContext"]["http"]["method"] = json!(method);
            event["headers"]["if-match"] = json!(revision);
            event["body"] = json!(body.to_string());
            let (status, body) = http(&self.answer("connections", &event).await);
            assert_eq!(status, 200, "{method} {rest}: {body}");
            body
        };
        let read = call("GET", "/settings", "", Value::Null).await;
        let (mut form, mut revision) = (read["connection"].clone(), read["revision"].clone());
        for text_on_bus in [true, false] {
            form["text_on_bus"] = json!(text_on_bus);
            let given = revision.as_str().expect("a revision").to_owned();
            let changed = call("PUT", "", &given, form.clone()).await;
            assert_eq!(changed["changed"], json!(["text_on_bus"]));
            revision = changed["revision"].clone();
        }
        let list = call("GET", "/changes", "", Value::Null).await;
        assert_eq!(list["changes"].as_array().map(Vec::len), Some(2), "{list}");
    }

    /// Webhooks: a new one on a long thread, poison, and one that waits for its name.
    async fn webhooks(&self) {
        Past::of(&self.scene, 1).messages("gladly", LONG).await;
        let of_unknown = closed("conversation-unknown", "event-unknown");
        for body in [message("gladly", LONG), "{".to_owned(), of_unknown] {
            let mut event = sample("gladly");
            event["body"] = json!(body);
            assert_eq!(http(&self.answer("gladly", &event).await).0, 200);
        }
    }

    /// The stream: the bot is not there, which is an entry on a long thread.
    async fn stream_of(&self, thread: &str) -> Value {
        let id = thread_of(thread);
        let records = self.stream().await;
        let of_it = records
            .into_iter()
            .filter(|record| record["dynamodb"]["Keys"]["pk"]["S"] == id.as_str());
        json!({ "Records": of_it.collect::<Vec<Value>>() })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_may_do_what_it_does_and_does_what_it_may() {
    let template = Template::builtin().expect("a template");
    let platform = platform_with_webhook_off(StatusCode::OK).await;
    let parties = Parties::of_samples(&platform.base_url, "http://127.0.0.1:9");
    let names: Vec<&str> = template
        .functions
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    let Some(stage) = Stage::set(&parties, &names).await else {
        return;
    };
    // Names are listed by `publish`, from the entries of the present.
    let past = Past::of(&stage.scene, 1);
    past.messages("relay", LONG).await;
    past.messages("face-send", 1).await;
    let batch = stage.stream_of("relay").await;
    stage.answer("relay", &batch).await;
    for session in ["relay", "face-send"] {
        let batch = stage.stream_of(session).await;
        let published = stage.answer("publish", &batch).await;
        assert_eq!(published["batchItemFailures"], json!([]), "{published}");
    }
    stage.commands().await;
    stage.configured().await;
    stage.webhooks().await;
    stage.published_claim().await;
    stage.swept().await;
    compare(
        &template,
        &stage.scene.aws.uses().into_keys().collect::<Vec<_>>(),
    );
}

fn compare(template: &Template, uses: &[Use]) {
    let mut wrong: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut count = 0;
    for function in &template.functions {
        let allowed = allowed(function);
        let used: BTreeSet<Right> = uses
            .iter()
            .filter(|it| it.function == function.name)
            // Not an action of IAM: its items' own are counted beside it.
            .filter(|it| it.action != "dynamodb:TransactWriteItems")
            .map(used)
            .collect();
        let complaints = wrong.entry(&function.name).or_default();
        for (action, resource) in &used {
            count += 1;
            assert!(!action.ends_with(":Scan"), "{}: {action}", function.name);
            if !allowed.contains(&(action.clone(), resource.clone())) {
                complaints.push(format!("does {action} on {resource} and may not"));
            }
        }
        for (action, resource) in &allowed {
            assert!(!action.contains('*'), "{}: {action}", function.name);
            let is_its_own = !IN_ITS_NAME.contains(&action.as_str());
            if is_its_own && !used.contains(&(action.clone(), resource.clone())) {
                complaints.push(format!("may do {action} on {resource} and does not"));
            }
        }
    }
    wrong.retain(|_, complaints| !complaints.is_empty());
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!(
        "{count} rights used by {} functions",
        template.functions.len()
    );
}

impl Stage {
    /// A claim without an outcome, which `publish` arms for.
    async fn published_claim(&self) {
        let batch = self.stream_of("claimed").await;
        self.answer("publish", &batch).await;
    }

    /// A tick, which takes the lease and puts a crowd on the bus. A slice: a timer on a long thread, and an event whose name is known by now, or
    /// never will be.
    async fn swept(&self) {
        let past = Past::of(&self.scene, 3_600);
        past.messages("sweep", LONG).await;
        past.webhook(closed("conversation-never", "event-never"))
            .await;
        Past::of(&self.scene, 120)
            .webhook(closed("conversation-later", "event-later"))
            .await;
        let mut rows = vec![armed(&thread_of("sweep"))];
        for shard in 0..8 {
            let due = self.scene.store.due(shard, 0, i64::MAX / 2_000, 100, None);
            let due: Vec<Due> = due.await.expect("the index can be read");
            let waiting = due.iter().filter(|row| row.kind() == DueKind::Waiting);
            rows.extend(waiting.map(|row| json!(row)));
        }
        assert!(rows.len() >= 3, "{rows:?}");
        let mut slice = sample("sweep_slice");
        slice["detail"]["rows"] = json!(rows);
        self.answer("sweep", &slice).await;
        // A webhook that is off is switched on, and what it did not bring is fetched.
        for _ in 0..3 {
            self.checked().await;
        }

        for number in 0..CROWD {
            past.messages(&format!("crowd-{number}"), 1).await;
        }
        let asked = || self.scene.aws.count("sweep", "events:PutEvents");
        let before = asked();
        let calls = self.calls.clone();
        let tick = sample("sweep").to_string().into_bytes();
        let _runs_on = tokio::spawn(async move { calls.call("sweep", tick).await });
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
        while asked() == before {
            assert!(tokio::time::Instant::now() < end, "no slice");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

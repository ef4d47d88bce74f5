//! A client that knows only `/openapi.json`, and tries what it describes: values of every
//! schema, and values that are just beside it. What is answered is what is described.

use crate::stage::{Stage, message_event, now_iso};
use baton_local::demo_settings::CONNECTION;
use baton_simulators::random::Random;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How often each operation is tried.
const TRIES: u64 = 16;
const TOKENS: [&str; 4] = [
    "demo-bot-token",
    "demo-admin-token",
    "demo-agent-token",
    "demo-reader-token",
];
const TEXTS: [&str; 9] = [
    "",
    " ",
    "x",
    "hello",
    "\u{0}",
    "💥 é ﷽",
    "<b>&lt;",
    "inbox_1",
    "https://shop.example/a.png",
];

struct Client<'a> {
    described: &'a Value,
    random: Random,
}

impl Client<'_> {
    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let place = usize::try_from(self.random.below(from.len() as u64)).expect("small");
        from[place].clone()
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.random.below(many) == 0
    }

    /// A value of this schema; now and then one beside it.
    fn value(&mut self, schema: &Value, depth: u32) -> Value {
        if self.one_in(12) || depth > 8 {
            let beside = [
                json!(null),
                json!(-1),
                json!(1.5e300),
                json!([]),
                json!({}),
                json!("x"),
                json!(true),
            ];
            return self.pick(&beside);
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self
                .described
                .pointer(&reference[1..])
                .expect("it leads somewhere")
                .clone();
            return self.value(&target, depth + 1);
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(parts) = schema[key].as_array() {
                let part = self.pick(parts);
                return self.value(&part, depth + 1);
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut whole = Map::new();
            for part in parts {
                if let Value::Object(fields) = self.value(part, depth + 1) {
                    whole.extend(fields);
                }
            }
            return Value::Object(whole);
        }
        if let Some(values) = schema["enum"].as_array() {
            return self.pick(values);
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => self.pick(kinds),
            kind => kind.clone(),
        };
        match kind.as_str() {
            Some("object") => self.object(schema, depth),
            Some("array") => {
                let many = self.random.below(4);
                (0..many)
                    .map(|_| self.value(&schema["items"], depth + 1))
                    .collect()
            }
            Some("integer") => self.pick(&[
                json!(0),
                json!(1),
                json!(2),
                json!(u64::MAX),
                json!(i64::MIN),
            ]),
            Some("number") => self.pick(&[json!(0), json!(52.5), json!(-1e300)]),
            Some("boolean") => self.one_in(2).into(),
            Some("string") if self.one_in(20) => "y".repeat(70_000).into(),
            Some("string") => self.pick(&TEXTS).into(),
            _ => Value::Null,
        }
    }

    fn object(&mut self, schema: &Value, depth: u32) -> Value {
        let mut fields = Map::new();
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let wanted = if required.contains(&name.as_str()) {
                !self.one_in(15)
            } else {
                self.one_in(2)
            };
            if wanted {
                let value = self.value(field, depth + 1);
                fields.insert(name.clone(), value);
            }
        }
        if self.one_in(15) {
            fields.insert("unheard_of".to_owned(), json!(1));
        }
        Value::Object(fields)
    }
}

/// Places in a text that an id of the API stands in.
fn filled(path: &str, id: &str) -> String {
    path.replace("{id}", id).replace("{name}", "closed")
}

/// A crowded machine may be too slow for a webhook; the platform sends it again.
async fn written(stage: &Stage, event: String) {
    for _ in 0..5 {
        match stage.webhook(event.clone()).await {
            503 => tokio::time::sleep(std::time::Duration::from_millis(500)).await,
            status => return assert_eq!(status, 200),
        }
    }
    panic!("the hub takes no webhook");
}

#[tokio::test]
async fn whatever_is_described_is_answered_as_described() {
    let stage = Stage::set().await;
    stage.bot().configure(|bot| bot.tries = 1);
    let described = stage.call("GET", "/openapi.json", "", None).await.body;
    let key = stage.running.hub.core.id_key.held().expect("held");
    let mut client = Client {
        described: &described,
        random: Random::new(20_261_120),
    };
    let mut answered: BTreeMap<u16, u64> = BTreeMap::new();
    for (path, item) in described["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let method = method.to_ascii_uppercase();
            for number in 0..TRIES {
                // A conversation of its own, so that what closed the last one does not
                // decide all that follow.
                let session = format!("session-{}-{number}", operation["operationId"]);
                let id = match client.random.below(8) {
                    // What all others are tried on must not be changed or taken away.
                    _ if matches!(method.as_str(), "PUT" | "DELETE") => "no-connection".to_owned(),
                    0 => "thr_aaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
                    1 => CONNECTION.to_owned(),
                    _ if path.contains("/conversations/{id}") => {
                        let text = if number % 2 == 0 { "silent" } else { "say" };
                        let event = message_event(&session, &session, &session, text, &now_iso());
                        written(&stage, event).await;
                        key.thread(CONNECTION, &session).to_string()
                    }
                    _ => CONNECTION.to_owned(),
                };
                let mut called = filled(path, &id);
                let mut headers = Vec::new();
                let mut query = Vec::new();
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    if client.one_in(2) {
                        continue;
                    }
                    let value = match client.value(&parameter["schema"], 0) {
                        Value::String(text) => text,
                        other => other.to_string(),
                    };
                    let name = parameter["name"].as_str().expect("a name");
                    let plain: String = value
                        .chars()
                        .filter(char::is_ascii_alphanumeric)
                        .take(300)
                        .collect();
                    match parameter["in"].as_str() {
                        Some("query") => query.push(format!("{name}={plain}")),
                        Some("header") => headers.push((name.to_owned(), plain)),
                        _ => {}
                    }
                }
                if !query.is_empty() {
                    called = format!("{called}?{}", query.join("&"));
                }
                let schema = operation.pointer("/requestBody/content/application~1json/schema");
                let body = schema.map(|schema| client.value(schema, 0));
                let token = client.pick(&TOKENS);
                let headers: Vec<(&str, &str)> = headers
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                let answer = stage
                    .call_with(&method, &called, token, body.clone(), &headers)
                    .await;
                *answered.entry(answer.status).or_default() += 1;
                let shown: String = format!("{body:?}").chars().take(600).collect();
                let what = format!(
                    "{method} {called} as {token}: {} {:?}; {shown}",
                    answer.status, answer.body
                );
                assert!(answer.status < 500 || answer.status == 501, "{what}");
                let response = &operation["responses"][answer.status.to_string()];
                assert!(response.is_object(), "not described: {what}");
                let media = answer.content_type.split(';').next().unwrap_or_default();
                let content = response["content"].as_object();
                assert!(
                    content.is_none_or(|content| content.contains_key(media)),
                    "{media}: {what}"
                );
                if answer.status >= 400 {
                    assert_eq!(media, "application/problem+json", "{what}");
                    assert_eq!(answer.body["status"], answer.status, "{what}");
                }
            }
        }
    }
    println!("{answered:?}");
    let of = |status: u16| answered.get(&status).copied().unwrap_or_default();
    // A client that is always refused shows nothing.
    assert!(
        of(200) + of(202) > 60 && of(400) > 15 && of(404) > 8,
        "{answered:?}"
    );
}

//! Every route of the template, whoever calls it and whatever is in the call: the real
//! handlers, with events as API Gateway makes them.
//!
//! | module | subject |
//! |---|---|
//! | `callers` | tokens, roles, methods |
//! | `costs` | what a forged call costs |
//! | `hostile` | bodies, ids, queries and headers that nobody should send |

mod callers;
mod costs;
mod hostile;

use crate::stage::{Stage, message_event, now_iso};
use baton_domain::{ConversationId, ThreadId, Timestamp};
use baton_hub::source::token_hash;
use baton_hub::store::Mechanism;
use baton_hub::store::records::{Role, TokenRecord};
use baton_local::demo_settings::CONNECTION;
use baton_local::template::{Route, Template};
use data_encoding::BASE64;
use serde_json::{Value, json};

const SESSION: &str = "session-of-the-routes";
const UNKNOWN_SESSION: &str = "session-of-nobody";
/// Without a token by their nature.
const OPEN: [&str; 3] = ["/openapi.json", "/problems/{name}", "/health"];
const ROLES: [(Role, &str); 4] = [
    (Role::Bot, "bot"),
    (Role::Agent, "agent"),
    (Role::Admin, "admin"),
    (Role::Reader, "reader"),
];

/// An answer: its status, and its body.
type Answered = (u16, String);

fn routes() -> Vec<Route> {
    let routes = Template::builtin().expect("the template").routes;
    assert!(routes.len() > 20, "{routes:?}");
    routes
}

fn is_webhook(route: &Route) -> bool {
    route.path.starts_with("/webhooks/")
}

fn is_face(route: &Route) -> bool {
    route.path.starts_with("/gladly/")
}

fn is_of_connection(route: &Route) -> bool {
    route.path.starts_with("/v1/connections/")
}

fn asks_for_no_token(route: &Route) -> bool {
    is_webhook(route) || OPEN.contains(&route.path.as_str())
}

/// What a call says beside its route.
#[derive(Clone, Debug)]
struct Call {
    id: String,
    token: Option<String>,
    body: Value,
    base64: bool,
    query: String,
    headers: Vec<(&'static str, String)>,
}

impl Call {
    fn of(id: &str, token: Option<&str>) -> Self {
        Self {
            id: id.to_owned(),
            token: token.map(str::to_owned),
            body: Value::Null,
            base64: false,
            query: String::new(),
            headers: Vec::new(),
        }
    }

    fn event(&self, route: &Route) -> Value {
        let path = route
            .path
            .replace("{proxy+}", "nothing/here")
            .replace("{endpoint}", "gladly-demo")
            .replace("{message}", "m")
            .replace("{name}", "closed")
            .replace("{id}", &self.id);
        let mut headers = json!({});
        if let Some(token) = &self.token {
            let basic = |user: &str| {
                format!(
                    "Basic {}",
                    BASE64.encode(format!("{user}:{token}").as_bytes())
                )
            };
            headers["authorization"] = match (is_webhook(route), is_face(route)) {
                (true, _) => basic("webhook-user").into(),
                (_, true) => basic("ignored").into(),
                _ => format!("Bearer {token}").into(),
            };
        }
        for (name, value) in &self.headers {
            headers[*name] = value.as_str().into();
        }
        let method = match route.method.as_str() {
            "ANY" => "PUT",
            method => method,
        };
        json!({
            "version": "2.0",
            "routeKey": format!("{} {}", route.method, route.path),
            "rawPath": path,
            "rawQueryString": self.query,
            "headers": headers,
            "pathParameters": {
                "id": self.id, "endpoint": "gladly-demo", "message": "m", "name": "closed", "proxy": "nothing/here",
            },
            "requestContext": {"http": {"method": method, "path": path}},
            "body": self.body,
            "isBase64Encoded": self.base64,
        })
    }
}

struct World {
    stage: Stage,
    thread: ThreadId,
}

impl World {
    async fn set() -> Self {
        let stage = Stage::set().await;
        stage.bot().configure(|bot| bot.tries = 1);
        let event = message_event("event-1", SESSION, "message-1", "silent", &now_iso());
        assert_eq!(stage.webhook(event).await, 200);
        let core = &stage.running.hub.core;
        let thread = core
            .id_key
            .held()
            .expect("held")
            .thread(CONNECTION, SESSION);
        for (role, word) in ROLES {
            for (whose, connections, expires) in [
                ("own", None, None),
                ("foreign", Some(vec!["another".to_owned()]), None),
                ("expired", None, Some(Timestamp(1))),
            ] {
                let record = TokenRecord {
                    name: word.to_owned(),
                    role,
                    connections,
                    agent: Some("agent_1".to_owned()),
                    expires,
                };
                let hash = token_hash(&format!("test-token-{whose}-{word}"));
                core.store.put_token(&hash, &record).await.expect("kept");
            }
        }
        Self { stage, thread }
    }

    async fn call(&self, route: &Route, call: &Call) -> Answered {
        let functions = self.stage.running.hub.functions();
        let event = call.event(route).to_string().into_bytes();
        let name = format!("{} {}", route.method, route.path);
        let answer = functions.invoke(&route.function, event).await;
        let answer = answer.unwrap_or_else(|error| panic!("{name} with {call:?}: {error}"));
        let answer: Value = serde_json::from_slice(&answer).expect("an answer");
        let status = answer["statusCode"].as_u64().expect("a status");
        let body = answer["body"].as_str().unwrap_or_default().to_owned();
        (u16::try_from(status).expect("a status"), body)
    }

    /// The name by which a route's callers know the thread.
    fn name(&self, route: &Route) -> String {
        match (is_face(route), route.path.contains("/sessions/")) {
            (false, _) if is_of_connection(route) => CONNECTION.to_owned(),
            (true, true) => SESSION.to_owned(),
            (true, false) => format!("conversation-of-{SESSION}"),
            _ => ConversationId::new(&self.thread, 1).to_string(),
        }
    }

    async fn seq(&self) -> u64 {
        let loaded = self.stage.running.hub.core.store.load(&self.thread).await;
        loaded.expect("a thread").thread.seq
    }

    fn appends(&self) -> String {
        let tallies = self.stage.running.hub.core.store.units().tallies();
        let of = |mechanism| format!("{:?}", tallies.get(&mechanism));
        of(Mechanism::Append) + &of(Mechanism::Erase)
    }
}

/// A body that the route would take.
fn good(route: &Route) -> Value {
    let last = route.path.rsplit('/').next().unwrap_or_default();
    let body = match (is_face(route), last) {
        (false, "messages") => json!({ "content": { "type": "text", "text": "x" } }),
        (false, "typing") => json!({ "state": "started" }),
        (false, "handoff") => json!({ "reason": "x" }),
        (false, "control") => json!({ "ask": "release" }),
        (true, "messages") => json!({ "content": { "type": "TEXT", "body": "x" } }),
        _ => json!({}),
    };
    body.to_string().into()
}

fn unknown(route: &Route) -> &'static str {
    if is_face(route) {
        UNKNOWN_SESSION
    } else if is_of_connection(route) {
        "no-such-connection"
    } else {
        "cnv_aaaaaaaaaaaaaaaaaaaaaaaaaa-1"
    }
}

//! Every route of the template, whoever calls it and whatever is in the call: the real
//! handlers, with events as API Gateway makes them.

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

#[tokio::test]
async fn no_token_no_call_and_a_foreign_one_tells_nothing() {
    let world = World::set().await;
    world
        .stage
        .running
        .hub
        .caught_up()
        .await
        .expect("the stream is read");
    let mut calls = 0;
    for route in routes() {
        if asks_for_no_token(&route) {
            continue;
        }
        let name = format!("{} {}", route.method, route.path);
        let (own, nobodys) = (world.name(&route), unknown(&route));
        let before = (world.seq().await, world.appends());
        let mut tokens = vec![None, Some("test-token-of-nobody".to_owned())];
        tokens.extend(ROLES.map(|(_, word)| Some(format!("test-token-expired-{word}"))));
        for token in tokens {
            let body = good(&route);
            let call = Call {
                body,
                ..Call::of(&own, token.as_deref())
            };
            let (status, _) = world.call(&route, &call).await;
            assert_eq!(status, 401, "{name} with {token:?}");
            calls += 1;
        }
        for (_, word) in ROLES {
            let token = format!("test-token-foreign-{word}");
            let with = |id: &str| Call {
                body: good(&route),
                ..Call::of(id, Some(&token))
            };
            let (foreign, foreign_body) = world.call(&route, &with(&own)).await;
            let (nothing, nothing_body) = world.call(&route, &with(nobodys)).await;
            calls += 2;
            let nameless = foreign_body.replace(&own, "it");
            assert_eq!(
                (foreign, nameless),
                (nothing, nothing_body.replace(nobodys, "it")),
                "{name} as {word}: a foreign id looks like an unknown one"
            );
            assert!(
                foreign < 500 || foreign == 501,
                "{name} as {word}: {foreign}"
            );
            if foreign < 300 {
                assert!(
                    !route.path.contains("{id}"),
                    "{name} as {word}: {foreign_body}"
                );
                assert!(
                    !foreign_body.contains(CONNECTION),
                    "{name} as {word}: {foreign_body}"
                );
            }
        }
        assert_eq!(
            (world.seq().await, world.appends()),
            before,
            "{name} wrote something"
        );
    }
    println!("{calls} calls of {} routes", routes().len());
}

#[tokio::test]
async fn every_role_may_what_it_may_and_nothing_else() {
    let world = World::set().await;
    for route in routes() {
        if asks_for_no_token(&route) || route.path.contains("{proxy+}") {
            continue;
        }
        let last = route.path.rsplit('/').next().unwrap_or_default();
        let may: &[Role] = match (route.method.as_str(), last) {
            ("GET", "settings" | "changes") | ("PUT" | "DELETE", _) => &[Role::Admin],
            ("GET", _) if !is_face(&route) => &[Role::Bot, Role::Agent, Role::Admin, Role::Reader],
            ("GET", _) => &[Role::Bot, Role::Agent, Role::Admin],
            (_, "erase") => &[Role::Admin],
            (_, "messages" | "typing" | "typing-indicators") => &[Role::Bot, Role::Agent],
            _ => &[Role::Bot, Role::Agent, Role::Admin],
        };
        for (role, word) in ROLES {
            // An id that nobody has: what may be called is told so, and changes nothing.
            let call = Call {
                body: good(&route),
                ..Call::of(unknown(&route), Some(&format!("test-token-own-{word}")))
            };
            let (status, body) = world.call(&route, &call).await;
            let name = format!("{} {} as {word}: {body}", route.method, route.path);
            assert_eq!(status != 403, may.contains(&role), "{status} {name}");
            assert!(
                status != 401 && (status < 500 || status == 501),
                "{status} {name}"
            );
        }
    }
}

#[tokio::test]
async fn a_method_that_a_path_has_not_is_told_those_that_it_has() {
    let stage = Stage::set().await;
    for (method, path, allow) in [
        ("PUT", "/v1/conversations", Some("GET")),
        (
            "DELETE",
            "/v1/conversations/cnv_x/messages",
            Some("GET, POST"),
        ),
        ("GET", "/v1/conversations/cnv_x/close", Some("POST")),
        ("GET", "/v1/nothing", None),
    ] {
        let answer = stage.call(method, path, "demo-reader-token", None).await;
        let wanted = if allow.is_some() { 405 } else { 404 };
        assert_eq!(answer.status, wanted, "{method} {path}: {:?}", answer.body);
        if let Some(allow) = allow {
            let detail = answer.body["detail"].as_str().unwrap_or_default();
            assert!(detail.contains(allow), "{detail}");
        }
        let stranger = stage.call(method, path, "", None).await;
        assert_eq!(stranger.status, 401, "{method} {path}");
    }
}

/// Bodies that nobody should send.
fn hostile_bodies() -> Vec<(Value, bool)> {
    let raw = |bytes: &[u8]| (Value::from(BASE64.encode(bytes)), true);
    let text = |text: &str| (Value::from(text), false);
    vec![
        (Value::Null, false),
        text(""),
        text("{"),
        text("null"),
        text("7"),
        raw(&[0xff, 0xfe, 0x00, 0x80]),
        raw(b"{\"content\":{\"type\":\"text\",\"text\":\"\xff\xfe\"}}"),
        text(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))),
        text(&format!(
            "{}1{}",
            "{\"content\":".repeat(10_000),
            "}".repeat(10_000)
        )),
        text(
            r#"{"content":{"type":"text","text":"a"},"content":{"type":"text","text":"b"},"type":"x","type":"y"}"#,
        ),
        text(r#"{"epoch":1e400,"id":1e400,"type":1e400,"timestamp":-1e400}"#),
        text(
            r#"{"epoch":-1,"reason":"\u0000","content":{"type":"text","text":"\u0000"},"type":"PING","id":"\u0000"}"#,
        ),
        text(r#"{"reason":"\ud800","description":"\udfff"}"#),
        (Value::from("{not base64}"), true),
        (Value::from("e30"), true),
        (Value::from("e30="), false),
    ]
}

#[tokio::test]
async fn no_body_id_query_or_header_breaks_any_route() {
    let world = World::set().await;
    let mut calls = 0;
    let deep = "cnv_aaaaaaaaaaaaaaaaaaaaaaaaaa-99999999999999999999999";
    let ids = ["", "\0", "../..", "%00%ff", "💥", deep, "thr_", "cnv_-1"];
    let long = "x".repeat(10_000);
    let mut large = std::collections::BTreeSet::new();
    for route in routes() {
        let token = match is_webhook(&route) {
            true => "demo-webhook-password",
            false => "test-token-own-bot",
        };
        let own = world.name(&route);
        let plain = Call::of(&own, Some(token));
        let mut hostile: Vec<Call> = hostile_bodies()
            .into_iter()
            .map(|(body, base64)| Call {
                body,
                base64,
                ..plain.clone()
            })
            .collect();
        // Six megabytes, once for each function.
        if large.insert(route.function.clone()) {
            hostile.push(Call {
                body: "z".repeat(6_000_000).into(),
                ..plain.clone()
            });
        }
        hostile.extend(ids.into_iter().chain([long.as_str()]).map(|id| Call {
            id: id.to_owned(),
            body: good(&route),
            ..plain.clone()
        }));
        for query in [
            "limit=1e400",
            "limit=-1&after=%00%ff",
            "after=%F0%9F%92%A5",
            "%&&==&%zz",
            "wait=99999999999999999999",
            long.as_str(),
        ] {
            hostile.push(Call {
                query: query.to_owned(),
                ..plain.clone()
            });
        }
        for (name, value) in [
            ("idempotency-key", long.clone()),
            ("idempotency-key", "\0\u{7f}".to_owned()),
            ("authorization", "Basic".to_owned()),
            ("authorization", format!("Bearer {long}")),
            ("authorization", "Basic /////w==".to_owned()),
            ("content-type", "\u{fffd}".to_owned()),
        ] {
            hostile.push(Call {
                body: good(&route),
                headers: vec![(name, value)],
                ..plain.clone()
            });
        }
        hostile.push(Call {
            body: good(&route),
            ..Call::of(&own, None)
        });
        for call in hostile {
            let (status, body) = world.call(&route, &call).await;
            calls += 1;
            let shown: String = format!("{call:?}").chars().take(300).collect();
            let name = format!("{} {}: {status} {body}; {shown}", route.method, route.path);
            // What a face does not support is said so.
            let unsupported = status == 501 && is_face(&route);
            assert!(status < 500 || unsupported, "{name}");
            // An authentic webhook is taken whatever is in it.
            let forged = call.token.is_none()
                || call
                    .headers
                    .iter()
                    .any(|(name, _)| *name == "authorization");
            if is_webhook(&route) {
                assert_eq!(status, if forged { 401 } else { 200 }, "{name}");
            }
        }
        // And without what API Gateway always sends.
        for missing in [
            "headers",
            "pathParameters",
            "body",
            "rawPath",
            "requestContext",
            "rawQueryString",
        ] {
            let mut event = plain.event(&route);
            event.as_object_mut().expect("an event").remove(missing);
            let functions = world.stage.running.hub.functions();
            let answer = functions
                .invoke(&route.function, event.to_string().into_bytes())
                .await;
            let answer: Value = serde_json::from_slice(&answer.expect("an answer")).expect("JSON");
            let status = answer["statusCode"].as_u64().expect("a status");
            calls += 1;
            assert!(
                status < 500 || (status == 501 && is_face(&route)),
                "{} without {missing}: {answer}",
                route.path
            );
        }
    }
    let event = message_event("event-9", SESSION, "message-9", "still there", &now_iso());
    assert_eq!(
        world.stage.webhook(event).await,
        200,
        "the next message is served"
    );
    println!("{calls} calls of {} routes", routes().len());
}

/// Forged credentials of a webhook cost no call of the table, whatever is wrong with them.
#[tokio::test]
async fn forged_webhooks_and_malformed_tokens_cost_no_call_of_the_table() {
    let world = World::set().await;
    world
        .stage
        .running
        .hub
        .caught_up()
        .await
        .expect("the stream is read");
    let all = routes();
    let count = || {
        let tallies = world.stage.running.hub.core.store.units().tallies();
        let by_callers = [
            Mechanism::Load,
            Mechanism::Append,
            Mechanism::Poison,
            Mechanism::Directory,
            Mechanism::Settings,
        ];
        by_callers.map(|mechanism| format!("{:?}", tallies.get(&mechanism)))
    };
    let before = count();
    let webhook = all
        .iter()
        .find(|route| is_webhook(route))
        .expect("a webhook");
    let event = message_event("event-7", SESSION, "message-7", "forged", &now_iso());
    for password in [
        "",
        "x",
        "demo-webhook-passwor",
        "demo-webhook-password ",
        "demo-webhook-passwordd",
    ] {
        let call = Call {
            body: event.clone().into(),
            ..Call::of("", Some(password))
        };
        assert_eq!(world.call(webhook, &call).await.0, 401, "{password:?}");
    }
    for authorization in [
        "",
        "Basic",
        "Basic Og==",
        "Basic !!!!",
        "Bearer demo-webhook-password",
        "Digest x",
    ] {
        let headers = vec![("authorization", authorization.to_owned())];
        let call = Call {
            headers,
            body: event.clone().into(),
            ..Call::of("", None)
        };
        assert_eq!(world.call(webhook, &call).await.0, 401, "{authorization:?}");
    }
    for route in all.iter().filter(|route| !asks_for_no_token(route)) {
        let scheme = if is_face(route) { "Bearer" } else { "Basic" };
        for authorization in [
            String::new(),
            "x".to_owned(),
            format!("{scheme} dXNlcjp0b2tlbg=="),
            "Basic".to_owned(),
        ] {
            let headers = vec![("authorization", authorization.clone())];
            let call = Call {
                headers,
                ..Call::of("x", None)
            };
            let (status, _) = world.call(route, &call).await;
            assert_eq!(status, 401, "{} {authorization:?}", route.path);
        }
    }
    assert_eq!(count(), before, "a call of the table");
}

/// A token that is guessed costs one look-up, and none when it is tried again.
#[tokio::test]
async fn a_guessed_token_is_looked_up_once() {
    let world = World::set().await;
    let route = routes()
        .into_iter()
        .find(|route| route.path == "/v1/connections")
        .expect("a route");
    let looked_up = || {
        let tallies = world.stage.running.hub.core.store.units().tallies();
        tallies
            .get(&Mechanism::Settings)
            .map_or(0, |tally| tally.calls)
    };
    let before = looked_up();
    for _ in 0..50 {
        assert_eq!(
            world
                .call(&route, &Call::of("", Some("test-token-guessed")))
                .await
                .0,
            401
        );
    }
    assert_eq!(looked_up() - before, 1);
}

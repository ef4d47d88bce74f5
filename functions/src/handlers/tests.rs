//! Every route of the template is served by its function; without a token they are all
//! refused alike.

use super::*;
use baton_domain::IdKey;
use baton_hub::calls::Calls;
use baton_hub::deliver::Deliverer;
use baton_hub::settings::Settings;
use baton_hub::source::{FixedSettings, SettingsCache, TokenCache};
use baton_hub::store::Store;
use baton_hub::{Clock, Core};
use serde_json::{Value, json};
use std::sync::Arc;

/// The routes of the template: the function's name in lower case, and the route key.
pub(crate) fn routes() -> Vec<(String, String)> {
    let template = include_str!("../../../infra/template.yaml");
    let mut function = String::new();
    let mut routes = Vec::new();
    for line in template.lines() {
        if let Some(name) = line
            .strip_prefix("  ")
            .and_then(|line| line.strip_suffix("Function:"))
        {
            function = name.trim().to_lowercase();
        }
        let value = |key: &str| {
            Some(
                line.split_once(key)?
                    .1
                    .split(',')
                    .next()?
                    .trim()
                    .trim_matches('"')
                    .to_owned(),
            )
        };
        if let (Some(method), Some(path)) = (value("Method:"), value("Path:")) {
            routes.push((function.clone(), format!("{method} {path}")));
        }
    }
    routes
}

/// A hub whose table cannot be reached.
fn outbound() -> OutboundApi {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("eu-central-1"))
        .build();
    let clock = Clock::real();
    let settings = Settings {
        public_url: Some("https://hub.example.com".to_owned()),
        ..Settings::default()
    };
    let core = Core {
        store: Store::new(aws_sdk_dynamodb::Client::from_conf(config), "test"),
        clock: clock.clone(),
        id_key: IdKey::new(b"test-secret-id-key-0123456789abc".to_vec()).into(),
        settings: SettingsCache::new(Arc::new(FixedSettings(settings))),
    };
    let calls = Calls::new(clock, 1).expect("a client");
    OutboundApi {
        deliverer: Deliverer {
            core: core.clone(),
            calls,
        },
        api: Api {
            core,
            tokens: TokenCache::default(),
        },
    }
}

fn request(route_key: &str, headers: Value) -> HttpRequest {
    let (method, path) = route_key.split_once(' ').expect("a method and a path");
    let path = path
        .replace("{proxy+}", "nothing/here")
        .replace("{id}", "x")
        .replace("{message}", "m");
    let event = json!({
        "routeKey": route_key,
        "rawPath": path,
        "headers": headers,
        "pathParameters": {"id": "x", "name": "stale-epoch", "message": "m"},
        "requestContext": {"http": {"method": method}},
        "body": "{",
    });
    serde_json::from_value(event).expect("it is an event")
}

async fn called(app: &OutboundApi, function: &str, request: HttpRequest) -> HttpResponse {
    match function {
        "send" => send(app.clone(), request).await,
        "handoff" => handoff(app.clone(), request).await,
        "close" => close(app.clone(), request).await,
        "control" => control(app.clone(), request).await,
        "conversations" => conversations(app.api.clone(), request).await,
        "connections" => connections(app.api.clone(), request).await,
        other => panic!("no handler for {other}"),
    }
}

#[test]
fn the_template_has_the_routes() {
    let routes = routes();
    assert!(routes.len() > 20, "{routes:?}");
    assert!(routes.contains(&(
        "close".to_owned(),
        "POST /v1/conversations/{id}/close".to_owned()
    )));
}

/// Whatever else is wrong with the call: a token is asked for first.
#[tokio::test]
async fn no_route_does_anything_without_a_token() {
    let app = outbound();
    for (function, key) in routes() {
        let open =
            ["GET /openapi.json", "GET /problems/{name}", "GET /health"].contains(&key.as_str());
        if open || key.contains(" /webhooks/") {
            continue;
        }
        let face = key.contains(" /gladly/");
        for authorization in [
            json!({}),
            json!({"authorization": "Digest x"}),
            json!({"authorization": "Bearer "}),
        ] {
            let response = called(&app, &function, request(&key, authorization)).await;
            assert_eq!(response.status, 401, "{key}");
            let scheme = response
                .headers
                .get("www-authenticate")
                .cloned()
                .unwrap_or_default();
            let body: Value = serde_json::from_str(&response.body).expect("JSON");
            if face {
                assert!(
                    scheme.starts_with("Basic ") && body["errors"][0]["code"] == "unauthorized",
                    "{key}"
                );
            } else {
                assert!(scheme.starts_with("Bearer "), "{key}");
                assert_eq!(
                    body["type"],
                    "https://hub.example.com/problems/unauthorized"
                );
            }
        }
    }
}

/// With a token, a known route gets as far as looking the token up; what has no route of
/// its own is told so only then, too.
#[tokio::test]
async fn a_table_that_cannot_be_reached_is_503_everywhere() {
    let app = outbound();
    for (function, key) in routes()
        .into_iter()
        .filter(|(function, _)| function != "gladly")
    {
        let face = key.contains(" /gladly/");
        let credentials = if face {
            "Basic aWdub3JlZDp0ZXN0LXRva2Vu"
        } else {
            "Bearer test-token"
        };
        let response = called(
            &app,
            &function,
            request(&key, json!({"Authorization": credentials})),
        )
        .await;
        let open = ["GET /openapi.json", "GET /problems/{name}"].contains(&key.as_str());
        assert_eq!(response.status, if open { 200 } else { 503 }, "{key}");
        assert_eq!(response.headers.contains_key("retry-after"), !open, "{key}");
        assert_eq!(response.body.is_empty(), face, "{key}");
    }
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let app = outbound();
    let to = || Way::of(&request("GET /v1/x", json!({})));
    let response = baton(app.api, to(), async {
        panic!("a secret of the customer's")
    })
    .await;
    assert_eq!(response.status, 500);
    assert!(response.body.contains("/problems/internal") && !response.body.contains("secret"));
    let response = face(to(), async { panic!("a secret of the customer's") }).await;
    assert_eq!(response, HttpResponse::empty(500));
}

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_in_time_whatever_it_waits_for() {
    let app = outbound();
    let arrived = Instant::now();
    let request = request("GET /v1/x", json!({}));
    tokio::time::advance(Duration::from_secs(3)).await;
    let response = baton(app.api, Way::of(&request), std::future::pending()).await;
    assert_eq!(response.status, 503);
    let took = arrived.elapsed();
    // bites: counted from when the handler began, or not at all.
    let limit = Duration::from_secs(8);
    assert!(
        took > limit - Duration::from_millis(500) && took < limit,
        "{took:?}"
    );
    let response = face(Way::of(&request), std::future::pending()).await;
    assert_eq!(response.status, 503);
    assert!(arrived.elapsed() < limit);
}

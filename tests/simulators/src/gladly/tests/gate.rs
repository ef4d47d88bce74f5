//! Credentials, the rate limit, and mounting below a path.

use axum::Router;

use super::{START, Stage, unlimited};
use crate::gladly::{AgentConfig, GladlyConfig, GladlySim, ViolationKind};
use crate::serving;

#[tokio::test]
async fn credentials_are_checked() {
    let mut config = unlimited();
    config.agents.push(AgentConfig {
        id: "agent-lead-00000000-cC".into(),
        name: "Lead".into(),
        email: "lead@example.test".into(),
        api_user: true,
        inboxes: Vec::new(),
    });
    let stage = Stage::with(config).await;
    let url = format!("{}/api/v1/agents", stage.served.base_url);
    let token = "test-gladly-token";
    for (email, token, status) in [
        ("api@example.test", token, 200),
        ("lead@example.test", token, 200),
        ("one@example.test", token, 403),
        ("api@example.test", "wrong", 401),
        ("nobody@example.test", token, 401),
    ] {
        let got = Stage::send(stage.http.get(&url).basic_auth(email, Some(token))).await;
        assert_eq!(got.status, status, "{email}");
        assert_eq!(got.headers.contains_key("www-authenticate"), status == 401);
    }
    assert_eq!(Stage::send(stage.http.get(&url)).await.status, 401);
    for scheme in ["Bearer x", "Basic ???", "Basic", "Basic eA=="] {
        let request = stage.http.get(&url).header("authorization", scheme);
        assert_eq!(Stage::send(request).await.status, 401, "{scheme}");
    }
    let kinds: Vec<_> = stage.sim.violations().iter().map(|v| v.kind).collect();
    assert_eq!(
        kinds
            .iter()
            .filter(|k| **k == ViolationKind::Forbidden)
            .count(),
        1
    );
    assert_eq!(
        kinds
            .iter()
            .filter(|k| **k == ViolationKind::Unauthorized)
            .count(),
        7
    );
}

#[tokio::test]
async fn ten_calls_a_second_for_each_method() {
    let stage = Stage::with(GladlyConfig::default()).await;
    for left in (0..10).rev() {
        let got = stage.get("/inboxes").await;
        assert_eq!(got.status, 200);
        assert_eq!(got.headers["ratelimit-limit-second"], "10");
        assert_eq!(
            got.headers["ratelimit-remaining-second"],
            left.to_string().as_str()
        );
    }
    let refused = stage.get("/agents").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["ratelimit-remaining-second"], "0");
    assert!(!refused.headers.contains_key("retry-after"));
    assert_eq!(stage.sim.too_many_requests(), 1);

    // Another method has a bucket of its own.
    let (session, _) = stage.opened("ada");
    assert_eq!(stage.say(&session, "hi").await.status, 200);
    // A tenth of a second is worth one call.
    stage.clock.advance(100);
    assert_eq!(stage.get("/agents").await.status, 200);
    assert_eq!(stage.get("/agents").await.status, 429);
    stage.clock.set(START + 60_000);
    let got = stage.get("/agents").await;
    assert_eq!(got.headers["ratelimit-remaining-second"], "9");
    stage.sim.configure(|config| config.rate_limit = None);
    assert!(
        !stage
            .get("/agents")
            .await
            .headers
            .contains_key("ratelimit-limit-second")
    );
}

#[tokio::test]
async fn the_router_works_below_any_path() {
    let sim = GladlySim::new(unlimited());
    let served = serving::serve(Router::new().nest("/sim/gladly", sim.router()))
        .await
        .unwrap();
    let http = serving::client().unwrap();
    let base = format!("{}/sim/gladly", served.base_url);
    let auth = |request: reqwest::RequestBuilder| {
        request.basic_auth("api@example.test", Some("test-gladly-token"))
    };
    let written = http
        .post(format!("{base}/control/customers/ada/messages"))
        .json(&serde_json::json!({"text": "hello"}));
    let written = Stage::send(written).await;
    assert_eq!(written.status, 200, "{written:?}");
    let session = written.body["sessionId"].as_str().unwrap();
    let url = format!("{base}/api/v1/message-automation/sessions/{session}");
    assert_eq!(Stage::send(auth(http.get(&url))).await.status, 200);
    assert_eq!(
        Stage::send(auth(http.get(format!("{url}/messages"))))
            .await
            .status,
        200
    );
    assert_eq!(
        sim.calls()[0].path,
        format!("/api/v1/message-automation/sessions/{session}")
    );

    let from = written.body["customerId"].as_str().unwrap().to_owned();
    sim.customer_writes("bob", "hello").unwrap();
    sim.merge_customers("ada", "bob").unwrap();
    let moved = Stage::send(auth(http.get(format!("{base}/api/v1/customers/{from}")))).await;
    assert_eq!(moved.status, 301);
    let location = moved.headers["location"].to_str().unwrap();
    assert!(
        location.starts_with("/sim/gladly/api/v1/customers/"),
        "{location}"
    );
    let there = format!("{}{location}", served.base_url);
    assert_eq!(Stage::send(auth(http.get(there))).await.status, 200);
}

//! What is refused costs little.

use super::{Call, SESSION, World, asks_for_no_token, is_face, is_webhook, routes};
use crate::stage::{message_event, now_iso};
use baton_hub::store::Mechanism;

/// Forged credentials of a webhook cost no call of the table, whatever is wrong with them.
#[tokio::test]
async fn forged_webhooks_and_malformed_tokens_cost_no_call_of_the_table() {
    let world = World::set().await;
    world.stage.caught_up().await;
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

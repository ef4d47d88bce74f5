//! Who may call which route, and what the others are told.

use super::{Call, ROLES, World, asks_for_no_token, good, is_face, routes, unknown};
use crate::stage::Stage;
use baton_hub::store::records::Role;
use baton_local::demo_settings::CONNECTION;

#[tokio::test]
async fn no_token_no_call_and_a_foreign_one_tells_nothing() {
    let world = World::set().await;
    world.stage.caught_up().await;
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

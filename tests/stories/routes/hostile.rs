//! Whatever is in a call, no route breaks.

use super::{Call, SESSION, World, good, is_face, is_webhook, routes};
use crate::stage::{message_event, now_iso};
use data_encoding::BASE64;
use serde_json::Value;

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

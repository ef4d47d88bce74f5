//! The front: requests to the hub as API Gateway hands them to functions.

use super::fleet::Fleet;
use crate::invoke::Functions;
use baton_simulators::gladly::{Exchange, WebhookPost};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// API Gateway ends what takes longer. Source: quotas of HTTP APIs.
const ENDS_AFTER: Duration = Duration::from_secs(30);

/// What the front answers.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    /// Whether it was marked as the answer to a repeated call.
    pub(super) replayed: bool,
}

/// Makes a request of the hub.
pub(super) async fn request(
    fleet: &Fleet,
    method: &str,
    path: &str,
    headers: BTreeMap<String, String>,
    body: String,
) -> Answer {
    let failed = |status| Answer {
        status,
        body: Value::Null,
        replayed: false,
    };
    let template = fleet.template().clone();
    let Some(route) = template.match_route(method, path) else {
        return failed(404);
    };
    let event = json!({
        "version": "2.0",
        "routeKey": route.route_key,
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "pathParameters": route.path_parameters,
        "requestContext": {"http": {"method": method, "path": path}},
        "body": body,
        "isBase64Encoded": false,
    });
    let called = fleet.invoke(route.function, event.to_string().into_bytes());
    let Ok(called) = tokio::time::timeout(ENDS_AFTER, called).await else {
        return failed(504);
    };
    let answer = called
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let Some(answer) = answer else {
        return failed(502);
    };
    let status = answer.get("statusCode").and_then(Value::as_u64);
    let text = answer
        .get("body")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Answer {
        status: status.and_then(|it| u16::try_from(it).ok()).unwrap_or(502),
        body: serde_json::from_str(text).unwrap_or_default(),
        replayed: answer.pointer("/headers/idempotent-replayed").is_some(),
    }
}

/// Takes a webhook of the platform to the hub.
pub(super) fn webhook(fleet: Option<Fleet>, post: WebhookPost) -> Exchange {
    Box::pin(async move {
        let fleet = fleet?;
        let headers = post
            .headers
            .iter()
            .filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect();
        let path = post.url.strip_prefix(HUB).unwrap_or(&post.url);
        let answer = request(&fleet, "POST", path, headers, post.body).await;
        Some(answer.status)
    })
}

/// Where the hub is.
pub(super) const HUB: &str = "http://hub.test";

//! A request as an event of payload format 2.0.

use crate::ACCOUNT;
use crate::template::RouteMatch;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Version, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What a local API calls itself.
const API_ID: &str = "local";

/// A request that arrived.
pub(super) struct Arrival<'a> {
    pub(super) head: &'a Parts,
    pub(super) body: &'a [u8],
    pub(super) route: &'a RouteMatch<'a>,
    pub(super) source: IpAddr,
    pub(super) request_id: &'a str,
    /// Seconds since the epoch.
    pub(super) now_secs: f64,
}

/// The event in JSON. Path and query are passed on as they were sent.
pub(super) fn make(arrival: &Arrival<'_>) -> Vec<u8> {
    let Arrival { head, route, .. } = arrival;
    let query = head.uri.query().unwrap_or_default();
    let mut event = Map::new();
    let mut put = |key: &str, value: Value| event.insert(key.to_owned(), value);

    put("version", Value::from("2.0"));
    put("routeKey", Value::from(route.route_key.clone()));
    put("rawPath", Value::from(head.uri.path()));
    put("rawQueryString", Value::from(query));
    let cookies = cookies(&head.headers);
    if !cookies.is_empty() {
        put("cookies", Value::from(cookies));
    }
    put("headers", json!(headers(arrival)));
    let parameters = parameters(query);
    if !parameters.is_empty() {
        put("queryStringParameters", json!(parameters));
    }
    put("requestContext", context(arrival));
    if !route.path_parameters.is_empty() {
        put("pathParameters", json!(route.path_parameters));
    }
    let (body, encoded) = body(&head.headers, arrival.body);
    if !arrival.body.is_empty() {
        put("body", Value::from(body));
    }
    put("isBase64Encoded", Value::from(encoded));
    Value::Object(event).to_string().into_bytes()
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Names in lower case, values of one name joined by commas; cookies have a
/// field of their own. What the gateway sees of the connection is added. The
/// scheme and port that a proxy in front of this machine names are believed.
fn headers(arrival: &Arrival<'_>) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &arrival.head.headers {
        if name == header::COOKIE {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|all| {
                all.push(',');
                all.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    let source = arrival.source.to_string();
    joined
        .entry("x-forwarded-for".to_owned())
        .and_modify(|all| {
            all.push_str(", ");
            all.push_str(&source);
        })
        .or_insert(source);
    joined
        .entry("x-forwarded-proto".to_owned())
        .or_insert_with(|| "http".to_owned());
    joined
        .entry("x-forwarded-port".to_owned())
        .or_insert_with(|| port(text(&arrival.head.headers, header::HOST)));
    joined
}

/// The port that a `Host` header names, or that of HTTP.
fn port(host: &str) -> String {
    host.rsplit_once(':')
        .map(|(_, port)| port)
        .filter(|port| port.parse::<u16>().is_ok())
        .unwrap_or("80")
        .to_owned()
}

/// Each cookie of all `Cookie` headers.
fn cookies(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .map(|cookie| cookie.trim().to_owned())
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

/// Decoded; values of one name joined by commas.
fn parameters(query: &str) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = form_decode(value);
        joined
            .entry(form_decode(name))
            .and_modify(|all| {
                all.push(',');
                all.push_str(&value);
            })
            .or_insert(value);
    }
    joined
}

/// `+` is a space and `%2B` a plus; what is no escape stays.
fn form_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = match (byte, tail) {
            (b'%', [high, low, behind @ ..]) => hex(*high)
                .zip(hex(*low))
                .map(|(high, low)| (high * 16 + low, behind)),
            _ => None,
        };
        let (decoded, behind) = match (escape, byte) {
            (Some(escape), _) => escape,
            (None, b'+') => (b' ', tail),
            (None, other) => (other, tail),
        };
        bytes.push(decoded);
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

fn context(arrival: &Arrival<'_>) -> Value {
    let Arrival { head, .. } = arrival;
    let domain = text(&head.headers, header::HOST);
    // The cast saturates; a clock is neither negative nor past all years.
    #[expect(clippy::cast_possible_truncation, reason = "see above")]
    let millis = (arrival.now_secs * 1_000.0) as i64;
    let time = Timestamp::from_millisecond(millis).unwrap_or_default();
    json!({
        "accountId": ACCOUNT,
        "apiId": API_ID,
        "domainName": domain,
        "domainPrefix": domain.split(['.', ':']).next().unwrap_or_default(),
        "http": {
            "method": head.method.as_str(),
            "path": head.uri.path(),
            "protocol": protocol(head.version),
            "sourceIp": arrival.source.to_string(),
            "userAgent": text(&head.headers, header::USER_AGENT),
        },
        "requestId": arrival.request_id,
        "routeKey": arrival.route.route_key,
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        "timeEpoch": millis,
    })
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

/// The body, and whether it is base64.
fn body(headers: &HeaderMap, body: &[u8]) -> (String, bool) {
    if body.is_empty() {
        return (String::new(), false);
    }
    match std::str::from_utf8(body) {
        Ok(text) if is_text(headers) => (text.to_owned(), false),
        _ => (STANDARD.encode(body), true),
    }
}

/// Which bodies HTTP APIs pass on as text. The guide only speaks of binary types;
/// this is what others measured on AWS. Forms, and bodies without a type, are
/// not among them.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = text(headers, header::CONTENT_TYPE)
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind.starts_with("text/")
        || matches!(
            kind.as_str(),
            "application/json" | "application/xml" | "application/javascript"
        )
}

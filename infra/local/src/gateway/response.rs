//! A function's answer as an HTTP response.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Headers of the connection, which belong to the gateway.
const CONNECTION: [HeaderName; 3] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
];

/// The response; nothing where the answer is none that API Gateway could send.
/// An answer without `statusCode` is itself the body.
pub(super) fn make(answer: &[u8]) -> Option<Response> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let Some(status) = answer.get("statusCode") else {
        return Some(bare(&answer));
    };
    let status = match status {
        Value::Number(status) => u16::try_from(status.as_u64()?).ok()?,
        Value::String(status) => status.parse().ok()?,
        _ => return None,
    };
    let status = StatusCode::from_u16(status).ok()?;
    let text = answer.get("body").map(plain).unwrap_or_default();
    let body = match answer.get("isBase64Encoded") {
        Some(Value::Bool(true)) => STANDARD.decode(text).ok()?,
        _ => text.into_bytes(),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;

    let headers = response.headers_mut();
    let mut add = |name: &str, value: &Value| -> Option<()> {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        if !CONNECTION.contains(&name) {
            headers.append(name, HeaderValue::from_str(&plain(value)).ok()?);
        }
        Some(())
    };
    for (name, value) in fields(&answer, "headers") {
        add(name, value)?;
    }
    for (name, values) in fields(&answer, "multiValueHeaders") {
        for value in values.as_array()? {
            add(name, value)?;
        }
    }
    for cookie in answer
        .get("cookies")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        add("set-cookie", cookie)?;
    }
    if !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain;charset=UTF-8"),
        );
    }
    Some(response)
}

fn bare(answer: &Value) -> Response {
    let mut response = Response::new(Body::from(plain(answer)));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

fn fields<'a>(answer: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    answer
        .get(key)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

/// A text without its quotes; anything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

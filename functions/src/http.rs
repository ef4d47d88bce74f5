//! Requests as API Gateway hands them over (HTTP API, payload format 2.0), and
//! answers as it takes them.
//!
//! Only what the hub reads is parsed, and leniently: a request must never fail for a
//! field that nobody looks at.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// A request.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct HttpRequest {
    /// Method and route, as in the template: `POST /v1/conversations/{id}/close`.
    #[serde(rename = "routeKey", default)]
    pub route_key: String,
    /// The path as it was called.
    #[serde(rename = "rawPath", default)]
    pub path: String,
    #[serde(rename = "rawQueryString", default)]
    query: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(rename = "pathParameters", default)]
    path_parameters: Option<BTreeMap<String, String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(rename = "isBase64Encoded", default)]
    base64: bool,
    #[serde(rename = "requestContext", default)]
    context: Context,
    /// When this process got it: what a call may take counts from here.
    #[serde(skip)]
    pub arrived: Arrival,
}

/// The moment at which it is made.
#[derive(Clone, Copy, Debug)]
pub struct Arrival(pub Instant);

impl Default for Arrival {
    fn default() -> Self {
        Self(Instant::now())
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Context {
    #[serde(default)]
    http: ContextHttp,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct ContextHttp {
    #[serde(default)]
    method: String,
}

impl HttpRequest {
    /// The method, in upper case.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.context.http.method
    }

    /// A header by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All headers, names in lower case.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        self.headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect()
    }

    /// A part of the path by its name in the route.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> Option<&str> {
        self.path_parameters.as_ref()?.get(name).map(String::as_str)
    }

    /// A query parameter, decoded; the first where it is repeated.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key) == name).then(|| decode(value))
        })
    }

    /// The names of all query parameters, decoded.
    #[must_use]
    pub fn query_names(&self) -> Vec<String> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| decode(pair.split('=').next().unwrap_or(pair)))
            .collect()
    }

    /// The body's bytes, decoded from the transport.
    ///
    /// # Errors
    /// When it is said to be base64 and is not; the bytes as they came.
    pub fn body(&self) -> Result<Vec<u8>, Vec<u8>> {
        let text = self.body.as_deref().unwrap_or_default();
        if !self.base64 {
            return Ok(text.as_bytes().to_vec());
        }
        data_encoding::BASE64
            .decode(text.as_bytes())
            .map_err(|_| text.as_bytes().to_vec())
    }
}

/// Percent-decoding of a query part; what is not an escape stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => bytes.push(if *first == b'+' { b' ' } else { *first }),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HttpResponse {
    /// The status code.
    #[serde(rename = "statusCode")]
    pub status: u16,
    /// Names and values.
    pub headers: BTreeMap<&'static str, String>,
    /// The body, text.
    pub body: String,
}

impl HttpResponse {
    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: BTreeMap::new(),
            body: String::new(),
        }
    }

    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        Self::text(
            status,
            "application/json",
            serde_json::to_string(body).unwrap_or_default(),
        )
    }

    /// A text of this content type.
    #[must_use]
    pub fn text(status: u16, content_type: &str, body: String) -> Self {
        Self {
            status,
            headers: BTreeMap::from([("content-type", content_type.to_owned())]),
            body,
        }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfamiliar_events_are_still_requests() {
        let request: HttpRequest = serde_json::from_str(
            r#"{"version":"2.0","routeKey":"GET /x","rawPath":"/x","rawQueryString":"a=1%202&b=x%zz&c","new":[1],
               "headers":{"X-One":"1"},"requestContext":{"http":{"method":"GET"},"other":{}}}"#,
        )
        .expect("it is an event");
        assert_eq!(request.query("a").as_deref(), Some("1 2"));
        assert_eq!(request.query("b").as_deref(), Some("x%zz"));
        assert_eq!(request.query("c").as_deref(), Some(""));
        assert_eq!(request.query("d"), None);
        assert_eq!(request.header("x-one"), Some("1"));
        assert_eq!(request.body(), Ok(Vec::new()));
    }

    #[test]
    fn a_wrong_base64_flag_does_not_panic() {
        let request: HttpRequest =
            serde_json::from_str(r#"{"body":"{not base64}","isBase64Encoded":true}"#)
                .expect("it is an event");
        assert_eq!(request.body(), Err(b"{not base64}".to_vec()));
    }
}

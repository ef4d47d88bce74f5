//! Answers of the API: what succeeded, and errors in Gladly's shape.
//!
//! Gladly API 1.0 (OpenAPI): 400 and 404 carry `{"errors":[{"attr","code",
//! "detail"}]}`. The body of 401, 403, 429 and 5xx is not documented; here it is
//! empty, so that no client comes to rely on one.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::oracle::ViolationKind;

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    body: Option<Value>,
    headers: Vec<(HeaderName, String)>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self {
            status: 200,
            body: Some(body),
            headers: Vec::new(),
        }
    }

    pub(crate) fn no_content() -> Self {
        Self {
            status: 204,
            body: None,
            headers: Vec::new(),
        }
    }

    pub(crate) fn created(location: String) -> Self {
        Self {
            status: 201,
            body: None,
            headers: vec![(header::LOCATION, location)],
        }
    }

    pub(crate) fn moved(location: String) -> Self {
        Self {
            status: 301,
            ..Self::created(location)
        }
    }

    pub(crate) fn with_body(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// One entry of an error body.
#[derive(Debug)]
struct Reason {
    attr: Option<&'static str>,
    code: &'static str,
    detail: String,
}

/// An error answer, and what kind of violation it is a sign of, if of any.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    reason: Option<Reason>,
    pub(crate) violation: Option<ViolationKind>,
}

impl Refusal {
    /// A status without a body.
    pub(crate) fn bare(status: u16) -> Self {
        Self {
            status,
            reason: None,
            violation: None,
        }
    }

    fn with(status: u16, attr: Option<&'static str>, code: &'static str, detail: &str) -> Self {
        Self {
            status,
            reason: Some(Reason {
                attr,
                code,
                detail: detail.into(),
            }),
            violation: None,
        }
    }

    /// 400 about one attribute.
    pub(crate) fn attr(attr: &'static str, code: &'static str, detail: &str) -> Self {
        Self::with(400, Some(attr), code, detail)
    }

    /// 400 about the request as a whole.
    pub(crate) fn general(code: &'static str, detail: &str) -> Self {
        Self::with(400, None, code, detail)
    }

    /// 404 for an id in the path that means nothing.
    pub(crate) fn not_found() -> Self {
        Self::with(404, None, "not_exist", "entity does not exist")
    }

    /// 400 for the calls that tell of an unknown id that way.
    pub(crate) fn not_exist() -> Self {
        Self::general("not_exist", "entity does not exist")
    }

    /// 400 because the thing is in another state.
    pub(crate) fn invalid_state(detail: &str) -> Self {
        Self::general("invalid_state", detail)
    }

    pub(crate) fn because(mut self, violation: ViolationKind) -> Self {
        self.violation = Some(violation);
        self
    }

    /// What was refused, for a caller in the same process.
    pub(crate) fn message(&self) -> String {
        self.reason.as_ref().map_or_else(
            || format!("status {}", self.status),
            |reason| format!("{}: {}", reason.code, reason.detail),
        )
    }
}

/// What a call comes to.
pub(crate) type Outcome = Result<Answer, Refusal>;

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = match self.body {
            Some(body) => (status, Json(body)).into_response(),
            None => status.into_response(),
        };
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = match &self.reason {
            Some(reason) => {
                let mut error = json!({"code": reason.code, "detail": reason.detail});
                put(&mut error, "attr", reason.attr);
                (status, Json(json!({"errors": [error]}))).into_response()
            }
            None => status.into_response(),
        };
        if let Some(violation) = self.violation {
            // Read by the gate, which knows the method and the path.
            response.extensions_mut().insert(violation);
        }
        response
    }
}

/// Adds a member to a JSON object if there is a value for it.
pub(crate) fn put(object: &mut Value, key: &str, value: Option<impl Into<Value>>) {
    if let (Some(object), Some(value)) = (object.as_object_mut(), value) {
        object.insert(key.to_owned(), value.into());
    }
}

/// Reads a JSON object.
pub(crate) fn object(body: &[u8]) -> Result<serde_json::Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(Refusal::general("invalid", "body is not a JSON object")
            .because(ViolationKind::MalformedBody)),
    }
}

/// A time of the API: ISO 8601 in UTC, from ms since the epoch.
pub(crate) fn iso(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| String::new(), |time| time.to_string())
}

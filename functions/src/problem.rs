//! Problem documents (RFC 9457): how the Baton API says what is wrong, where, and what
//! to do. Each `type` is a page that the hub serves, see [`pages`].

mod kind;
pub mod pages;
mod refusal;
#[cfg(test)]
mod tests;

pub use kind::Kind;

use crate::http::HttpResponse;
use baton_domain::{CloseReason, Holder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::objects::HolderObject;

/// The media type of problem documents.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What kind of problem it is.
    pub kind: Kind,
    /// What is wrong with this very call, where, and what to do.
    pub detail: String,
    /// Who holds, where that is why.
    pub holding: Option<(Holder, u64)>,
    /// Why the conversation ended, where that is why.
    pub closed: Option<CloseReason>,
    /// Everything that is wrong, field by field.
    pub errors: Vec<FieldError>,
    /// Seconds after which the same call may succeed.
    pub retry_after_s: Option<u32>,
    /// The methods that the path has, where the one given is not among them.
    pub allow: Option<Box<str>>,
}

/// One thing that is wrong in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"field": "content.text", "problem": "has 2049 characters, at most 2048 are allowed: split it into several messages"}))]
pub struct FieldError {
    /// The field, header or query parameter.
    pub field: String,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

/// A problem document (RFC 9457), `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "https://hub.example.com/problems/stale-epoch",
    "title": "The epoch is an old one",
    "status": 409,
    "detail": "The epoch is 4 now and queue(inbox_1) holds. Read the conversation before you go on.",
    "instance": "/v1/conversations/cnv_aaaaaaaaaaaaaaaaaaaaaaaaaa-1/messages",
    "holder": {"kind": "queue", "id": "inbox_1"},
    "epoch": 4
}))]
pub struct ProblemDocument {
    /// The kind of problem: the URL of a page that explains it. Relative to the hub
    /// where the hub has not been told its own address.
    pub r#type: String,
    /// The kind in a few words, always the same for a type.
    pub title: &'static str,
    /// The status code.
    pub status: u16,
    /// What is wrong with this call, where, and what to do.
    pub detail: String,
    /// The path that was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Who holds the conversation now (409).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<HolderObject>,
    /// The present epoch (409).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Why the conversation ended (409, closed).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "abandoned")]
    pub reason: Option<CloseReason>,
    /// Everything that is wrong with the request (400, 422).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// A problem of this kind.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            holding: None,
            closed: None,
            errors: Vec::new(),
            retry_after_s: None,
            allow: None,
        }
    }

    /// The path is called with other methods than this one.
    #[must_use]
    pub fn method(given: &str, allowed: &[String]) -> Self {
        let allow = allowed.join(", ");
        let detail = format!(
            "This path is not called with {given}, but with {allow}. All calls are listed at /openapi.json."
        );
        Self {
            allow: Some(allow.into()),
            ..Self::new(Kind::MethodNotAllowed, detail)
        }
    }

    /// One field, header or query parameter is wrong.
    #[must_use]
    pub fn field(field: &str, problem: impl Into<String>) -> Self {
        let problem = problem.into();
        let detail = format!("{field}: {problem}");
        Self {
            errors: vec![FieldError {
                field: field.to_owned(),
                problem,
            }],
            ..Self::new(Kind::InvalidField, detail)
        }
    }

    /// Something in the hub went wrong that no caller can help.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            Kind::Internal,
            "The hub failed on this call. Repeat it with the same Idempotency-Key; if it fails again, tell the hub's operator when it happened.",
        )
    }

    /// The document. `public_url` is where the hub is reached, without a slash at the
    /// end; `path` what was called.
    #[must_use]
    pub fn document(&self, public_url: Option<&str>, path: &str) -> ProblemDocument {
        let page = self.kind.page();
        ProblemDocument {
            r#type: self.kind.url(public_url),
            title: page.title,
            status: page.status,
            detail: self.detail.clone(),
            instance: instance(path),
            holder: self
                .holding
                .as_ref()
                .map(|(holder, _)| HolderObject::from(holder)),
            epoch: self.holding.as_ref().map(|(_, epoch)| *epoch),
            reason: self.closed,
            errors: self.errors.clone(),
        }
    }

    /// The answer that carries the document.
    #[must_use]
    pub fn response(&self, public_url: Option<&str>, path: &str) -> HttpResponse {
        let document = self.document(public_url, path);
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut response = HttpResponse::text(document.status, PROBLEM_JSON, body)
            .with_header("cache-control", "no-store");
        if self.kind == Kind::Unauthorized {
            // RFC 9110, section 11.6.1, requires it with a 401.
            response = response.with_header("www-authenticate", "Bearer realm=\"baton\"");
        }
        if let Some(allow) = &self.allow {
            response = response.with_header("allow", allow.clone());
        }
        match self.retry_after_s {
            Some(seconds) => response.with_header("retry-after", seconds.to_string()),
            None => response,
        }
    }
}

/// The path as a URI reference; `None` where it is none, since nothing is gained by
/// repairing what was never called right.
fn instance(path: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte);
    (path.starts_with('/') && !path.starts_with("//") && path.bytes().all(fits))
        .then(|| path.to_owned())
}

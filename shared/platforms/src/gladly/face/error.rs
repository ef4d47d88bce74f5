//! Errors in Gladly's shape.

use crate::limits::{LimitBroken, Rule};
use serde::Serialize;
use serde_json::json;

/// One entry of an error answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaceProblem {
    /// The field, where the problem is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attr: Option<String>,
    /// Gladly's code.
    pub code: String,
    /// Words for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// An error answer in Gladly's shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("answered {status} with {} problems", problems.len())]
pub struct FaceError {
    /// The status code.
    pub status: u16,
    /// What is wrong, everything at once.
    pub problems: Vec<FaceProblem>,
}

impl FaceError {
    /// An answer with one problem about the whole call.
    #[must_use]
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        let problem = FaceProblem {
            attr: None,
            code: code.to_owned(),
            detail: Some(detail.into()),
        };
        Self {
            status,
            problems: vec![problem],
        }
    }

    /// 400 with one problem about a field.
    #[must_use]
    pub fn field(attr: &str, code: &str, detail: impl Into<String>) -> Self {
        let mut error = Self::new(400, code, detail);
        for problem in &mut error.problems {
            problem.attr = Some(attr.to_owned());
        }
        error
    }

    /// The session or conversation is unknown to this token: 404, but 400 where
    /// `on_handoff_or_close`, as Gladly answers those two.
    #[must_use]
    pub fn not_exist(on_handoff_or_close: bool) -> Self {
        let status = if on_handoff_or_close { 400 } else { 404 };
        Self::new(status, "not_exist", "entity does not exist")
    }

    /// The call does not fit the state any more, e.g. the session was handed off.
    #[must_use]
    pub fn invalid_state(detail: impl Into<String>) -> Self {
        Self::new(400, "invalid_state", detail)
    }

    /// The token is missing or wrong.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(
            401,
            "unauthorized",
            "the password must be a valid token of the hub",
        )
    }

    /// A call of Gladly's that the hub does not serve; `page` says which it does.
    #[must_use]
    pub fn unsupported(page: &str) -> Self {
        Self::new(
            501,
            "unsupported",
            format!("the hub does not serve this call, see {page}"),
        )
    }

    /// 400 with every broken limit.
    #[must_use]
    pub fn limits(broken: Vec<LimitBroken>) -> Self {
        let problem = |broken: LimitBroken| FaceProblem {
            detail: Some(broken.to_string()),
            code: match broken.rule {
                Rule::AtMost(..) => "too_long",
                Rule::NotBlank | Rule::NotEmpty => "blank",
                Rule::Unique => "taken",
                Rule::Only(_) | Rule::Https | Rule::Range(_) => "invalid",
            }
            .to_owned(),
            attr: Some(broken.field),
        };
        Self {
            status: 400,
            problems: broken.into_iter().map(problem).collect(),
        }
    }

    /// The JSON body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        json!({"errors": self.problems}).to_string().into_bytes()
    }
}

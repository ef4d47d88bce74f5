//! The Gladly-compatible face: what a bot written for Gladly's Message Automation calls,
//! under the base URL `/gladly`. Paths, bodies and errors are Gladly's (Gladly API 1.0
//! (OpenAPI), Message Automation and Conversations).
//!
//! HTTP Basic: the user name is ignored, the password is a token of the hub. The session
//! id is the hub's conversation id, as the events tell it; a thread's id is taken, too.
//!
//! Checked in the order of the Baton API: token (401), role (403), request (400),
//! whether it exists (404, or 400 `not_exist` on handoff and close, as Gladly does), and
//! then the state (400 `invalid_state`). 429 and 5xx have no body, since Gladly
//! documents none.
//!
//! A reader's token is refused here: nearly every answer holds the platform's names of
//! the customer, which the Baton API does not show to readers either.

pub mod conversations;
pub mod sessions;

use crate::api::call::{self, READERS};
use crate::http::{HttpRequest, HttpResponse};
use crate::problem::{Kind, Problem};
use baton_domain::Rejection;
use baton_hub::api::{Api, ApiError};
use baton_hub::settings::Caller;
use baton_hub::store::records::Role;
use baton_platforms::convert::NotConvertible;
use baton_platforms::gladly::face::FaceError;
use baton_platforms::http::parse_basic;

/// What a route's function gives.
pub type FaceAnswer = Result<HttpResponse, Refused>;

/// Which calls of Gladly's the hub serves.
const COMPATIBILITY: &str = "docs/compatibility.md";
/// When a full outbox, or the storage, may be there again, in seconds.
const RETRY_S: u32 = 5;

/// A refusal in Gladly's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// With Gladly's error body.
    Told(FaceError),
    /// Without a body.
    Silent {
        /// The status code.
        status: u16,
        /// Seconds after which the same call may succeed.
        retry_after_s: Option<u32>,
    },
}

impl Refused {
    /// A refusal without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self::Silent {
            status,
            retry_after_s: matches!(status, 429 | 503).then_some(RETRY_S),
        }
    }

    /// The session or conversation is unknown.
    #[must_use]
    pub fn not_exist() -> Self {
        Self::Told(FaceError::not_exist(false))
    }

    /// What does not fit the state any more.
    #[must_use]
    pub fn invalid_state(detail: impl Into<String>) -> Self {
        Self::Told(FaceError::invalid_state(detail))
    }

    /// As handoff and close say it: an unknown session is 400 there.
    #[must_use]
    fn on_handoff_or_close(self) -> Self {
        if self.status() == 404 {
            Self::Told(FaceError::not_exist(true))
        } else {
            self
        }
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Told(error) => error.status,
            Self::Silent { status, .. } => *status,
        }
    }

    /// The answer.
    #[must_use]
    pub fn response(&self) -> HttpResponse {
        let response = match self {
            Self::Told(error) => {
                let body = String::from_utf8(error.body()).unwrap_or_default();
                HttpResponse::text(error.status, "application/json", body)
            }
            Self::Silent { status, .. } => HttpResponse::empty(*status),
        };
        match self {
            Self::Told(error) if error.status == 401 => response.with_header(
                "www-authenticate",
                "Basic realm=\"baton\", charset=\"UTF-8\"",
            ),
            Self::Silent {
                retry_after_s: Some(seconds),
                ..
            } => response.with_header("retry-after", seconds.to_string()),
            _ => response,
        }
    }
}

impl From<FaceError> for Refused {
    fn from(error: FaceError) -> Self {
        Self::Told(error)
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Unauthorized => Self::Told(FaceError::unauthorized()),
            ApiError::Forbidden => Self::Told(FaceError::new(
                403,
                "forbidden",
                "the token's role may not do this",
            )),
            ApiError::NotFound => Self::not_exist(),
            ApiError::Rejected(rejection) => rejection.into(),
            ApiError::Content(NotConvertible::Limits(broken)) => {
                Self::Told(FaceError::limits(broken))
            }
            ApiError::Content(error @ NotConvertible::NoCounterpart { .. }) => {
                Self::Told(FaceError::field("type", "invalid", error.to_string()))
            }
            ApiError::Invalid { field, problem } => {
                Self::Told(FaceError::field(field, "invalid", problem))
            }
            ApiError::TooLarge => Self::Told(FaceError::new(
                413,
                "too_long",
                "the message is larger than the 300 KB that can be kept",
            )),
            ApiError::Unavailable => Self::empty(503),
        }
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::NoConversation => Self::not_exist(),
            Rejection::OutboxFull(_) => Self::empty(429),
            Rejection::Claimed(_) => Self::empty(503),
            Rejection::KeyReused => Self::Told(FaceError::field(
                "Idempotency-Key",
                "taken",
                rejection.to_string(),
            )),
            Rejection::Closed(_)
            | Rejection::StaleEpoch { .. }
            | Rejection::NotHolder { .. }
            | Rejection::ControlPending { .. }
            | Rejection::NoDesk
            | Rejection::Unsupported(_)
            | Rejection::Erased => Self::invalid_state(rejection.to_string()),
            // Answered before they get here.
            Rejection::Repeated(_)
            | Rejection::KeyUnsure
            | Rejection::EventsUnsure(_)
            | Rejection::TooOld => {
                tracing::error!(rejection = %rejection, "a rejection that no call should get");
                Self::empty(500)
            }
        }
    }
}

/// What reading a request has found wrong, in Gladly's shape.
impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        match problem.kind {
            Kind::TooLarge => Self::Told(FaceError::new(413, "too_long", problem.detail)),
            _ => match problem.errors.first() {
                Some(error) => Self::Told(FaceError::field(
                    &error.field,
                    "invalid",
                    error.problem.clone(),
                )),
                None => Self::Told(FaceError::new(
                    problem.kind.page().status,
                    "invalid",
                    problem.detail,
                )),
            },
        }
    }
}

/// The caller, if the password is a valid token whose role is one of these.
async fn caller(api: &Api, request: &HttpRequest, roles: &[Role]) -> Result<Caller, Refused> {
    let password = request
        .header("authorization")
        .and_then(parse_basic)
        .map(|(_, password)| password);
    let caller = api.caller(password.as_deref()).await?;
    call::allowed(&caller, roles)?;
    Ok(caller)
}

/// A call of Gladly's that the hub does not serve.
///
/// # Errors
/// Always: 401, or 501 naming the page that lists what is served.
pub async fn unsupported(api: Api, request: HttpRequest) -> FaceAnswer {
    caller(&api, &request, READERS).await?;
    Err(FaceError::unsupported(COMPATIBILITY).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_domain::{CloseReason, Holder};
    use serde_json::{Value, json};

    fn answered(error: impl Into<Refused>) -> (u16, Value) {
        let response = error.into().response();
        (
            response.status,
            serde_json::from_str(&response.body).unwrap_or_default(),
        )
    }

    #[test]
    fn unknown_sessions_are_told_as_gladly_tells_them() {
        let body = json!({"errors": [{"code": "not_exist", "detail": "entity does not exist"}]});
        assert_eq!(answered(ApiError::NotFound), (404, body.clone()));
        assert_eq!(
            answered(Refused::from(ApiError::NotFound).on_handoff_or_close()),
            (400, body)
        );
        let untouched = Refused::invalid_state("x");
        assert_eq!(untouched.clone().on_handoff_or_close(), untouched);
    }

    #[test]
    fn what_the_domain_refuses_is_invalid_state() {
        let holder = Holder::Queue(None);
        for rejection in [
            Rejection::Closed(CloseReason::Bot),
            Rejection::NotHolder {
                holder: holder.clone(),
                epoch: 2,
            },
            Rejection::ControlPending { holder, epoch: 2 },
            Rejection::NoDesk,
            Rejection::Unsupported("not here"),
        ] {
            let (status, body) = answered(ApiError::Rejected(rejection));
            assert_eq!(
                (status, &body["errors"][0]["code"]),
                (400, &json!("invalid_state"))
            );
        }
    }

    #[test]
    fn what_gladly_documents_no_body_for_has_none() {
        for (error, status) in [
            (ApiError::Unavailable, 503),
            (ApiError::Rejected(Rejection::OutboxFull(20)), 429),
        ] {
            let response = Refused::from(error).response();
            assert_eq!((response.status, response.body.as_str()), (status, ""));
            assert_eq!(
                response.headers.get("retry-after").map(String::as_str),
                Some("5")
            );
        }
        assert_eq!(Refused::empty(500).response(), HttpResponse::empty(500));
    }

    #[test]
    fn a_missing_token_is_asked_for_and_unserved_calls_name_their_page() {
        let response = Refused::from(ApiError::Unauthorized).response();
        assert!(
            response
                .headers
                .get("www-authenticate")
                .is_some_and(|value| value.starts_with("Basic "))
        );
        let (status, body) = answered(FaceError::unsupported(COMPATIBILITY));
        assert_eq!(status, 501);
        assert!(body.to_string().contains("docs/compatibility.md"));
    }
}

//! From why a use case failed to the problem document that says so.

use super::{FieldError, Kind, Problem};
use baton_domain::Rejection;
use baton_hub::api::ApiError;
use baton_platforms::convert::NotConvertible;
use baton_platforms::limits::LimitBroken;

/// When a full outbox may have room again: a platform that works takes ten messages a
/// second, one that fails gives them up after 60 s.
const OUTBOX_RETRY_S: u32 = 5;
/// When the storage may be there again.
pub(crate) const UNAVAILABLE_RETRY_S: u32 = 5;
/// A claim on the outbox is this long when a command has taken it.
const CLAIM_RETRY_S: u32 = 10;

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Unauthorized => Self::new(
                Kind::Unauthorized,
                "The token is missing, unknown or expired. Send `authorization: Bearer <token>`.",
            ),
            ApiError::Forbidden => Self::new(
                Kind::Forbidden,
                "The token's role may not do this. Use a token of a role that may.",
            ),
            ApiError::NotFound => Self::new(
                Kind::NotFound,
                "There is no such thing, or this token may not know of it. Check the id.",
            ),
            ApiError::Rejected(rejection) => rejection.into(),
            ApiError::Content(content) => content.into(),
            ApiError::Invalid { field, problem } => Self::field(field, problem),
            ApiError::TooLarge => Self::new(
                Kind::TooLarge,
                "The message is larger than the 300 KB that can be kept. Nothing was sent. Send a link instead, or split it.",
            ),
            ApiError::Unavailable => Self {
                retry_after_s: Some(UNAVAILABLE_RETRY_S),
                ..Self::new(
                    Kind::Unavailable,
                    "The hub's storage cannot be reached now. Repeat the call in a few seconds with the same Idempotency-Key.",
                )
            },
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::KeyReused => Self::new(
                Kind::KeyReused,
                "This Idempotency-Key was used with another body. Use a new key, or repeat the same bytes.",
            ),
            Rejection::NoConversation => ApiError::NotFound.into(),
            Rejection::Closed(reason) => Self {
                closed: Some(reason),
                ..Self::new(
                    Kind::Closed,
                    "The conversation is closed. The customer's next message opens the next one.",
                )
            },
            Rejection::StaleEpoch { holder, epoch } => Self {
                detail: format!(
                    "The epoch is {epoch} now and {holder} holds. Read the conversation before you go on."
                ),
                holding: Some((holder, epoch)),
                ..Self::new(Kind::StaleEpoch, "")
            },
            Rejection::NotHolder { holder, epoch } => Self {
                detail: format!(
                    "You do not hold this conversation, {holder} does. Only the holder may do this."
                ),
                holding: Some((holder, epoch)),
                ..Self::new(Kind::NotHolder, "")
            },
            Rejection::ControlPending { holder, epoch } => Self {
                holding: Some((holder, epoch)),
                ..Self::new(
                    Kind::ControlPending,
                    "A handoff, pass or close is under way. Wait for its outcome in the events.",
                )
            },
            Rejection::NoDesk => Self::new(
                Kind::NoDesk,
                "The connection has no desk to hand off to. Close the conversation, or have a desk configured.",
            ),
            Rejection::Unsupported(what) => Self::new(Kind::Unsupported, what),
            Rejection::OutboxFull(waiting) => Self {
                retry_after_s: Some(OUTBOX_RETRY_S),
                ..Self::new(
                    Kind::OutboxFull,
                    format!(
                        "{waiting} messages wait to leave already. Repeat the call in a few seconds with the same Idempotency-Key."
                    ),
                )
            },
            Rejection::Claimed(_) => Self {
                retry_after_s: Some(CLAIM_RETRY_S),
                ..Self::new(
                    Kind::Claimed,
                    "Another process delivers this conversation's messages now. Repeat the call shortly.",
                )
            },
            Rejection::Erased => Self::new(
                Kind::Erased,
                "The conversation's content was erased. A new message of the customer opens a new one.",
            ),
            // Answered before they get here: a repetition from the log, the others by
            // looking things up and deciding again.
            Rejection::Repeated(_)
            | Rejection::KeyUnsure
            | Rejection::EventsUnsure(_)
            | Rejection::TooOld => {
                tracing::error!(rejection = %rejection, "a rejection that no call should get");
                Self::internal()
            }
        }
    }
}

impl From<NotConvertible> for Problem {
    fn from(error: NotConvertible) -> Self {
        match error {
            NotConvertible::NoCounterpart { .. } => Self {
                errors: vec![FieldError {
                    field: "content".to_owned(),
                    problem: error.to_string(),
                }],
                ..Self::new(Kind::ContentNotPossible, error.to_string())
            },
            NotConvertible::Limits(broken) => Self {
                detail: error_count(broken.len()),
                errors: broken.iter().map(field_error).collect(),
                ..Self::new(Kind::ContentLimits, "")
            },
        }
    }
}

fn error_count(broken: usize) -> String {
    let limits = if broken == 1 {
        "a limit".to_owned()
    } else {
        format!("{broken} limits")
    };
    format!("The content breaks {limits} of the platform, see `errors`. Nothing was sent.")
}

/// A broken limit without its field, which stands beside it.
fn field_error(broken: &LimitBroken) -> FieldError {
    let whole = broken.to_string();
    let problem = whole
        .strip_prefix(&broken.field)
        .map_or(whole.as_str(), str::trim_start);
    FieldError {
        field: field_path(&broken.field),
        problem: problem.to_owned(),
    }
}

/// Limits name fields in the platform's spelling; callers of the Baton API know the
/// fields of the content model.
fn field_path(field: &str) -> String {
    let inner = field.strip_prefix("content.").unwrap_or(field);
    let inner = match inner.strip_prefix("menuItems") {
        Some(rest) => format!("items{rest}"),
        None => inner.to_owned(),
    };
    format!("content.{inner}")
}

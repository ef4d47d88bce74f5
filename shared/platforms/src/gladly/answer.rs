//! Answers to outcomes (Gladly API 1.0, errors and status codes).
//!
//! Error bodies are `{"errors": [{attr?, code, detail?}]}` on 400 and 404; on other
//! statuses the shape is not documented, so a body is never needed.

use crate::http::Reply;
use crate::json::{any_text, text};
use serde_json::Value;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A message into an automation session.
    SendMessage,
    /// The session to the agents.
    Handoff,
    /// The end of the session.
    Close,
    /// A typing indicator.
    Typing,
    /// The session's messages.
    ListMessages,
    /// The session.
    GetSession,
    /// A note on a conversation.
    Note,
    /// A conversation to an inbox or agent.
    Assign,
    /// The end of a conversation.
    CloseConversation,
    /// The conversation.
    GetConversation,
    /// The organization's webhooks.
    ListWebhooks,
    /// One webhook.
    GetWebhook,
    /// A new webhook.
    CreateWebhook,
    /// A change of a webhook; where it is enabled or its URL changes, with a `PING`.
    ChangeWebhook,
}

impl Operation {
    /// Whether it is about an automation session.
    fn on_session(self) -> bool {
        match self {
            Self::SendMessage
            | Self::Handoff
            | Self::Close
            | Self::Typing
            | Self::ListMessages
            | Self::GetSession => true,
            Self::Note
            | Self::Assign
            | Self::CloseConversation
            | Self::GetConversation
            | Self::ListWebhooks
            | Self::GetWebhook
            | Self::CreateWebhook
            | Self::ChangeWebhook => false,
        }
    }

    /// Whether it is a `PATCH` of a conversation, which others change too.
    fn patches(self) -> bool {
        matches!(self, Self::Assign | Self::CloseConversation)
    }
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Accepted {
        /// Gladly's id of what was made, where it told one.
        platform_id: Option<String>,
    },
    /// The session or conversation is not, or no longer, the bot's: unknown, handed
    /// off or closed. Terminal for it; other work on the connection goes on.
    NotOurs,
    /// Somebody changed the conversation first. A normal outcome, not to be retried.
    RaceLost,
    /// It goes on under another id (merged customers).
    Moved {
        /// The `Location`, where there was one.
        to: Option<String>,
    },
    /// Too many requests of the organization. Not a failure of the message.
    RateLimited {
        /// How long Gladly asks to wait. Usually it does not say.
        retry_after_ms: Option<i64>,
    },
    /// May go well later. Whether it was done is not known.
    Transient,
    /// Will never go well as it is.
    Refused {
        /// Gladly's code (e.g. `too_long`), or `http_` and the status.
        code: String,
        /// The field and Gladly's words, at most 300 characters; may be empty.
        detail: String,
    },
    /// The connection's credentials are wrong or lack a permission.
    Unauthorized,
}

/// What this answer to this operation means. The body may be empty or anything.
#[must_use]
pub fn classify(operation: Operation, reply: &Reply<'_>) -> Answer {
    match reply.status {
        200..=299 => Answer::Accepted {
            platform_id: made(operation, reply),
        },
        // Only 301 is documented; the others mean the same to a client that does not
        // follow redirects.
        301 | 302 | 303 | 307 | 308 => Answer::Moved {
            to: reply.location.map(str::to_owned),
        },
        401 | 403 => Answer::Unauthorized,
        408 | 425 | 500..=599 => Answer::Transient,
        429 => Answer::RateLimited {
            retry_after_ms: reply.retry_after_ms(),
        },
        status => refused(operation, status, reply.body),
    }
}

/// The id of what was made: the message object's, or the end of `Location`.
fn made(operation: Operation, reply: &Reply<'_>) -> Option<String> {
    match operation {
        Operation::SendMessage => {
            let body: Value = serde_json::from_slice(reply.body).ok()?;
            text(&body, "id")
        }
        Operation::Note | Operation::CreateWebhook => {
            let id = reply.location?.rsplit('/').next()?;
            (!id.is_empty()).then(|| id.to_owned())
        }
        _ => None,
    }
}

fn refused(operation: Operation, status: u16, body: &[u8]) -> Answer {
    let errors = errors(body);
    // An error about one field speaks of what the call asked for, such as an unknown
    // inbox; one without a field speaks of the session or conversation itself.
    let of_the_whole = |code: &str| {
        let mut found = errors.iter().filter(|error| error.code == code);
        found.any(|error| error.attr.is_none() || operation.on_session())
    };
    let unknown = of_the_whole("not_exist") || (status == 404 && errors.is_empty());
    if matches!(status, 400 | 404) && unknown {
        return Answer::NotOurs;
    }
    if status == 400 && errors.iter().any(|error| error.code == "invalid_state") {
        // What a call on a handed-off or closed session gets is not documented;
        // assumed: 400 with `not_exist` or `invalid_state`.
        if operation.on_session() {
            return Answer::NotOurs;
        }
        if operation.patches() {
            return Answer::RaceLost;
        }
    }
    match errors.into_iter().next() {
        Some(error) => Answer::Refused {
            detail: match (error.attr, error.detail) {
                (Some(attr), Some(detail)) => cut(&format!("{attr}: {detail}")),
                (Some(text), None) | (None, Some(text)) => cut(&text),
                (None, None) => String::new(),
            },
            code: cut(&error.code),
        },
        None => Answer::Refused {
            code: format!("http_{status}"),
            detail: String::new(),
        },
    }
}

struct GladlyError {
    attr: Option<String>,
    code: String,
    detail: Option<String>,
}

fn errors(body: &[u8]) -> Vec<GladlyError> {
    let Ok(Value::Object(root)) = serde_json::from_slice(body) else {
        return Vec::new();
    };
    let list = root.get("errors").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .map(|error| GladlyError {
            attr: text(error, "attr"),
            code: any_text(error, "code").unwrap_or("unknown").to_owned(),
            detail: text(error, "detail"),
        })
        .collect()
}

fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ask(operation: Operation, status: u16, body: &str) -> Answer {
        classify(operation, &Reply::new(status, body.as_bytes()))
    }

    const NOT_EXIST: &str = r#"{"errors":[{"code":"not_exist","detail":"entity does not exist"}]}"#;
    const INVALID_STATE: &str =
        r#"{"errors":[{"attr":"assignee.agentId","code":"invalid_state"}]}"#;

    #[test]
    fn accepted_with_and_without_an_id() {
        let accepted = |id: Option<&str>| Answer::Accepted {
            platform_id: id.map(str::to_owned),
        };
        let sent = ask(
            Operation::SendMessage,
            200,
            r#"{"id":"me_1","type":"TEXT"}"#,
        );
        assert_eq!(sent, accepted(Some("me_1")));
        assert_eq!(ask(Operation::SendMessage, 200, "<html>"), accepted(None));
        assert_eq!(ask(Operation::Handoff, 204, ""), accepted(None));
        let location = Some("/api/v1/conversations/co/notes/no_1");
        let reply = Reply {
            location,
            ..Reply::new(201, b"")
        };
        assert_eq!(classify(Operation::Note, &reply), accepted(Some("no_1")));
    }

    #[test]
    fn a_session_that_is_gone_is_not_ours() {
        for operation in [Operation::Handoff, Operation::Close, Operation::SendMessage] {
            for (status, body) in [
                (400, NOT_EXIST),
                (404, NOT_EXIST),
                (404, ""),
                (404, "<html>"),
            ] {
                assert_eq!(ask(operation, status, body), Answer::NotOurs);
            }
            assert_eq!(ask(operation, 400, INVALID_STATE), Answer::NotOurs);
        }
    }

    #[test]
    fn a_lost_race_differs_from_a_wrong_inbox() {
        assert_eq!(ask(Operation::Assign, 400, INVALID_STATE), Answer::RaceLost);
        assert_eq!(
            ask(Operation::CloseConversation, 400, INVALID_STATE),
            Answer::RaceLost
        );
        assert_eq!(ask(Operation::Assign, 404, NOT_EXIST), Answer::NotOurs);
        let wrong = r#"{"errors":[{"attr":"assignee.inboxId","code":"not_exist","detail":"no"}]}"#;
        let refused = Answer::Refused {
            code: "not_exist".to_owned(),
            detail: "assignee.inboxId: no".to_owned(),
        };
        assert_eq!(ask(Operation::Assign, 400, wrong), refused);
    }

    #[test]
    fn bodies_are_never_needed() {
        assert_eq!(ask(Operation::SendMessage, 401, ""), Answer::Unauthorized);
        assert_eq!(ask(Operation::SendMessage, 403, "no"), Answer::Unauthorized);
        assert_eq!(ask(Operation::SendMessage, 500, ""), Answer::Transient);
        assert_eq!(
            ask(Operation::SendMessage, 503, "<html>"),
            Answer::Transient
        );
        assert_eq!(ask(Operation::SendMessage, 408, ""), Answer::Transient);
        let limited = Answer::RateLimited {
            retry_after_ms: None,
        };
        assert_eq!(ask(Operation::SendMessage, 429, ""), limited);
        let reply = Reply {
            retry_after: Some("3"),
            ..Reply::new(429, b"")
        };
        let limited = Answer::RateLimited {
            retry_after_ms: Some(3_000),
        };
        assert_eq!(classify(Operation::SendMessage, &reply), limited);
        let reply = Reply {
            location: Some("/api/v1/customer-profiles/b"),
            ..Reply::new(301, b"")
        };
        let moved = Answer::Moved {
            to: Some("/api/v1/customer-profiles/b".to_owned()),
        };
        assert_eq!(classify(Operation::GetConversation, &reply), moved);
        let refused = Answer::Refused {
            code: "http_400".to_owned(),
            detail: String::new(),
        };
        assert_eq!(ask(Operation::SendMessage, 400, "oops"), refused);
    }

    proptest! {
        #[test]
        fn anything_is_classified(status in any::<u16>(), body in any::<Vec<u8>>()) {
            let _ = classify(Operation::SendMessage, &Reply::new(status, &body));
        }
    }
}

//! Calling Gladly: pace, credentials, redirects, and what an answer means.

use super::super::{Attempt, CALL_NEEDS, Deliverer, Task, not_ours, time_left};
use crate::calls::{Answered, NoAnswer};
use crate::settings::Connection;
use crate::store::StoreError;
use baton_domain::{Command, Fingerprint, News, NotOurs, PlatformEvent, WorkResult};
use baton_platforms::gladly::answer::{Answer, Operation, classify};
use baton_platforms::gladly::outbound;
use baton_platforms::gladly::readback::{SessionState, session_state};
use baton_platforms::http::{Credentials, HttpCall};

/// What a call came to.
pub(super) enum Came {
    Answer(Answer),
    Nothing(NoAnswer),
}

impl Deliverer {
    /// The answer to a call about the session. Where it is no longer the bot's, the
    /// session itself says whose it is.
    pub(super) async fn gladly_session_answer(
        &self,
        task: &Task<'_>,
        came: Came,
        done: impl FnOnce(Option<String>) -> WorkResult,
    ) -> Result<Attempt, StoreError> {
        Ok(match came {
            Came::Answer(Answer::Accepted { platform_id }) => Attempt::Settled(done(platform_id)),
            Came::Answer(Answer::NotOurs) => {
                let session = task.loaded.thread.identity.name.clone();
                match self.gladly_session(task, &session).await {
                    Some(SessionState::Agent) => not_ours(NotOurs::Desk),
                    // Unknown to Gladly, or still called the bot's though it refuses
                    // us: closed, either way.
                    Some(SessionState::Automation | SessionState::Unknown) => {
                        not_ours(NotOurs::Gone)
                    }
                    None => failed("whose the session is could not be learned"),
                }
            }
            came => simple(came),
        })
    }

    /// Whose a session is; `None` when it cannot be learned now.
    pub(super) async fn gladly_session(
        &self,
        task: &Task<'_>,
        session: &str,
    ) -> Option<SessionState> {
        let answered = self
            .gladly_raw(task, &outbound::get_session(session))
            .await
            .ok()?;
        match classify(Operation::GetSession, &answered.reply()) {
            Answer::Accepted { .. } => Some(session_state(&answered.body)),
            Answer::NotOurs => Some(SessionState::Unknown),
            _ => None,
        }
    }

    pub(super) async fn gladly_call(
        &self,
        task: &Task<'_>,
        operation: Operation,
        call: &HttpCall,
    ) -> Came {
        match self.gladly_raw(task, call).await {
            Ok(answered) => Came::Answer(classify(operation, &answered.reply())),
            Err(nothing) => Came::Nothing(nothing),
        }
    }

    pub(super) async fn gladly_raw(
        &self,
        task: &Task<'_>,
        call: &HttpCall,
    ) -> Result<Answered, NoAnswer> {
        let connection = task.connection;
        let clock = &self.core.clock;
        // The wait may use up all the time but that which the call itself needs.
        let begins_by = task.deadline.plus(-CALL_NEEDS);
        self.calls
            .wait_turn(&connection.base_url, call.method, begins_by)
            .await?;
        let credentials = credentials(connection);
        let send = async |call: &HttpCall| {
            // A sandbox may have been frozen meanwhile, and its claim be another's.
            let now = clock.now();
            if task.deadline.since(now) < CALL_NEEDS / 2 {
                return Err(NoAnswer::NoTime);
            }
            let timeout = time_left(now, task.deadline);
            self.calls
                .to("gladly")
                .call(&connection.base_url, call, Some(&credentials), timeout)
                .await
        };
        let answered = send(call).await?;
        // A merged customer's things go on under other ids. The platform's own host
        // is asked again, whatever host the redirect names.
        match moved_to(call, &answered) {
            Some(moved) => {
                self.gladly_renamed(task, &moved).await;
                send(&moved).await
            }
            None => Ok(answered),
        }
    }

    /// Records the new id of a conversation that was found under another one.
    pub(super) async fn gladly_renamed(&self, task: &Task<'_>, moved: &HttpCall) {
        let Some(conversation) = segment_after(&moved.path, "conversations") else {
            return;
        };
        let event = PlatformEvent {
            id: Fingerprint::of(&[b"gladly moved", moved.path.as_bytes()]),
            at: self.core.clock.now(),
            news: News::Renamed {
                customer: None,
                conversation: Some(conversation.to_owned()),
            },
        };
        let command = Command::News {
            identity: None,
            events: vec![event],
            known_new: Vec::new(),
        };
        let run = self
            .core
            .run(task.loaded.clone(), task.connection, command, task.deadline)
            .await;
        if let Err(error) = run {
            tracing::warn!(error = %error, "a conversation's new id was not recorded");
        }
    }
}

/// What Gladly's API is called with.
pub(super) fn credentials(connection: &Connection) -> Credentials {
    Credentials::Basic {
        user: connection.api_user.clone(),
        password: connection.api_token.reveal().to_owned(),
    }
}

pub(super) fn refused(detail: &str) -> Attempt {
    Attempt::Settled(WorkResult::Refused {
        detail: detail.to_owned(),
    })
}

pub(super) fn failed(detail: &str) -> Attempt {
    Attempt::Failed {
        wait: None,
        failure: true,
        detail: detail.to_owned(),
    }
}

/// Nothing was tried: that is nobody's failure, and the next owner goes on.
pub(super) fn no_time() -> Attempt {
    Attempt::Failed {
        wait: None,
        failure: false,
        detail: "no time was left for a call".to_owned(),
    }
}

/// An answer that means the same for every operation.
pub(super) fn general(answer: Answer) -> Attempt {
    match answer {
        Answer::Accepted { platform_id } => Attempt::Settled(WorkResult::done(platform_id)),
        Answer::NotOurs => not_ours(NotOurs::Gone),
        Answer::RaceLost => refused("somebody else changed the conversation first"),
        Answer::Moved { .. } => failed("the conversation goes on under another id"),
        // Others use the organization's limit up: the message itself has not failed.
        Answer::RateLimited { retry_after_ms } => Attempt::Failed {
            wait: retry_after_ms,
            failure: false,
            detail: "429: too many requests of the organization".to_owned(),
        },
        // A server error does not say whether it was done.
        Answer::Transient => Attempt::Unknown,
        Answer::Refused { code, .. } => refused(&format!("the platform refused it: {code}")),
        Answer::Unauthorized => {
            tracing::error!("the platform refuses the connection's credentials");
            failed("the platform refuses the connection's credentials")
        }
    }
}

pub(super) fn simple(came: Came) -> Attempt {
    match came {
        Came::Answer(answer) => general(answer),
        Came::Nothing(NoAnswer::NotSent) => failed("the platform could not be reached"),
        Came::Nothing(NoAnswer::NoTime) => no_time(),
        Came::Nothing(NoAnswer::Unknown) => Attempt::Unknown,
    }
}

/// The same call at the place a redirect names, on the same host.
fn moved_to(call: &HttpCall, answered: &Answered) -> Option<HttpCall> {
    let reply = answered.reply();
    if !matches!(reply.status, 301 | 308) {
        return None;
    }
    let location = reply.location?;
    let path = match location.split_once("://") {
        Some((_, rest)) => rest.get(rest.find('/')?..)?,
        None => location,
    };
    // The base URL may have a path of its own, and then so has the redirect.
    let path = path.get(path.find("/api/v1/")?..)?;
    Some(HttpCall {
        path: path.to_owned(),
        ..call.clone()
    })
}

/// The path segment behind the one of this name.
fn segment_after<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let mut segments = path.split(['/', '?']);
    segments.find(|segment| *segment == name)?;
    segments.next().filter(|segment| !segment.is_empty())
}

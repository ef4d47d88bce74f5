//! Delivering on Gladly.

use super::{Attempt, CALL_NEEDS, Deliverer, Task, not_ours, time_left};
use crate::calls::{Answered, NoAnswer};
use crate::settings::Connection;
use crate::store::{Loaded, StoreError};
use baton_domain::apply::sent_id;
use baton_domain::time::SECOND;
use baton_domain::{
    Aftercare, Command, Content, ControlAsk, Event, Fingerprint, Holder, News, NotOurs, Place,
    PlatformEvent, WorkKind, WorkResult,
};
use baton_platforms::convert::{Target, convert};
use baton_platforms::gladly::answer::{Answer, Operation, classify};
use baton_platforms::gladly::limits::DESCRIPTION_MAX;
use baton_platforms::gladly::outbound;
use baton_platforms::gladly::readback::{
    ConversationStatus, SessionState, conversation_state, find_sent, session_state,
};
use baton_platforms::http::{Credentials, HttpCall};

/// How far the platform's clock may be behind the hub's when a message is read back.
const CLOCKS_DIFFER: i64 = 5 * SECOND;

/// How long a note may be. Gladly documents no limit; this is well above what an
/// agent reads.
const NOTE_MAX: usize = 5_000;

/// What a call came to.
enum Came {
    Answer(Answer),
    Nothing(NoAnswer),
}

impl Deliverer {
    pub(super) async fn attempt_gladly(&self, task: &Task<'_>) -> Result<Attempt, StoreError> {
        match &task.work.kind {
            WorkKind::Message => self.gladly_message(task).await,
            WorkKind::Pass(to) => match task.loaded.thread.holder() {
                Holder::Bot => self.gladly_handoff(task, to).await,
                _ => self.gladly_reassign(task, to).await,
            },
            WorkKind::Close(_) => self.gladly_close(task).await,
            WorkKind::Aftercare { of, care } => match care {
                Aftercare::Note => self.gladly_note(task, *of).await,
                Aftercare::Inbox(inbox) => self.gladly_inbox(task, inbox).await,
            },
            WorkKind::Check => self.gladly_check(task).await,
            WorkKind::Release => Ok(Attempt::Settled(WorkResult::Refused {
                detail: "Gladly has no way to release a conversation".to_owned(),
            })),
            WorkKind::FreeSeat { .. } => Ok(Attempt::Settled(WorkResult::done(None))),
        }
    }

    async fn gladly_message(&self, task: &Task<'_>) -> Result<Attempt, StoreError> {
        let Some(Event::Queued { content, .. }) =
            self.event_at(task.loaded, task.work.place).await?
        else {
            return Ok(refused("its content is no longer there"));
        };
        let content = match convert(&content, Target::Gladly).map(|mut rendered| rendered.pop()) {
            Ok(Some(rendered)) => rendered.content,
            Ok(None) => return Ok(refused("nothing to send")),
            Err(error) => return Ok(refused(&error.to_string())),
        };
        let session = &task.loaded.thread.identity.name;
        if task.work.unknown {
            match self.gladly_read_back(task, session, &content).await? {
                ReadBack::Found(id) => return Ok(Attempt::Settled(WorkResult::done(Some(id)))),
                ReadBack::Absent => {}
                ReadBack::Failed(attempt) => return Ok(attempt),
            }
        }
        let Ok(call) = outbound::send_message(session, &content) else {
            return Ok(refused("Gladly has no message of this type"));
        };
        let came = self.gladly_call(task, Operation::SendMessage, &call).await;
        self.gladly_session_answer(task, came, WorkResult::done)
            .await
    }

    /// Shows that the holder types, or stopped. A courtesy: it may get lost.
    pub(crate) async fn typing(&self, connection: &Connection, loaded: &Loaded, started: bool) {
        let call = outbound::typing(&loaded.thread.identity.name, started);
        let credentials = Credentials::Basic {
            user: connection.api_user.clone(),
            password: connection.api_token.reveal().to_owned(),
        };
        let timeout = std::time::Duration::from_secs(5);
        let shown = self
            .calls
            .call(&connection.base_url, &call, Some(&credentials), timeout)
            .await;
        if let Err(error) = shown {
            tracing::info!(reason = %error, "a typing indicator was not shown");
        }
    }

    /// Whether a message whose answer was lost is there: read before it is sent again.
    async fn gladly_read_back(
        &self,
        task: &Task<'_>,
        session: &str,
        content: &Content,
    ) -> Result<ReadBack, StoreError> {
        let call = outbound::list_messages(session);
        let answered = match self.gladly_raw(task, &call).await {
            Ok(answered) => answered,
            Err(NoAnswer::NoTime) => return Ok(ReadBack::Failed(no_time())),
            Err(_) => {
                return Ok(ReadBack::Failed(failed(
                    "the messages could not be read back",
                )));
            }
        };
        match classify(Operation::ListMessages, &answered.reply()) {
            Answer::Accepted { .. } => {
                let not_before = task.work.since.plus(-CLOCKS_DIFFER);
                let seen = &task.loaded.thread.seen;
                let found = find_sent(&answered.body, content, not_before, |id| {
                    seen.contains(sent_id(id))
                });
                Ok(found.map_or(ReadBack::Absent, ReadBack::Found))
            }
            Answer::NotOurs => Ok(ReadBack::Failed(not_ours(NotOurs::Gone))),
            other => Ok(ReadBack::Failed(general(other))),
        }
    }

    async fn gladly_handoff(&self, task: &Task<'_>, to: &Holder) -> Result<Attempt, StoreError> {
        let session = task.loaded.thread.identity.name.clone();
        let (parcel, lines) = self.parcel(task.loaded, task.work.place).await?;
        let rendered = parcel.render(&lines, task.link.as_deref(), DESCRIPTION_MAX);
        let description = if rendered.description.trim().is_empty() {
            "Handed off by the bot".to_owned()
        } else {
            rendered.description
        };
        // An earlier attempt may have come through: the session tells.
        let already = if task.work.unknown {
            match self.gladly_session(task, &session).await {
                Some(state) => state == SessionState::Agent,
                None => return Ok(failed("whose the session is could not be learned")),
            }
        } else {
            false
        };
        if !already {
            let call = outbound::handoff(&session, &description);
            let came = self.gladly_call(task, Operation::Handoff, &call).await;
            if !matches!(came, Came::Answer(Answer::Accepted { .. })) {
                return self
                    .gladly_session_answer(task, came, |_| WorkResult::done(None))
                    .await;
            }
        }
        // The pass has come about. What it still owes is tried once here; what does
        // not succeed at once becomes work of its own.
        let mut owed = Vec::new();
        let mut holder = Holder::Queue(task.connection.policy.default_inbox.clone());
        let conversation = task.loaded.thread.identity.conversation.clone();
        if let (Some(conversation), Some(note)) = (&conversation, &rendered.note) {
            let call = outbound::note(conversation, &cut(note, NOTE_MAX));
            if !matches!(
                self.gladly_call(task, Operation::Note, &call).await,
                Came::Answer(Answer::Accepted { .. })
            ) {
                owed.push(Aftercare::Note);
            }
        }
        if let (Some(conversation), Holder::Queue(Some(inbox))) = (&conversation, to)
            && *to != holder
        {
            let call = outbound::assign(conversation, inbox, None);
            match self.gladly_call(task, Operation::Assign, &call).await {
                Came::Answer(Answer::Accepted { .. }) => holder = to.clone(),
                // An agent was faster, as the vendor documents: where it is stays.
                Came::Answer(
                    Answer::RaceLost
                    | Answer::NotOurs
                    | Answer::Refused { .. }
                    | Answer::Unauthorized,
                ) => {
                    tracing::info!(
                        "another inbox was wanted, but the conversation was assigned already"
                    );
                }
                _ => owed.push(Aftercare::Inbox(inbox.clone())),
            }
        }
        Ok(Attempt::Settled(WorkResult::Done {
            platform_id: None,
            holder: Some(holder),
            owed,
        }))
    }

    /// Moves a conversation that agents have: to an inbox, or to an agent in its inbox.
    async fn gladly_reassign(&self, task: &Task<'_>, to: &Holder) -> Result<Attempt, StoreError> {
        let present = match task.loaded.thread.holder() {
            Holder::Queue(Some(inbox)) => Some(inbox.clone()),
            _ => task.connection.policy.default_inbox.clone(),
        };
        let (inbox, agent) = match to {
            Holder::Queue(Some(inbox)) => (Some(inbox.clone()), None),
            Holder::Agent(agent) => (present, Some(agent.as_str())),
            _ => {
                return Ok(refused(
                    "Gladly moves conversations to inboxes and agents only",
                ));
            }
        };
        let (Some(conversation), Some(inbox)) =
            (task.loaded.thread.identity.conversation.clone(), inbox)
        else {
            return Ok(refused("the conversation or its inbox is not known"));
        };
        let call = outbound::assign(&conversation, &inbox, agent);
        Ok(
            match self.gladly_call(task, Operation::Assign, &call).await {
                Came::Answer(Answer::Accepted { .. }) => Attempt::Settled(WorkResult::done(None)),
                Came::Answer(Answer::RaceLost) => {
                    refused("somebody else changed the conversation first")
                }
                came => simple(came),
            },
        )
    }

    async fn gladly_inbox(&self, task: &Task<'_>, inbox: &str) -> Result<Attempt, StoreError> {
        self.gladly_reassign(task, &Holder::Queue(Some(inbox.to_owned())))
            .await
    }

    async fn gladly_close(&self, task: &Task<'_>) -> Result<Attempt, StoreError> {
        let holder = task.loaded.thread.holder();
        if *holder != Holder::Bot {
            let Some(conversation) = &task.loaded.thread.identity.conversation else {
                return Ok(refused("the conversation is not known"));
            };
            let call = outbound::close_conversation(conversation, true);
            return Ok(
                match self
                    .gladly_call(task, Operation::CloseConversation, &call)
                    .await
                {
                    Came::Answer(Answer::Accepted { .. }) => {
                        Attempt::Settled(WorkResult::done(None))
                    }
                    Came::Answer(Answer::RaceLost) => {
                        refused("Gladly does not let it be closed now")
                    }
                    Came::Answer(Answer::NotOurs) => not_ours(NotOurs::Gone),
                    came => simple(came),
                },
            );
        }
        let session = task.loaded.thread.identity.name.clone();
        let description = match self.event_at(task.loaded, task.work.place).await? {
            Some(Event::ControlRequested {
                ask: ControlAsk::Close { description, .. },
                ..
            }) if !description.trim().is_empty() => cut(&description, DESCRIPTION_MAX),
            _ => "Closed by the bot".to_owned(),
        };
        let call = outbound::close(&session, &description);
        let came = self.gladly_call(task, Operation::Close, &call).await;
        self.gladly_session_answer(task, came, |_| WorkResult::done(None))
            .await
    }

    async fn gladly_note(&self, task: &Task<'_>, of: Place) -> Result<Attempt, StoreError> {
        let Some(conversation) = task.loaded.thread.identity.conversation.clone() else {
            return Ok(refused("the conversation is not known"));
        };
        let (parcel, lines) = self.parcel(task.loaded, of).await?;
        let Some(note) = parcel
            .render(&lines, task.link.as_deref(), DESCRIPTION_MAX)
            .note
        else {
            return Ok(Attempt::Settled(WorkResult::done(None)));
        };
        let call = outbound::note(&conversation, &cut(&note, NOTE_MAX));
        Ok(simple(self.gladly_call(task, Operation::Note, &call).await))
    }

    /// A conversation that nobody heard of for a week: does Gladly still have it?
    async fn gladly_check(&self, task: &Task<'_>) -> Result<Attempt, StoreError> {
        let Some(conversation) = task.loaded.thread.identity.conversation.clone() else {
            return Ok(not_ours(NotOurs::Gone));
        };
        let answered = match self
            .gladly_raw(task, &outbound::get_conversation(&conversation))
            .await
        {
            Ok(answered) => answered,
            Err(nothing) => {
                return Ok(match nothing {
                    NoAnswer::NoTime => no_time(),
                    _ => failed("the conversation could not be read"),
                });
            }
        };
        Ok(
            match classify(Operation::GetConversation, &answered.reply()) {
                Answer::Accepted { .. } => {
                    match conversation_state(&answered.body).map(|state| state.status) {
                        Some(ConversationStatus::Closed) => not_ours(NotOurs::Gone),
                        _ => Attempt::Settled(WorkResult::done(None)),
                    }
                }
                Answer::NotOurs => not_ours(NotOurs::Gone),
                other => general(other),
            },
        )
    }

    /// The answer to a call about the session. Where it is no longer the bot's, the
    /// session itself says whose it is.
    async fn gladly_session_answer(
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
    async fn gladly_session(&self, task: &Task<'_>, session: &str) -> Option<SessionState> {
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

    async fn gladly_call(&self, task: &Task<'_>, operation: Operation, call: &HttpCall) -> Came {
        match self.gladly_raw(task, call).await {
            Ok(answered) => Came::Answer(classify(operation, &answered.reply())),
            Err(nothing) => Came::Nothing(nothing),
        }
    }

    async fn gladly_raw(&self, task: &Task<'_>, call: &HttpCall) -> Result<Answered, NoAnswer> {
        let connection = task.connection;
        let clock = &self.core.clock;
        // The wait may use up all the time but that which the call itself needs.
        let now = clock.now();
        let spare = task.deadline.since(now) - CALL_NEEDS;
        let wait = self
            .calls
            .rates
            .take(&connection.base_url, call.method, now, spare)
            .ok_or(NoAnswer::NoTime)?;
        if wait > 0 {
            clock.sleep_until(now.plus(wait)).await;
        }
        let credentials = Credentials::Basic {
            user: connection.api_user.clone(),
            password: connection.api_token.reveal().to_owned(),
        };
        let send = async |call: &HttpCall| {
            // A sandbox may have been frozen meanwhile, and its claim be another's.
            let now = clock.now();
            if task.deadline.since(now) < CALL_NEEDS / 2 {
                return Err(NoAnswer::NoTime);
            }
            let timeout = time_left(now, task.deadline);
            self.calls
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
    async fn gladly_renamed(&self, task: &Task<'_>, moved: &HttpCall) {
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

enum ReadBack {
    Found(String),
    Absent,
    Failed(Attempt),
}

fn refused(detail: &str) -> Attempt {
    Attempt::Settled(WorkResult::Refused {
        detail: detail.to_owned(),
    })
}

fn failed(detail: &str) -> Attempt {
    Attempt::Failed {
        wait: None,
        failure: true,
        detail: detail.to_owned(),
    }
}

/// Nothing was tried: that is nobody's failure, and the next owner goes on.
fn no_time() -> Attempt {
    Attempt::Failed {
        wait: None,
        failure: false,
        detail: "no time was left for a call".to_owned(),
    }
}

/// An answer that means the same for every operation.
fn general(answer: Answer) -> Attempt {
    match answer {
        Answer::Accepted { platform_id } => Attempt::Settled(WorkResult::done(platform_id)),
        Answer::NotOurs => not_ours(NotOurs::Gone),
        Answer::RaceLost => refused("somebody else changed the conversation first"),
        Answer::Moved { .. } => failed("the conversation goes on under another id"),
        Answer::RateLimited { retry_after_ms } => Attempt::Failed {
            wait: retry_after_ms,
            failure: true,
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

fn simple(came: Came) -> Attempt {
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

fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars()
        .take(limit.saturating_sub(1))
        .chain(['…'])
        .collect()
}

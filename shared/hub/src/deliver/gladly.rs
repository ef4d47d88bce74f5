//! Delivering on Gladly: what each kind of work asks of it.

mod calls;

use super::{Attempt, Deliverer, Task, not_ours};
use crate::calls::NoAnswer;
use crate::settings::Connection;
use crate::store::{Loaded, StoreError};
use baton_domain::apply::sent_id;
use baton_domain::time::SECOND;
use baton_domain::{
    Aftercare, Content, ControlAsk, Event, Holder, NotOurs, Place, WorkKind, WorkResult,
};
use baton_platforms::convert::{Target, convert};
use baton_platforms::gladly::answer::{Answer, Operation, classify};
use baton_platforms::gladly::limits::DESCRIPTION_MAX;
use baton_platforms::gladly::outbound;
use baton_platforms::gladly::readback::{
    ConversationStatus, SessionState, conversation_state, find_sent,
};
use calls::{Came, credentials, failed, general, no_time, refused, simple};

/// How far the platform's clock may be behind the hub's when a message is read back.
const CLOCKS_DIFFER: i64 = 5 * SECOND;

/// How long a note may be. Gladly documents no limit; this is well above what an
/// agent reads.
const NOTE_MAX: usize = 5_000;

/// How long a typing indicator is waited for.
const TYPING_TAKES: std::time::Duration = std::time::Duration::from_secs(5);

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

    /// Shows that the holder types, or stopped. A courtesy: it may get lost, and gives
    /// way where the platform's rate limit is near.
    pub(crate) async fn typing(&self, connection: &Connection, loaded: &Loaded, started: bool) {
        let call = outbound::typing(&loaded.thread.identity.name, started);
        let base = &connection.base_url;
        let begins_by = self.core.clock.now().plus(SECOND);
        let shown = match self.calls.wait_turn(base, call.method, begins_by).await {
            Ok(()) => {
                self.calls
                    .call(base, &call, Some(&credentials(connection)), TYPING_TAKES)
                    .await
            }
            Err(error) => Err(error),
        };
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
}

enum ReadBack {
    Found(String),
    Absent,
    Failed(Attempt),
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

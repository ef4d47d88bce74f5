//! What the platform believes happened: the records that tests judge by.

use serde::Serialize;

use super::GladlySim;
use super::state::World;

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The customer.
    Customer,
    /// The automation.
    Bot,
    /// A human agent.
    Agent,
    /// Gladly itself.
    System,
    /// An API user on the agents' side, such as a note.
    Api,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Said {
    /// Plain text.
    Text {
        /// The text as the reader sees it.
        text: String,
    },
    /// HTML after Gladly's stripping.
    Html {
        /// The markup that was kept.
        text: String,
    },
    /// Something to choose from.
    Menu {
        /// The question.
        prompt: String,
        /// The choices, in order.
        items: Vec<MenuItem>,
    },
    /// A note for agents, unseen by the customer.
    Note {
        /// The note's text.
        text: String,
    },
    /// A change: handed off, accepted, closed. Never shown as a message.
    Event {
        /// A short sentence; a handoff's or close's description.
        text: String,
    },
}

/// One choice of a menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MenuItem {
    /// The bot's own id, which Gladly does not send back.
    pub id: String,
    /// What the customer sees, and what arrives as text when chosen.
    pub label: String,
}

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// When, in ms since the epoch.
    pub at: i64,
    /// 24 hex digits; the id that the API knows it by.
    pub message_id: String,
    /// The automation session it belongs to, if to one.
    pub session_id: Option<String>,
    /// Its conversation.
    pub conversation_id: String,
    /// The name of the customer at whose side of the glass it stands.
    pub customer: String,
    /// Who wrote it.
    pub from: Speaker,
    /// What it says.
    pub said: Said,
    /// Whether agents see it: nothing of the bot phase does.
    pub agents_see: bool,
}

impl Line {
    /// The text, prompt or markup of the line.
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.said {
            Said::Text { text }
            | Said::Html { text }
            | Said::Note { text }
            | Said::Event { text } => text,
            Said::Menu { prompt, .. } => prompt,
        }
    }

    /// Whether it is a message, as opposed to a note or a change.
    #[must_use]
    pub fn is_message(&self) -> bool {
        !matches!(self.said, Said::Note { .. } | Said::Event { .. })
    }
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "by", rename_all = "snake_case")]
pub enum SessionState {
    /// With the automation.
    Automation,
    /// With the agents: queued or assigned.
    HandedOff,
    /// Over.
    Closed(ClosedBy),
}

/// Who ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedBy {
    /// The automation, by `/close`.
    Automation,
    /// Gladly, after five minutes of silence.
    Silence,
    /// An agent.
    Agent,
    /// A call of the conversation API.
    Api,
}

/// One session as the platform saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionTranscript {
    /// The automation session.
    pub session_id: String,
    /// Its conversation (after a merge: the surviving one).
    pub conversation_id: String,
    /// Its customer (after a merge: the surviving one).
    pub customer_id: String,
    /// The customer's name in the control API.
    pub customer: String,
    /// Where it stands.
    pub state: SessionState,
    /// When it began, in ms since the epoch.
    pub opened_at: i64,
    /// When it ended, in ms since the epoch.
    pub closed_at: Option<i64>,
    /// Descriptions of the handoffs that took effect; more than one is a fault.
    pub handoffs: Vec<String>,
    /// Descriptions of the closes that took effect.
    pub closes: Vec<String>,
    /// Typing indicators received.
    pub typing: u32,
    /// All lines in the order of the platform.
    pub lines: Vec<Line>,
}

impl SessionTranscript {
    /// What `from` wrote, in order.
    #[must_use]
    pub fn texts(&self, from: Speaker) -> Vec<&str> {
        let lines = self.lines.iter();
        lines
            .filter(|line| line.from == from && line.is_message())
            .map(Line::text)
            .collect()
    }

    /// Bot messages that say the same as an earlier one of this session.
    #[must_use]
    pub fn repeated_bot_messages(&self) -> usize {
        let said: Vec<&Said> = self
            .lines
            .iter()
            .filter(|line| line.from == Speaker::Bot && line.is_message())
            .map(|line| &line.said)
            .collect();
        let repeats = |(at, what): &(usize, &&Said)| said.iter().take(*at).any(|w| w == *what);
        said.iter().enumerate().filter(repeats).count()
    }
}

/// What a client did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationKind {
    /// No, wrong or malformed credentials: 401.
    Unauthorized,
    /// Credentials of someone without the permission: 403.
    Forbidden,
    /// A body that is not `application/json`.
    ContentType,
    /// A body that is not JSON of the expected shape.
    MalformedBody,
    /// A text, menu, description or list that is empty or too long.
    LimitExceeded,
    /// Any other invalid value.
    InvalidValue,
    /// A session, conversation or message that never existed.
    UnknownId,
    /// A send, handoff or close after the handoff.
    AfterHandoff,
    /// A send, handoff or close after the close.
    AfterClose,
    /// A path or method that the API does not have.
    UnknownCall,
    /// A change of a conversation that its state forbids.
    WrongState,
}

/// One violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// When, in ms since the epoch.
    pub at: i64,
    /// What.
    pub kind: ViolationKind,
    /// The method.
    pub method: String,
    /// The path from `/api/v1` on.
    pub path: String,
}

/// One API call as answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// When it arrived, in ms since the epoch.
    pub at: i64,
    /// The method.
    pub method: String,
    /// The path from `/api/v1` on.
    pub path: String,
    /// The status it had, also where a fault kept it from the caller. 0 while the
    /// call has no answer: it hangs, or the caller went away.
    pub status: u16,
    /// The fault that struck it, if any.
    pub fault: Option<super::faults::ApiFault>,
}

impl GladlySim {
    /// Every session in the order of opening.
    #[must_use]
    pub fn transcript(&self) -> Vec<SessionTranscript> {
        self.read(|world| world.transcripts())
    }

    /// One session, if it exists.
    #[must_use]
    pub fn session(&self, session_id: &str) -> Option<SessionTranscript> {
        self.read(|world| world.transcript(session_id))
    }

    /// The sessions of the customer called `name`, in the order of opening.
    #[must_use]
    pub fn sessions_of(&self, name: &str) -> Vec<SessionTranscript> {
        self.read(|world| world.transcripts_of(name))
    }

    /// Everything clients did wrong, in order.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.read(|world| world.violations.clone())
    }

    /// Every API call, in order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.read(|world| world.calls.clone())
    }

    /// How many calls the rate limit refused. (A 429 that a fault made is none.)
    #[must_use]
    pub fn too_many_requests(&self) -> usize {
        self.read(|world| {
            world
                .calls
                .iter()
                .filter(|call| call.status == 429 && call.fault.is_none())
                .count()
        })
    }

    /// Bot messages that repeat an earlier one of their session, over all sessions.
    #[must_use]
    pub fn repeated_bot_messages(&self) -> usize {
        let sessions = self.transcript();
        sessions
            .iter()
            .map(SessionTranscript::repeated_bot_messages)
            .sum()
    }
}

impl World {
    pub(crate) fn transcripts(&self) -> Vec<SessionTranscript> {
        let order = self.session_order.iter();
        order.filter_map(|id| self.transcript(id)).collect()
    }

    pub(crate) fn transcripts_of(&self, name: &str) -> Vec<SessionTranscript> {
        let order = self.session_order.iter();
        order
            .filter(|id| self.sessions.get(*id).is_some_and(|s| s.name == name))
            .filter_map(|id| self.transcript(id))
            .collect()
    }

    pub(crate) fn transcript(&self, id: &str) -> Option<SessionTranscript> {
        let session = self.sessions.get(id)?;
        Some(SessionTranscript {
            session_id: id.to_owned(),
            conversation_id: session.conversation_id.clone(),
            customer_id: session.customer_id.clone(),
            customer: session.name.clone(),
            state: session.state,
            opened_at: session.created_at,
            closed_at: session.closed_at,
            handoffs: session.handoffs.clone(),
            closes: session.closes.clone(),
            typing: session.typing,
            lines: self.lines_of(session).cloned().collect(),
        })
    }
}

//! Who may speak, who acts, and why a conversation ended.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Who holds the baton: exactly one of these at any time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Holder {
    /// The connection's bot.
    Bot,
    /// Waiting for an agent in this inbox; `None` is an inbox we cannot name.
    Queue(Option<String>),
    /// This agent, of the platform's desk or of the hub's own.
    Agent(String),
    /// A foreign app, such as RingCX or Meta's inbox.
    App(String),
    /// No one; the connection's primary takes the next message.
    Nobody,
}

/// The kinds of holder, in the order of the time ledger's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolderKind {
    /// See [`Holder::Bot`].
    Bot,
    /// See [`Holder::Queue`].
    Queue,
    /// See [`Holder::Agent`].
    Agent,
    /// See [`Holder::App`].
    App,
    /// See [`Holder::Nobody`].
    Nobody,
}

impl HolderKind {
    /// All kinds, in order.
    pub const ALL: [Self; 5] = [Self::Bot, Self::Queue, Self::Agent, Self::App, Self::Nobody];

    /// The kind's word, as the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Queue => "queue",
            Self::Agent => "agent",
            Self::App => "app",
            Self::Nobody => "nobody",
        }
    }

    /// The kind that the API spells this way.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Holder {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> HolderKind {
        match self {
            Self::Bot => HolderKind::Bot,
            Self::Queue(_) => HolderKind::Queue,
            Self::Agent(_) => HolderKind::Agent,
            Self::App(_) => HolderKind::App,
            Self::Nobody => HolderKind::Nobody,
        }
    }
}

impl Holder {
    /// Whether this actor is the holder, and so may speak.
    #[must_use]
    pub fn is(&self, actor: &Actor) -> bool {
        match (self, actor) {
            (Self::Bot, Actor::Bot) => true,
            (Self::Agent(holder), Actor::Agent(actor)) | (Self::App(holder), Actor::App(actor)) => {
                holder == actor
            }
            _ => false,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bot | Self::Nobody | Self::Queue(None) => f.write_str(self.kind().as_str()),
            Self::Queue(Some(id)) | Self::Agent(id) | Self::App(id) => {
                write!(f, "{}({id})", self.kind().as_str())
            }
        }
    }
}

/// Who asks for something or did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Actor {
    /// The connection's bot.
    Bot,
    /// An agent.
    Agent(String),
    /// The customer.
    Customer,
    /// The platform by itself.
    Platform,
    /// A foreign app.
    App(String),
    /// Somebody with an administrator's token; may move control, not speak.
    Operator,
    /// The hub by itself: timers and automations.
    Hub,
}

/// Why a conversation ended; kept apart because reports need them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The bot closed it.
    Bot,
    /// An agent closed it.
    Agent,
    /// The customer left or closed it.
    Customer,
    /// The platform closed it by its own rule or by someone's hand there.
    Platform,
    /// The customer fell silent while the bot held.
    Abandoned,
    /// The bot owed an answer too long and the connection closes then.
    BotSilent,
    /// The customer fell silent while an agent held.
    SilentWithAgent,
    /// The customer went on in another thread.
    Moved,
    /// The platform no longer knows it.
    Lost,
    /// Its content was erased on request.
    Erased,
}

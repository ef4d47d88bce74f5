//! What a platform tells the hub, in the hub's words.

use crate::content::Content;
use crate::holder::Holder;
use crate::ids::{Fingerprint, MessageId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The platform's names of a thread and of what surrounds it. Kept in the log
/// and in the checkpoint, never in ids, URLs or log lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The hub's connection that the customer wrote to.
    #[serde(rename = "cn", default, skip_serializing_if = "String::is_empty")]
    pub connection: String,
    /// The stablest id, which names the thread: a Gladly automation session, a
    /// page-scoped id, a number.
    #[serde(rename = "n")]
    pub name: String,
    /// The address the customer wrote to: a Glad App, a page, a number.
    #[serde(rename = "ad", default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The platform's id of the customer.
    #[serde(rename = "cu", default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The platform's id of the conversation.
    #[serde(rename = "co", default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The platform's word for the channel, e.g. `CHAT` or `SMS`.
    #[serde(rename = "ch", default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// One event of a platform about one thread.
#[derive(Clone, Debug, PartialEq)]
pub struct PlatformEvent {
    /// Fingerprint of the platform's unique event id: what duplicates share.
    pub id: Fingerprint,
    /// When it happened, by the platform's clock.
    pub at: Timestamp,
    /// What happened.
    pub news: News,
}

/// The fingerprint of a customer's message that was read back from the platform, where the
/// id of its event is not known: of the platform's id of the message.
#[must_use]
pub fn read_back_id(message: &str) -> Fingerprint {
    Fingerprint::of(&[b"read back", message.as_bytes()])
}

impl PlatformEvent {
    /// A message's platform id, and the fingerprint that it has or would have if it was
    /// read back.
    #[must_use]
    pub fn message(&self) -> Option<(&str, Fingerprint)> {
        match &self.news {
            News::Message { id, .. } => Some((id, read_back_id(id))),
            _ => None,
        }
    }

    /// Whether it is a message that was read back, so that the id of its event is not
    /// known: only the log tells whether its event came, too.
    #[must_use]
    pub fn is_read_back(&self) -> bool {
        self.message().is_some_and(|(_, id)| id == self.id)
    }
}

/// What happened on the platform.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The customer wrote.
    Message {
        /// The platform's id of the message.
        id: String,
        /// What was written.
        content: Content,
        /// Facts that came along, such as the page the chat was opened on.
        context: BTreeMap<String, String>,
    },
    /// The platform shows a message that was sent through its API, perhaps ours.
    Echo {
        /// The platform's id of the message.
        id: String,
        /// The hub's id of it, on platforms that carry one.
        ours: Option<MessageId>,
    },
    /// The platform closed the conversation, or somebody did there.
    Closed,
    /// Somebody on the platform changed who serves: an agent, an inbox, an app
    /// or no one.
    Control(Holder),
    /// Another app asks for control.
    ControlRequested {
        /// The asker's id.
        by: String,
    },
    /// The platform gave the customer or the conversation other ids.
    Renamed {
        /// The new id of the customer.
        customer: Option<String>,
        /// The new id of the conversation.
        conversation: Option<String>,
    },
    /// The customer went on in another thread, which carries the conversation now.
    Moved,
}

//! What a bot is told: one message of a customer, or a ping, in the bot's format.
//!
//! | format | body | proof of origin |
//! |---|---|---|
//! | `baton` | CloudEvents 1.0, JSON, structured mode | Standard Webhooks signature |
//! | `gladly` | Gladly's event envelope | HTTP Basic, static headers, or both |
//!
//! Telling is at least once: the id of a telling is the message's, the same each time.

mod baton;
#[cfg(test)]
mod tests;

use crate::gladly::face;
use crate::http::{Credentials, HttpCall, Method};
use crate::signing::SigningKey;
use baton_domain::{Content, ConversationId, Identity, MessageId, Timestamp};
use std::collections::BTreeMap;
use std::fmt;

/// The formats a bot can be told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BotFormat {
    /// The hub's own: CloudEvents, signed as Standard Webhooks.
    Baton,
    /// Gladly's, for bots written for Gladly.
    Gladly,
}

impl BotFormat {
    /// The format's word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baton => "baton",
            Self::Gladly => "gladly",
        }
    }

    /// The format of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Baton, Self::Gladly]
            .into_iter()
            .find(|format| format.as_str() == word)
    }
}

/// One message of a customer, to be told.
#[derive(Clone, Copy, Debug)]
pub struct Telling<'a> {
    /// The connection's id.
    pub connection: &'a str,
    /// The conversation.
    pub conversation_id: &'a ConversationId,
    /// The message.
    pub message_id: &'a MessageId,
    /// The number of the holding under which the bot may answer.
    pub epoch: u64,
    /// The entry's seq in its thread.
    pub seq: u64,
    /// When the customer wrote it.
    pub at: Timestamp,
    /// The platform's names of the thread.
    pub identity: &'a Identity,
    /// What was written.
    pub content: &'a Content,
    /// What came along, such as the page the chat was opened on.
    pub context: &'a BTreeMap<String, String>,
    /// The platform's own id of the event, where it is known.
    pub source_event_id: Option<&'a str>,
}

/// What proves to a bot that the hub is calling.
#[derive(Clone, Default)]
pub struct BotAuth {
    /// User name and password (`gladly`).
    pub basic: Option<(String, String)>,
    /// Static headers (`gladly`): names and values.
    pub headers: Vec<(String, String)>,
    /// Signing keys (`baton`): one signature each, so that keys can be rotated.
    pub keys: Vec<SigningKey>,
}

impl fmt::Debug for BotAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("BotAuth")
            .field("basic", &self.basic.is_some())
            .field("headers", &names)
            .field("keys", &self.keys.len())
            .finish()
    }
}

/// The call that tells a bot of a message; its path is empty, the bot's URL is the
/// whole URL. `now` is when this attempt is made, which the signature covers.
#[must_use]
pub fn tell(format: BotFormat, telling: &Telling<'_>, auth: &BotAuth, now: Timestamp) -> HttpCall {
    match format {
        BotFormat::Baton => {
            let id = telling.message_id.to_string();
            baton::call(&id, &baton::message_received(telling), auth, now)
        }
        BotFormat::Gladly => gladly_call(&face::envelope(telling), auth),
    }
}

/// The call that asks a bot whether it is there. `id` is unique to this ping.
#[must_use]
pub fn ping(
    format: BotFormat,
    connection: &str,
    id: &str,
    auth: &BotAuth,
    now: Timestamp,
) -> HttpCall {
    match format {
        BotFormat::Baton => baton::call(id, &baton::ping(connection, id, now), auth, now),
        BotFormat::Gladly => gladly_call(&face::ping(id, now), auth),
    }
}

fn gladly_call(event: &serde_json::Value, auth: &BotAuth) -> HttpCall {
    let mut call = HttpCall::json(Method::Post, "", event);
    if let Some((user, password)) = &auth.basic {
        let (user, password) = (user.clone(), password.clone());
        call = call.with_header(Credentials::Basic { user, password }.header());
    }
    for (name, value) in &auth.headers {
        call = call.with_header((name.to_ascii_lowercase(), value.clone()));
    }
    call
}

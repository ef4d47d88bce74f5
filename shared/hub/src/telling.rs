//! Telling the bot what the customer wrote.

use crate::calls::Calls;
use crate::settings::{Bot, BotFormat, Connection};
use crate::store::Loaded;
use baton_domain::time::SECOND;
use baton_domain::{ConversationId, Entry, Event, MessageId, Place, ThreadId, Timestamp};
use baton_platforms::bot::{self, BotAuth, Telling};
use baton_platforms::signing::SigningKey;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a bot may take to accept.
pub const ACCEPTS_WITHIN: Duration = Duration::from_secs(15);
/// Why a bot was not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTold {
    /// It answered something else than 2xx.
    #[error("the bot answered {0}")]
    Status(u16),
    /// It did not answer in time, or not at all.
    #[error("the bot did not answer")]
    NoAnswer,
    /// The connection has no bot.
    #[error("the connection has no bot")]
    NoBot,
}

/// Threads whose telling failed a moment ago, in this sandbox: a read at half the price
/// may not show that yet. Replicas are behind by well under a second.
#[derive(Clone, Debug, Default)]
struct Troubled(Arc<Mutex<BTreeMap<ThreadId, Timestamp>>>);

/// For how long a failure counts as a moment ago.
const TROUBLED_FOR: i64 = 10 * SECOND;

impl Troubled {
    fn note(&self, thread: &ThreadId, now: Timestamp) {
        let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|_, at| now.since(*at) < TROUBLED_FOR);
        threads.insert(thread.clone(), now);
    }

    fn has(&self, thread: &ThreadId, now: Timestamp) -> bool {
        let threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        threads
            .get(thread)
            .is_some_and(|at| now.since(*at) < TROUBLED_FOR)
    }
}

/// Tells bots.
#[derive(Clone, Debug)]
pub struct Teller {
    calls: Calls,
    troubled: Troubled,
}

impl Teller {
    /// A teller through this client.
    #[must_use]
    pub fn new(calls: Calls) -> Self {
        Self {
            calls: calls.to("bot"),
            troubled: Troubled::default(),
        }
    }

    /// Whether telling the bot of this thread failed a moment ago.
    pub(crate) fn is_troubled(&self, thread: &ThreadId) -> bool {
        self.troubled.has(thread, self.calls.clock.now())
    }

    /// Remembers that telling the bot of this thread failed.
    pub(crate) fn note_trouble(&self, thread: &ThreadId) {
        self.troubled.note(thread, self.calls.clock.now());
    }

    /// How long the stream may wait for the connection's bot; not at all where it is
    /// known to be slow, and not long where it was when it was last called.
    pub(crate) fn patience(&self, connection: &Connection) -> Option<Duration> {
        match &connection.bot {
            Some(bot) => self.calls.patience(&bot.url, ACCEPTS_WITHIN),
            None => Some(ACCEPTS_WITHIN),
        }
    }

    /// Tells everything that the customer wrote in these entries, in order.
    ///
    /// # Errors
    /// The seq of the first entry that was not told, and why.
    pub async fn tell(
        &self,
        connection: &Connection,
        loaded: &Loaded,
        entries: &[Entry],
    ) -> Result<(), (u64, NotTold)> {
        self.tell_within(connection, loaded, entries, ACCEPTS_WITHIN)
            .await
    }

    /// The same, giving the bot no longer than this for each message.
    ///
    /// # Errors
    /// The seq of the first entry that was not told, and why.
    pub(crate) async fn tell_within(
        &self,
        connection: &Connection,
        loaded: &Loaded,
        entries: &[Entry],
        patience: Duration,
    ) -> Result<(), (u64, NotTold)> {
        for entry in entries {
            for (index, event) in entry.events.iter().enumerate() {
                if !matches!(event, Event::Received { .. }) {
                    continue;
                }
                let place = Place(entry.seq, u32::try_from(index).unwrap_or(u32::MAX));
                self.tell_one(connection, loaded, place, event, patience)
                    .await
                    .map_err(|why| (entry.seq, why))?;
            }
        }
        Ok(())
    }

    async fn tell_one(
        &self,
        connection: &Connection,
        loaded: &Loaded,
        place: Place,
        event: &Event,
        patience: Duration,
    ) -> Result<(), NotTold> {
        let (Some(bot), Some(conversation)) = (&connection.bot, &loaded.thread.conversation) else {
            return Err(NotTold::NoBot);
        };
        let Event::Received {
            at,
            content,
            context,
            ..
        } = event
        else {
            return Ok(());
        };
        let conversation_id = ConversationId::new(&loaded.id, conversation.first_seq);
        let message_id = MessageId::new(&loaded.id, place);
        let telling = Telling {
            connection: &connection.id,
            conversation_id: &conversation_id,
            message_id: &message_id,
            epoch: loaded.thread.epoch,
            seq: place.0,
            at: *at,
            identity: &loaded.thread.identity,
            content,
            context,
            source_event_id: None,
        };
        let now = self.calls.clock.now();
        let call = bot::tell(format(bot), &telling, &auth(bot), now);
        self.call(bot, &call, patience).await
    }

    /// Asks a bot whether it is there; `id` is unique to this ping.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn ping(&self, connection: &Connection, id: &str) -> Result<(), NotTold> {
        let Some(bot) = &connection.bot else {
            return Err(NotTold::NoBot);
        };
        let now = self.calls.clock.now();
        let call = bot::ping(format(bot), &connection.id, id, &auth(bot), now);
        self.call(bot, &call, ACCEPTS_WITHIN).await
    }

    async fn call(
        &self,
        bot: &Bot,
        call: &baton_platforms::http::HttpCall,
        patience: Duration,
    ) -> Result<(), NotTold> {
        let answered = self.calls.call(&bot.url, call, None, patience).await;
        match answered {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(NotTold::Status(answer.status)),
            Err(_) => Err(NotTold::NoAnswer),
        }
    }
}

fn format(bot: &Bot) -> bot::BotFormat {
    match bot.format {
        BotFormat::Baton => bot::BotFormat::Baton,
        BotFormat::Gladly => bot::BotFormat::Gladly,
    }
}

fn auth(bot: &Bot) -> BotAuth {
    BotAuth {
        basic: bot
            .basic
            .as_ref()
            .map(|(user, password)| (user.clone(), password.reveal().to_owned())),
        headers: Vec::new(),
        // Keys were checked when the settings were.
        keys: bot
            .signing_keys
            .iter()
            .filter_map(|key| SigningKey::parse(key.reveal()).ok())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_domain::IdKey;

    #[test]
    fn trouble_is_forgotten_after_a_while() {
        let key = IdKey::new(*b"test-secret-id-key-0123456789abc");
        let (one, other) = (key.thread("shop-chat", "1"), key.thread("shop-chat", "2"));
        let troubled = Troubled::default();
        troubled.note(&one, Timestamp(1_000));
        assert!(troubled.has(&one, Timestamp(1_000 + TROUBLED_FOR - 1)));
        assert!(!troubled.has(&one, Timestamp(1_000 + TROUBLED_FOR)));
        assert!(!troubled.has(&other, Timestamp(1_000)));
    }
}

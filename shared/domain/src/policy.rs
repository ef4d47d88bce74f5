//! How one connection wants its conversations led. Settings, not state: a policy
//! is passed to every decision and never stored in a thread.

use crate::content::Content;
use crate::holder::Holder;
use crate::time::{DAY, HOUR, MINUTE, SECOND};

/// The connection's rules, as far as decisions need them.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Who holds a new conversation, and takes the next message when nobody holds.
    pub primary: Holder,
    /// Where agents work.
    pub desk: Desk,
    /// Where a handoff without a target goes.
    pub default_inbox: Option<String>,
    /// What may fire, and when.
    pub timers: Timers,
    /// What follows when the bot owes an answer too long.
    pub on_bot_silence: OnBotSilence,
    /// Whether closing must be asked of the platform; else a close is the hub's
    /// own business.
    pub close_call: bool,
    /// How long after a close a new message reopens the conversation instead of
    /// opening the next, in milliseconds. `i64::MAX` on platforms whose thread is
    /// one conversation by nature (a Gladly session).
    pub reopen_grace: i64,
    /// Sent once per waiting period by the *customer waits* timer.
    pub reminder: Option<Content>,
    /// Sent after a conversation with an agent ends.
    pub survey: Option<Content>,
}

/// Where agents work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Desk {
    /// No agents: a handoff is refused.
    None,
    /// The platform's own desk, reached by a call (Gladly).
    Platform,
    /// A foreign app on the platform that takes control (RingCX on Messenger).
    App(String),
    /// The hub's own seats and queue.
    Hub,
}

/// What follows when the bot owes an answer too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBotSilence {
    /// Hand off to the default inbox.
    Handoff,
    /// Close as [`crate::CloseReason::BotSilent`].
    Close,
}

/// Spans in milliseconds; `None` switches a timer off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timers {
    /// The bot holds and the customer is silent after the bot's last message.
    pub customer_silent: Option<i64>,
    /// The bot holds and owes an answer.
    pub bot_owes: Option<i64>,
    /// A seat of the hub holds and the oldest unanswered message waits.
    pub customer_waits: Option<i64>,
    /// A seat of the hub holds and the customer is silent after its last message.
    pub customer_silent_agent: Option<i64>,
    /// A seat of the hub holds and does not answer: back to the default inbox.
    pub agent_silent: Option<i64>,
    /// The hub's queue holds for so long: what then, see [`QueueLimit`].
    pub queue_limit: Option<(i64, QueueLimit)>,
    /// A foreign desk or app holds and nothing was heard: ask the platform.
    pub platform_check: i64,
}

/// What follows when a conversation waits in the hub's queue too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueLimit {
    /// Back to the bot.
    ToBot,
    /// On to this inbox.
    ToInbox(String),
    /// Only an event.
    Notify,
}

/// Gladly closes a session by itself after five minutes without a message (Gladly
/// FAQ on messaging automation; not configurable there). No bot timer may be longer.
pub const GLADLY_CLOSES_AFTER: i64 = 300 * SECOND;
/// The longest time a bot may owe an answer on Gladly: 70 s before Gladly closes,
/// so that a handoff still finds a customer.
pub const GLADLY_BOT_OWES_MAX: i64 = 230 * SECOND;

impl Timers {
    /// Gladly's: silent customers 300 s, the bot owes at most 60 s by default.
    #[must_use]
    pub fn gladly() -> Self {
        Self {
            customer_silent: Some(GLADLY_CLOSES_AFTER),
            ..Self::general()
        }
    }

    /// YCloud's documented automation: a customer who does not respond to the bot
    /// for 10 minutes, agents' conversations after 24 h.
    #[must_use]
    pub fn ycloud() -> Self {
        Self {
            customer_silent: Some(10 * MINUTE),
            ..Self::general()
        }
    }

    fn general() -> Self {
        Self {
            customer_silent: None,
            bot_owes: Some(60 * SECOND),
            customer_waits: None,
            customer_silent_agent: Some(24 * HOUR),
            agent_silent: None,
            queue_limit: None,
            platform_check: 7 * DAY,
        }
    }
}

impl Policy {
    /// A Gladly connection with a bot and Gladly's desk.
    #[must_use]
    pub fn gladly(default_inbox: Option<String>) -> Self {
        Self {
            primary: Holder::Bot,
            desk: Desk::Platform,
            default_inbox,
            timers: Timers::gladly(),
            on_bot_silence: OnBotSilence::Handoff,
            close_call: true,
            reopen_grace: i64::MAX,
            reminder: None,
            survey: None,
        }
    }

    /// A number with a bot and the hub's own seats.
    #[must_use]
    pub fn own_desk(default_inbox: Option<String>) -> Self {
        Self {
            primary: Holder::Bot,
            desk: Desk::Hub,
            default_inbox,
            timers: Timers::ycloud(),
            on_bot_silence: OnBotSilence::Handoff,
            close_call: false,
            reopen_grace: 0,
            reminder: None,
            survey: None,
        }
    }
}

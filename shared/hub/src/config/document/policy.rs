//! A connection's policy in JSON. Spans are milliseconds; a timer that is off is `null`.

use baton_domain::{Content, Desk, Holder, OnBotSilence, Policy, QueueLimit, Timers};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct PolicyForm {
    primary: Holder,
    desk: DeskForm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default_inbox: Option<String>,
    pub(super) timers: TimersForm,
    on_bot_silence: SilenceForm,
    #[serde(default)]
    close_call: bool,
    /// `null` is without end: `i64::MAX` is more than other readers of JSON can hold.
    reopen_grace: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reminder: Option<Content>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    survey: Option<Content>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
enum DeskForm {
    None,
    Platform,
    App(String),
    Hub,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SilenceForm {
    Handoff,
    Close,
}

#[derive(Serialize, Deserialize)]
pub(in crate::config) struct TimersForm {
    pub(in crate::config) customer_silent: Option<i64>,
    pub(in crate::config) bot_owes: Option<i64>,
    customer_waits: Option<i64>,
    customer_silent_agent: Option<i64>,
    agent_silent: Option<i64>,
    queue_limit: Option<QueueLimitForm>,
    pub(in crate::config) platform_check: i64,
}

#[derive(Serialize, Deserialize)]
struct QueueLimitForm {
    after: i64,
    then: ThenForm,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
enum ThenForm {
    Bot,
    Inbox(String),
    Notify,
}

// Each struct is taken apart without `..`: a field added to the domain and forgotten here
// does not compile.
impl PolicyForm {
    pub(super) fn of(policy: &Policy) -> Self {
        let Policy {
            primary,
            desk,
            default_inbox,
            timers,
            on_bot_silence,
            close_call,
            reopen_grace,
            reminder,
            survey,
        } = policy.clone();
        Self {
            primary,
            desk: match desk {
                Desk::None => DeskForm::None,
                Desk::Platform => DeskForm::Platform,
                Desk::App(app) => DeskForm::App(app),
                Desk::Hub => DeskForm::Hub,
            },
            default_inbox,
            timers: TimersForm::of(timers),
            on_bot_silence: match on_bot_silence {
                OnBotSilence::Handoff => SilenceForm::Handoff,
                OnBotSilence::Close => SilenceForm::Close,
            },
            close_call,
            reopen_grace: (reopen_grace != i64::MAX).then_some(reopen_grace),
            reminder,
            survey,
        }
    }

    pub(super) fn into_policy(self) -> Policy {
        Policy {
            primary: self.primary,
            desk: match self.desk {
                DeskForm::None => Desk::None,
                DeskForm::Platform => Desk::Platform,
                DeskForm::App(app) => Desk::App(app),
                DeskForm::Hub => Desk::Hub,
            },
            default_inbox: self.default_inbox,
            timers: self.timers.into_timers(),
            on_bot_silence: match self.on_bot_silence {
                SilenceForm::Handoff => OnBotSilence::Handoff,
                SilenceForm::Close => OnBotSilence::Close,
            },
            close_call: self.close_call,
            reopen_grace: self.reopen_grace.unwrap_or(i64::MAX),
            reminder: self.reminder,
            survey: self.survey,
        }
    }
}

impl TimersForm {
    fn of(timers: Timers) -> Self {
        let Timers {
            customer_silent,
            bot_owes,
            customer_waits,
            customer_silent_agent,
            agent_silent,
            queue_limit,
            platform_check,
        } = timers;
        let queue_limit = queue_limit.map(|(after, then)| QueueLimitForm {
            after,
            then: match then {
                QueueLimit::ToBot => ThenForm::Bot,
                QueueLimit::ToInbox(inbox) => ThenForm::Inbox(inbox),
                QueueLimit::Notify => ThenForm::Notify,
            },
        });
        Self {
            customer_silent,
            bot_owes,
            customer_waits,
            customer_silent_agent,
            agent_silent,
            queue_limit,
            platform_check,
        }
    }

    fn into_timers(self) -> Timers {
        let queue_limit = self.queue_limit.map(|limit| {
            let then = match limit.then {
                ThenForm::Bot => QueueLimit::ToBot,
                ThenForm::Inbox(inbox) => QueueLimit::ToInbox(inbox),
                ThenForm::Notify => QueueLimit::Notify,
            };
            (limit.after, then)
        });
        Timers {
            customer_silent: self.customer_silent,
            bot_owes: self.bot_owes,
            customer_waits: self.customer_waits,
            customer_silent_agent: self.customer_silent_agent,
            agent_silent: self.agent_silent,
            queue_limit,
            platform_check: self.platform_check,
        }
    }
}

//! Each connection's own checks: a due item, by which the sweep looks at the connection's
//! webhook every five minutes and at all of it every day, switches on again what the
//! platform switched off, and fetches what was missed meanwhile.
//!
//! | module | subject |
//! |---|---|
//! | [`state`] | what is remembered between checks, and what comes next; no I/O |
//! | `gap` | fetching what a webhook did not bring |
//! | `news` | what the bus is told |
//!
//! One call of [`Checkup::run`] does one thing and takes 20 s at most, so that a sweep that
//! has been relieved ends in time.

mod gap;
mod news;
pub mod state;

pub use state::State;

use crate::bus::Bus;
use crate::doctor::probed::ProbedWebhook;
use crate::doctor::{Doctor, Severity, judge};
use crate::settings::{Connection, Settings};
use crate::store::StoreError;
use crate::store::settings::WebhookSeen;
use baton_domain::Timestamp;
use baton_domain::time::{MINUTE, SECOND};
use baton_platforms::gladly::webhooks::{self, Webhook, WebhookChange};
use news::News;
use state::{Task, Verdict};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Whoever makes a check is given so long; then another does.
const CLAIM: i64 = MINUTE;
/// How long switching on may take. Gladly answers after its `PING` was answered.
const SWITCHING_TAKES: Duration = Duration::from_secs(12);
/// How often a sandbox makes sure that each connection is armed.
const ARMED_FOR: i64 = 60 * MINUTE;
/// A new connection is looked at within this time. Not all at once: they may be one
/// organization's, and share its rate limit.
const FIRST_WITHIN: u64 = 30_000;

/// Which connections this sandbox has armed. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub struct Armed {
    is_off: bool,
    known: Arc<Mutex<BTreeMap<String, Timestamp>>>,
}

impl Armed {
    /// One that arms nothing: connections are not checked.
    #[must_use]
    pub fn off() -> Self {
        Self {
            is_off: true,
            ..Self::default()
        }
    }

    /// Those of these connections that should be armed now, and count as armed then.
    fn wanted(&self, settings: &Settings, now: Timestamp) -> Vec<String> {
        if self.is_off {
            return Vec::new();
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, at| now.since(*at) < ARMED_FOR);
        let ids = settings.connections.keys();
        let new: Vec<String> = ids.filter(|id| !known.contains_key(*id)).cloned().collect();
        known.extend(new.iter().map(|id| (id.clone(), now)));
        new
    }

    fn forget(&self, connection: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(connection);
    }
}

/// What checking needs.
#[derive(Clone, Debug)]
pub struct Checkup {
    /// Looks.
    pub doctor: Doctor,
    /// Who is told.
    pub bus: Bus,
}

impl Checkup {
    /// Sees to it that every connection is checked.
    ///
    /// # Errors
    /// When the table cannot be written; the next sweep tries again.
    pub async fn arm(&self, armed: &Armed, settings: &Settings) -> Result<(), StoreError> {
        let core = &self.doctor.core;
        for connection in armed.wanted(settings, core.clock.now()) {
            let wait = i64::try_from(core.clock.below(FIRST_WITHIN)).unwrap_or_default();
            let first = core.clock.now().plus(wait);
            if let Err(error) = core.store.arm_checkup(&connection, first).await {
                armed.forget(&connection);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Makes the check of a connection that is due since `read` (seconds).
    ///
    /// # Errors
    /// When the table fails; the check stays due.
    pub async fn run(
        &self,
        settings: &Arc<Settings>,
        connection: &Connection,
        read: i64,
    ) -> Result<(), StoreError> {
        let core = &self.doctor.core;
        let Some(kept) = core.store.checkup(&connection.id).await? else {
            return Ok(());
        };
        if kept.due > read {
            return Ok(());
        }
        let until = core.clock.now().plus(CLAIM);
        let claimed = core.store.claim_checkup(&connection.id, kept.due, until);
        let Some(claimed) = claimed.await? else {
            return Ok(());
        };
        let mut state = State::read(&kept.data);
        state.sandboxes = Some(self.doctor.calls.sandboxes());
        let news = match state.next(core.clock.now()) {
            Task::Fill => {
                self.fill(settings, connection, &mut state).await?;
                Vec::new()
            }
            Task::Look => self.look(settings, connection, &mut state).await,
            Task::Examine => self.examine(settings, connection, &mut state).await,
        };
        self.tell(connection, news).await;
        let next = state.due().max(core.clock.now());
        core.store
            .keep_checkup(&connection.id, claimed, &state.to_json(), next)
            .await?;
        Ok(())
    }

    /// The whole check, once a day.
    async fn examine(
        &self,
        settings: &Settings,
        connection: &Connection,
        state: &mut State,
    ) -> Vec<News> {
        let seen = self.doctor.probe(settings, connection).await;
        let findings = judge::connection(&seen);
        state.examined_at = Some(self.doctor.core.clock.now());
        let is_ill = findings.iter().any(|it| it.severity == Severity::Error);
        let mut news = vec![News::Checked(findings.clone())];
        if is_ill {
            tracing::warn!(connection = %connection.id, findings = findings.len(), "a connection is not well");
            news.push(News::Unhealthy(findings));
        }
        news
    }

    /// The look at the webhook, every few minutes.
    async fn look(
        &self,
        settings: &Settings,
        connection: &Connection,
        state: &mut State,
    ) -> Vec<News> {
        let now = self.doctor.core.clock.now();
        let seen = self.doctor.webhook(settings, connection).await;
        state.looked_at = Some(now);
        let ProbedWebhook::Found(webhook) = seen else {
            return Vec::new();
        };
        let was = (state.on_at.is_some(), state.off.is_some());
        let verdict = state.judge(&webhook, connection.repair_webhook, now);
        let news = self.treat(connection, &webhook, verdict, state).await;
        if was != (state.on_at.is_some(), state.off.is_some()) || !news.is_empty() {
            self.note_seen(connection, &webhook, state).await;
        }
        news
    }

    /// Does what the verdict calls for.
    async fn treat(
        &self,
        connection: &Connection,
        webhook: &Webhook,
        verdict: Verdict,
        state: &mut State,
    ) -> Vec<News> {
        let now = self.doctor.core.clock.now();
        match verdict {
            Verdict::Fine => Vec::new(),
            Verdict::OnAgain(from) => {
                state.begin_gap(from, now);
                vec![News::Repaired { from, by_us: false }]
            }
            Verdict::Off { is_new, switch_on } => {
                let mut news = Vec::new();
                if is_new {
                    tracing::error!(connection = %connection.id, by_platform = webhook.switched_off_at.is_some(), "the platform's webhook is off");
                    news.push(News::Disabled {
                        since: webhook.switched_off_at,
                        repairs: switch_on,
                    });
                }
                if switch_on && self.switch_on(connection, webhook).await {
                    let now = self.doctor.core.clock.now();
                    if let Some(from) = state.switched_on(now) {
                        tracing::warn!(connection = %connection.id, "the platform's webhook was switched on again");
                        news.push(News::Repaired { from, by_us: true });
                    }
                }
                news
            }
        }
    }

    /// Notes how the webhook was found, for lists of connections.
    async fn note_seen(&self, connection: &Connection, webhook: &Webhook, state: &State) {
        let problem = match (&state.off, webhook.switched_off_at) {
            (None, _) => "",
            (Some(_), Some(_)) => "Gladly switched it off",
            (Some(_), None) => "it is off",
        };
        let seen = WebhookSeen {
            at: self.doctor.core.clock.now(),
            id: Some(webhook.id.clone()),
            enabled: problem.is_empty(),
            problem: problem.to_owned(),
        };
        let store = &self.doctor.core.store;
        if let Err(error) = store.put_webhook_seen(&connection.endpoint, &seen).await {
            tracing::warn!(connection = %connection.id, error = %error, "how the webhook was found was not noted");
        }
    }

    /// Switches a webhook on. Where that fails, the next look tries again.
    async fn switch_on(&self, connection: &Connection, webhook: &Webhook) -> bool {
        let change = WebhookChange {
            enabled: Some(true),
            ..WebhookChange::default()
        };
        let call = webhooks::patch(&webhook.id, &change);
        let answered = self
            .doctor
            .ask_within(connection, &call, SWITCHING_TAKES)
            .await;
        match answered {
            Ok(answered) if (200..300).contains(&answered.status) => true,
            Ok(answered) => {
                // 400: its PING was not answered 200, so webhooks still fail.
                tracing::error!(connection = %connection.id, status = answered.status, "the platform's webhook could not be switched on");
                false
            }
            Err(error) => {
                tracing::error!(connection = %connection.id, reason = %error, "the platform's webhook could not be switched on");
                false
            }
        }
    }

    /// Tells the bus. What it does not take is in the log; the next check tells how it is
    /// then.
    async fn tell(&self, connection: &Connection, news: Vec<News>) {
        let now = self.doctor.core.clock.now();
        let events: Vec<_> = news
            .iter()
            .map(|news| news.event(&connection.id, &self.doctor.core.clock.token(16), now))
            .collect();
        if !events.is_empty()
            && let Err(error) = self.bus.put(&events).await
        {
            tracing::error!(connection = %connection.id, error = %error, "what a check found was not put on the bus");
        }
    }
}

/// How long one part of filling a gap may take.
const FILL_TAKES: i64 = 14 * SECOND;

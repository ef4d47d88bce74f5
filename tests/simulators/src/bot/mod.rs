//! The sample bot: a small bot in Gladly's style, as a team might run it.
//!
//! One POST route takes Gladly's webhook envelope; answers go out through
//! Gladly's REST shape, by default before the webhook is answered. It can stand
//! behind Gladly itself or behind anything that speaks the same two shapes.

mod calls;
mod config;
mod record;
mod script;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::sync::watch;

pub use config::{AnswerTime, BotConfig};
pub use record::Told;

use crate::clock::Clock;
use crate::serving::{self, Served};
use calls::{Api, Failure};
use record::Memory;
use script::{Message, Plan};

/// A handle to one bot; clones are the same one.
#[derive(Clone)]
pub struct SampleBot(Arc<Inner>);

struct Inner {
    clock: Clock,
    config: Mutex<BotConfig>,
    memory: Mutex<Memory>,
    http: Option<reqwest::Client>,
    changes: watch::Sender<u64>,
}

impl std::fmt::Debug for SampleBot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SampleBot").finish_non_exhaustive()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SampleBot {
    /// A bot on the machine's clock.
    #[must_use]
    pub fn new(config: BotConfig) -> Self {
        Self::with_clock(config, Clock::real())
    }

    /// A bot that measures its pauses by the given clock.
    #[must_use]
    pub fn with_clock(config: BotConfig, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            clock,
            config: Mutex::new(config),
            memory: Mutex::new(Memory::default()),
            http: serving::client().ok(),
            changes: watch::channel(0).0,
        }))
    }

    /// The webhook, at `POST /`. Nested below `/sim/bot`, it is `POST /sim/bot`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", post(receive))
            .with_state(self.clone())
    }

    /// Serves [`SampleBot::router`] on a free local port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn serve(&self) -> std::io::Result<Served> {
        serving::serve(self.router()).await
    }

    /// Changes settings while it runs: a bot is often told its base URL late.
    pub fn configure(&self, change: impl FnOnce(&mut BotConfig)) {
        change(&mut lock(&self.0.config));
    }

    /// Everything the bot was told, in order of arrival, repetitions included.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        lock(&self.0.memory).told.clone()
    }

    /// Texts the bot was told in one session, in order of arrival, each event once.
    #[must_use]
    pub fn texts(&self, session_id: &str) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        self.told()
            .into_iter()
            .filter(|told| told.session_id.as_deref() == Some(session_id))
            .filter(|told| seen.insert(told.event_id.clone()))
            .filter_map(|told| told.text)
            .collect()
    }

    /// Calls that a bot cannot put right: refused with 4xx other than 429, or
    /// still failing after its retries. `METHOD path: status or reason`.
    #[must_use]
    pub fn failed_calls(&self) -> Vec<String> {
        lock(&self.0.memory).failed_calls.clone()
    }

    /// Waits until `reached` holds; false if not within `limit` of real time.
    pub async fn wait_until(
        &self,
        limit: std::time::Duration,
        reached: impl Fn(&Self) -> bool,
    ) -> bool {
        let mut changes = self.0.changes.subscribe();
        let look = async {
            loop {
                changes.mark_unchanged();
                if reached(self) || changes.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(limit, look).await.is_ok()
    }

    fn remember<T>(&self, what: impl FnOnce(&mut Memory) -> T) -> T {
        let result = what(&mut lock(&self.0.memory));
        self.0
            .changes
            .send_modify(|count| *count = count.wrapping_add(1));
        result
    }

    fn config(&self) -> BotConfig {
        lock(&self.0.config).clone()
    }

    /// The status the webhook is answered with.
    async fn take(&self, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        let config = self.config();
        let Ok(event) = serde_json::from_slice::<Value>(body) else {
            return StatusCode::BAD_REQUEST;
        };
        let authentic = authentic(&config, headers);
        let number = self.remember(|memory| memory.note(&event, self.0.clock.now(), authentic));
        let status = if authentic {
            self.consider(&config, &event).await
        } else {
            StatusCode::UNAUTHORIZED
        };
        self.remember(|memory| memory.answered(number, status.as_u16(), self.0.clock.now()));
        status
    }

    async fn consider(&self, config: &BotConfig, event: &Value) -> StatusCode {
        if config.dead {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        if config.slow_ms > 0 {
            self.0.clock.sleep(config.slow_ms).await;
        }
        match event.get("type").and_then(Value::as_str) {
            Some("AUTOMATION/MESSAGE_RECEIVED") => {}
            // A PING wants 200, and what a bot has no use for must not be retried.
            _ => return StatusCode::OK,
        }
        if self.remember(|_| {
            let mut config = lock(&self.0.config);
            let fails = config.fail_first > 0;
            config.fail_first = config.fail_first.saturating_sub(1);
            fails
        }) {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        let Some(incoming) = Incoming::read(event) else {
            return StatusCode::OK;
        };
        // One answer for each event, however often it is delivered.
        if !self.remember(|memory| memory.begin(&incoming.event_id)) {
            return match self.remember(|memory| memory.is_done(&incoming.event_id)) {
                true => StatusCode::OK,
                false => StatusCode::SERVICE_UNAVAILABLE,
            };
        }
        let work = Work {
            bot: self.clone(),
            config: config.clone(),
            incoming,
        };
        match config.answer {
            AnswerTime::BeforeAcknowledging => work.run().await,
            AnswerTime::AfterAcknowledging => {
                tokio::spawn(work.run());
                StatusCode::OK
            }
        }
    }
}

async fn receive(State(bot): State<SampleBot>, headers: HeaderMap, body: Bytes) -> StatusCode {
    // A caller that hangs up must not stop the bot in the middle of its answer.
    let task = tokio::spawn(async move { bot.take(&headers, &body).await });
    task.await.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn authentic(config: &BotConfig, headers: &HeaderMap) -> bool {
    let Some((username, password)) = &config.webhook_credentials else {
        return true;
    };
    let expected = format!(
        "Basic {}",
        STANDARD.encode(format!("{username}:{password}"))
    );
    headers
        .get(AUTHORIZATION)
        .is_some_and(|value| value.as_bytes() == expected.as_bytes())
}

/// What of an event the bot acts on.
struct Incoming {
    event_id: String,
    session_id: String,
    text: String,
}

impl Incoming {
    fn read(event: &Value) -> Option<Self> {
        let text_at = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        Some(Self {
            event_id: text_at("/id")?.to_owned(),
            session_id: text_at("/content/sessionId")?.to_owned(),
            text: text_at("/content/message/content/body")?.to_owned(),
        })
    }
}

/// One event being answered.
struct Work {
    bot: SampleBot,
    config: BotConfig,
    incoming: Incoming,
}

impl Work {
    async fn run(self) -> StatusCode {
        let Incoming {
            event_id,
            session_id,
            text,
        } = &self.incoming;
        let first = self
            .bot
            .remember(|memory| memory.meet(session_id, event_id));
        let plan = script::plan(text, first);
        let outcome = self.carry_out(plan).await;
        self.bot
            .remember(|memory| memory.end(event_id, outcome == StatusCode::OK));
        outcome
    }

    async fn carry_out(&self, plan: Plan) -> StatusCode {
        let Incoming {
            event_id,
            session_id,
            text,
        } = &self.incoming;
        let done = match plan {
            Plan::Silence => return StatusCode::OK,
            Plan::Crash => {
                let crashes = self.bot.remember(|memory| memory.crash(event_id));
                if crashes <= self.config.crashes {
                    return StatusCode::INTERNAL_SERVER_ERROR;
                }
                self.say(&script::recovered(text)).await
            }
            Plan::Wait { seconds, then } => {
                let ms = i64::from(seconds).saturating_mul(1_000);
                self.bot.0.clock.sleep(ms).await;
                self.say(&then).await
            }
            Plan::Say(message) => self.say(&message).await,
            Plan::HandOff(description) => self.api().hand_off(session_id, &description).await,
            Plan::Close(description) => self.api().close(session_id, &description).await,
        };
        match done {
            Ok(()) => StatusCode::OK,
            Err(failure) => {
                let lasting = matches!(failure, Failure::Refused(_));
                self.bot
                    .remember(|memory| memory.failed_calls.push(failure.into_text()));
                // What was refused stays refused: a retry of the webhook would not
                // help. Anything else may work the next time.
                if lasting {
                    StatusCode::OK
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                }
            }
        }
    }

    async fn say(&self, message: &Message) -> Result<(), Failure> {
        let session_id = &self.incoming.session_id;
        let known = self.bot.remember(|memory| memory.sent(session_id));
        let id = self.api().send(session_id, message, &known).await?;
        self.bot.remember(|memory| memory.add_sent(session_id, id));
        Ok(())
    }

    fn api(&self) -> Api<'_> {
        Api {
            http: self.bot.0.http.as_ref(),
            clock: &self.bot.0.clock,
            config: &self.config,
        }
    }
}

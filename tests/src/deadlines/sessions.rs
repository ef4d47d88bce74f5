//! Conversations with timers, made through the domain and the store as webhooks and
//! bots make them; and the model: when each must be closed.

use super::cloud::{Cloud, Failed};
use super::time::BEGIN;
use aws_sdk_dynamodb::types::AttributeValue;
use baton_domain::time::{DAY, SECOND};
use baton_domain::{
    Actor, Command, Content, Fingerprint, Identity, News, OnBotSilence, PlatformEvent, Policy,
    Request, Thread, ThreadId, Timestamp, WorkResult, decide, plan,
};
use baton_hub::Core;
use baton_hub::store::Loaded;
use baton_hub::store::codec::entry_item;
use baton_simulators::random::Random;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// Connections by the times of their timers *bot owes an answer* and *customer silent*,
/// in seconds.
pub const TIMERS: [(i64, i64); 4] = [(10, 60), (30, 120), (60, 300), (230, 200)];

/// Those of a connection whose chats are long.
pub const LONG: (i64, i64) = (61, 3_000);

/// The connections of a run.
pub fn connections() -> impl Iterator<Item = (String, Policy)> {
    TIMERS.into_iter().chain([LONG]).map(|(owes, silent)| {
        let mut policy = Policy::gladly(Some("inbox_1".to_owned()));
        policy.timers.bot_owes = Some(owes * SECOND);
        policy.timers.customer_silent = Some(silent * SECOND);
        // What closes by itself needs no platform.
        policy.on_bot_silence = OnBotSilence::Close;
        (name(owes), policy)
    })
}

fn name(owes: i64) -> String {
    format!("shop-{owes}")
}

/// When a conversation must be closed.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// By the true time of the append that its timer counts from.
    pub truly: Timestamp,
    /// By the time that the log has of it: its writer's clock.
    pub by_log: Timestamp,
}

/// The model: when each thread's conversation must be closed.
pub type Model = Arc<Mutex<BTreeMap<ThreadId, Expected>>>;

/// Makes conversations.
#[derive(Clone)]
pub struct Sessions {
    cloud: Arc<Cloud>,
    writers: Vec<Core>,
    /// What is to be expected of those made.
    pub model: Model,
}

/// A conversation to make.
#[derive(Clone, Copy, Debug)]
struct Script {
    number: usize,
    /// When the customer writes, in milliseconds from the begin.
    at: i64,
    timers: (i64, i64),
    /// When the bot answers, in milliseconds after that, if it does.
    answers: Option<i64>,
}

impl Sessions {
    /// Written by sandboxes whose clocks are up to `skew` milliseconds off.
    #[must_use]
    pub fn new(cloud: &Arc<Cloud>, skew: i64) -> Self {
        let writers = [-skew, 0, skew].map(|skew| cloud.free_core(&format!("writer{skew}"), skew));
        Self {
            cloud: Arc::clone(cloud),
            writers: writers.into(),
            model: Model::default(),
        }
    }

    /// Makes so many, begun at any time within so many milliseconds from `from` on; in a
    /// fifth of them the bot answers.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn spread(
        &self,
        count: usize,
        from: i64,
        over: i64,
        seed: u64,
    ) -> Result<(), Failed> {
        let mut random = Random::keyed(seed, "sessions");
        let within = |random: &mut Random, span: i64| {
            i64::try_from(random.below(span.unsigned_abs().max(1))).unwrap_or_default()
        };
        let mut scripts: Vec<Script> = (0..count)
            .map(|number| Script {
                number,
                at: from + within(&mut random, over),
                timers: TIMERS[usize::try_from(random.below(4)).unwrap_or_default()],
                answers: (number % 5 == 0).then(|| 1_000 + within(&mut random, 4_000)),
            })
            .collect();
        scripts.sort_by_key(|script| script.at);
        self.play(scripts).await
    }

    /// Makes so many at once, all by one clock: they are due in the same second.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn at_once(&self, count: usize, at: i64, timers: (i64, i64)) -> Result<(), Failed> {
        let script = |number| Script {
            number: number * self.writers.len() + 1,
            at,
            timers,
            answers: None,
        };
        self.play((0..count).map(script).collect()).await
    }

    /// Makes so many at once, numbered from `first` on.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn numbered(
        &self,
        first: usize,
        count: usize,
        at: i64,
        timers: (i64, i64),
    ) -> Result<(), Failed> {
        let script = |number| Script {
            number,
            at,
            timers,
            answers: None,
        };
        self.play((first..first + count).map(script).collect())
            .await
    }

    /// A new customer writes to this connection.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn writes(&self, connection: &str, number: usize) -> Result<(), Failed> {
        let core = &self.writers[number % self.writers.len()];
        let connection = self.cloud.connection(connection);
        let session = format!("tEst-Session-{number:09}");
        let id = core.id_key.held().unwrap().thread(&connection.id, &session);
        let now = core.clock.now();
        let command = customer_writes(&connection.id, &session, number, now);
        let give_up = Timestamp(i64::MAX);
        core.run(Loaded::nothing_yet(&id), connection, command, give_up)
            .await?;
        Ok(())
    }

    /// The entries of a conversation with these timers that the customer opened now and,
    /// where it is to be `answered`, the bot answered: the sort key of each, and its other
    /// attributes but for the thread and the time it is armed for, as JSON without braces.
    ///
    /// # Errors
    /// When the domain refuses it.
    pub fn entries(&self, (owes, _): (i64, i64), answered: bool) -> Result<Vec<String>, Failed> {
        let core = &self.writers[0];
        let connection = self.cloud.connection(&name(owes));
        let session = "tEst-Session-live";
        let id = core.id_key.held().unwrap().thread(&connection.id, session);
        let now = core.clock.now();
        let mut commands = vec![customer_writes(&connection.id, session, 0, now)];
        if answered {
            let mut request = Request::by(Actor::Bot);
            request.claim_until = Some(now.plus(10 * SECOND));
            let content = Content::text("On its way.");
            commands.push(Command::Send { request, content });
        }
        let mut thread = Thread::default();
        let mut entries = Vec::new();
        while !commands.is_empty() {
            let command = commands.remove(0);
            let events = decide(&thread, &command, &connection.policy, now)?;
            let id_of_command = core.clock.command_id();
            let (entry, after) = plan(
                &thread,
                events,
                id_of_command,
                &connection.policy,
                now,
                None,
            );
            thread = after;
            if let Some(work) = thread.outbox.first() {
                commands.push(Command::Outcome {
                    work: work.place,
                    result: WorkResult::done(Some("sent".to_owned())),
                    end_claim: None,
                });
            }
            let item = entry_item(&id, &entry, now.plus(DAY * 90).seconds_up())?;
            let attributes = item
                .iter()
                .filter(|(name, _)| !["pk", "ds", "due"].contains(&name.as_str()));
            let attributes = attributes.map(|(name, value)| match value {
                AttributeValue::N(number) => format!(r#""{name}":{{"N":"{number}"}}"#),
                other => {
                    let text = other.as_s().map_or("", String::as_str);
                    format!(r#""{name}":{{"S":{}}}"#, serde_json::json!(text))
                }
            });
            entries.push(attributes.collect::<Vec<_>>().join(","));
        }
        Ok(entries)
    }

    async fn play(&self, scripts: Vec<Script>) -> Result<(), Failed> {
        let mut playing: JoinSet<Result<(), Failed>> = JoinSet::new();
        for script in scripts {
            self.cloud.time.reach(BEGIN.plus(script.at)).await;
            while let Some(played) = playing.try_join_next() {
                played??;
            }
            let sessions = self.clone();
            playing.spawn(async move { sessions.one(script).await });
        }
        while let Some(played) = playing.join_next().await {
            played??;
        }
        Ok(())
    }

    async fn one(&self, script: Script) -> Result<(), Failed> {
        let core = &self.writers[script.number % self.writers.len()];
        let (owes, silent) = script.timers;
        let connection = self.cloud.connection(&name(owes));
        let session = format!("tEst-Session-{:09}", script.number);
        let id = core.id_key.held().unwrap().thread(&connection.id, &session);
        let command = customer_writes(&connection.id, &session, script.number, core.clock.now());
        let give_up = Timestamp(i64::MAX);
        let mut ran = core
            .run(Loaded::nothing_yet(&id), connection, command, give_up)
            .await;
        let mut span = owes * SECOND;
        if let (Ok(opened), Some(after)) = (&ran, script.answers) {
            tokio::time::sleep(std::time::Duration::from_millis(after.unsigned_abs())).await;
            let mut request = Request::by(Actor::Bot);
            request.claim_until = Some(core.clock.now().plus(10 * SECOND));
            let content = Content::text("On its way.");
            let send = Command::Send { request, content };
            let loaded = opened.loaded.clone();
            let asked = core.run(loaded, connection, send, give_up).await?;
            let work = asked.loaded.thread.outbox.first().ok_or("nothing queued")?;
            let done = Command::Outcome {
                work: work.place,
                result: WorkResult::done(Some(format!("sent-{}", script.number))),
                end_claim: None,
            };
            ran = core.run(asked.loaded, connection, done, give_up).await;
            span = silent * SECOND;
        }
        let last = ran?.entry.ok_or("nothing was appended")?;
        let expected = Expected {
            truly: self.cloud.time.now().plus(span),
            by_log: last.at.plus(span),
        };
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        model.insert(id, expected);
        Ok(())
    }
}

/// A customer's first message.
fn customer_writes(connection: &str, session: &str, number: usize, now: Timestamp) -> Command {
    Command::News {
        identity: Some(Identity {
            connection: connection.to_owned(),
            name: session.to_owned(),
            address: "app_1".to_owned(),
            customer: Some(format!("customer-{number}")),
            conversation: None,
            channel: Some("CHAT".to_owned()),
        }),
        events: vec![PlatformEvent {
            id: Fingerprint::of(&[b"event", &number.to_be_bytes()]),
            at: now,
            news: News::Message {
                id: format!("{number:024x}"),
                content: Content::text(first_word::of(number)),
                context: [].into(),
            },
        }],
        known_new: Vec::new(),
    }
}

/// What customers write first, by which it is known again.
pub(super) mod first_word {
    const BEFORE: &str = "Where is my order no. ";

    pub(super) fn of(number: usize) -> String {
        format!("{BEFORE}{number}?")
    }

    /// The number of the customer whose word stands in this text.
    pub(in crate::deadlines) fn number_in(text: &str) -> Option<usize> {
        let (_, after) = text.split_once(BEFORE)?;
        after.split_once('?')?.0.parse().ok()
    }
}

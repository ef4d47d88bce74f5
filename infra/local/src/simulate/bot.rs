//! The bot: it does what the customer's message says, through the hub's API, and with all
//! the bad manners that bots have.

use super::calls::CallRecord;
use super::calls::{ApiCall, Ask, Client, up_to};
use super::fleet::{FarFleet, Fleet};
use super::stage::{Stage, locked, pause};
use super::weather::Fault;
use baton_simulators::random::Random;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

/// The bot's token.
pub(super) const TOKEN: &str = "test-token-simulated-bot";

/// One telling that reached the bot.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// The hub's id of the message.
    pub(super) message: String,
    /// What it says, which is unique.
    pub(super) text: String,
}

/// The bot. Clones are the same.
#[derive(Clone)]
pub(super) struct SimulatedBot(Arc<Inner>);

struct Inner {
    stage: Arc<Stage>,
    hub: OnceLock<(FarFleet, Arc<CallRecord>)>,
    random: Mutex<Random>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    told: Vec<Told>,
    begun: BTreeSet<String>,
    /// The newest epoch it knows of each conversation.
    epochs: BTreeMap<String, u64>,
    down_until: i64,
}

/// A message as the bot reads it.
#[derive(Clone, Debug)]
struct Incoming {
    message: String,
    conversation: String,
    text: String,
    epoch: u64,
}

impl Incoming {
    fn read(body: &[u8]) -> Option<Self> {
        let event: Value = serde_json::from_slice(body).ok()?;
        let text = |pointer: &str| event.pointer(pointer)?.as_str().map(str::to_owned);
        Some(Self {
            message: text("/data/message")?,
            conversation: text("/data/conversation")?,
            text: text("/data/content/text")?,
            epoch: event.pointer("/data/epoch")?.as_u64()?,
        })
    }
}

impl SimulatedBot {
    pub(super) fn new(stage: &Arc<Stage>) -> Self {
        Self(Arc::new(Inner {
            stage: stage.clone(),
            hub: OnceLock::new(),
            random: Mutex::new(stage.random("bot")),
            memory: Mutex::default(),
        }))
    }

    /// The bot calls the hub, and the hub the bot: the hub is given once both are there.
    pub(super) fn connect(&self, fleet: &Fleet, record: &Arc<CallRecord>) {
        let _first = self.0.hub.set((fleet.far_view(), record.clone()));
    }

    /// Everything it was told, in order of arrival.
    pub(super) fn told(&self) -> Vec<Told> {
        locked(&self.0.memory).told.clone()
    }

    fn strikes(&self, fault: Fault) -> bool {
        self.0.stage.strikes(fault, &mut locked(&self.0.random))
    }

    /// Takes a webhook of the hub; no answer where the line breaks or it hangs.
    pub(super) async fn take(&self, id: &str, body: &[u8]) -> Option<u16> {
        let stage = &self.0.stage;
        let now = stage.clock.now();
        if self.strikes(Fault::BotDown) {
            stage.note("bot", || "goes DOWN for two minutes".to_owned());
            locked(&self.0.memory).down_until = now + 120_000;
        }
        let down = now < locked(&self.0.memory).down_until && !stage.is_healed();
        if down || self.strikes(Fault::BotFails) {
            stage.note("bot", || format!("answers 503 to {id}"));
            return Some(503);
        }
        if self.strikes(Fault::BotHangs) {
            stage.note("bot", || format!("hangs at {id}"));
            std::future::pending::<()>().await;
        }
        let Some(incoming) = Incoming::read(body) else {
            return Some(200);
        };
        let first = {
            let mut memory = locked(&self.0.memory);
            memory.told.push(Told {
                message: incoming.message.clone(),
                text: incoming.text.clone(),
            });
            let known = memory
                .epochs
                .entry(incoming.conversation.clone())
                .or_default();
            *known = incoming.epoch.max(*known);
            memory.begun.insert(incoming.message.clone())
        };
        stage.note("bot", || {
            let again = if first { "" } else { " (again)" };
            format!(
                "is told `{}`, epoch {}{again}",
                incoming.text, incoming.epoch
            )
        });
        if first {
            let mut random = stage.random(&format!("answer to {}", incoming.message));
            let before = random.below(2) == 0;
            // A task of its own: a hub that hangs up does not stop the bot.
            let answer = tokio::spawn(self.clone().answer(incoming, random));
            if before {
                let _ended = tokio::time::timeout(std::time::Duration::from_secs(12), answer).await;
            }
        }
        if self.strikes(Fault::BotAnswerLost) {
            stage.note("bot", || format!("answer lost: {id}"));
            return None;
        }
        Some(200)
    }

    async fn answer(self, incoming: Incoming, mut random: Random) {
        pause(up_to(&mut random, 300)).await;
        let order = incoming
            .text
            .split(' ')
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        let name = incoming
            .text
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        let say = |number: u32| Ask::Send(format!("{name} answer {number}"));
        let key = |number: u32| Some(format!("{name}-{number}"));
        let epoch = Some(incoming.epoch);
        let at = &incoming;
        match order.as_str() {
            "silent" => {}
            "late" => {
                pause(1_000 + up_to(&mut random, 20_000)).await;
                self.call(at, say(1), epoch, key(1), false).await;
            }
            "twice" => {
                self.call(at, say(1), epoch, key(1), false).await;
                self.call(at, say(2), epoch, key(2), false).await;
            }
            "nokey" => self.call(at, say(1), epoch, None, false).await,
            "careless" => self.call(at, say(1), None, key(1), false).await,
            "burst" => {
                tokio::join!(
                    self.call(at, say(1), epoch, key(1), false),
                    self.call(at, say(2), epoch, key(2), false),
                    self.call(at, say(3), epoch, key(3), false),
                    self.call(at, say(4), epoch, key(4), false),
                );
            }
            "again" => {
                tokio::join!(
                    self.call(at, say(1), epoch, key(1), false),
                    self.call(at, say(1), epoch, key(1), false),
                );
                pause(up_to(&mut random, 5_000)).await;
                self.call(at, say(1), epoch, key(1), false).await;
            }
            "clash" => {
                self.call(at, say(1), epoch, key(1), false).await;
                self.call(at, say(2), epoch, key(1), true).await;
            }
            "stale" => {
                let old = Some(incoming.epoch.saturating_sub(1));
                self.call(at, say(1), old, key(1), false).await;
                self.call(at, say(2), epoch, key(2), false).await;
            }
            "sleepy" => {
                // What it believes is old by the time it speaks.
                self.call(at, say(1), epoch, key(1), false).await;
                pause(30_000 + up_to(&mut random, 300_000)).await;
                self.call(at, say(2), epoch, key(2), false).await;
            }
            "handoff" => {
                self.call(at, say(1), epoch, key(1), false).await;
                let ask = Ask::HandOff(format!("{name} wants a person"));
                self.call(at, ask, epoch, key(2), false).await;
            }
            "hurry" => {
                tokio::join!(
                    self.call(at, say(1), epoch, key(1), false),
                    self.call(
                        at,
                        Ask::HandOff(format!("{name} hurries")),
                        epoch,
                        key(2),
                        false
                    ),
                    self.call(at, say(3), epoch, key(3), false),
                );
            }
            "close" => {
                self.call(at, say(1), epoch, key(1), false).await;
                let ask = Ask::Close(format!("{name} is done"));
                self.call(at, ask, epoch, key(2), false).await;
            }
            _ => self.call(at, say(1), epoch, key(1), false).await,
        }
    }

    async fn call(
        &self,
        to: &Incoming,
        ask: Ask,
        epoch: Option<u64>,
        key: Option<String>,
        clashes: bool,
    ) {
        let Some((hub, record)) = self.0.hub.get() else {
            return;
        };
        let Some(fleet) = hub.get() else {
            return;
        };
        let client = Client {
            fleet,
            token: TOKEN,
            record: record.clone(),
        };
        let newest_known = locked(&self.0.memory)
            .epochs
            .get(&to.conversation)
            .copied()
            .unwrap_or_default();
        client
            .call(ApiCall {
                ask,
                conversation: to.conversation.clone(),
                epoch,
                key,
                newest_known,
                clashes,
                tries: Vec::new(),
            })
            .await;
    }
}

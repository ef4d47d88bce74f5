//! Calls of the hub's API as their clients know them: what was asked, and what was
//! answered, if anything.

use super::fleet::Fleet;
use super::gateway::{self, Answer};
use super::stage::{Stage, locked};
use super::weather::Fault;
use baton_simulators::random::Random;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What a call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// To say this.
    Send(String),
    /// To hand off, for this reason.
    HandOff(String),
    /// To close, with this description.
    Close(String),
}

impl Ask {
    fn route(&self) -> &'static str {
        match self {
            Self::Send(_) => "messages",
            Self::HandOff(_) => "handoff",
            Self::Close(_) => "close",
        }
    }

    fn body(&self, epoch: Option<u64>) -> Value {
        let mut body = match self {
            Self::Send(text) => json!({"content": {"type": "text", "text": text}}),
            Self::HandOff(reason) => json!({"reason": reason}),
            Self::Close(description) => json!({"description": description}),
        };
        if let (Some(epoch), Some(map)) = (epoch, body.as_object_mut()) {
            map.insert("epoch".to_owned(), epoch.into());
        }
        body
    }
}

/// One call, with all its tries.
#[derive(Clone, Debug)]
pub(super) struct ApiCall {
    pub(super) ask: Ask,
    pub(super) conversation: String,
    pub(super) epoch: Option<u64>,
    pub(super) key: Option<String>,
    /// The newest epoch of the conversation that its client knew when it began.
    pub(super) newest_known: u64,
    /// Whether the hub may take it at all: not with a key that was used for something
    /// else.
    pub(super) clashes: bool,
    pub(super) tries: Vec<Try>,
}

/// One try.
#[derive(Clone, Debug)]
pub(super) struct Try {
    pub(super) began: i64,
    pub(super) ended: i64,
    /// Status and body, as far as the client heard of them.
    pub(super) answer: Option<Answer>,
}

impl ApiCall {
    /// Ids that the client was given with a 2xx.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.accepted()
            .filter_map(|answer| answer.body.get("id").and_then(Value::as_str))
    }

    pub(super) fn accepted(&self) -> impl Iterator<Item = &Answer> {
        self.tries
            .iter()
            .filter_map(|one| one.answer.as_ref())
            .filter(|answer| (200..300).contains(&answer.status))
    }
}

/// Everything that clients asked for.
#[derive(Debug, Default)]
pub(super) struct CallRecord(Mutex<Vec<ApiCall>>);

impl CallRecord {
    pub(super) fn all(&self) -> Vec<ApiCall> {
        locked(&self.0).clone()
    }
}

/// A client of the API.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) fleet: Fleet,
    pub(super) token: &'static str,
    pub(super) record: Arc<CallRecord>,
}

impl Client {
    fn stage(&self) -> &Arc<Stage> {
        self.fleet.stage()
    }

    /// Makes a call, and again with its key until it has a final answer; without a key
    /// it is made once.
    pub(super) async fn call(&self, mut call: ApiCall) -> ApiCall {
        let stage = self.stage().clone();
        let name = format!("call {} {:?} {:?}", call.conversation, call.ask, call.key);
        let mut random = stage.random(&name);
        let place = {
            let mut record = locked(&self.record.0);
            record.push(call.clone());
            record.len() - 1
        };
        let tries = if call.key.is_some() { 6 } else { 1 };
        let mut wait = 300;
        for number in 0..tries {
            if number > 0 {
                super::stage::pause(wait).await;
                wait *= 3;
            }
            let began = stage.clock.now();
            let answer = self.attempt(&call).await;
            let lost = stage.strikes(Fault::ApiAnswerLost, &mut random);
            stage.note("client", || {
                let heard = if lost { " (lost on its way)" } else { "" };
                let id = answer.body.get("id").or_else(|| answer.body.get("detail"));
                format!(
                    "{:?} epoch {:?} key {:?} -> {} {}{heard}",
                    call.ask,
                    call.epoch,
                    call.key,
                    answer.status,
                    id.unwrap_or(&Value::Null)
                )
            });
            let last = answer.status < 500 && answer.status != 429 && !lost;
            call.tries.push(Try {
                began,
                ended: stage.clock.now(),
                answer: (!lost).then_some(answer),
            });
            if let Some(kept) = locked(&self.record.0).get_mut(place) {
                kept.tries.clone_from(&call.tries);
            }
            if last {
                break;
            }
        }
        call
    }

    async fn attempt(&self, call: &ApiCall) -> Answer {
        let mut headers = BTreeMap::from([
            ("authorization".to_owned(), format!("Bearer {}", self.token)),
            ("content-type".to_owned(), "application/json".to_owned()),
        ]);
        if let Some(key) = &call.key {
            headers.insert("idempotency-key".to_owned(), key.clone());
        }
        let path = format!(
            "/v1/conversations/{}/{}",
            call.conversation,
            call.ask.route()
        );
        let body = call.ask.body(call.epoch).to_string();
        gateway::request(&self.fleet, "POST", &path, headers, body).await
    }
}

/// A random share of milliseconds up to `most`.
pub(super) fn up_to(random: &mut Random, most: u64) -> i64 {
    i64::try_from(random.below(most + 1)).unwrap_or_default()
}

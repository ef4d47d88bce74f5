//! From an event to its receiver: attempts, retries, the webhook's end.
//!
//! Gladly API 1.0 (OpenAPI), Webhooks: one POST for each event, 15 s to answer,
//! success is any 2xx; up to four retries after 30 s, 5 min, 30 min and 1 h
//! (policy of 2023-06-28), then the webhook is deactivated.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::{Value, json};

use super::config::DeliveryOrder;
use super::events::Happened;
use super::refusal::iso;
use super::state::{Timer, World};
use super::webhooks::RequestLog;
use crate::random::Random;

/// What came of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "status", rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// An answer with this status.
    Answered(u16),
    /// The receiver answered with this status, but a fault lost the answer.
    AnswerLost(u16),
    /// No answer in time.
    TimedOut,
    /// No connection, or one that broke off.
    Unreachable,
}

impl AttemptOutcome {
    /// Whether Gladly counts it as delivered.
    #[must_use]
    pub fn succeeded(self) -> bool {
        matches!(self, Self::Answered(200..=299))
    }
}

/// One attempt of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When it left, in ms since the epoch.
    pub started_at: i64,
    /// When it was over, in ms since the epoch.
    pub ended_at: i64,
    /// What came of it.
    pub outcome: AttemptOutcome,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waiting for its first or next attempt, or on its way.
    Pending,
    /// Answered with 2xx.
    Delivered,
    /// Failed for good: the last retry, or a copy that failed.
    GivenUp,
    /// Not sent (again), because the webhook was disabled or deleted.
    Discarded,
}

/// One event on its way to one webhook.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The webhook.
    pub webhook_id: String,
    /// The event's id, the same in all its copies.
    pub event_id: String,
    /// The event's name.
    pub event_type: String,
    /// The JSON that is sent.
    pub body: String,
    /// When the event happened, in ms since the epoch.
    pub created_at: i64,
    /// 0 for the delivery itself, 1 and up for the copies a fault added.
    pub copy: u32,
    /// Every attempt so far.
    pub attempts: Vec<Attempt>,
    /// Where it stands.
    pub state: DeliveryState,
    #[serde(skip)]
    lane: String,
    /// Copies that leave together with this one.
    #[serde(skip)]
    companions: Vec<usize>,
    /// Whether the lane waits for the end of the present attempt.
    #[serde(skip)]
    blocks_lane: bool,
}

/// First attempts that follow one another.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    busy: bool,
    queue: VecDeque<usize>,
}

/// An event to be sent to whoever subscribed it.
pub(crate) struct Event<'a> {
    pub(crate) kind: &'a str,
    /// Type and id of who caused it.
    pub(crate) initiator: (&'a str, &'a str),
    pub(crate) content: Value,
    /// What keeps its order: a session or conversation id.
    pub(crate) lane: &'a str,
}

/// How deliveries that were held back are let go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// In the order of their events.
    InOrder,
    /// The last one first.
    Reversed,
    /// In the order that a seed gives.
    Shuffled(u64),
    /// Each list entry is the index of a held delivery; indices may repeat, which
    /// duplicates, or be missing, which loses.
    Exactly(Vec<usize>),
}

impl World {
    /// Makes deliveries of an event, faults applied.
    pub(crate) fn emit(&mut self, now: i64, event: Event<'_>) {
        let event_id = self.random.slug();
        let body = json!({
            "id": event_id,
            "type": event.kind,
            "timestamp": iso(now),
            "initiator": {"type": event.initiator.0, "id": event.initiator.1},
            "content": event.content,
        })
        .to_string();
        self.events.push(Happened {
            at: now,
            kind: event.kind.to_owned(),
            body: body.clone(),
        });
        let receivers: Vec<String> = self
            .webhooks
            .iter()
            .filter(|webhook| webhook.enabled && webhook.events.iter().any(|e| e == event.kind))
            .map(|webhook| webhook.id.clone())
            .collect();
        for webhook_id in receivers {
            let lane = match self.config.delivery_order {
                DeliveryOrder::PerSession => format!("{webhook_id} {}", event.lane),
                DeliveryOrder::Concurrent => format!("{webhook_id} {event_id}"),
            };
            self.dispatch(
                now,
                Delivery {
                    webhook_id,
                    event_id: event_id.clone(),
                    event_type: event.kind.to_owned(),
                    body: body.clone(),
                    created_at: now,
                    copy: 0,
                    attempts: Vec::new(),
                    state: DeliveryState::Pending,
                    lane,
                    companions: Vec::new(),
                    blocks_lane: false,
                },
            );
        }
    }

    fn dispatch(&mut self, now: i64, delivery: Delivery) {
        let number = self.deliveries.len();
        let mut random = Random::keyed(self.config.seed, &format!("delivery {number}"));
        let lane = delivery.lane.clone();
        self.deliveries.push(delivery);
        if let Some(held) = &mut self.held {
            held.push(number);
            return;
        }
        let faults = &mut self.faults.webhook;
        let (copies, together) = (faults.copies, faults.concurrent);
        let duplicate = faults.duplicate.strikes(&mut random);
        let delay = faults.delay.strikes(&mut random).then(|| {
            let most = u64::try_from(faults.delay_ms).unwrap_or(0);
            i64::try_from(random.below(most.saturating_add(1))).unwrap_or(0)
        });
        let reorder = faults
            .reorder
            .strikes(&mut random)
            .then_some(faults.reorder_ms);
        let copies = if duplicate {
            self.copy(number, copies)
        } else {
            Vec::new()
        };
        if let Some(wait) = reorder {
            if let Some(delivery) = self.deliveries.get_mut(number) {
                delivery.companions = copies;
            }
            self.overtakable.insert(number);
            self.at(now.saturating_add(wait), Timer::Overtaken(number));
            return;
        }
        if together && let Some(delivery) = self.deliveries.get_mut(number) {
            delivery.companions.clone_from(&copies);
        }
        let behind = if together { Vec::new() } else { copies };
        for one in std::iter::once(number).chain(behind) {
            match delay {
                Some(delay) => self.at(now.saturating_add(delay), Timer::Enter(one)),
                None => self.enter_lane(one),
            }
        }
        let overtaken: Vec<usize> = self
            .overtakable
            .iter()
            .filter(|earlier| {
                self.deliveries
                    .get(**earlier)
                    .is_some_and(|d| d.lane == lane)
            })
            .copied()
            .collect();
        for earlier in overtaken {
            self.release_overtaken(earlier);
        }
    }

    fn copy(&mut self, number: usize, copies: u32) -> Vec<usize> {
        let Some(original) = self.deliveries.get(number).cloned() else {
            return Vec::new();
        };
        (1..=copies)
            .map(|copy| {
                self.deliveries.push(Delivery {
                    copy,
                    ..original.clone()
                });
                self.deliveries.len() - 1
            })
            .collect()
    }

    pub(crate) fn release_overtaken(&mut self, number: usize) {
        if self.overtakable.remove(&number) {
            self.enter_lane(number);
        }
    }

    pub(crate) fn enter_lane(&mut self, number: usize) {
        let Some(delivery) = self.deliveries.get(number) else {
            return;
        };
        let name = delivery.lane.clone();
        self.lanes
            .entry(name.clone())
            .or_default()
            .queue
            .push_back(number);
        self.move_lane(&name);
    }

    fn move_lane(&mut self, name: &str) {
        while let Some(lane) = self.lanes.get_mut(name) {
            if lane.busy {
                return;
            }
            let Some(number) = lane.queue.pop_front() else {
                self.lanes.remove(name);
                return;
            };
            lane.busy = true;
            let companions = match self.deliveries.get_mut(number) {
                Some(delivery) => {
                    delivery.blocks_lane = true;
                    std::mem::take(&mut delivery.companions)
                }
                None => Vec::new(),
            };
            self.start_attempt(number);
            for companion in companions {
                self.start_attempt(companion);
            }
        }
    }

    /// Queues the next attempt, unless the webhook is off by now.
    pub(crate) fn start_attempt(&mut self, number: usize) {
        let on = self.deliveries.get(number).is_some_and(|delivery| {
            self.webhook(&delivery.webhook_id)
                .is_some_and(|webhook| webhook.enabled)
        });
        if on {
            self.ready.push_back(number);
        } else if let Some(delivery) = self.deliveries.get_mut(number) {
            delivery.state = DeliveryState::Discarded;
            self.leave_lane(number);
        }
    }

    pub(crate) fn leave_lane(&mut self, number: usize) {
        if let Some(delivery) = self.deliveries.get_mut(number)
            && std::mem::take(&mut delivery.blocks_lane)
        {
            let name = delivery.lane.clone();
            if let Some(lane) = self.lanes.get_mut(&name) {
                lane.busy = false;
            }
            self.move_lane(&name);
        }
    }

    /// Writes down an attempt and decides what follows from it.
    pub(crate) fn finish_attempt(&mut self, number: usize, attempt: Attempt, now: i64) {
        let Some(delivery) = self.deliveries.get_mut(number) else {
            return;
        };
        delivery.attempts.push(attempt);
        let failures = delivery.attempts.len();
        let (id, copy) = (delivery.webhook_id.clone(), delivery.copy);
        let entry = RequestLog {
            at: attempt.started_at,
            event_type: delivery.event_type.clone(),
            event_id: delivery.event_id.clone(),
            outcome: attempt.outcome,
        };
        let delay = self.config.retry_delays_ms.get(failures - 1).copied();
        if attempt.outcome.succeeded() {
            delivery.state = DeliveryState::Delivered;
        } else if copy > 0 || delay.is_none() {
            delivery.state = DeliveryState::GivenUp;
        }
        let gave_up = delivery.state == DeliveryState::GivenUp && copy == 0;
        let retries = delivery.state == DeliveryState::Pending;
        if let (true, Some(delay)) = (retries, delay) {
            // Milliseconds of at most an hour: exact in an f64.
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
            let scaled = (delay as f64 * self.config.retry_scale) as i64;
            self.at(now.saturating_add(scaled), Timer::Retry(number));
        }
        if let Some(webhook) = self.webhook_mut(&id) {
            webhook.record(entry);
            if gave_up && webhook.enabled {
                webhook.enabled = false;
                webhook.updated_at = now;
                webhook.disabled_due_to_retries = Some(now);
            }
        }
        self.leave_lane(number);
    }

    pub(crate) fn release_held(&mut self, release: &Release) {
        let held = self.held.take().unwrap_or_default();
        let mut order: Vec<usize> = (0..held.len()).collect();
        match release {
            Release::InOrder => {}
            Release::Reversed => order.reverse(),
            Release::Shuffled(seed) => Random::new(*seed).shuffle(&mut order),
            Release::Exactly(indices) => order.clone_from(indices),
        }
        let mut sent = std::collections::HashSet::new();
        for number in order
            .into_iter()
            .filter_map(|index| held.get(index).copied())
        {
            let first = sent.insert(number);
            let one = if first {
                vec![number]
            } else {
                self.copy(number, 1)
            };
            for number in one {
                match self.config.delivery_order {
                    DeliveryOrder::PerSession => self.enter_lane(number),
                    DeliveryOrder::Concurrent => self.start_attempt(number),
                }
            }
        }
        for number in held.into_iter().filter(|number| !sent.contains(number)) {
            if let Some(delivery) = self.deliveries.get_mut(number) {
                delivery.state = DeliveryState::Discarded;
            }
        }
    }
}

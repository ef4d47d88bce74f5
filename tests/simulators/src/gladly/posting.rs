//! The POSTs themselves: one attempt, one PING, and the means to hold them back.

use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use serde_json::json;

use super::delivery::{Attempt, AttemptOutcome, Delivery, DeliveryState, Release};
use super::refusal::Refusal;
use super::webhooks::{RequestLog, Webhook};
use super::{Exchange, GladlySim, WebhookPost};
use crate::random::Random;

/// With a virtual clock nothing ends a silent receiver unless the test moves the
/// time; this real limit keeps a forgotten one from blocking a test for ever.
const REAL_LIMIT: Duration = Duration::from_secs(20);

impl GladlySim {
    /// Makes one attempt of a delivery; the lock is not held meanwhile.
    pub(crate) async fn attempt(self, number: usize) {
        let prepared = self.act(|world, now| {
            let delivery = world.deliveries.get(number)?;
            let webhook = world.webhook(&delivery.webhook_id)?;
            let post = WebhookPost {
                url: webhook.url.clone(),
                headers: webhook.authentication(),
                body: delivery.body.clone(),
            };
            let key = format!("answer {number} {}", delivery.attempts.len());
            let mut random = Random::keyed(world.config.seed, &key);
            let lost = world.faults.webhook.lose_answer.strikes(&mut random);
            Some((post, now, lost))
        });
        let attempt = match prepared {
            Some((post, started_at, lost)) => {
                let outcome = match self.post(post).await {
                    AttemptOutcome::Answered(status) if lost => AttemptOutcome::AnswerLost(status),
                    outcome => outcome,
                };
                Some((started_at, outcome))
            }
            None => None,
        };
        self.act(|world, now| {
            world.in_flight = world.in_flight.saturating_sub(1);
            if let Some((started_at, outcome)) = attempt {
                let attempt = Attempt {
                    started_at,
                    ended_at: now,
                    outcome,
                };
                world.finish_attempt(number, attempt, now);
            } else if let Some(delivery) = world.deliveries.get_mut(number) {
                delivery.state = DeliveryState::Discarded;
                world.leave_lane(number);
            }
        });
    }

    /// Sends the PING of a webhook; only 200 will do.
    pub(crate) async fn ping(&self, webhook: &Webhook) -> Result<(), Refusal> {
        let at = self.clock().now();
        let outcome = self
            .post(WebhookPost {
                url: webhook.url.clone(),
                headers: webhook.authentication(),
                // Nothing but the type is documented, so nothing else is sent.
                body: json!({"type": "PING"}).to_string(),
            })
            .await;
        self.act(|world, _| {
            if let Some(webhook) = world.webhook_mut(&webhook.id) {
                webhook.record(RequestLog {
                    at,
                    event_type: "PING".into(),
                    event_id: String::new(),
                    outcome,
                });
            }
        });
        if outcome == AttemptOutcome::Answered(200) {
            Ok(())
        } else {
            let detail = format!("PING was not answered with 200 but {outcome:?}");
            Err(Refusal::attr("url", "invalid", &detail))
        }
    }

    async fn post(&self, post: WebhookPost) -> AttemptOutcome {
        let allowed = self.read(|world| world.config.webhook_deadline_ms);
        let deadline = self.clock().now().saturating_add(allowed);
        let Some(exchange) = self.exchange(post) else {
            return AttemptOutcome::Unreachable;
        };
        let exchange = async {
            match exchange.await {
                Some(status) => AttemptOutcome::Answered(status),
                None => AttemptOutcome::Unreachable,
            }
        };
        tokio::select! {
            biased;
            outcome = exchange => outcome,
            () = self.clock().sleep_until(deadline) => AttemptOutcome::TimedOut,
            () = tokio::time::sleep(REAL_LIMIT), if self.clock().is_virtual() => AttemptOutcome::TimedOut,
        }
    }

    /// The way of a webhook to its receiver and back: the answer's status, if one came.
    fn exchange(&self, post: WebhookPost) -> Option<Exchange> {
        if let Some(carrier) = self.carrier() {
            return Some(carrier(post));
        }
        let request = self
            .http()?
            .post(&post.url)
            .headers(post.headers)
            .header(CONTENT_TYPE, "application/json")
            .body(post.body);
        Some(Box::pin(async move {
            let answer = request.send().await.ok()?;
            let status = answer.status().as_u16();
            // Read to the end, so that the connection can be used again.
            answer.bytes().await.ok().map(|_| status)
        }))
    }

    /// Every delivery in the order of its event, copies included.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.read(|world| world.deliveries.clone())
    }

    /// Keeps webhooks back from now on, until [`GladlySim::release`].
    pub fn hold(&self) {
        self.act(|world, _| {
            world.held.get_or_insert_default();
        });
    }

    /// Lets go what was held back, in the given order, and holds no longer.
    /// Returns how many events were held. Faults do not apply to them.
    pub fn release(&self, release: &Release) -> usize {
        self.act(|world, _| {
            let held = world.held.as_ref().map_or(0, Vec::len);
            world.release_held(release);
            held
        })
    }
}

//! Somebody who has customers erased, at any moment: while they write, while a webhook is
//! on its way, while work waits to leave.

use super::calls::up_to;
use super::fleet::Fleet;
use super::gateway;
use super::stage::{Stage, pause};
use baton_domain::IdKey;
use baton_simulators::gladly::{GladlySim, Speaker};
use baton_simulators::random::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How often, and for how many times, it is looked whether somebody has written.
const WATCHES_EVERY: i64 = 500;
const WATCHES: u32 = 240;
/// How often a call is made until it is answered 2xx.
const TRIES: u32 = 8;

/// One who erases.
pub(super) struct Eraser {
    pub(super) stage: Arc<Stage>,
    pub(super) gladly: GladlySim,
    pub(super) fleet: Fleet,
    pub(super) token: &'static str,
    pub(super) id_key: IdKey,
    pub(super) connection: &'static str,
}

impl Eraser {
    /// Acts in every third run; the sessions whose erasure was answered 2xx.
    pub(super) async fn live(self) -> BTreeSet<String> {
        let mut random = self.stage.random("eraser");
        let mut accepted = BTreeSet::new();
        if random.below(3) > 0 {
            return accepted;
        }
        for _ in 0..=random.below(3) {
            pause(2_000 + up_to(&mut random, 120_000)).await;
            let chosen = match random.below(3) {
                0 => self.any(&mut random),
                _ => self.just_written().await.or_else(|| self.any(&mut random)),
            };
            if let Some(session) = chosen
                && self.erase(&session).await
            {
                accepted.insert(session);
            }
        }
        accepted
    }

    fn any(&self, random: &mut Random) -> Option<String> {
        let sessions = self.gladly.transcript();
        let place = random.below(sessions.len().max(1) as u64);
        let session = sessions.get(usize::try_from(place).unwrap_or(0))?;
        Some(session.session_id.clone())
    }

    /// Waits for a customer to write once more in a session: its webhook may still be on
    /// its way when the session is erased.
    async fn just_written(&self) -> Option<String> {
        let mut from = self.stage.clock.now();
        for _ in 0..WATCHES {
            pause(WATCHES_EVERY).await;
            let sessions = self.gladly.transcript();
            let found = sessions.iter().find(|session| {
                let mut lines = session
                    .lines
                    .iter()
                    .filter(|line| line.from == Speaker::Customer && line.is_message());
                lines.next().is_some() && lines.any(|line| line.at >= from)
            });
            if let Some(session) = found {
                return Some(session.session_id.clone());
            }
            from = self.stage.clock.now();
        }
        None
    }

    async fn erase(&self, session: &str) -> bool {
        let thread = self.id_key.thread(self.connection, session);
        let path = format!("/v1/conversations/{thread}/erase");
        let mut wait = 300;
        for _ in 0..TRIES {
            let headers =
                BTreeMap::from([("authorization".to_owned(), format!("Bearer {}", self.token))]);
            let answer = gateway::request(&self.fleet, "POST", &path, headers, String::new()).await;
            self.stage.note("eraser", || {
                format!("erases session {session} -> {}", answer.status)
            });
            match answer.status {
                200..=299 => return true,
                // The hub may not have heard of the session yet.
                404 => return false,
                _ => pause(wait).await,
            }
            wait *= 3;
        }
        false
    }
}

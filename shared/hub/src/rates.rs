//! Rate limits of platforms, kept across sandboxes without a shared counter.
//!
//! A sandbox that knows nothing of others goes at the whole limit, never beyond it,
//! so that a conversation on a quiet day waits for nobody. As soon as the platform
//! shows that the limit is near (a 429, or few requests remaining by its header), the
//! sandbox falls back to its share, the limit over the reserved concurrency, at a
//! moment of its own within the share's gap. Who gets through keeps that moment, who
//! gets another 429 draws a new one, so that many settle side by side. As long as
//! answers show that much remains, the gap shrinks again.

use baton_domain::Timestamp;
use baton_domain::time::SECOND;
use baton_platforms::http::Method;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Gladly's default: 10 requests a second for each method, over all tokens of an
/// organization (Gladly API 1.0, Rate limits). An answer's header may say another.
const GLADLY_PER_SECOND: i64 = baton_platforms::gladly::limits::REQUESTS_PER_SECOND as i64;
/// The limits that a header is believed in.
const BELIEVABLE: std::ops::RangeInclusive<i64> = 1..=1_000;
/// How long requests count as scarce after the last answer that told how many remain,
/// at least.
const SCARCE_FOR: i64 = 10 * SECOND;
/// So many requests may go at once after a pause, beside the one that is due.
const AT_ONCE: i64 = 3;
/// All shares together are this much of the limit, in percent: what is full to the
/// brim never recovers from a request that comes early.
const SHARED_PERCENT: i64 = 98;
/// After so many answers in a row with all but one remaining, the gap is halved.
const PLENTY: u32 = 2;
/// Chances are given as a number below this.
pub(crate) const CHANCES: i64 = 1_000;
/// So many of [`CHANCES`] sandboxes that could go faster than their share do: not all
/// at once, since each sees only what remains at its own moments.
const FASTER: i64 = 200;
/// How long a sandbox that falls back leaves the platform alone, so that what it
/// allows has grown again when the shares begin.
const LEFT_ALONE: i64 = SECOND;

/// The pace of this sandbox towards each platform account and method.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    sandboxes: i64,
    paces: Arc<Mutex<BTreeMap<(String, &'static str), Pace>>>,
}

/// A place in the queue for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Milliseconds until the request may go.
    pub(crate) wait: i64,
    /// The queue it is a place in: a sign of scarcity dissolves it.
    queue: u64,
}

/// What an answer says of the limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sign {
    /// Its status code.
    pub(crate) status: u16,
    /// Requests a second that the platform allows, by its header.
    pub(crate) limit: Option<i64>,
    /// Requests that remain in this second, by its header.
    pub(crate) remaining: Option<i64>,
}

#[derive(Clone, Debug)]
struct Pace {
    /// Requests a second that the platform allows.
    limit: i64,
    /// Milliseconds between requests while they are scarce: the share's, or less.
    gap: i64,
    /// Answers in a row with much remaining.
    plenty: u32,
    /// They are scarce until then.
    scarce_until: i64,
    /// No request before this.
    next: i64,
    /// The latest requests' moments, as many as a second may have.
    recent: VecDeque<i64>,
    /// Which queue stands.
    queue: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            limit: GLADLY_PER_SECOND,
            gap: 0,
            plenty: 0,
            scarce_until: 0,
            next: 0,
            recent: VecDeque::new(),
            queue: 0,
        }
    }
}

impl Pace {
    /// The gap at the whole limit.
    fn least_gap(&self) -> i64 {
        (SECOND + self.limit - 1) / self.limit
    }

    /// The gap at one sandbox's share.
    fn share_gap(&self, sandboxes: i64) -> i64 {
        (sandboxes * SECOND * 100) / (self.limit * SHARED_PERCENT) + 1
    }

    fn is_scarce(&self, now: Timestamp) -> bool {
        now.0 < self.scarce_until
    }

    fn take(&mut self, now: Timestamp, most: i64) -> Option<Slot> {
        let (gap, credit) = if self.is_scarce(now) {
            (self.gap, 0)
        } else {
            let gap = self.least_gap();
            (gap, gap * AT_ONCE.min(self.limit - 1))
        };
        let limit = usize::try_from(self.limit).unwrap_or(1);
        while self.recent.len() > limit {
            self.recent.pop_front();
        }
        // Whatever may go at once: never more than the limit within any second.
        let second = self
            .recent
            .front()
            .filter(|_| self.recent.len() == limit)
            .map_or(i64::MIN, |oldest| oldest.saturating_add(SECOND));
        let start = self.next.max(now.0 - credit).max(second);
        let wait = (start - now.0).max(0);
        if wait > most {
            return None;
        }
        self.next = start + gap;
        self.recent.push_back(start.max(now.0));
        Some(Slot {
            wait,
            queue: self.queue,
        })
    }

    /// Every request that waits takes a new place, from a moment of this sandbox's own.
    fn fall_back(&mut self, share: i64, now: Timestamp, chance: i64) {
        self.gap = share;
        self.plenty = 0;
        self.next = now.0 + LEFT_ALONE + share * chance / CHANCES;
        self.recent.clear();
        self.queue += 1;
    }

    fn learn(&mut self, sign: &Sign, sandboxes: i64, now: Timestamp, chance: i64) {
        if let Some(limit) = sign.limit.filter(|limit| BELIEVABLE.contains(limit)) {
            self.limit = limit;
        }
        let (least, share) = (self.least_gap(), self.share_gap(sandboxes));
        let scarce = self.is_scarce(now);
        // A sandbox must be heard again before its knowledge ends.
        let lasts = now.plus(SCARCE_FOR.max(2 * share)).0;
        let own = self
            .recent
            .iter()
            .filter(|at| now.since(Timestamp(**at)) < SECOND);
        let own = i64::try_from(own.count()).unwrap_or_default();
        match sign.remaining {
            _ if sign.status == 429 => {
                self.fall_back(share, now, chance);
                self.scarce_until = lasts;
            }
            Some(left) if left * 5 < self.limit => {
                // Who goes at the share already keeps its moment: it works.
                if !scarce || self.gap < share {
                    self.fall_back(share, now, chance);
                }
                self.scarce_until = lasts;
            }
            // Not scarce, but others took half of it.
            Some(left) if !scarce && (self.limit - left - own) * 2 >= self.limit => {
                self.fall_back(share, now, chance);
                self.scarce_until = lasts;
            }
            Some(left) if scarce => {
                // Halving keeps the moments that work and adds one between each two.
                if left >= self.limit - 1 {
                    self.plenty += 1;
                    if self.plenty >= PLENTY && (self.gap < share || chance < FASTER) {
                        self.plenty = 0;
                        self.gap = (self.gap / 2).max(least);
                    }
                } else {
                    self.plenty = 0;
                    if left * 2 < self.limit {
                        self.gap = share;
                    }
                }
                self.scarce_until = lasts;
            }
            _ => {}
        }
    }
}

impl Rates {
    /// The pace of one of `concurrency` sandboxes; 0 is unknown and counts as one.
    #[must_use]
    pub(crate) fn new(concurrency: u32) -> Self {
        Self {
            sandboxes: i64::from(concurrency.clamp(1, 100_000)),
            paces: Arc::default(),
        }
    }

    fn paces(&self) -> MutexGuard<'_, BTreeMap<(String, &'static str), Pace>> {
        self.paces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the next request may go; the place is taken. `None` where that is more than
    /// `most` milliseconds away: no place is taken then, or a queue that nobody stands in
    /// any more would go on growing.
    #[must_use]
    pub(crate) fn take(
        &self,
        base: &str,
        method: Method,
        now: Timestamp,
        most: i64,
    ) -> Option<Slot> {
        let mut paces = self.paces();
        let pace = paces.entry((base.to_owned(), method.as_str())).or_default();
        pace.take(now, most)
    }

    /// Whether a place that was waited for still counts. Where it does not, requests
    /// became scarce meanwhile, and another must be taken.
    #[must_use]
    pub(crate) fn holds(&self, base: &str, method: Method, slot: Slot) -> bool {
        let paces = self.paces();
        let pace = paces.get(&(base.to_owned(), method.as_str()));
        slot.wait == 0 || pace.is_none_or(|pace| pace.queue == slot.queue)
    }

    /// Learns from an answer. `chance` is a random number below [`CHANCES`].
    pub(crate) fn learn(
        &self,
        base: &str,
        method: Method,
        sign: &Sign,
        now: Timestamp,
        chance: i64,
    ) {
        let mut paces = self.paces();
        let pace = paces.entry((base.to_owned(), method.as_str())).or_default();
        pace.learn(sign, self.sandboxes, now, chance);
    }
}

#[cfg(test)]
mod tests;

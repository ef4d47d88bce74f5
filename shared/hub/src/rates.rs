//! Rate limits of platforms, kept across sandboxes without a shared counter.
//!
//! No sandbox alone goes beyond the whole limit. As soon as the platform shows that
//! the limit is near (a 429, or few requests remaining in its header), a sandbox
//! falls back to its share, the limit over the reserved concurrency, for a while.

use baton_domain::Timestamp;
use baton_domain::time::SECOND;
use baton_platforms::http::Method;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Gladly's default: 10 requests a second for each method, over all tokens of an
/// organization (Gladly API 1.0, Rate limits).
const GLADLY_PER_SECOND: f64 = 10.0;
/// How long a sandbox keeps to its share after a sign of scarcity.
const SCARCE_FOR: i64 = 10 * SECOND;
/// Fewer remaining requests than this are a sign of scarcity.
const FEW_REMAIN: i64 = 2;

/// The pace of this sandbox towards each platform account and method.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    sandboxes: f64,
    paces: Arc<Mutex<BTreeMap<(String, &'static str), Pace>>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// No request before this.
    next: i64,
    /// Keep to the share until then.
    scarce_until: i64,
}

impl Rates {
    /// The pace of one of `concurrency` sandboxes; 0 is unknown and counts as one.
    #[must_use]
    pub(crate) fn new(concurrency: u32) -> Self {
        Self {
            sandboxes: f64::from(concurrency.max(1)),
            paces: Arc::default(),
        }
    }

    /// How many milliseconds to wait before the next request; the place is taken.
    /// `None` where that is more than `most`: no place is taken then, or a queue that
    /// nobody stands in any more would go on growing.
    #[must_use]
    pub(crate) fn take(
        &self,
        base: &str,
        method: Method,
        now: Timestamp,
        most: i64,
    ) -> Option<i64> {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = paces.entry((base.to_owned(), method.as_str())).or_default();
        let rate = if now.0 < pace.scarce_until {
            GLADLY_PER_SECOND / self.sandboxes
        } else {
            GLADLY_PER_SECOND
        };
        #[allow(clippy::cast_possible_truncation)] // at most minutes, in milliseconds
        let gap = (1_000.0 / rate).ceil() as i64;
        // Up to half a second's worth may go at once after a pause.
        let start = pace.next.max(now.0 - 500);
        let wait = (start - now.0).max(0);
        if wait > most {
            return None;
        }
        pace.next = start + gap;
        Some(wait)
    }

    /// Learns from an answer.
    pub(crate) fn learn(
        &self,
        base: &str,
        method: Method,
        status: u16,
        remaining: Option<i64>,
        now: Timestamp,
    ) {
        if status == 429 || remaining.is_some_and(|left| left < FEW_REMAIN) {
            let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
            let pace = paces.entry((base.to_owned(), method.as_str())).or_default();
            pace.scarce_until = now.plus(SCARCE_FOR).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(rates: &Rates, at: i64) -> i64 {
        let wait = rates.take("a", Method::Post, Timestamp(at), 60 * SECOND);
        wait.expect("a minute is enough")
    }

    #[test]
    fn alone_it_never_exceeds_the_limit_and_when_scarce_its_share() {
        let rates = Rates::new(5);
        let mut at = 100_000;
        for _ in 0..50 {
            at += take(&rates, at);
        }
        assert!(
            at - 100_000 >= 4_300,
            "50 requests took {} ms",
            at - 100_000
        );
        rates.learn("a", Method::Post, 429, None, Timestamp(at));
        let start = at;
        for _ in 0..5 {
            at += take(&rates, at);
        }
        assert!(at - start >= 1_900, "5 requests took {} ms", at - start);
        let other = rates.take("a", Method::Get, Timestamp(at), 0);
        assert_eq!(other, Some(0));
    }

    #[test]
    fn a_request_that_cannot_wait_takes_no_place() {
        let rates = Rates::new(1);
        while rates.take("a", Method::Post, Timestamp(0), 0).is_some() {}
        // bites: taking the place before looking at how long it may wait.
        for _ in 0..1_000 {
            assert_eq!(rates.take("a", Method::Post, Timestamp(0), 0), None);
        }
        let next = rates.take("a", Method::Post, Timestamp(0), SECOND);
        assert!(next.is_some_and(|wait| wait <= 200), "{next:?}");
    }
}

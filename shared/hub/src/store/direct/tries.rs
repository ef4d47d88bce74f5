//! Which failures are tried again, how often and after how long: by the rules of the
//! SDK's standard retries (AWS SDKs and Tools Reference Guide, "Retry behavior").

use aws_smithy_types::retry::RetryConfig;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What a budget of repetitions holds when it is full.
const FULL: u32 = 500;
/// Statuses that pass.
const PASSING: [u16; 4] = [500, 502, 503, 504];
/// Codes of whoever asks too much or too fast.
const THROTTLED: [&str; 14] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
];
/// Codes of requests that took too long to arrive.
const LATE: [&str; 2] = ["RequestTimeout", "RequestTimeoutException"];

/// Why a try may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It went wrong on the way or at the other end.
    Passing,
    /// There were too many.
    Throttled,
    /// It was signed for a wrong time, which is known now.
    Skewed,
}

impl Again {
    /// Whether a refusal may be repeated.
    pub(super) fn of(status: u16, code: &str) -> Option<Self> {
        if THROTTLED.contains(&code) {
            Some(Self::Throttled)
        } else if LATE.contains(&code) || PASSING.contains(&status) {
            Some(Self::Passing)
        } else {
            None
        }
    }

    /// What a repetition takes from the budget.
    fn costs(self) -> u32 {
        match self {
            Self::Passing => 10,
            Self::Throttled | Self::Skewed => 5,
        }
    }
}

/// How often a request is tried, and what there is for repetitions: while everything
/// fails, they end after some dozens, and load is not multiplied.
#[derive(Debug)]
pub(super) struct Tries {
    /// Tries of one request, the first included.
    pub(super) most: u32,
    /// What the wait before the first repetition is below. It doubles each time.
    pub(super) first: Duration,
    /// What every wait is below.
    pub(super) longest: Duration,
    budget: AtomicU32,
}

impl Tries {
    /// As configured.
    pub(super) fn of(retries: &RetryConfig) -> Self {
        Self::new(
            retries.max_attempts(),
            retries.initial_backoff(),
            retries.max_backoff(),
        )
    }

    fn new(most: u32, first: Duration, longest: Duration) -> Self {
        Self {
            most,
            first,
            longest,
            budget: AtomicU32::new(FULL),
        }
    }

    /// How long to wait before repeating the `number`th try, from 1, and what it took
    /// from the budget; `None` if it is not to be repeated. `asked` is how long DynamoDB
    /// wants to be left alone.
    pub(super) fn repeat(
        &self,
        number: u32,
        again: Again,
        asked: Option<Duration>,
    ) -> Option<(Duration, u32)> {
        if number >= self.most {
            return None;
        }
        let cost = again.costs();
        let left = |budget: u32| budget.checked_sub(cost);
        let order = Ordering::Relaxed;
        self.budget.fetch_update(order, order, left).ok()?;
        let doubled = 2u32.saturating_pow(number.saturating_sub(1));
        let most = self.first.saturating_mul(doubled).min(self.longest);
        let wait = asked.map_or_else(
            || most.mul_f64(fastrand::f64()),
            |asked| asked.min(self.longest),
        );
        Some((wait, cost))
    }

    /// A request went well; its last repetition had taken `cost`.
    pub(super) fn succeeded(&self, cost: Option<u32>) {
        if self.budget.load(Ordering::Relaxed) < FULL {
            let more = |budget: u32| Some(budget.saturating_add(cost.unwrap_or(1)).min(FULL));
            let order = Ordering::Relaxed;
            let _always = self.budget.fetch_update(order, order, more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_passes_is_repeated_and_what_lasts_is_not() {
        for (status, code, again) in [
            (400, "ThrottlingException", Some(Again::Throttled)),
            (
                400,
                "ProvisionedThroughputExceededException",
                Some(Again::Throttled),
            ),
            (400, "RequestLimitExceeded", Some(Again::Throttled)),
            (400, "RequestTimeout", Some(Again::Passing)),
            (500, "InternalServerError", Some(Again::Passing)),
            (503, "", Some(Again::Passing)),
            (501, "", None),
            (400, "ConditionalCheckFailedException", None),
            (400, "TransactionConflictException", None),
            (400, "ValidationException", None),
            (400, "ResourceNotFoundException", None),
            (403, "AccessDeniedException", None),
        ] {
            assert_eq!(Again::of(status, code), again, "{status} {code}");
        }
    }

    #[test]
    fn waits_double_with_full_jitter_and_end() {
        let tries = Tries::new(4, SECOND, 3 * SECOND);
        let mut longest = [Duration::ZERO; 4];
        for _ in 0..200 {
            for (number, longest) in (1..).zip(&mut longest) {
                let repeat = tries.repeat(number, Again::Throttled, None);
                let wait = repeat.map_or(Duration::ZERO, |(wait, _)| wait);
                *longest = (*longest).max(wait);
                tries.succeeded(repeat.map(|(_, cost)| cost));
            }
        }
        for (longest, limit) in longest.iter().zip([1, 2, 3, 0]) {
            let limit = limit * SECOND;
            assert!(
                *longest <= limit && *longest >= limit.mul_f64(0.8),
                "{longest:?}"
            );
        }
        let asked = |wait| tries.repeat(1, Again::Throttled, Some(wait));
        assert_eq!(asked(2 * SECOND), Some((2 * SECOND, 5)));
        assert_eq!(asked(9 * SECOND), Some((3 * SECOND, 5)));
    }

    #[test]
    fn a_budget_ends_repetitions_and_successes_fill_it() {
        let tries = Tries::new(3, Duration::ZERO, SECOND);
        let repeated = (0..1_000).filter(|_| tries.repeat(1, Again::Passing, None).is_some());
        assert_eq!(repeated.count(), 50);
        for _ in 0..9 {
            tries.succeeded(None);
        }
        assert_eq!(tries.repeat(1, Again::Passing, None), None);
        tries.succeeded(None);
        assert!(tries.repeat(1, Again::Passing, None).is_some());
        tries.succeeded(Some(10));
        assert!(tries.repeat(1, Again::Passing, None).is_some());
        for _ in 0..1_000 {
            tries.succeeded(None);
        }
        let repeated = (0..1_000).filter(|_| tries.repeat(1, Again::Throttled, None).is_some());
        assert_eq!(repeated.count(), 100);
    }
}

//! What was seen against the model.

use super::cloud::Cloud;
use super::sessions::Model;
use baton_domain::Timestamp;
use std::sync::PoisonError;

/// How late deadlines were, in milliseconds, sorted; and what went wrong.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Lateness by the true time of the append that a timer counts from.
    pub truly: Vec<i64>,
    /// Lateness by the log's time of it.
    pub by_log: Vec<i64>,
    /// Conversations that were closed more than once.
    pub twice: usize,
    /// Conversations that were never closed.
    pub never: usize,
    /// When the last was closed.
    pub last: Timestamp,
    /// The latest ones: lateness by the log's time, thread, when it was to be closed.
    pub worst: Vec<(i64, String, Timestamp)>,
}

/// How many of the latest are kept.
const WORST: usize = 5;

impl Verdict {
    /// Compares.
    #[must_use]
    pub fn of(cloud: &Cloud, model: &Model) -> Self {
        let closed = cloud.closed();
        let mut verdict = Self::default();
        let model = model.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, expected) in model.iter() {
            match closed.get(id.as_str()).map(Vec::as_slice) {
                None | Some([]) => verdict.never += 1,
                Some([at, more @ ..]) => {
                    verdict.twice += usize::from(!more.is_empty());
                    verdict.truly.push(at.since(expected.truly));
                    verdict.by_log.push(at.since(expected.by_log));
                    verdict.last = verdict.last.max(*at);
                    let late = at.since(expected.by_log);
                    let worst = (late, id.as_str().to_owned(), expected.by_log);
                    verdict.worst.push(worst);
                }
            }
        }
        verdict.worst.sort_unstable_by_key(|(late, ..)| -late);
        verdict.worst.truncate(WORST);
        verdict.truly.sort_unstable();
        verdict.by_log.sort_unstable();
        verdict
    }

    /// The smaller of both earliest: negative where one came early.
    #[must_use]
    pub fn earliest(&self) -> i64 {
        let first = |late: &[i64]| late.first().copied().unwrap_or_default();
        first(&self.truly).min(first(&self.by_log))
    }

    /// A share of all was no later than this, by the log's time and by the true one.
    #[must_use]
    pub fn within(&self, share: f64) -> i64 {
        percentile(&self.by_log, share).max(percentile(&self.truly, share))
    }

    /// The latest.
    #[must_use]
    pub fn latest(&self) -> i64 {
        self.within(1.0)
    }

    /// Whether every conversation was closed, and once.
    #[must_use]
    pub fn all_once(&self) -> bool {
        self.never == 0 && self.twice == 0 && !self.truly.is_empty()
    }
}

/// The value that this share of a sorted list does not exceed; 0 of an empty one.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
pub fn percentile(sorted: &[i64], share: f64) -> i64 {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    let place = place.clamp(1, sorted.len().max(1)) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<i64> = (1..=200).collect();
        assert_eq!(percentile(&values, 0.99), 198);
        assert_eq!(percentile(&values, 1.0), 200);
        assert_eq!(percentile(&values, 0.0), 1);
        assert_eq!(percentile(&[], 0.5), 0);
    }
}

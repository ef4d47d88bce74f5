//! How often requests were tried, and how long was waited in between.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How requests to DynamoDB were tried, as their headers tell.
#[derive(Clone, Debug, Default)]
pub struct Tries {
    /// Requests by the number of the try, from 1.
    pub by_number: BTreeMap<u32, u64>,
    /// The time between a try and the one before, by the number of the later; the latest
    /// thousands.
    pub waits: BTreeMap<u32, VecDeque<Duration>>,
    last: HashMap<String, Instant>,
    order: VecDeque<String>,
}

impl Tries {
    /// Notes a try. `info` is the header `amz-sdk-request` (`attempt=1; max=3`),
    /// `invocation` is what all tries of one operation have in common.
    pub(super) fn note(&mut self, invocation: String, info: &str) {
        const REMEMBERED: usize = 5_000;
        let number = info
            .split(';')
            .find_map(|part| part.trim().strip_prefix("attempt=")?.parse().ok());
        let Some(number) = number else { return };
        *self.by_number.entry(number).or_default() += 1;
        let now = Instant::now();
        if let Some(before) = self.last.insert(invocation.clone(), now) {
            let waits = self.waits.entry(number).or_default();
            waits.push_back(now - before);
            if waits.len() > REMEMBERED {
                waits.pop_front();
            }
        } else {
            self.order.push_back(invocation);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.last.remove(&oldest);
        }
    }
}

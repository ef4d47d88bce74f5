//! What DynamoDB lets through: each partition of the table, and of the index `due`,
//! takes so many write units a second and throttles what comes above that.
//!
//! The index has a partition per shard, as its keys are eight. A write that changes the
//! index is throttled where the index is: that is its back-pressure on the table.
//! Source: DynamoDB developer guide, "Partitions and data distribution" (1,000 write
//! units a second and partition) and "Understanding throttling with GSIs".

use baton_domain::Timestamp;
use baton_hub::store::item::SHARDS;

/// A partition: what it may still take, filled up continuously to a second's worth.
#[derive(Clone, Copy, Debug)]
struct Partition {
    units: f64,
    at: Timestamp,
}

impl Partition {
    fn fill(&mut self, now: Timestamp, rate: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "spans of milliseconds are small"
        )]
        let since = now.since(self.at).max(0) as f64;
        self.units = (self.units + since * rate / 1e3).min(rate);
        self.at = now.max(self.at);
        self.units
    }
}

/// Where a write goes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The table's partition.
    pub table: usize,
    /// The index's, where it changes.
    pub index: Option<usize>,
}

/// The write capacity of a table and its index.
#[derive(Debug)]
pub struct Capacity {
    rate: f64,
    table: Vec<Partition>,
    index: Vec<Partition>,
    /// How many writes were throttled.
    pub throttled: u64,
}

impl Capacity {
    /// Of a table with so many partitions, each of `rate` write units a second.
    #[must_use]
    pub fn new(partitions: usize, rate: f64, now: Timestamp) -> Self {
        let partition = Partition {
            units: rate,
            at: now,
        };
        Self {
            rate,
            table: vec![partition; partitions.max(1)],
            index: vec![partition; SHARDS as usize],
            throttled: 0,
        }
    }

    /// Where a write to the item of this partition key goes.
    #[must_use]
    pub fn target(&self, pk: &str, shard: Option<usize>) -> Target {
        // FNV-1a: anything that spreads.
        let hash = pk.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let partitions = u64::try_from(self.table.len()).unwrap_or(1);
        Target {
            table: usize::try_from((hash >> 17) % partitions).unwrap_or_default(),
            index: shard,
        }
    }

    /// Whether the write is let through.
    pub fn admits(&mut self, target: Target, now: Timestamp) -> bool {
        let rate = self.rate;
        let table = self.table.get_mut(target.table);
        let index = target.index.and_then(|shard| self.index.get_mut(shard));
        let free = table.is_none_or(|table| table.fill(now, rate) >= 1.0)
            && index.is_none_or(|index| index.fill(now, rate) >= 1.0);
        self.throttled += u64::from(!free);
        free
    }

    /// Counts what a write has consumed.
    pub fn consume(&mut self, target: Target, table: f64, index: f64) {
        if let Some(partition) = self.table.get_mut(target.table) {
            partition.units -= table;
        }
        if let Some(partition) = target.index.and_then(|shard| self.index.get_mut(shard)) {
            partition.units -= index;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_takes_its_rate_and_no_more() {
        let mut capacity = Capacity::new(1, 1_000.0, Timestamp(0));
        let target = capacity.target("thr_a", Some(3));
        let mut let_through = 0;
        for ms in 0..3_000 {
            for _ in 0..5 {
                if capacity.admits(target, Timestamp(ms)) {
                    capacity.consume(target, 1.0, 1.0);
                    let_through += 1;
                }
            }
        }
        // A second's worth was there at the start.
        assert!((3_999..=4_000).contains(&let_through), "{let_through}");
        assert_eq!(capacity.throttled, 15_000 - let_through);
    }

    #[test]
    fn the_index_holds_back_the_table() {
        let mut capacity = Capacity::new(4, 1_000.0, Timestamp(0));
        let hot = capacity.target("thr_a", Some(3));
        capacity.consume(hot, 0.0, 1_000.0);
        assert!(!capacity.admits(hot, Timestamp(0)));
        let elsewhere = capacity.target("thr_a", Some(4));
        assert!(capacity.admits(elsewhere, Timestamp(0)));
        assert!(capacity.admits(hot, Timestamp(1)), "one unit a millisecond");
    }
}

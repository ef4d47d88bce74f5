//! Deadlines at scale: the hub's own sweep over the embedded store, on a virtual clock,
//! with what AWS does to it. No sockets, no waiting.
//!
//! | module | subject |
//! |---|---|
//! | [`time`] | the true time, and sandboxes whose clocks are off |
//! | [`cloud`] | the store that all share, with an index that lags |
//! | [`capacity`] | its partitions, which throttle |
//! | [`sandbox`] | a sandbox's processor, and its way to the store |
//! | [`fleet`] | the function `sweep`: places, queue, slices from the bus |
//! | [`ticks`] | the minute rule: late, lost and doubled |
//! | [`sessions`] | conversations, and when each must be closed |
//! | [`verdict`] | what was seen against that |
//! | [`lateness`] | experiment: deadlines spread out |
//! | [`burst`] | experiment: everything due in one second |
//! | [`flat`] | experiment: what a sweep costs beside ever more live conversations |
//! | [`shard`] | experiment: a shard of the stream with a slow bot |
//! | [`process`] | the real binary: processor time of a row, memory of a sandbox |

pub mod burst;
pub mod capacity;
pub mod cloud;
pub mod flat;
pub mod fleet;
pub mod lateness;
pub mod process;
pub mod sandbox;
pub mod sessions;
pub mod shard;
pub mod ticks;
pub mod time;
pub mod verdict;

//! The memory of one sandbox over many webhooks, and what it has at the end.

use crate::accounting::{memory_mb, peak_memory_mb};
use crate::stand::Stand;
use crate::table::Row;
use baton_tests::scene::Failed;

/// Calls after which memory is read for the first time, and calls in between.
const WARM_UP: usize = 1_000;
const CALLS: usize = 100_000;
/// How much more it may be, in MB, and how much at most.
const LIMIT: f64 = 1.0;
const MOST: f64 = 9.0;

pub(crate) async fn measure(stand: &Stand) -> Result<Vec<Row>, Failed> {
    let program = stand.start(&stand.function("gladly")?).await?;
    for number in 0..WARM_UP {
        program.call(stand.webhook("growth", number), 200).await?;
    }
    let before = memory_mb(program.id())?;
    for number in WARM_UP..WARM_UP + CALLS {
        program.call(stand.webhook("growth", number), 200).await?;
    }
    let after = memory_mb(program.id())?;
    let peak = peak_memory_mb(program.id())?;
    Ok(vec![
        Row::at_most(
            "memory, growth over 100,000 webhooks: gladly",
            after - before,
            LIMIT,
            "MB",
            2,
        )
        .beside(format!("{before:.1} MB after {WARM_UP}")),
        Row::at_most("memory after 100,000 webhooks: gladly", peak, MOST, "MB", 1)
            .kept("used_mb", "gladly", peak),
    ])
}

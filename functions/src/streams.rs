//! The stream's consumers and the sweep.

use baton_hub::metrics::INVOCATION;
use baton_hub::publish::Publisher;
use baton_hub::relay::Relay;
use baton_hub::stream::{BatchAnswer, StreamBatch};
use baton_hub::sweep::{SLICE_EVENT, Slice, Sweep};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long a tick may run before it must leave time to end: the function's timeout
/// is 150 s.
const SWEEP_RUNS: i64 = 120_000;

/// What customers wait for.
pub async fn relay(relay: Relay, batch: StreamBatch) -> BatchAnswer {
    let records = batch.records.len();
    told_of(records, relay.batch(batch).await)
}

/// What may be late.
pub async fn publish(publisher: Publisher, batch: StreamBatch) -> BatchAnswer {
    let records = batch.records.len();
    told_of(records, publisher.batch(batch).await)
}

fn told_of(records: usize, answer: BatchAnswer) -> BatchAnswer {
    let comes_again = !answer.failures.is_empty();
    tracing::info!(target: INVOCATION, records, comes_again, "a batch of the stream");
    answer
}

/// What EventBridge sends to the sweep: the minute's tick, or a slice.
#[derive(Debug, Default, Deserialize)]
pub struct SweepEvent {
    #[serde(rename = "detail-type", default)]
    detail_type: String,
    #[serde(default)]
    detail: Value,
}

/// What a sweep did, for the log.
#[derive(Debug, Serialize)]
pub struct SweepAnswer {
    /// Rows worked on.
    pub rows: usize,
    /// Rows put on the bus.
    pub sliced: usize,
}

/// Everything that is due.
///
/// # Errors
/// When the table fails; the next tick goes on.
pub async fn sweep(sweep: Sweep, event: SweepEvent) -> Result<SweepAnswer, lambda_runtime::Error> {
    let swept = if event.detail_type == SLICE_EVENT {
        sweep
            .run_slice(serde_json::from_value::<Slice>(event.detail)?)
            .await
    } else {
        sweep.run(SWEEP_RUNS).await?
    };
    tracing::info!(target: INVOCATION, rows = swept.rows, sliced = swept.sliced, "what was due");
    Ok(SweepAnswer {
        rows: swept.rows,
        sliced: swept.sliced,
    })
}

//! What a sweep costs beside ever more live conversations, of which a hundred are due.

use super::cloud::{Cloud, Failed, TABLE, Weather};
use super::fleet::{Fleet, Sandboxes};
use super::sandbox::Size;
use super::sessions::{LONG, Sessions, connections};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use baton_domain::time::{DAY, SECOND};
use baton_hub::store::item::shard_of;
use baton_hub::store::{Mechanism, Tally};
use baton_local::invoke::Functions;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many are due.
pub const DUE: usize = 100;
/// Sweeps measured at each size; the fastest counts, as others only disturb.
const ROUNDS: usize = 5;
/// Items that a request writes at most. Source: DynamoDB API reference,
/// `BatchWriteItem`.
const BATCH: usize = 25;

/// What a sweep cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Live conversations beside those due.
    pub live: usize,
    /// Read units of finding what is due.
    pub found: f64,
    /// Read units in all.
    pub read: f64,
    /// Time on the machine's clock.
    pub wall: Duration,
}

/// What the live conversations are doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// Nobody looks at them before tomorrow.
    Quiet,
    /// Their bots answered a minute ago: the sweep watches them.
    Watched,
}

/// Measures beside each of these numbers of live conversations, in ascending order.
///
/// # Errors
/// When the store or the template fail, or not everything due was closed.
pub async fn run(sizes: &[usize], kind: Live) -> Result<Vec<Cost>, Failed> {
    let weather = Weather {
        index_lag: 0,
        partitions: None,
        seed: 1,
    };
    let cloud = Cloud::new(weather, connections()).await?;
    let mut costs = Vec::new();
    let mut live = 0;
    let mut first = 0;
    for size in sizes {
        fill(&cloud, live, *size, kind).await?;
        live = *size;
        let mut cheapest: Option<Cost> = None;
        // A watch lasts some minutes, and a round two.
        let rounds = if kind == Live::Quiet { ROUNDS } else { 1 };
        for _ in 0..rounds {
            let cost = sweep(&cloud, live, first).await?;
            first += DUE;
            cheapest = Some(match cheapest {
                Some(known) if known.wall <= cost.wall => known,
                _ => cost,
            });
        }
        costs.extend(cheapest);
    }
    Ok(costs)
}

/// Makes a hundred conversations due, and lets a sweep of its own do them.
async fn sweep(cloud: &Arc<Cloud>, live: usize, first: usize) -> Result<Cost, Failed> {
    let size = Size {
        work: None,
        latency: Duration::ZERO,
    };
    let sandboxes = Sandboxes {
        size,
        skew: 0,
        limit: None,
    };
    let sessions = Sessions::new(cloud, 0);
    let now = cloud.time.now().since(super::time::BEGIN);
    sessions.numbered(first, DUE, now, (10, 60)).await?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let fleet = Fleet::new(cloud, sandboxes, u64::try_from(first)?)?;
    let closed = cloud.closings();
    let began = Instant::now();
    let event = serde_json::json!({"detail-type": "Scheduled Event", "detail": {}});
    fleet
        .invoke("sweep", event.to_string().into_bytes())
        .await?;
    let wall = began.elapsed();
    if cloud.closings() != closed + DUE {
        return Err(format!("{} were closed", cloud.closings() - closed).into());
    }
    let mut cost = Cost {
        live,
        found: 0.0,
        read: 0.0,
        wall,
    };
    for store in &fleet.seen().stores {
        let tallies = store.units().tallies();
        let read = |tally: &Tally| tally.read;
        cost.found += tallies.get(&Mechanism::DueIndex).map_or(0.0, read);
        cost.read += tallies.values().map(read).sum::<f64>();
    }
    Ok(cost)
}

/// Fills the table with live conversations up to `to`, with the entries of one that was
/// really made.
async fn fill(cloud: &Arc<Cloud>, from: usize, to: usize, kind: Live) -> Result<(), Failed> {
    let core = cloud.free_core("filler", 0);
    let watched = kind == Live::Watched;
    let entries = Sessions::new(cloud, 0).entries(LONG, watched)?;
    let now = cloud.time.now();
    let connection = format!("shop-{}", LONG.0);
    let numbers: Vec<usize> = (from..to).collect();
    for batch in numbers.chunks(BATCH / entries.len()) {
        let mut puts = Vec::with_capacity(BATCH);
        for number in batch {
            let id = core
                .id_key
                .held()
                .unwrap()
                .thread(&connection, &format!("live-{number}"));
            let (id, shard) = (id.as_str(), shard_of(id.as_str()));
            let armed = match kind {
                Live::Quiet => now.plus(DAY + i64::try_from(*number)?),
                Live::Watched => now.plus(LONG.0 * SECOND),
            };
            for (place, entry) in entries.iter().enumerate() {
                let armed = match place {
                    0 => format!(
                        r#""ds":{{"S":"{shard}"}},"due":{{"N":"{}"}},"#,
                        armed.seconds_up()
                    ),
                    _ => String::new(),
                };
                puts.push(format!(
                    r#"{{"PutRequest":{{"Item":{{"pk":{{"S":"{id}"}},{armed}{entry}}}}}}}"#
                ));
            }
        }
        let body = format!(r#"{{"RequestItems":{{"{TABLE}":[{}]}}}}"#, puts.join(","));
        let mut request = HttpRequest::new(SdkBody::from(body));
        request
            .headers_mut()
            .insert("x-amz-target", "DynamoDB_20120810.BatchWriteItem");
        let answer = cloud.plain_engine().call(request).await?;
        if !answer.status().is_success() {
            return Err("the table could not be filled".into());
        }
    }
    if watched {
        // Their armed time passes.
        tokio::time::sleep(Duration::from_secs(LONG.0.unsigned_abs())).await;
    }
    Ok(())
}

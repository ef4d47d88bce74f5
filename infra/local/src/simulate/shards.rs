//! The table's stream: a few shards by partition key, each in order, read by each
//! function on its own; batches cut anywhere, late, repeated, and standing still.

use super::fleet::Fleet;
use super::stage::{Stage, between, locked};
use super::weather::Fault;
use crate::engine::{Engine, EngineError};
use crate::hub::TABLE;
use crate::invoke::Functions;
use crate::template::StreamMapping;
use baton_simulators::random::Random;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

const SHARDS: usize = 3;
/// How long a shard stands still.
const STOPPED_FOR: Duration = Duration::from_secs(600);
/// The first wait after a failed batch; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A record, ready to be handed over.
#[derive(Debug)]
struct Record {
    number: String,
    json: Value,
}

/// One shard's records so far.
#[derive(Debug, Default)]
struct Shard(Mutex<Vec<Arc<Record>>>);

/// The stream's readers.
#[derive(Debug)]
pub(super) struct Shards {
    shards: Vec<Arc<Shard>>,
    readers: Vec<Arc<Mutex<Progress>>>,
}

/// How far one function has come in one shard.
#[derive(Debug)]
struct Progress {
    shard: usize,
    done: usize,
}

impl Shards {
    /// Starts readers for every mapping of the template.
    pub(super) fn start(fleet: &Fleet, engine: &Engine) -> Arc<Self> {
        let shards: Vec<Arc<Shard>> = (0..SHARDS).map(|_| Arc::default()).collect();
        let (grown, growth) = watch::channel(0u64);
        let mut readers = Vec::new();
        for mapping in &fleet.template().streams {
            for (place, shard) in shards.iter().enumerate() {
                let progress = Arc::new(Mutex::new(Progress {
                    shard: place,
                    done: 0,
                }));
                readers.push(progress.clone());
                let name = format!("stream {} {place}", mapping.function);
                let reader = Reader {
                    fleet: fleet.clone(),
                    random: fleet.stage().random(&name),
                    name,
                    mapping: mapping.clone(),
                    shard: shard.clone(),
                    progress,
                    growth: growth.clone(),
                };
                tokio::spawn(reader.run());
            }
        }
        let stream = Arc::new(Self { shards, readers });
        tokio::spawn(feed(engine.clone(), stream.shards.clone(), grown));
        stream
    }

    /// Whether all readers have read everything there is.
    pub(super) fn are_read(&self) -> bool {
        self.readers.iter().all(|reader| {
            let progress = locked(reader);
            let there = self
                .shards
                .get(progress.shard)
                .map(|it| locked(&it.0).len());
            there.is_none_or(|there| progress.done >= there)
        })
    }
}

/// Brings new records into their shards.
async fn feed(engine: Engine, shards: Vec<Arc<Shard>>, grown: watch::Sender<u64>) {
    let mut writes = engine.writes();
    let mut after: Option<String> = None;
    loop {
        if let Err(error) = read_on(&engine, &shards, &mut after).await {
            tracing::error!(%error, "the stream cannot be read");
        }
        grown.send_modify(|count| *count += 1);
        if writes.changed().await.is_err() {
            return;
        }
    }
}

async fn read_on(
    engine: &Engine,
    shards: &[Arc<Shard>],
    after: &mut Option<String>,
) -> Result<(), EngineError> {
    loop {
        let page = engine.stream_records(TABLE, after.as_deref(), 500).await?;
        let Some(last) = page.last else {
            return Ok(());
        };
        *after = Some(last);
        for json in page.records {
            let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str);
            let key = text("/dynamodb/Keys/pk/S").unwrap_or_default();
            let place = key.bytes().fold(7usize, |sum, byte| {
                sum.wrapping_mul(31).wrapping_add(usize::from(byte))
            });
            let number = text("/dynamodb/SequenceNumber")
                .unwrap_or_default()
                .to_owned();
            if let Some(shard) = shards.get(place % SHARDS) {
                locked(&shard.0).push(Arc::new(Record { number, json }));
            }
        }
    }
}

/// One function's reader of one shard.
struct Reader {
    fleet: Fleet,
    name: String,
    random: Random,
    mapping: StreamMapping,
    shard: Arc<Shard>,
    progress: Arc<Mutex<Progress>>,
    growth: watch::Receiver<u64>,
}

impl Reader {
    fn stage(&self) -> Arc<Stage> {
        self.fleet.stage().clone()
    }

    async fn run(mut self) {
        let mut done = 0;
        let mut wait = FIRST_WAIT;
        loop {
            let (through, batch) = self.next(done);
            if batch.is_empty() {
                if through > done {
                    done = through;
                    locked(&self.progress).done = done;
                    continue;
                }
                if self.growth.changed().await.is_err() {
                    return;
                }
                continue;
            }
            self.wait_for_it().await;
            // What came meanwhile comes along, as far as chance cuts it off.
            let (through, batch) = self.next(done);
            match self.hand_over(&batch).await {
                Some(0) => {
                    wait = FIRST_WAIT;
                    done = through;
                    locked(&self.progress).done = done;
                }
                // Records before the failed one are done.
                Some(failed) => {
                    done = self.place_of(&batch, failed - 1).unwrap_or(done);
                    locked(&self.progress).done = done;
                    self.rest(&mut wait).await;
                }
                None => self.rest(&mut wait).await,
            }
        }
    }

    async fn rest(&self, wait: &mut Duration) {
        tokio::time::sleep(*wait).await;
        *wait = (*wait * 2).min(LONGEST_WAIT);
    }

    async fn wait_for_it(&mut self) {
        let stage = self.stage();
        // Lambda asks a shard four times a second; the records are there a little later
        // than their items.
        let latency = between(&mut self.random, 20, 250);
        tokio::time::sleep(latency + self.mapping.batching_window).await;
        if stage.strikes(Fault::BatchDelayed, &mut self.random) {
            tokio::time::sleep(between(&mut self.random, 1_000, 30_000)).await;
        }
        if stage.strikes(Fault::StreamStopped, &mut self.random) {
            stage.note(&self.name, || "STANDS STILL for ten minutes".to_owned());
            let until = stage.clock.now() + i64::try_from(STOPPED_FOR.as_millis()).unwrap_or(0);
            while stage.clock.now() < until && !stage.is_healed() {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            stage.note(&self.name, || "goes on".to_owned());
        }
    }

    /// The next records that the function wants, up to a random cut, and how far that
    /// takes it.
    fn next(&mut self, done: usize) -> (usize, Vec<Arc<Record>>) {
        let most = match self.random.below(3) {
            0 => 1 + self.random.below(3),
            _ => u64::from(self.mapping.batch_size),
        };
        let records = locked(&self.shard.0);
        let mut batch = Vec::new();
        let mut through = done;
        for record in records.iter().skip(done) {
            let wanted = self.mapping.wants(&record.json);
            if wanted && batch.len() as u64 >= most {
                break;
            }
            through += 1;
            if wanted {
                batch.push(record.clone());
            }
        }
        (through, batch)
    }

    fn place_of(&self, batch: &[Arc<Record>], place: usize) -> Option<usize> {
        let number = &batch.get(place)?.number;
        let records = locked(&self.shard.0);
        records.iter().position(|record| record.number == *number)
    }

    /// Calls the function, sometimes twice. `Some(0)`: all is done; `Some(n)`: the nth
    /// record and what is behind it comes again; `None`: all of it does.
    async fn hand_over(&mut self, batch: &[Arc<Record>]) -> Option<usize> {
        let stage = self.stage();
        let outcome = self.call(batch).await;
        if stage.strikes(Fault::BatchRepeated, &mut self.random) {
            stage.note(&self.name, || {
                format!("hands {} records over again", batch.len())
            });
            return self.call(batch).await;
        }
        outcome
    }

    async fn call(&self, batch: &[Arc<Record>]) -> Option<usize> {
        let records: Vec<&Value> = batch.iter().map(|record| &record.json).collect();
        let payload = serde_json::json!({ "Records": records }).to_string();
        let answer = self
            .fleet
            .invoke(&self.mapping.function, payload.into_bytes())
            .await
            .ok()?;
        let answer: Value = serde_json::from_slice(&answer).ok()?;
        let failures = answer.get("batchItemFailures")?.as_array()?;
        let first = failures
            .iter()
            .filter_map(|failure| failure.get("itemIdentifier")?.as_str())
            .filter_map(|number| batch.iter().position(|record| record.number == number))
            .min();
        Some(first.map_or(0, |place| place + 1))
    }
}

//! The table's stream, brought to the functions the way Lambda's event source
//! mappings do: one shard, in order, at least once.
//!
//! - `pump` reads, batches, calls, tries again and gives up;
//! - `batch` is a batch, its event, and what the answer says of it;
//! - `position` is where a reader has come to, also after a crash.

mod batch;
mod position;
mod pump;

#[cfg(test)]
mod restart_tests;
#[cfg(test)]
mod tests;

use crate::dead_letters::DeadLetters;
use crate::engine::{Engine, EngineError};
use crate::invoke::Functions;
use crate::template::StreamMapping;
pub(crate) use batch::sequence_number;
use position::Position;
pub(crate) use position::later;
use pump::Pump;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Between two looks for stream records that are old enough to go.
const TRIM_EVERY: Duration = Duration::from_secs(600);

/// The event that a function gets for these records of the hub's table.
pub(crate) fn event_of(records: Vec<serde_json::Value>) -> Vec<u8> {
    let mut batch = batch::Batch::default();
    for record in records {
        batch.push(crate::hub::TABLE, record);
    }
    batch.event()
}

/// Why the stream could not be read.
#[derive(Debug, Error)]
pub enum StreamError {
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The file with a reader's position could not be read or written.
    #[error("the position of {function} in the stream: {source}")]
    Position {
        /// The reader.
        function: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The readers of a table's stream. Dropping it stops them where they are; their
/// positions stay.
#[derive(Debug)]
pub struct Streams {
    engine: Engine,
    table: String,
    readers: Vec<watch::Receiver<Option<String>>>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Streams {
    /// Starts a reader for each mapping. Positions are kept in the engine's data
    /// folder, one file `stream-<function>.json` each, or in memory where the
    /// engine is.
    ///
    /// # Errors
    /// When a position cannot be read, or the database fails.
    pub async fn start(
        engine: &Engine,
        table: &str,
        mappings: &[StreamMapping],
        functions: &Arc<dyn Functions>,
        dead_letters: &DeadLetters,
    ) -> Result<Self, StreamError> {
        let (stop, stopped) = watch::channel(false);
        let mut streams = Self {
            engine: engine.clone(),
            table: table.to_owned(),
            readers: Vec::new(),
            stop,
            tasks: JoinSet::new(),
        };
        for mapping in mappings {
            let mut position = Position::load(engine.data_folder(), &mapping.function).await?;
            if position.is_unset()
                && !mapping.from_oldest
                && let Some(last) = engine.last_sequence_number(table).await?
            {
                position.save(last).await?;
            }
            let (read, reader) = watch::channel(position.get().map(str::to_owned));
            streams.readers.push(reader);
            let pump = Pump {
                engine: engine.clone(),
                table: table.to_owned(),
                mapping: mapping.clone(),
                functions: Arc::clone(functions),
                dead_letters: dead_letters.clone(),
                position,
                read,
                stopped: stopped.clone(),
            };
            streams.tasks.spawn(pump.run());
        }
        let trim = trim(engine.clone(), table.to_owned(), streams.readers.clone());
        streams.tasks.spawn(trim);
        Ok(streams)
    }

    /// Waits until every reader is done with what is in the stream now: called
    /// for, filtered out or given up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn caught_up(&self) -> Result<(), StreamError> {
        let Some(last) = self.engine.last_sequence_number(&self.table).await? else {
            return Ok(());
        };
        for reader in &self.readers {
            let mut reader = reader.clone();
            // An error says that the reader has stopped, and so comes no nearer.
            let _ = reader
                .wait_for(|read| read.as_ref().is_some_and(|read| !later(&last, read)))
                .await;
        }
        Ok(())
    }

    /// How many records the slowest reader has before it, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn behind(&self, limit: usize) -> Result<usize, StreamError> {
        let mut most = 0;
        for reader in &self.readers {
            let read = reader.borrow().clone();
            let page = self
                .engine
                .stream_records(&self.table, read.as_deref(), limit)
                .await?;
            most = most.max(page.records.len());
        }
        Ok(most)
    }

    /// Stops the readers, each after the call it is in.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // The trimming task waits for nothing worth finishing.
        for _ in 0..self.readers.len() {
            self.tasks.join_next().await;
        }
        self.tasks.shutdown().await;
    }
}

/// Forgets old records that every reader has read.
async fn trim(engine: Engine, table: String, readers: Vec<watch::Receiver<Option<String>>>) {
    loop {
        tokio::time::sleep(TRIM_EVERY).await;
        let positions: Option<Vec<String>> = readers
            .iter()
            .map(|reader| reader.borrow().clone())
            .collect();
        let Some(slowest) = positions.and_then(|all| {
            all.into_iter()
                .reduce(|one, other| if later(&one, &other) { other } else { one })
        }) else {
            continue;
        };
        if let Err(error) = engine.trim_stream(&table, &slowest).await {
            tracing::warn!(%error, "old stream records could not be removed");
        }
    }
}

//! DynamoDB inside this process: dynoxide, behind the AWS SDK's own HTTP
//! interface, without a socket. Code that talks to it cannot tell it from AWS.
//!
//! - `store` owns the database and gives DynamoDB's answers;
//! - `operation` maps the JSON protocol onto dynoxide;
//! - `seat` decides on which thread the database works;
//! - `files` keeps a file private and to one process;
//! - `connector` is the SDK's HTTP client;
//! - `table` creates the table of the template;
//! - `faults` and `replica` let tests break it.
//!
//! What the engine counts as consumed capacity, checked in the tests against
//! DynamoDB's rules: a put is one unit per started KB, and one more per started
//! KB of projected attributes for each index whose key the item carries
//! (`PutItem` of a small item with a sparse index key: table 1, index 1; without
//! it: table 1); a change that leaves an index entry as it is costs that index
//! nothing, one that moves it costs both halves; a consistent query is one unit
//! per started 4 KB of all items read together, half of that if it is not
//! consistent; transactions cost double on the table and the plain price on
//! indexes. A refusal reports no capacity, as on AWS, where it still costs the
//! write units of the item in place.

mod connector;
mod contents;
mod faults;
mod files;
mod operation;
mod replica;
mod seat;
mod store;
mod table;

#[cfg(test)]
mod durability_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod upkeep_tests;

pub use dynoxide::storage_backend::{Clock, ManualClock, SystemClock};
pub use faults::{After, Before, Call, Faults};
pub use store::StreamPage;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use files::DataFile;
use seat::Seat;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// Where the database lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In memory, gone with the last [`Engine`]. Calls run on the caller's
    /// thread: they wait for nothing, and so a paused tokio clock does not run
    /// ahead of them.
    Memory,
    /// In this file, of mode 0600. Its folder is made with mode 0700, and must
    /// be private if it exists. One thread of its own does the work, and a write
    /// is answered once it is on the disk.
    File(PathBuf),
}

/// Why the database is not there, or did not answer.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The folder or file could not be made or read.
    #[error("the data file {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others may read the folder.
    #[error("the data folder {0} can be read by others; `chmod 700` it, or name another")]
    NotPrivate(PathBuf),
    /// Another process has the file open.
    #[error(
        "the data file {0} is in use by another process; end that `baton`, or name another folder with --data"
    )]
    InUse(PathBuf),
    /// dynoxide refused or failed.
    #[error("the database: {0}")]
    Database(String),
    /// The database's thread is gone.
    #[error("the database has stopped")]
    Stopped,
}

/// A handle to the database; clones share it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    faults: Option<Arc<dyn Faults>>,
}

struct Shared {
    // Dropped before the file: its thread ends, and the lock is given back
    // only when nothing writes any more.
    seat: Seat,
    clock: Arc<dyn Clock>,
    writes: watch::Sender<u64>,
    file: Option<DataFile>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("file", &self.data_file())
            .field("faults", &self.faults.is_some())
            .finish()
    }
}

impl Engine {
    /// Opens the database, on the system's clock.
    ///
    /// # Errors
    /// When the file cannot be made or opened, is open elsewhere, or is no
    /// database of this engine; when the folder is not private.
    pub fn open(location: Location) -> Result<Self, EngineError> {
        Self::open_with_clock(location, SystemClock::arc())
    }

    /// Opens the database on another clock. It stamps stream records and decides
    /// which items are expired.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open_with_clock(location: Location, clock: Arc<dyn Clock>) -> Result<Self, EngineError> {
        let (seat, file) = match location {
            Location::Memory => (Seat::inline(Store::memory(&clock)?), None),
            Location::File(path) => {
                let file = DataFile::open(&path)?;
                (Seat::thread(Store::file(&path, &clock)?)?, Some(file))
            }
        };
        let (writes, _) = watch::channel(0);
        Ok(Self {
            shared: Arc::new(Shared {
                seat,
                clock,
                writes,
                file,
            }),
            faults: None,
        })
    }

    /// The same database, seen through `faults`. Other handles see it whole.
    #[must_use]
    pub fn with_faults(&self, faults: Arc<dyn Faults>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            faults: Some(faults),
        }
    }

    /// What the AWS SDK sends its requests through. It serves the operations of
    /// DynamoDB and of DynamoDB Streams, and never opens a socket.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// A client with test credentials and the SDK's own retries.
    #[must_use]
    pub fn client(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(crate::REGION))
            .endpoint_url("http://dynamodb.localhost")
            .credentials_provider(Credentials::from_keys("test-key-id", "test-secret", None))
            .http_client(self.http_client())
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    /// The clock the database was opened with.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// Changes with every successful write, through any handle.
    #[must_use]
    pub fn writes(&self) -> watch::Receiver<u64> {
        self.shared.writes.subscribe()
    }

    /// The file, where there is one.
    #[must_use]
    pub fn data_file(&self) -> Option<&Path> {
        self.shared.file.as_ref().map(DataFile::path)
    }

    /// The folder of the file, where there is one.
    #[must_use]
    pub fn data_folder(&self) -> Option<&Path> {
        self.data_file().and_then(Path::parent)
    }

    /// Up to `limit` records of the table's stream that come after the sequence
    /// number `after`, or the oldest there are, in order, as Lambda's events
    /// show them (without `eventSourceARN`). One shard holds them all.
    ///
    /// # Errors
    /// When the table does not exist, or the database fails.
    pub async fn stream_records(
        &self,
        table: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<StreamPage, EngineError> {
        let (table, after) = (table.to_owned(), after.map(str::to_owned));
        self.run(move |store| store.stream_records(&table, after.as_deref(), limit))
            .await?
    }

    /// The sequence number of the stream's last record, if it has any.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_sequence_number(&self, table: &str) -> Result<Option<String>, EngineError> {
        let table = table.to_owned();
        self.run(move |store| store.last_sequence_number(&table))
            .await?
    }

    /// Forgets stream records that are older than DynamoDB's 24 hours and not
    /// after the sequence number `read_by_all`. The engine itself keeps them
    /// forever, also while no process runs; the last record always stays, since
    /// the next number follows it. Answers how many went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn trim_stream(&self, table: &str, read_by_all: &str) -> Result<u64, EngineError> {
        let (table, read) = (table.to_owned(), read_by_all.to_owned());
        self.run(move |store| store.trim_stream(&table, &read))
            .await?
    }

    /// Removes expired items, each with a stream record of its own by
    /// `dynamodb.amazonaws.com`. Answers how many went. It reads whole tables
    /// and nothing else runs meanwhile: an hour between sweeps is often enough,
    /// DynamoDB itself takes up to a few days.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep_expired(&self) -> Result<usize, EngineError> {
        let writes = self.shared.writes.clone();
        self.run(move |store| {
            let removed = store.sweep_expired();
            note(&writes);
            removed
        })
        .await?
    }

    /// Sweeps at this interval for as long as it is polled; a sweep that fails is
    /// logged, the next one makes it good. Spawn it.
    pub async fn keep_swept(self, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.sweep_expired().await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "removed expired items"),
                Err(error) => tracing::warn!(%error, "expired items could not be removed"),
            }
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        self.shared.seat.run(work).await
    }
}

fn note(writes: &watch::Sender<u64>) {
    writes.send_modify(|count| *count = count.wrapping_add(1));
}

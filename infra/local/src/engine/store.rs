//! The database: dynoxide's storage, and what a DynamoDB needs beside it.

use super::operation::{self, Answer};
use super::replica::Replica;
use super::{Clock, EngineError};
use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::errors::DynoxideError;
use dynoxide::storage::Storage;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long DynamoDB keeps stream records. Source: DynamoDB developer guide,
/// "Change data capture for DynamoDB Streams".
const STREAM_RETENTION_SECS: u64 = 24 * 3_600;

/// How long DynamoDB knows a transaction's `ClientRequestToken`. Source:
/// DynamoDB API reference, `TransactWriteItems`.
const TOKEN_SECS: u64 = 600;

/// Without it, every write looks through all stream records for the highest
/// number, and every read of the stream sorts them.
const STREAM_INDEX: &str = "CREATE INDEX IF NOT EXISTS baton_stream_order \
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

/// A part of a table's stream.
#[derive(Clone, Debug, Default)]
pub struct StreamPage {
    /// The records, oldest first, as in a Lambda event.
    pub records: Vec<Value>,
    /// The sequence number of the last of them.
    pub last: Option<String>,
}

pub(super) struct Store {
    storage: Storage,
    lifecycle: VectorIndexLifecycle,
    clock: Arc<dyn Clock>,
    tokens: HashMap<String, Token>,
    replica: Option<Replica>,
}

/// A transaction that was carried out.
struct Token {
    at_secs: u64,
    request: u64,
    answer: Answer,
}

#[derive(Deserialize)]
struct TransactionHead {
    #[serde(rename = "ClientRequestToken")]
    token: Option<String>,
    #[serde(rename = "TransactItems")]
    items: Value,
}

impl Store {
    pub(super) fn memory(clock: &Arc<dyn Clock>) -> Result<Self, EngineError> {
        let storage = Storage::memory().map_err(failed)?;
        Self::prepare(storage, clock)
    }

    /// Opens a file. The journal is a write-ahead log that is synchronised with
    /// every commit, so what was acknowledged also survives a power cut.
    pub(super) fn file(path: &Path, clock: &Arc<dyn Clock>) -> Result<Self, EngineError> {
        let path = path
            .to_str()
            .ok_or_else(|| EngineError::Database("the path is not UTF-8".to_owned()))?;
        let storage = Storage::new(path).map_err(failed)?;
        let store = Self::prepare(storage, clock)?;
        store.batch("PRAGMA synchronous = FULL")?;
        Ok(store)
    }

    fn prepare(storage: Storage, clock: &Arc<dyn Clock>) -> Result<Self, EngineError> {
        let store = Self {
            storage: storage.with_clock(Arc::clone(clock)),
            lifecycle: VectorIndexLifecycle::new(),
            clock: Arc::clone(clock),
            tokens: HashMap::new(),
            replica: None,
        };
        store.batch(STREAM_INDEX)?;
        Ok(store)
    }

    /// Answers one call. With `index_lag`, a read of an index sees the table as
    /// it was that long ago.
    pub(super) fn answer(
        &mut self,
        operation: &str,
        body: &[u8],
        index_lag: Option<Duration>,
    ) -> Answer {
        if let Some(lag) = index_lag {
            match self.stale_answer(operation, body, lag) {
                Ok(answer) => return answer,
                Err(error) => {
                    return Answer::error(500, "InternalServerError", &error.to_string());
                }
            }
        }
        let answer = match operation {
            "TransactWriteItems" => self.transact(body),
            _ => self.carry_out(operation, body),
        };
        if answer.is_success()
            && let Some(replica) = &mut self.replica
            && (operation::writes(operation) || operation::shapes(operation))
        {
            replica.note(operation, body, self.clock.now_unix_secs());
        }
        answer
    }

    fn carry_out(&self, operation: &str, body: &[u8]) -> Answer {
        operation::carry_out(&self.storage, &self.lifecycle, operation, body)
    }

    /// The SDK sends every transaction with a token, and sends it again with the
    /// same one when the answer was lost. dynoxide keeps tokens in a part that
    /// is not used here.
    fn transact(&mut self, body: &[u8]) -> Answer {
        let head: Option<TransactionHead> = serde_json::from_slice(body).ok();
        let Some((token, items)) = head.and_then(|head| Some((head.token?, head.items))) else {
            return self.carry_out("TransactWriteItems", body);
        };
        let now = self.clock.now_unix_secs();
        self.tokens
            .retain(|_, known| now < known.at_secs.saturating_add(TOKEN_SECS));
        let mut hasher = DefaultHasher::new();
        items.to_string().hash(&mut hasher);
        let request = hasher.finish();
        match self.tokens.get(&token) {
            Some(known) if known.request == request => return known.answer.clone(),
            Some(_) => {
                return Answer::error(
                    400,
                    "IdempotentParameterMismatchException",
                    "The token was used with other parameters",
                );
            }
            None => {}
        }
        let answer = self.carry_out("TransactWriteItems", body);
        if answer.is_success() {
            self.tokens.insert(
                token,
                Token {
                    at_secs: now,
                    request,
                    answer: answer.clone(),
                },
            );
        }
        answer
    }

    fn stale_answer(
        &mut self,
        operation: &str,
        body: &[u8],
        lag: Duration,
    ) -> Result<Answer, EngineError> {
        let replica = match &mut self.replica {
            Some(replica) => replica,
            empty => empty.insert(Replica::of(&self.storage)?),
        };
        replica.advance(Instant::now(), lag);
        Ok(replica.answer(operation, body))
    }

    pub(super) fn stream_records(
        &self,
        table: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<StreamPage, EngineError> {
        let kind = match after {
            Some(_) => "AFTER_SEQUENCE_NUMBER",
            None => "TRIM_HORIZON",
        };
        let iterator = operation::finish(dynoxide::actions::get_shard_iterator::execute(
            &self.storage,
            GetShardIteratorRequest {
                stream_arn: dynoxide::streams::stream_arn(table, "-"),
                shard_id: dynoxide::streams::shard_id(table),
                shard_iterator_type: kind.to_owned(),
                sequence_number: after.map(str::to_owned),
            },
        ))
        .map_err(failed)?;
        let page = operation::finish(dynoxide::actions::get_records::execute(
            &self.storage,
            GetRecordsRequest {
                shard_iterator: iterator.shard_iterator.unwrap_or_default(),
                limit: Some(limit),
            },
        ))
        .map_err(failed)?;
        let last = page
            .records
            .last()
            .map(|record: &Record| record.dynamodb.sequence_number.clone());
        let records = page
            .records
            .iter()
            .map(serde_json::to_value)
            .collect::<Result<_, _>>()
            .map_err(|error| EngineError::Database(error.to_string()))?;
        Ok(StreamPage { records, last })
    }

    pub(super) fn last_sequence_number(&self, table: &str) -> Result<Option<String>, EngineError> {
        let shard = dynoxide::streams::shard_id(table);
        let (_, last) = self
            .storage
            .get_shard_sequence_range(table, &shard)
            .map_err(failed)?;
        Ok(last
            .and_then(|stored| stored.parse::<u128>().ok())
            .map(|stored| (stored + PUBLIC_NUMBER_OFFSET).to_string()))
    }

    pub(super) fn trim_stream(&self, table: &str, read: &str) -> Result<u64, EngineError> {
        let Some(read) = stored_number(read) else {
            return Ok(0);
        };
        let oldest = self
            .clock
            .now_unix_secs()
            .saturating_sub(STREAM_RETENTION_SECS);
        let oldest = i64::try_from(oldest).unwrap_or(i64::MAX);
        let removed = self
            .storage
            .conn()
            .execute(
                "DELETE FROM _stream_records WHERE table_name = ?1 \
                 AND CAST(sequence_number AS INTEGER) <= ?2 AND created_at < ?3 \
                 AND CAST(sequence_number AS INTEGER) < \
                 (SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records \
                  WHERE table_name = ?1)",
                (table, read, oldest),
            )
            .map_err(|error| EngineError::Database(error.to_string()))?;
        Ok(u64::try_from(removed).unwrap_or(u64::MAX))
    }

    pub(super) fn sweep_expired(&mut self) -> Result<usize, EngineError> {
        // Each removal is a transaction. One that a power cut undoes is made
        // again by the next sweep, so the disk need not confirm them singly.
        self.batch("PRAGMA synchronous = NORMAL")?;
        let removed = operation::finish(dynoxide::ttl::sweep_expired_items(&self.storage));
        self.batch("PRAGMA synchronous = FULL")?;
        let removed = removed.map_err(failed)?;
        if let Some(replica) = &mut self.replica {
            replica.note_sweep(self.clock.now_unix_secs());
        }
        Ok(removed)
    }

    /// After a panic within a call, so that the next call finds no transaction
    /// open.
    pub(super) fn abandon_transaction(&mut self) {
        if !self.storage.conn().is_autocommit()
            && let Err(error) = self.storage.rollback()
        {
            tracing::error!(%error, "a transaction of a failed call stays open");
        }
    }

    fn batch(&self, sql: &str) -> Result<(), EngineError> {
        self.storage
            .conn()
            .execute_batch(sql)
            .map_err(|error| EngineError::Database(error.to_string()))
    }
}

/// dynoxide shows a stored number with this added, which makes the 21 digits
/// that DynamoDB's sequence numbers have at least.
const PUBLIC_NUMBER_OFFSET: u128 = 100_000_000_000_000_000_000;

fn stored_number(public: &str) -> Option<i64> {
    let stored = public
        .parse::<u128>()
        .ok()?
        .checked_sub(PUBLIC_NUMBER_OFFSET)?;
    i64::try_from(stored).ok()
}

pub(super) fn failed(error: DynoxideError) -> EngineError {
    EngineError::Database(error.to_string())
}

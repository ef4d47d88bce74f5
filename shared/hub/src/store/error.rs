//! What can go wrong with the table.

use super::codec::Unreadable;
use crate::metrics;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// The table could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The request failed, after the SDK's own tries.
    #[error("{operation}: {code}: {message}")]
    Failed {
        /// The DynamoDB operation.
        operation: &'static str,
        /// DynamoDB's error code, or the kind of transport failure.
        code: String,
        /// DynamoDB's words. They never contain item values.
        message: String,
    },
    /// What was read cannot be understood.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Lost races used up the time there was.
    #[error("other writers kept winning until the time was up")]
    Contended,
    /// The log has a hole.
    #[error("the log has a hole: after entry {after} comes {found}")]
    Gap {
        /// The last entry that could be folded in.
        after: u64,
        /// The last entry there is.
        found: u64,
    },
    /// The key without which a name is not found in the table.
    #[error(transparent)]
    IdKey(#[from] crate::id_key::IdKeyError),
    /// The entry is larger than an item may be.
    #[error("the entry has {0} bytes, more than an item may have")]
    TooLarge(usize),
}

impl StoreError {
    /// From an SDK error that is not an expected condition.
    pub(super) fn of<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        let transport = match error {
            SdkError::ConstructionFailure(_) => "construction",
            SdkError::TimeoutError(_) => "timeout",
            SdkError::DispatchFailure(_) => "dispatch",
            SdkError::ResponseError(_) => "response",
            _ => "service",
        };
        Self::failed(
            operation,
            error.code().unwrap_or(transport).to_owned(),
            error.message().unwrap_or_default().to_owned(),
        )
    }

    /// A request that failed, and is counted as such.
    pub(super) fn failed(operation: &'static str, code: String, message: String) -> Self {
        metrics::count(metrics::Count::StorageErrors);
        Self::Failed {
            operation,
            code,
            message,
        }
    }
}

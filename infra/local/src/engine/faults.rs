//! What can go wrong between a caller and DynamoDB, for tests.

use serde_json::Value;
use std::time::Duration;

/// One call, as its caller sent it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Such as `PutItem`.
    pub operation: &'a str,
    /// The request in DynamoDB's JSON.
    pub body: &'a Value,
}

impl<'a> Call<'a> {
    /// The table; of a transaction or batch nothing, it may have several.
    #[must_use]
    pub fn table(&self) -> Option<&'a str> {
        self.body.get("TableName")?.as_str()
    }

    /// The index that is read, if one is.
    #[must_use]
    pub fn index(&self) -> Option<&'a str> {
        self.body.get("IndexName")?.as_str()
    }

    /// The value of a text attribute of the item's key, whether it comes in
    /// `Key` or in `Item`.
    #[must_use]
    pub fn key(&self, attribute: &str) -> Option<&'a str> {
        let item = self.body.get("Key").or_else(|| self.body.get("Item"))?;
        item.get(attribute)?.get("S")?.as_str()
    }

    /// Whether the call may change items.
    #[must_use]
    pub fn writes(&self) -> bool {
        super::operation::writes(self.operation)
    }
}

/// What happens before a call is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Proceed,
    /// It takes longer.
    Delay(Duration),
    /// It is not applied: `ThrottlingException`, which the SDK retries.
    Throttle,
    /// It is not applied: `InternalServerError`, status 500, which the SDK
    /// retries.
    InternalError,
    /// It is not applied: `TransactionConflictException`, or, of a transaction,
    /// a cancellation for that reason. dynoxide itself never gives this answer.
    Conflict,
    /// It is not applied, and the connection breaks.
    Lose,
}

/// What happens after a call was applied, or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Proceed,
    /// The answer takes longer.
    Delay(Duration),
    /// The connection breaks before the answer. The SDK sends the call again.
    LoseAnswer,
}

/// Breaks calls. Every attempt of the SDK is a call of its own.
pub trait Faults: Send + Sync + 'static {
    /// Before the call is applied.
    fn before(&self, call: &Call<'_>) -> Before {
        let _ = call;
        Before::Proceed
    }

    /// After it. `applied` is false where DynamoDB refused it.
    fn after(&self, call: &Call<'_>, applied: bool) -> After {
        let _ = (call, applied);
        After::Proceed
    }

    /// How far behind the table its indexes are for this read of one. The first
    /// read with a lag makes the copy that the later ones are answered from.
    fn index_lag(&self, call: &Call<'_>) -> Option<Duration> {
        let _ = call;
        None
    }
}

//! DynamoDB's JSON protocol on dynoxide's functions.

use dynoxide::actions as act;
use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::errors::DynoxideError;
use dynoxide::storage::Storage;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// DynamoDB's answer: an HTTP status and JSON.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        self.status == 200
    }

    /// An error as DynamoDB writes it, with the namespace of its model.
    pub(super) fn error(status: u16, kind: &str, message: &str) -> Self {
        let body = serde_json::json!({
            "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"),
            "message": message,
        });
        Self {
            status,
            body: body.to_string().into_bytes(),
        }
    }
}

/// Whether an operation may change items.
pub(super) fn writes(operation: &str) -> bool {
    matches!(
        operation,
        "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems"
    )
}

/// Whether an operation may change tables.
pub(super) fn shapes(operation: &str) -> bool {
    matches!(
        operation,
        "CreateTable" | "DeleteTable" | "UpdateTable" | "UpdateTimeToLive"
    )
}

/// Carries an operation out. `ClientRequestToken` is the caller's to see to.
pub(super) fn carry_out(
    storage: &Storage,
    lifecycle: &VectorIndexLifecycle,
    operation: &str,
    body: &[u8],
) -> Answer {
    macro_rules! call {
        ($module:ident $(, $extra:expr)*) => {
            answer(body, |request| act::$module::execute(storage, request $(, $extra)*))
        };
    }
    match operation {
        "PutItem" => call!(put_item),
        "UpdateItem" => call!(update_item),
        "DeleteItem" => call!(delete_item),
        "GetItem" => call!(get_item),
        "Query" => call!(query),
        "Scan" => call!(scan),
        "BatchGetItem" => call!(batch_get_item),
        "BatchWriteItem" => call!(batch_write_item),
        "TransactGetItems" => call!(transact_get_items),
        "TransactWriteItems" => call!(transact_write_items),
        "CreateTable" => call!(create_table),
        "UpdateTable" => call!(update_table, lifecycle),
        "DeleteTable" => call!(delete_table, lifecycle),
        "DescribeTable" => call!(describe_table, lifecycle),
        "ListTables" => call!(list_tables),
        "UpdateTimeToLive" => call!(update_time_to_live),
        "DescribeTimeToLive" => call!(describe_time_to_live),
        "ListStreams" => call!(list_streams),
        "DescribeStream" => call!(describe_stream),
        "GetShardIterator" => call!(get_shard_iterator),
        "GetRecords" => call!(get_records),
        _ => Answer {
            status: 400,
            body: br#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#.to_vec(),
        },
    }
}

fn answer<Q, R, F>(body: &[u8], execute: impl FnOnce(Q) -> F) -> Answer
where
    Q: DeserializeOwned,
    R: Serialize,
    F: Future<Output = Result<R, DynoxideError>>,
{
    let request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return refusal(&malformed(&error)),
    };
    match finish(execute(request)) {
        Ok(response) => match serde_json::to_vec(&response) {
            Ok(body) => Answer { status: 200, body },
            Err(error) => refusal(&DynoxideError::InternalServerError(error.to_string())),
        },
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &DynoxideError) -> Answer {
    Answer {
        status: error.status_code(),
        body: error.to_json().into_bytes(),
    }
}

/// dynoxide checks some members while it reads a request, and marks what it
/// found with a prefix; anything else is a request of another shape.
fn malformed(error: &serde_json::Error) -> DynoxideError {
    let text = error.to_string();
    // serde_json adds where it stopped reading.
    let text = text
        .rfind(" at line ")
        .map_or(text.as_str(), |end| text.get(..end).unwrap_or(&text));
    for prefix in ["VALIDATION_REQUEST:", "VALIDATION_AS_READ:", "VALIDATION:"] {
        if let Some(message) = text.strip_prefix(prefix) {
            return DynoxideError::ValidationException(message.to_owned());
        }
    }
    let message = text.strip_prefix("SERIALIZATION:").unwrap_or(text);
    DynoxideError::SerializationException(message.to_owned())
}

/// Runs one of dynoxide's futures. Over SQLite they never wait: the first poll
/// finishes them.
pub(super) fn finish<T>(
    future: impl Future<Output = Result<T, DynoxideError>>,
) -> Result<T, DynoxideError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(DynoxideError::InternalServerError(
            "the database waited for something".to_owned(),
        )),
    }
}

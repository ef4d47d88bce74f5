//! How the local hub reaches a function.

use crate::dead_letters::DeadLetters;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a call of a function gave no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvokeError {
    /// The function is not there.
    #[error("there is no function {0}")]
    Unknown(String),
    /// As many calls run as may; nothing of this one happened.
    #[error("the function has no call free")]
    Throttled,
    /// The function answered with an error, or panicked.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The function ran out of its time.
    #[error("the function was stopped after {0:?}")]
    TimedOut(Duration),
}

/// What runs a function: the library's handlers in this process, or real
/// binaries.
pub trait Functions: Send + Sync + 'static {
    /// Calls a function, named by its binary, with an event in JSON, and gives
    /// its answer in JSON. A caller that waits no longer drops the future;
    /// whoever wants the call to go on all the same spawns it.
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>>;
}

impl<F: Functions + ?Sized> Functions for Arc<F> {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        (**self).invoke(function, payload)
    }
}

/// Waits between starts that found no call free.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Calls a function for an event that nobody waits for, as EventBridge does: a
/// start that was refused is tried again, up to `retries` times; a call that
/// failed is not, since the functions have no retries of asynchronous calls
/// (`EventInvokeConfig` of the template). What comes to nothing is a dead letter.
pub(crate) async fn call_for_event(
    functions: Arc<dyn Functions>,
    function: String,
    event: Value,
    retries: u32,
    dead_letters: DeadLetters,
) {
    let mut wait = FIRST_WAIT;
    let mut tries = 0;
    loop {
        let called = functions.invoke(&function, event.to_string().into_bytes());
        match called.await {
            Ok(_) => return,
            Err(InvokeError::Throttled) if tries < retries => {
                tries += 1;
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            Err(error) => {
                dead_letters.add(&function, &error.to_string(), &event);
                return;
            }
        }
    }
}

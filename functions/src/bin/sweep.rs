//! The function `sweep`: see `baton_hub::sweep`.

// The futures of a handler within the runtime's are deeper than 128.
#![recursion_limit = "256"]

use baton_functions::{boot, streams};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let sweep = boot::sweep()?;
    boot::serve_events(sweep, streams::sweep).await
}

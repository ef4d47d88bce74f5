//! The function `relay`: see `baton_hub::relay`.

// The futures of a handler within the runtime's are deeper than 128.
#![recursion_limit = "256"]

use baton_functions::{boot, streams};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = boot::relay()?;
    boot::serve_events(app, async |app, batch| Ok(streams::relay(app, batch).await)).await
}

//! The function `publish`: see `baton_hub::publish`.

// The futures of a handler within the runtime's are deeper than 128.
#![recursion_limit = "256"]

use baton_functions::{boot, streams};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = boot::publisher()?;
    boot::serve_events(app, async |app, batch| {
        Ok(streams::publish(app, batch).await)
    })
    .await
}

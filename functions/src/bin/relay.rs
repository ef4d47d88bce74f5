//! The function `relay`: see `baton_hub::relay`.

use baton_functions::{boot, streams};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = boot::relay().await?;
    boot::serve_events(app, async |app, batch| Ok(streams::relay(app, batch).await)).await
}

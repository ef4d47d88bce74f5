//! The function `sweep`: see `baton_hub::sweep`.

use baton_functions::{boot, streams};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let sweep = boot::sweep().await?;
    boot::serve_events(sweep, streams::sweep).await
}

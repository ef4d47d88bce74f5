//! The function `publish`: see `baton_hub::publish`.

use baton_functions::{boot, streams};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = boot::publisher().await?;
    boot::serve_events(app, async |app, batch| {
        Ok(streams::publish(app, batch).await)
    })
    .await
}

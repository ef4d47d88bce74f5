//! Gladly's webhook.

use baton_functions::{boot, webhooks};
use baton_hub::settings::Platform;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let core = boot::inbound().await?;
    boot::serve_http(core, async |core, request| {
        webhooks::receive(&core, Platform::Gladly, &request).await
    })
    .await
}

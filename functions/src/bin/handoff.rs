//! The function `handoff`: see `handlers::handoff`.

use baton_functions::{boot, handlers};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    boot::serve_http(boot::outbound_api().await?, handlers::handoff).await
}

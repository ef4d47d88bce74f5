//! The function `send`: see `handlers::send`.

use baton_functions::{boot, handlers};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    boot::serve_http(boot::outbound_api().await?, handlers::send).await
}

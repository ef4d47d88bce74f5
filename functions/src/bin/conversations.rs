//! The function `conversations`: see `handlers::conversations`.

use baton_functions::{boot, handlers};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    boot::serve_http(boot::api().await?, handlers::conversations).await
}

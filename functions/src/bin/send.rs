//! The function `send`: see `handlers::send`.

// The futures of a handler within the runtime's are deeper than 128.
#![recursion_limit = "256"]

use baton_functions::{boot, handlers};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    boot::serve_http(boot::outbound_api()?, handlers::send).await
}

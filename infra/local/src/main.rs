//! `baton`: the whole hub on one machine, and the operator's commands.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    baton_local::commands::run().await
}

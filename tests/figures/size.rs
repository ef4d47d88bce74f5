//! How large the binaries are, as they are deployed: stripped, and with panics that
//! unwind, in MB of 1,000,000 bytes.

use crate::stand::Stand;
use crate::table::Row;
use baton_tests::scene::Failed;

/// What a webhook's function may have, and any other.
const WEBHOOK: f64 = 4.2;
const OTHER: f64 = 5.5;

pub(crate) fn measure(stand: &Stand) -> Result<Vec<Row>, Failed> {
    let megabytes = |path: &std::path::Path| -> Result<f64, Failed> {
        Ok(std::fs::metadata(path)?.len() as f64 / 1e6)
    };
    let bare = megabytes(&stand.bare().binary)?;
    let mut rows = Vec::new();
    for name in stand.functions() {
        let size = megabytes(&stand.function(&name)?.binary)?;
        let limit = if is_webhook(&name) { WEBHOOK } else { OTHER };
        rows.push(
            Row::at_most(&format!("size: {name}"), size, limit, "MB", 2)
                .beside(format!("bare {bare:.2} MB"))
                .kept("size_mb", &name, size),
        );
    }
    Ok(rows)
}

/// Whether a function takes in a platform's webhooks.
fn is_webhook(name: &str) -> bool {
    name == "gladly"
}

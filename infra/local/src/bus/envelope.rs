//! The form in which EventBridge hands events to functions. Source: EventBridge
//! user guide, "AWS service event metadata".

use crate::{ACCOUNT, REGION, identifier};
use jiff::Timestamp;
use serde_json::{Value, json};

/// An event. `seconds` is its time since the epoch; events carry whole seconds.
pub(crate) fn event(
    source: &str,
    detail_type: &str,
    detail: &Value,
    resources: &[String],
    seconds: u64,
) -> Value {
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or_default();
    json!({
        "version": "0",
        "id": identifier::random(),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": time.to_string(),
        "region": REGION,
        "resources": resources,
        "detail": detail,
    })
}

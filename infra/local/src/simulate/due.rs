//! What is due next, without asking the database again while nothing was written. Sweeps
//! ask every shard every two seconds, and mostly for nothing: most of a run's time would
//! go by with that.

use super::stage::locked;
use crate::engine::Engine;
use crate::hub::TABLE;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use baton_hub::store::item::{DUE, DUE_INDEX, DUE_SHARD, SHARDS};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// A count of writes, and the earliest time as of then.
type Known = (u64, Option<i64>);

/// The earliest time of every shard, as of a count of writes. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct DueBoard {
    database: SharedHttpConnector,
    writes: watch::Receiver<u64>,
    shards: Arc<Mutex<BTreeMap<String, Known>>>,
}

impl DueBoard {
    pub(super) fn new(engine: &Engine) -> Self {
        Self {
            database: SharedHttpConnector::new(engine.clone()),
            writes: engine.writes(),
            shards: Arc::default(),
        }
    }

    /// The answer to this question, if it is one of what is due, and nothing is.
    pub(super) async fn nothing_due(
        &self,
        body: &[u8],
    ) -> Option<Result<HttpResponse, ConnectorError>> {
        let question: Value = serde_json::from_slice(body).ok()?;
        if question.get("IndexName")?.as_str()? != DUE_INDEX {
            return None;
        }
        let values = question.get("ExpressionAttributeValues")?;
        let until: i64 = values.pointer("/:until/N")?.as_str()?.parse().ok()?;
        let shard = values.pointer("/:ds/S")?.as_str()?;
        let earliest = self.of_shard(shard).await?;
        earliest
            .is_none_or(|earliest| earliest > until)
            .then(|| respond(&json!({"Items": [], "Count": 0, "ScannedCount": 0})))
    }

    /// The earliest time of all shards; the outer `None` where it cannot be learned.
    pub(super) async fn earliest(&self) -> Option<Option<i64>> {
        let mut earliest = None;
        for shard in 0..SHARDS {
            let of_shard = self.of_shard(&shard.to_string()).await?;
            earliest = match (earliest, of_shard) {
                (Some(one), Some(other)) => Some(i64::min(one, other)),
                (one, other) => one.or(other),
            };
        }
        Some(earliest)
    }

    async fn of_shard(&self, shard: &str) -> Option<Option<i64>> {
        let version = *self.writes.borrow();
        let known = locked(&self.shards).get(shard).copied();
        if let Some((at, earliest)) = known
            && at == version
        {
            return Some(earliest);
        }
        let question = json!({
            "TableName": TABLE,
            "IndexName": DUE_INDEX,
            "Limit": 1,
            "KeyConditionExpression": "#ds = :ds",
            "ExpressionAttributeNames": {"#ds": DUE_SHARD},
            "ExpressionAttributeValues": {":ds": {"S": shard}},
        });
        let mut request = HttpRequest::new(SdkBody::from(question.to_string()));
        request
            .headers_mut()
            .insert("x-amz-target", "DynamoDB_20120810.Query");
        let answer = self.database.call(request).await.ok()?;
        let answer: Value = serde_json::from_slice(answer.body().bytes()?).ok()?;
        let items = answer.get("Items")?.as_array()?;
        let earliest = items.first().and_then(|item| {
            let at = item.get(DUE)?.get("N")?.as_str()?;
            at.parse().ok()
        });
        locked(&self.shards).insert(shard.to_owned(), (version, earliest));
        Some(earliest)
    }

    /// Goes on when something was written.
    pub(super) async fn written(&self) {
        let mut writes = self.writes.clone();
        writes.mark_unchanged();
        let _closed = writes.changed().await;
    }
}

fn respond(body: &Value) -> Result<HttpResponse, ConnectorError> {
    let status =
        StatusCode::try_from(200_u16).map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
    response
        .headers_mut()
        .insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}

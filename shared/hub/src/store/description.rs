//! How the table is set up. Only the operator's program asks: no function is allowed to.

use super::Store;
use super::direct::read_as;
use super::direct::shapes::Operation;
use super::error::StoreError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// What of the table's set-up the hub relies on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSetUp {
    /// The indexes that can be asked.
    pub indexes: Vec<String>,
    /// Whether its stream is on, with new images.
    pub streams: bool,
    /// The attribute by which items expire.
    pub expires_by: Option<String>,
}

impl Store {
    /// How the table is set up.
    ///
    /// # Errors
    /// When it does not exist, or the caller may not ask.
    pub async fn set_up(&self) -> Result<TableSetUp, StoreError> {
        let described: Described = self.described(Operation::DescribeTable).await?;
        let expiry: Expiry = self.described(Operation::DescribeTimeToLive).await?;
        let table = described.table.unwrap_or_default();
        let indexes = table.global_secondary_indexes.into_iter().flatten();
        let indexes = indexes.map(|index| index.index_name).collect();
        let streams = table.stream_specification.is_some_and(|stream| {
            let view = stream.stream_view_type;
            stream.stream_enabled
                && matches!(view.as_deref(), Some("NEW_IMAGE" | "NEW_AND_OLD_IMAGES"))
        });
        let expires_by = expiry
            .time_to_live_description
            .filter(|expiry| expiry.time_to_live_status == "ENABLED")
            .and_then(|expiry| expiry.attribute_name);
        Ok(TableSetUp {
            indexes,
            streams,
            expires_by,
        })
    }

    async fn described<T: DeserializeOwned>(&self, operation: Operation) -> Result<T, StoreError> {
        let asked = json!({ "TableName": self.table });
        let answer = self
            .direct
            .send(operation, serde_json::to_vec(&asked))
            .await;
        let read = answer.and_then(|answer| read_as(operation, answer));
        read.map_err(|refusal| refusal.error(operation))
    }
}

/// What DescribeTable answers, as far as it matters (API reference of DynamoDB).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    table: Option<Table>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Table {
    global_secondary_indexes: Option<Vec<Index>>,
    stream_specification: Option<Stream>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Index {
    index_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stream {
    stream_enabled: bool,
    stream_view_type: Option<String>,
}

/// What DescribeTimeToLive answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Expiry {
    time_to_live_description: Option<Expires>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Expires {
    #[serde(default)]
    time_to_live_status: String,
    attribute_name: Option<String>,
}

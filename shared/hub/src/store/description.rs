//! How the table is set up. Only the operator's program asks: no function is allowed to.

use super::Store;
use super::error::StoreError;
use aws_sdk_dynamodb::types::{StreamViewType, TimeToLiveStatus};

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
        let described = self
            .client
            .describe_table()
            .table_name(&self.table)
            .send()
            .await
            .map_err(|error| StoreError::of("DescribeTable", &error))?;
        let expiry = self
            .client
            .describe_time_to_live()
            .table_name(&self.table)
            .send()
            .await
            .map_err(|error| StoreError::of("DescribeTimeToLive", &error))?;
        let table = described.table();
        let indexes = table.map_or_else(Vec::new, |table| {
            let indexes = table.global_secondary_indexes().iter();
            indexes
                .filter_map(|index| index.index_name().map(str::to_owned))
                .collect()
        });
        let stream = table.and_then(|table| table.stream_specification());
        let streams = stream.is_some_and(|stream| {
            let view = stream.stream_view_type();
            stream.stream_enabled()
                && matches!(
                    view,
                    Some(StreamViewType::NewImage | StreamViewType::NewAndOldImages)
                )
        });
        let expires_by = expiry
            .time_to_live_description()
            .filter(|expiry| expiry.time_to_live_status() == Some(&TimeToLiveStatus::Enabled))
            .and_then(|expiry| expiry.attribute_name().map(str::to_owned));
        Ok(TableSetUp {
            indexes,
            streams,
            expires_by,
        })
    }
}

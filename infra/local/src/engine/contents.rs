//! All that a table holds, as text: for whoever must show that something is not there.

use super::{Engine, EngineError};
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::BTreeMap;

impl Engine {
    /// Every item of a table, each as one text of its attributes by name: texts as they
    /// are, bytes as the text that they may be. For tests: it reads the whole table.
    ///
    /// # Errors
    /// When the table does not exist, or the database fails.
    pub async fn contents(&self, table: &str) -> Result<Vec<String>, EngineError> {
        let client = self.client();
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = client
                .scan()
                .table_name(table)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| EngineError::Database(format!("{error:?}")))?;
            for item in page.items() {
                let attributes: BTreeMap<_, _> = item.iter().collect();
                let attributes = attributes
                    .into_iter()
                    .map(|(name, value)| format!("{name}={}", shown(value)));
                items.push(attributes.collect::<Vec<_>>().join("\n"));
            }
            start = page.last_evaluated_key().cloned();
            if start.is_none() {
                return Ok(items);
            }
        }
    }
}

fn shown(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.clone(),
        AttributeValue::B(bytes) => String::from_utf8_lossy(bytes.as_ref()).into_owned(),
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => texts.join(" "),
        other => format!("{other:?}"),
    }
}

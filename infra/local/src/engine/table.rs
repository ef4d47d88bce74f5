//! The table of the template.

use super::operation::Answer;
use super::{Engine, EngineError};
use crate::template::TableDefinition;
use serde_json::{Value, json};

impl Engine {
    /// Makes the table under this name, with its indexes, stream and time to
    /// live. A table that is there stays as it is; indexes that it lacks are
    /// added and filled, which is what a deployment of a new template does.
    ///
    /// # Errors
    /// When the definition is refused, or the database fails.
    pub async fn create_table(
        &self,
        definition: &TableDefinition,
        name: &str,
    ) -> Result<(), EngineError> {
        let create = definition.create_request(name);
        let ttl = definition.ttl_request(name);
        let name = json!({"TableName": name});

        match self.ask("DescribeTable", &name).await {
            Ok(there) => self.add_indexes(&create, &there).await?,
            Err(Refused::Error(kind, _)) if kind == "ResourceNotFoundException" => {
                self.ask("CreateTable", &create).await?;
            }
            Err(other) => return Err(other.into()),
        }
        let now = self.ask("DescribeTimeToLive", &name).await?;
        if now.pointer("/TimeToLiveDescription/AttributeName")
            != ttl.pointer("/TimeToLiveSpecification/AttributeName")
        {
            self.ask("UpdateTimeToLive", &ttl).await?;
        }
        Ok(())
    }

    async fn add_indexes(&self, wanted: &Value, there: &Value) -> Result<(), EngineError> {
        let list = |value: &Value| -> Vec<Value> {
            value
                .get("GlobalSecondaryIndexes")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let present = there.get("Table").map(list).unwrap_or_default();
        for index in list(wanted) {
            if present
                .iter()
                .any(|other| other.get("IndexName") == index.get("IndexName"))
            {
                continue;
            }
            // DynamoDB makes one index with each update.
            let update = json!({
                "TableName": wanted.get("TableName"),
                "AttributeDefinitions": wanted.get("AttributeDefinitions"),
                "GlobalSecondaryIndexUpdates": [{"Create": index}],
            });
            self.ask("UpdateTable", &update).await?;
        }
        Ok(())
    }

    async fn ask(&self, operation: &'static str, request: &Value) -> Result<Value, Refused> {
        let body = request.to_string().into_bytes();
        let answer = self
            .run(move |store| store.answer(operation, &body, None))
            .await
            .map_err(Refused::Engine)?;
        read(&answer)
    }
}

enum Refused {
    /// The error's name and message.
    Error(String, String),
    Engine(EngineError),
}

impl From<Refused> for EngineError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Error(kind, message) => Self::Database(format!("{kind}: {message}")),
            Refused::Engine(error) => error,
        }
    }
}

fn read(answer: &Answer) -> Result<Value, Refused> {
    let body: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| Refused::Engine(EngineError::Database(error.to_string())))?;
    if answer.is_success() {
        return Ok(body);
    }
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let kind = text("__type").rsplit('#').next().unwrap_or_default();
    Err(Refused::Error(kind.to_owned(), text("message").to_owned()))
}

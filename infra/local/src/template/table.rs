//! The table, as DynamoDB's `CreateTable` takes it.

use super::TemplateError;
use super::node::Node;
use serde_json::{Map, Value, json};

/// The one table of a hub.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDefinition {
    /// The attribute with the second after which an item may be removed.
    pub ttl_attribute: String,
    create: Map<String, Value>,
}

impl TableDefinition {
    /// The body of a `CreateTable` request for a table of this name: keys,
    /// indexes, stream and billing mode. Time to live is set by a call of its
    /// own, `UpdateTimeToLive`.
    #[must_use]
    pub fn create_request(&self, name: &str) -> Value {
        let mut request = self.create.clone();
        request.insert("TableName".to_owned(), Value::from(name));
        Value::Object(request)
    }

    /// The body of the `UpdateTimeToLive` request for a table of this name.
    #[must_use]
    pub fn ttl_request(&self, name: &str) -> Value {
        json!({
            "TableName": name,
            "TimeToLiveSpecification": {"AttributeName": self.ttl_attribute, "Enabled": true},
        })
    }
}

/// Reads the template's only table.
pub(super) fn read(resources: &Node<'_>) -> Result<TableDefinition, TemplateError> {
    let mut tables = Vec::new();
    for (_, resource) in resources.entries()? {
        if resource.get("Type")?.text()? == "AWS::DynamoDB::Table" {
            tables.push(resource.get("Properties")?);
        }
    }
    let [properties] = tables.as_slice() else {
        return Err(resources.shape("with exactly one table"));
    };
    let mut create = Map::new();
    // CloudFormation took these over from CreateTable unchanged.
    for key in [
        "AttributeDefinitions",
        "KeySchema",
        "GlobalSecondaryIndexes",
        "BillingMode",
    ] {
        create.insert(key.to_owned(), properties.get(key)?.raw().clone());
    }
    // CreateTable wants the stream switched on, CloudFormation implies it.
    let view = properties
        .get("StreamSpecification")?
        .get("StreamViewType")?;
    create.insert(
        "StreamSpecification".to_owned(),
        json!({"StreamEnabled": true, "StreamViewType": view.text()?}),
    );
    let ttl = properties
        .get("TimeToLiveSpecification")?
        .get("AttributeName")?;
    Ok(TableDefinition {
        ttl_attribute: ttl.text()?,
        create,
    })
}

#[cfg(test)]
mod tests {
    use crate::template::tests::builtin;
    use dynoxide::Database;

    /// An implementation of DynamoDB, strict about what AWS is strict about,
    /// makes the table.
    #[test]
    fn dynamodb_takes_the_definition() {
        let table = builtin().table;
        let database = Database::memory().expect("a database");
        let create = serde_json::from_value(table.create_request("hub")).expect("a request");
        database.create_table(create).expect("a table");
        let ttl = serde_json::from_value(table.ttl_request("hub")).expect("a request");
        database.update_time_to_live(ttl).expect("time to live");

        let describe = serde_json::from_value(serde_json::json!({"TableName": "hub"}));
        let described = database.describe_table(describe.expect("a request"));
        let described = serde_json::to_value(described.expect("described")).expect("JSON");
        let table = &described["Table"];
        assert_eq!(table["StreamSpecification"]["StreamViewType"], "NEW_IMAGE");
        assert_eq!(
            table["GlobalSecondaryIndexes"].as_array().map(Vec::len),
            Some(2)
        );
    }
}

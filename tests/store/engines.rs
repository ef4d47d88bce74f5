//! The two engines, and a table on each.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use baton_hub::store::Store;
use baton_hub::store::item::{Item, PK, SK};
use baton_local::engine::{Engine, Location};
use baton_local::template::Template;
use baton_tests::dynamodb_local::DynamoDbLocal;
use std::sync::atomic::{AtomicU32, Ordering};

/// A hub's table of the template, empty.
pub(crate) struct Table {
    pub(crate) store: Store,
    client: Client,
    name: String,
}

impl Table {
    fn new(client: Client, name: &str) -> Self {
        Self {
            store: Store::new(client.clone(), name),
            client,
            name: name.to_owned(),
        }
    }

    /// The item as it is stored.
    pub(crate) async fn item(&self, pk: &str, sk: &str) -> Option<Item> {
        let got = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(PK, AttributeValue::S(pk.to_owned()))
            .key(SK, AttributeValue::S(sk.to_owned()))
            .consistent_read(true)
            .send()
            .await;
        got.expect("an item is read").item
    }

    /// All items of a partition, ascending.
    pub(crate) async fn partition(&self, pk: &str) -> Vec<Item> {
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .consistent_read(true);
        query
            .into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .expect("a partition is read")
    }

    /// Puts an item past the store.
    pub(crate) async fn put(&self, item: Item) {
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item));
        put.send().await.expect("an item is put");
    }

    /// Deletes an item past the store, as time to live does.
    pub(crate) async fn delete(&self, pk: &str, sk: &str) {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.name)
            .key(PK, AttributeValue::S(pk.to_owned()))
            .key(SK, AttributeValue::S(sk.to_owned()));
        delete.send().await.expect("an item is deleted");
    }
}

/// A table in an embedded engine of its own.
pub(crate) async fn embedded() -> Table {
    let engine = Engine::open(Location::Memory).expect("an engine");
    let template = Template::builtin().expect("the template");
    engine
        .create_table(&template.table, "hub")
        .await
        .expect("a table");
    Table::new(engine.client(), "hub")
}

/// Tables of their own in one DynamoDB Local.
pub(crate) struct Amazon {
    server: DynamoDbLocal,
    tables: AtomicU32,
}

impl Amazon {
    /// Starts it; `None` where it is not installed.
    pub(crate) async fn start() -> Option<Self> {
        Some(Self {
            server: DynamoDbLocal::start().await?,
            tables: AtomicU32::new(0),
        })
    }

    /// A new table.
    pub(crate) async fn table(&self) -> Table {
        let name = format!("hub-{}", self.tables.fetch_add(1, Ordering::Relaxed));
        let template = Template::builtin().expect("the template");
        let create = template.table.create_request(&name);
        let made = self.server.ask("DynamoDB_20120810.CreateTable", &create);
        made.await.expect("a table");
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .endpoint_url(self.server.url())
            .credentials_provider(Credentials::new(
                "test-key-id",
                "test-secret",
                None,
                None,
                "tests",
            ))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Table::new(Client::from_conf(config), &name)
    }
}

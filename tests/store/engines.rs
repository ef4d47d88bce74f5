//! The two engines, and a table on each.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use baton_hub::store::Store;
use baton_hub::store::item::{Item, PK, SK};
use baton_local::engine::{Engine, Location};
use baton_local::template::Template;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

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

/// A running DynamoDB Local, ended with this value.
pub(crate) struct DynamoDbLocal {
    port: u16,
    tables: AtomicU32,
    _process: Child,
}

impl DynamoDbLocal {
    /// Starts it on a free port of the loopback interface, in memory. `None`, with a
    /// word on why, where Java or the jar is missing.
    pub(crate) async fn start() -> Option<Self> {
        let home = home();
        let jar = home.join("DynamoDBLocal.jar");
        if !jar.is_file() {
            println!(
                "skipped: no {}; tests/store/install-dynamodb-local puts it there",
                jar.display()
            );
            return None;
        }
        let port = free_port().await;
        let spawned = Command::new("java")
            .arg(format!(
                "-Djava.library.path={}",
                home.join("DynamoDBLocal_lib").display()
            ))
            .args(["-Xmx256m", "-jar"])
            .arg(&jar)
            .args(["-inMemory", "-port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let process = match spawned {
            Ok(process) => process,
            Err(error) => {
                println!("skipped: java cannot be started: {error}");
                return None;
            }
        };
        let server = Self {
            port,
            tables: AtomicU32::new(0),
            _process: process,
        };
        for _ in 0..150 {
            if server
                .ask("ListTables", &Value::Object(serde_json::Map::new()))
                .await
                .is_ok()
            {
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("DynamoDB Local did not answer within 30 s");
    }

    /// A new table.
    pub(crate) async fn table(&self) -> Table {
        let name = format!("hub-{}", self.tables.fetch_add(1, Ordering::Relaxed));
        let template = Template::builtin().expect("the template");
        let create = template.table.create_request(&name);
        self.ask("CreateTable", &create).await.expect("a table");
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .endpoint_url(format!("http://127.0.0.1:{}", self.port))
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

    /// One call of the JSON protocol. The server wants the form of a signature and
    /// does not check it.
    async fn ask(&self, operation: &str, body: &Value) -> Result<(), String> {
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test-key-id/20260101/eu-central-1/dynamodb/aws4_request, \
             SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n\r\n{body}",
            body.len(),
        );
        let answer = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.map(|_| answer)
        };
        let answer = answer
            .await
            .map_err(|error: std::io::Error| error.to_string())?;
        let answer = String::from_utf8_lossy(&answer);
        if answer.starts_with("HTTP/1.1 200") {
            Ok(())
        } else {
            Err(answer.into_owned())
        }
    }
}

fn home() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/dynamodb-local");
    std::env::var_os("BATON_DYNAMODB_LOCAL").map_or_else(|| PathBuf::from(default), PathBuf::from)
}

async fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    listener.local_addr().expect("an address").port()
}

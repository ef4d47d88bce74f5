//! Amazon's DynamoDB Local, where it is installed (`tests/store/install-dynamodb-local`).

use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// A running DynamoDB Local, ended with this value. All access keys see the same tables.
#[derive(Debug)]
pub struct DynamoDbLocal {
    port: u16,
    _process: Child,
}

impl DynamoDbLocal {
    /// Starts it on a free port of the loopback interface, in memory. `None`, with a
    /// word on why, where Java or the jar is missing.
    ///
    /// # Panics
    /// When it does not answer within 30 s.
    pub async fn start() -> Option<Self> {
        let home = home();
        let jar = home.join("DynamoDBLocal.jar");
        if !jar.is_file() {
            println!(
                "SKIPPED: no {}; tests/store/install-dynamodb-local puts it there",
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
            .args(["-inMemory", "-sharedDb", "-port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let process = match spawned {
            Ok(process) => process,
            Err(error) => {
                println!("SKIPPED: java cannot be started: {error}");
                return None;
            }
        };
        let server = Self {
            port,
            _process: process,
        };
        for _ in 0..150 {
            if server
                .ask("DynamoDB_20120810.ListTables", &json!({}))
                .await
                .is_ok()
            {
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("DynamoDB Local did not answer within 30 s");
    }

    /// What `AWS_ENDPOINT_URL_DYNAMODB` is set to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// One call of the JSON protocol, `DynamoDB_20120810.<operation>` or
    /// `DynamoDBStreams_20120810.<operation>`, and its answer. The server wants the
    /// form of a signature and does not check it.
    ///
    /// # Errors
    /// When there is no answer, or it is not 200; in words.
    pub async fn ask(&self, target: &str, body: &Value) -> Result<Value, String> {
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: {target}\r\n\
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
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        if !head.starts_with("HTTP/1.1 200") {
            return Err(answer.into_owned());
        }
        serde_json::from_str(body).map_err(|error| format!("{error}: {answer}"))
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

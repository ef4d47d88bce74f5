//! The stand-in for AWS: its process, and calls of its services.

use baton_tests::built::workspace;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// moto is slow to start on a machine that has other things to do.
const STARTS_WITHIN: Duration = Duration::from_secs(90);

/// The running stand-in, ended with this value.
pub(crate) struct StandIn {
    /// What `AWS_ENDPOINT_URL` is set to.
    pub(crate) url: String,
    /// The folder with its Python, and with `sam`.
    pub(crate) programs: PathBuf,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl StandIn {
    /// Starts it; `None`, with a word on why, where something is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            println!("SKIPPED: aws-sam-cli is not installed (tests/run installs it)");
            return None;
        };
        let python = programs.join("python");
        let has = Command::new(&python)
            .args(["-c", "import moto.server, samcli"])
            .stderr(Stdio::null())
            .status();
        if !has.await.is_ok_and(|status| status.success()) {
            println!(
                "SKIPPED: {} has no moto (tests/run installs it)",
                python.display()
            );
            return None;
        }
        let mut process = Command::new(&python)
            .arg(workspace().join("tests/deployed/stand-in"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let stdin = process.stdin.take().expect("an input");
        let mut lines = BufReader::new(process.stdout.take().expect("an output")).lines();
        let ready = tokio::time::timeout(STARTS_WITHIN, lines.next_line()).await;
        let ready = ready
            .expect("it is ready in time")
            .expect("readable")
            .expect("a line");
        let url = ready.strip_prefix("ready ").expect("an address").to_owned();
        Some(Self {
            url,
            programs,
            stdin,
            lines,
            _process: process,
        })
    }

    /// A stack by what its services say: `status`, `outputs`, and `resources` by their
    /// logical ids, `type` and `is` each.
    pub(crate) async fn describe(&mut self, stack: &str) -> Value {
        let line = format!("{stack}\n");
        self.stdin
            .write_all(line.as_bytes())
            .await
            .expect("it listens");
        let said = self.lines.next_line().await.expect("readable");
        serde_json::from_str(&said.expect("it knows the stack")).expect("JSON")
    }

    /// Calls a service in AWS's JSON protocol; its answer, which must be a good one.
    pub(crate) async fn ask(&self, service: &str, target: &str, body: &Value) -> Value {
        let credential = format!("test-key/20260101/eu-central-1/{service}/aws4_request");
        let answered = client()
            .post(&self.url)
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.0")
            .header(
                "authorization",
                format!(
                    "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"
                ),
            )
            .body(body.to_string())
            .send()
            .await
            .expect("an answer");
        let status = answered.status();
        let text = answered.text().await.expect("a body");
        assert!(status.is_success(), "{target}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

/// A client for this machine, whatever proxy there is.
pub(crate) fn client() -> reqwest::Client {
    // Whoever installed one first wins, and either will do.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

fn programs() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&on_path)
        .chain([workspace().join("target/venv/bin")])
        .find(|folder: &PathBuf| has(folder, "sam") && has(folder, "python"))
}

fn has(folder: &Path, program: &str) -> bool {
    folder.join(program).is_file()
}

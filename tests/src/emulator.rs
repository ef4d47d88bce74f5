//! `cargo lambda watch`, cargo-lambda's emulator of Lambda, and the functions attached
//! to it.
//!
//! It starts no function itself (`--only-lambda-apis`) and waits for an answer no
//! longer than told: without a limit, a call of a function that is not attached never
//! ends.

use crate::built::{Process, workspace};
use baton_local::invoke::{BoxFuture, Functions, InvokeError};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a call may take.
pub const CALL_LIMIT: Duration = Duration::from_secs(45);
/// How long the emulator may take to listen.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// The emulator with its functions. Dropping it ends all of them.
#[derive(Debug)]
pub struct Emulator {
    // Functions first: they are in calls to the emulator.
    functions: Vec<(String, Process)>,
    emulator: Process,
    calls: Calls,
}

/// Calls functions of an emulator; clones share its connections.
#[derive(Clone, Debug)]
pub struct Calls {
    client: reqwest::Client,
    base_url: String,
}

/// An answer of the emulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// 200, also for an error of the function on some versions; 408 where none answered.
    pub status: u16,
    /// The function's answer, or its error document.
    pub body: Vec<u8>,
}

impl Emulator {
    /// Where cargo-lambda is: on the path, or where `tests/run` installs it.
    #[must_use]
    pub fn program() -> Option<PathBuf> {
        let on_path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&on_path)
            .chain([workspace().join("target/venv/bin")])
            .map(|folder| folder.join("cargo-lambda"))
            .find(|program| program.is_file())
    }

    /// Starts the emulator on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When it does not start, with what it said.
    pub fn start(program: &Path) -> io::Result<Self> {
        let port = free_port()?;
        let limit = CALL_LIMIT.as_secs().to_string();
        let mut command = Command::new(program);
        command
            .args(["lambda", "watch", "--only-lambda-apis", "--disable-cors"])
            .args(["--invoke-address", "127.0.0.1", "--invoke-port"])
            .arg(port.to_string())
            .args(["--timeout", &limit])
            .current_dir(workspace());
        let mut emulator = Process::start(&mut command)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let end = Instant::now() + STARTS_WITHIN;
        while TcpStream::connect_timeout(&address, Duration::from_millis(100)).is_err() {
            if emulator.ended().is_some() || Instant::now() > end {
                return Err(io::Error::other(emulator.said().join("\n")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let calls = Calls::new(format!("http://{address}"))?;
        Ok(Self {
            functions: Vec::new(),
            emulator,
            calls,
        })
    }

    /// Starts a function and attaches it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn attach(
        &mut self,
        binary: &Path,
        function: &str,
        environment: &BTreeMap<String, String>,
    ) -> io::Result<()> {
        // lambda_runtime takes a path only behind a scheme.
        let api = format!("{}/.rt/{function}", self.calls.base_url);
        let process = Process::function(binary, function, &api, environment)?;
        self.functions.push((function.to_owned(), process));
        Ok(())
    }

    /// What calls the functions.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.calls.clone()
    }

    /// The process ids of a function, those that ended left out.
    pub fn alive(&mut self, function: &str) -> Vec<u32> {
        self.functions
            .iter_mut()
            .filter(|(name, _)| name == function)
            .filter_map(|(_, process)| process.ended().is_none().then(|| process.id()))
            .collect()
    }

    /// Everything that the functions wrote so far, each line after its function's name.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.functions
            .iter()
            .flat_map(|(name, process)| {
                let lines = process.said();
                lines.into_iter().map(move |line| format!("{name}: {line}"))
            })
            .collect()
    }

    /// What the emulator wrote so far.
    #[must_use]
    pub fn noted(&self) -> Vec<String> {
        self.emulator.said()
    }
}

impl Calls {
    fn new(base_url: String) -> io::Result<Self> {
        // Plain HTTP only; but the client is built with TLS, and wants a provider.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(CALL_LIMIT)
            .build()
            .map_err(io::Error::other)?;
        Ok(Self { client, base_url })
    }

    /// Calls a function and waits for its answer.
    ///
    /// # Errors
    /// When the emulator does not answer.
    pub async fn call(&self, function: &str, event: Vec<u8>) -> Result<Called, reqwest::Error> {
        let url = format!(
            "{}/2015-03-31/functions/{function}/invocations",
            self.base_url
        );
        let answered = self.client.post(url).body(event).send().await?;
        Ok(Called {
            status: answered.status().as_u16(),
            body: answered.bytes().await?.to_vec(),
        })
    }
}

impl Functions for Calls {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let (calls, function) = (self.clone(), function.to_owned());
        Box::pin(async move {
            match calls.call(&function, payload).await {
                Ok(called) if called.is_error() => Err(InvokeError::Failed(
                    String::from_utf8_lossy(&called.body).into_owned(),
                )),
                Ok(called) => Ok(called.body),
                Err(error) => Err(InvokeError::Failed(error.to_string())),
            }
        })
    }
}

impl Called {
    /// Whether the function failed, or did not answer. Its error document has these two
    /// members. Source: Lambda Runtime API, invocation error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        let document: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        self.status != 200
            || (document.get("errorType").is_some() && document.get("errorMessage").is_some())
    }
}

fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

//! The functions' binaries: built as packages, and started the way Lambda starts them,
//! with nothing in the environment but what they are given.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// The package of the functions.
pub const PACKAGE: &str = "baton-functions";

/// The workspace's folder.
#[must_use]
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// What `cargo metadata` says of the workspace's own packages.
///
/// # Errors
/// When cargo fails; its words.
pub fn metadata() -> Result<Value, String> {
    let output = cargo(&["metadata", "--format-version", "1", "--no-deps"])?;
    serde_json::from_slice(&output).map_err(|error| error.to_string())
}

/// Builds every function, and the named examples, in the profile for emulators, and
/// answers the folder that they are in. What is built already costs nothing; several
/// processes wait for each other. Where the variable `BATON_TEST_FUNCTIONS` names a
/// folder of binaries, nothing is built and those are meant: released ones, say.
///
/// # Errors
/// When cargo fails; its words.
pub fn functions(examples: &[&str]) -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os("BATON_TEST_FUNCTIONS") {
        return Ok(folder.into());
    }
    let mut arguments = vec!["build", "--profile", "emulator", "-p", PACKAGE, "--bins"];
    for example in examples {
        arguments.extend(["--example", example]);
    }
    cargo(&arguments)?;
    let metadata = metadata()?;
    let target = metadata.get("target_directory").and_then(Value::as_str);
    target
        .map(|target| Path::new(target).join("emulator"))
        .ok_or_else(|| "cargo metadata names no target directory".to_owned())
}

/// Builds `baton`, the operator's program, and answers where it is; as [`functions`], from
/// the folder that `BATON_TEST_FUNCTIONS` names where it does.
///
/// # Errors
/// When cargo fails; its words.
pub fn operator() -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os("BATON_TEST_FUNCTIONS") {
        return Ok(PathBuf::from(folder).join("baton"));
    }
    cargo(&["build", "-p", "baton-local", "--bin", "baton"])?;
    let metadata = metadata()?;
    let target = metadata.get("target_directory").and_then(Value::as_str);
    target
        .map(|target| Path::new(target).join("debug/baton"))
        .ok_or_else(|| "cargo metadata names no target directory".to_owned())
}

fn cargo(arguments: &[&str]) -> Result<Vec<u8>, String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .current_dir(workspace())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("cargo {}: {words}", arguments.join(" ")))
}

/// How a function is started with this environment and no other, as `function` at the
/// Runtime API at `api` (`127.0.0.1:9001`, or with a scheme and a path).
#[must_use]
pub fn function_command(
    binary: &Path,
    function: &str,
    api: &str,
    environment: &BTreeMap<String, String>,
) -> Command {
    let mut command = Command::new(binary);
    command
        .env_clear()
        .envs(environment)
        // Source: Lambda developer guide, "Defined runtime environment variables".
        .env("AWS_LAMBDA_FUNCTION_NAME", function)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env(
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{function}"),
        )
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "test")
        .env("AWS_LAMBDA_RUNTIME_API", api);
    command
}

/// A running program. Dropping it kills it, also while a test fails.
#[derive(Debug)]
pub struct Process {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts a function with this environment and no other, as `function` at the
    /// Runtime API at `api` (`127.0.0.1:9001`, or with a scheme and a path).
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn function(
        binary: &Path,
        function: &str,
        api: &str,
        environment: &BTreeMap<String, String>,
    ) -> std::io::Result<Self> {
        Self::start(&mut function_command(binary, function, api, environment))
    }

    /// Starts a program and listens to what it says.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> std::io::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = Arc::new(Mutex::new(Vec::new()));
        if let Some(out) = child.stdout.take() {
            listen(out, Arc::clone(&said));
        }
        if let Some(err) = child.stderr.take() {
            listen(err, Arc::clone(&said));
        }
        Ok(Self { child, said })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The lines that it has written so far, standard output and error together.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

fn listen(from: impl std::io::Read + Send + 'static, said: Arc<Mutex<Vec<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            said.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line);
        }
    });
}

//! Where functions are measured: released binaries, a table, settings and secrets behind
//! TLS as on AWS, and Lambda's Runtime API.

use crate::accounting::cpu_ms;
use baton_tests::aws::access_key;
use baton_tests::built::{Process, workspace};
use baton_tests::certificate::Certificate;
use baton_tests::runtime_api::{Answer, RuntimeApi};
use baton_tests::scene::{Failed, Nobody, Parties, Scene, TABLE, WEBHOOK_PASSWORD, WEBHOOK_USER};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a process may take until it asks for its first event.
const STARTS_WITHIN: Duration = Duration::from_secs(10);
/// How long a process that asked is given to fall asleep.
pub(crate) const FALLS_ASLEEP: Duration = Duration::from_millis(20);
/// How many messages of one customer follow one another.
const MESSAGES_A_THREAD: usize = 8;

/// The name of the function that only the runtime is in.
pub(crate) const BARE: &str = "bare";
/// The name of the function on Node.
pub(crate) const NODE: &str = "node";

/// Everything that functions are measured with.
#[derive(Debug)]
pub(crate) struct Stand {
    /// The table and what is around it.
    pub(crate) scene: Scene,
    folder: PathBuf,
    node: Option<PathBuf>,
    sample: String,
}

/// A program under measurement.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    /// The function's name, [`BARE`] or [`NODE`].
    pub(crate) name: String,
    /// What is started.
    pub(crate) binary: PathBuf,
    environment: BTreeMap<String, String>,
}

/// A started program that has asked for its first event.
#[derive(Debug)]
pub(crate) struct Running {
    api: RuntimeApi,
    process: Process,
}

impl Stand {
    /// Sets the stand for the binaries in a folder; `node` is the function on Node, if
    /// there is one. `work` is for files of the run.
    ///
    /// # Errors
    /// When the scene cannot be set.
    pub(crate) async fn set(
        folder: &Path,
        node: Option<PathBuf>,
        work: &Path,
    ) -> Result<Self, Failed> {
        // Nothing is there: a function that calls out is refused at once.
        let parties = Parties::of_samples("http://127.0.0.1:9", "http://127.0.0.1:9");
        let certificate = Certificate::make(work)?;
        let scene = Scene::behind_tls(&parties, Arc::new(Nobody), certificate).await?;
        let sample = std::fs::read_to_string(workspace().join("events/gladly.json"))?;
        Ok(Self {
            scene,
            folder: folder.to_owned(),
            node,
            sample,
        })
    }

    /// The folder of the binaries.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The names of the functions in the template that have a binary.
    pub(crate) fn functions(&self) -> Vec<String> {
        let specs = self.scene.template.functions.iter();
        let names = specs.map(|spec| spec.name.clone());
        names
            .filter(|name| self.folder.join(name).is_file())
            .collect()
    }

    /// The function that only the runtime is in.
    pub(crate) fn bare(&self) -> Variant {
        Variant {
            name: BARE.to_owned(),
            binary: self.folder.join("examples/bare"),
            environment: BTreeMap::new(),
        }
    }

    /// A function.
    ///
    /// # Errors
    /// When the template names a variable without a value.
    pub(crate) fn function(&self, name: &str) -> Result<Variant, Failed> {
        Ok(Variant {
            name: name.to_owned(),
            binary: self.folder.join(name),
            environment: self.scene.environment(name)?,
        })
    }

    /// The function on Node, where it could be built.
    ///
    /// # Errors
    /// When the template names a variable without a value.
    pub(crate) fn node(&self) -> Result<Option<Variant>, Failed> {
        let Some(binary) = self.node.clone() else {
            return Ok(None);
        };
        let mut environment = self.scene.environment("gladly")?;
        let authority = environment.get("AWS_CA_BUNDLE").cloned();
        environment.insert(
            "NODE_EXTRA_CA_CERTS".to_owned(),
            authority.unwrap_or_default(),
        );
        // What the hub reads from its settings, which it keeps for a minute, is given.
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", access_key(NODE).as_str()),
            ("TABLE", TABLE),
            ("WEBHOOK_USER", WEBHOOK_USER),
            ("WEBHOOK_PASSWORD", WEBHOOK_PASSWORD),
            ("ID_KEY", "test-id-key"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        Ok(Some(Variant {
            name: NODE.to_owned(),
            binary,
            environment,
        }))
    }

    /// Starts a program and waits until it asks for its first event, and then sleeps.
    ///
    /// # Errors
    /// When it never asks; with what it said.
    pub(crate) async fn start(&self, variant: &Variant) -> Result<Running, Failed> {
        let Variant {
            name,
            binary,
            environment,
        } = variant;
        let api = RuntimeApi::serve().await?;
        let mut asked = api.asked();
        let process = Process::function(binary, name, &api.address(), environment)?;
        let first = asked.wait_for(|count| *count > 0);
        if tokio::time::timeout(STARTS_WITHIN, first).await.is_err() {
            let said = process.said().join("\n");
            return Err(format!("{name} asked for no event: {said}").into());
        }
        tokio::time::sleep(FALLS_ASLEEP).await;
        Ok(Running { api, process })
    }

    /// A webhook with the `number`th message: [`MESSAGES_A_THREAD`] of each customer
    /// follow one another. `series` keeps the customers of two measurements apart.
    pub(crate) fn webhook(&self, series: &str, number: usize) -> Vec<u8> {
        let thread = number / MESSAGES_A_THREAD;
        let mut event: Value = serde_json::from_str(&self.sample).unwrap_or_default();
        let body = event.get("body").and_then(Value::as_str);
        let body = body
            .unwrap_or_default()
            .replace("event-sample-1", &format!("event-{series}-{number}"))
            .replace("message-sample-1", &format!("message-{series}-{number}"))
            .replace("-sample-1", &format!("-{series}-{thread}"));
        if let Some(event) = event.as_object_mut() {
            event.insert("body".to_owned(), json!(body));
        }
        event.to_string().into_bytes()
    }

    /// The same with a password that is not the endpoint's.
    pub(crate) fn forged(&self, series: &str, number: usize) -> Vec<u8> {
        let mut event: Value =
            serde_json::from_slice(&self.webhook(series, number)).unwrap_or_default();
        let wrong = data_encoding::BASE64.encode(b"webhook-user:test-secret-forgery");
        if let Some(header) = event.pointer_mut("/headers/authorization") {
            *header = json!(format!("Basic {wrong}"));
        }
        event.to_string().into_bytes()
    }

    /// How often AWS was asked anything by a function.
    pub(crate) fn asked_by(&self, function: &str) -> u64 {
        let uses = self.scene.aws.uses();
        let of = uses.iter().filter(|(used, _)| used.function == function);
        of.map(|(_, count)| count).sum()
    }
}

impl Running {
    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Calls it, and insists on this status: a failure would be measured as a fast call.
    /// A function that answers no status is the bare one.
    ///
    /// # Errors
    /// When it answers otherwise.
    pub(crate) async fn call(&self, event: Vec<u8>, status: u16) -> Result<Duration, Failed> {
        let begun = Instant::now();
        let answer = self.api.invoke(event).await;
        let took = begun.elapsed();
        match answer {
            Some(Answer::Response(body)) => {
                let body: Value = serde_json::from_slice(&body)?;
                match body.get("statusCode") {
                    None => Ok(took),
                    Some(given) if *given == status => Ok(took),
                    Some(given) => Err(format!("a call was answered {given}: {body}").into()),
                }
            }
            other => {
                let said = self.process.said().join("\n");
                Err(format!("a call failed: {other:?}\n{said}").into())
            }
        }
    }

    /// Milliseconds of CPU that each of these calls took, on average.
    ///
    /// # Errors
    /// When one is answered otherwise than with this status.
    pub(crate) async fn cpu_of_calls(
        &self,
        events: impl ExactSizeIterator<Item = Vec<u8>>,
        status: u16,
    ) -> Result<f64, Failed> {
        let calls = events.len() as f64;
        let before = cpu_ms(self.id())?;
        for event in events {
            self.call(event, status).await?;
        }
        tokio::time::sleep(FALLS_ASLEEP).await;
        Ok((cpu_ms(self.id())? - before) / calls)
    }
}

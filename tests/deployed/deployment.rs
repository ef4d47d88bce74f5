//! A stack that was made by the guide's commands, with everything that runs in it.

use crate::bus::{Queue, Refusing};
use crate::guide;
use crate::stand::{StandIn, client};
use crate::stream::Readers;
use baton_local::dead_letters::DeadLetters;
use baton_local::engine::{Engine, Location};
use baton_local::gateway;
use baton_local::invoke::{BoxFuture, Functions, InvokeError};
use baton_local::schedule::Schedules;
use baton_local::template::{FunctionSpec, Template};
use baton_simulators::bot::{BotConfig, SampleBot};
use baton_simulators::gladly::{GladlyConfig, GladlySim};
use baton_simulators::serving::{Served, serve};
use baton_tests::built::{self, workspace};
use baton_tests::dynamodb_local::DynamoDbLocal;
use baton_tests::sandboxes::Sandboxes;
use baton_tests::scene::Nobody;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// The page whose commands are run.
const GUIDE: &str = "docs/operations/deploy.md";
/// The stack's name.
pub(crate) const STACK: &str = "baton";
/// An event, through stream, bus and rule.
const COMES_WITHIN: Duration = Duration::from_secs(60);
const BOT_PASSWORD: &str = "test-secret-bot";

/// What runs.
pub(crate) struct Deployment {
    /// AWS.
    pub(crate) stand: StandIn,
    /// The stack, by what its services say.
    pub(crate) stack: Value,
    /// What the guide's commands printed, by their names.
    pub(crate) printed: BTreeMap<String, String>,
    /// The platform.
    pub(crate) gladly: GladlySim,
    /// The bot.
    pub(crate) bot: SampleBot,
    /// Base URL of webhooks and API.
    pub(crate) front: String,
    /// What the bus was sent.
    pub(crate) bus: Refusing,
    /// What a team's rule put aside.
    pub(crate) queue: Queue,
    /// What was given up.
    pub(crate) letters: DeadLetters,
    /// The database.
    pub(crate) database: Arc<DynamoDbLocal>,
    /// The shell of whoever operates it.
    pub(crate) environment: BTreeMap<String, String>,
    /// Where they are.
    pub(crate) folder: PathBuf,
    blocks: BTreeMap<String, String>,
    template: Arc<Template>,
    switch: Switch,
    clock: Arc<dyn baton_local::engine::Clock>,
    running: Option<Running>,
    _served: [Served; 3],
}

/// What works on the table. Dropping it ends it.
struct Running {
    readers: Readers,
    _schedules: Schedules,
    _sandboxes: Sandboxes,
}

/// The functions, whichever they are now.
#[derive(Clone)]
struct Switch(Arc<RwLock<Arc<dyn Functions>>>);

impl Functions for Switch {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let now = self.0.read().unwrap_or_else(PoisonError::into_inner);
        now.invoke(function, payload)
    }
}

impl Deployment {
    /// Follows the guide; `None` where something is not installed.
    pub(crate) async fn by_the_guide() -> Option<Self> {
        let database = Arc::new(DynamoDbLocal::start().await?);
        let mut stand = StandIn::start().await?;
        let template = Arc::new(Template::builtin().expect("the template"));
        let blocks = guide::blocks(GUIDE);
        let mut printed = BTreeMap::new();
        let folder = checkout(&template);
        let mut environment = operators(&stand, &database);

        for name in ["deploy", "outputs"] {
            let said = guide::run(&blocks[name], &folder, &environment).await;
            printed.insert(name.to_owned(), said);
        }
        let stack = stand.describe(STACK).await;
        let output = |name: &str| stack["outputs"][name].as_str().expect("an output");
        make_table(&database, &stack, output("TableName")).await;
        switch_stream_on(&database, &stack, output("TableName")).await;
        let bus = Refusing::serve(&stand).await;
        let queue = Queue::behind(&stand, output("BusName")).await;

        let switch = Switch(Arc::new(RwLock::new(Arc::new(Nobody))));
        let engine = Engine::open(Location::Memory).expect("a clock");
        let clock = Arc::clone(engine.clock());
        let front = gateway::router(
            Arc::clone(&template),
            Arc::new(switch.clone()),
            Arc::clone(&clock),
        );
        let front = serve(front).await.expect("a port");
        let letters = DeadLetters::memory();
        let gladly = GladlySim::new(GladlyConfig {
            http_webhooks: true,
            ..GladlyConfig::default()
        });
        let platform = gladly.serve().await.expect("a port");
        let bot = SampleBot::new(BotConfig {
            webhook_credentials: Some(("hub".to_owned(), BOT_PASSWORD.to_owned())),
            base_url: format!("{}/gladly", front.base_url),
            ..BotConfig::default()
        });
        let bot_served = bot.serve().await.expect("a port");

        let config = gladly.config();
        environment.extend([
            ("URL".to_owned(), front.base_url.clone()),
            ("GLADLY_EMAIL".to_owned(), config.agent_email.clone()),
            ("GLADLY_TOKEN".to_owned(), config.api_token.clone()),
            (
                "WEBHOOK_PASSWORD".to_owned(),
                "test-secret-webhook".to_owned(),
            ),
            ("BOT_PASSWORD".to_owned(), BOT_PASSWORD.to_owned()),
        ]);
        let toml = configuration(&blocks["configuration"], &front, &platform, &bot_served);
        let toml = toml.replace("inbox_1", &config.default_inbox.id);
        std::fs::write(folder.join("baton.toml"), toml).expect("a file");

        let mut deployment = Self {
            stand,
            stack,
            printed,
            gladly,
            bot,
            front: front.base_url.clone(),
            bus,
            queue,
            letters,
            database,
            environment,
            folder,
            blocks,
            template,
            switch,
            clock,
            running: None,
            _served: [front, platform, bot_served],
        };
        let table = deployment.output("TableName").to_owned();
        deployment.work_on(&table).await;
        for name in ["health", "check", "apply", "again", "token", "doctor"] {
            deployment.follow(name).await;
        }
        let token = deployment.printed["token"].trim().to_owned();
        deployment.bot.configure(|bot| bot.token = token);
        Some(deployment)
    }

    /// An output of the stack.
    pub(crate) fn output(&self, name: &str) -> &str {
        self.stack["outputs"][name].as_str().expect("an output")
    }

    /// Starts functions, stream and minute rule on this table; what worked on another one
    /// before is killed.
    pub(crate) async fn work_on(&mut self, table: &str) {
        self.running = None;
        let binaries = built::functions(&[]).expect("the functions can be built");
        let log = self.folder.join("functions.log");
        let sandboxes = Sandboxes::serve(&binaries, &log).await.expect("a port");
        for spec in &self.template.functions {
            let mut environment =
                of_function(spec, &self.stack, &self.stand, &self.database, &self.bus);
            environment.insert("BATON_TABLE".to_owned(), table.to_owned());
            sandboxes.add(&spec.name, environment, spec.timeout);
        }
        let functions: Arc<dyn Functions> = Arc::new(sandboxes.clone());
        *self
            .switch
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::clone(&functions);
        let streams = &self.template.streams;
        let schedules = &self.template.schedules;
        self.running = Some(Running {
            readers: Readers::start(&self.database, table, streams, &functions).await,
            _schedules: Schedules::start(schedules, &functions, &self.letters, &self.clock),
            _sandboxes: sandboxes,
        });
    }

    /// Has nobody work on the stream for now, or somebody again.
    pub(crate) fn pause_stream(&self, paused: bool) {
        if let Some(running) = &self.running {
            running.readers.paused.store(paused, Ordering::SeqCst);
        }
    }

    /// Runs a block of the guide.
    pub(crate) async fn follow(&mut self, name: &str) {
        let said = guide::run(&self.blocks[name], &self.folder, &self.environment).await;
        self.printed.insert(name.to_owned(), said);
    }

    /// The names of the guide's blocks.
    pub(crate) fn blocks(&self) -> Vec<&str> {
        self.blocks.keys().map(String::as_str).collect()
    }

    /// What the API answers, as JSON, with the bot's token.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let token = self.printed["token"].trim();
        let answered = client()
            .get(format!("{}{path}", self.front))
            .bearer_auth(token)
            .send()
            .await
            .expect("an answer");
        let status = answered.status();
        let text = answered.text().await.expect("a body");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The next event of this name that comes out of the queue; those before it are left.
    pub(crate) async fn event(&self, name: &str) -> Value {
        let end = Instant::now() + COMES_WITHIN;
        loop {
            let taken = self.queue.take_until(&self.stand, name).await;
            if let Some(last) = taken.last().filter(|last| last["detail-type"] == name) {
                return last.clone();
            }
            assert!(Instant::now() < end, "no {name}: {}", self.said());
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Takes events out of the queue until none has come for some seconds.
    pub(crate) async fn quiet(&self) {
        let mut quiet = 0;
        while quiet < 10 {
            let taken = self.queue.take(&self.stand).await;
            quiet = if taken.is_empty() { quiet + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// The last lines of the functions' log, for whoever looks for a fault.
    pub(crate) fn said(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("functions.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(40).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the functions said:\n{}", self.said());
        }
        // It is in the folder for temporary files anyway.
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// A folder that looks like the repository to whoever deploys from it. What is uploaded
/// for a function is a word: nobody starts it there.
fn checkout(template: &Template) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("baton-deployed-{}", std::process::id()));
    let _left_over = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("infra")).expect("a folder");
    let source = workspace().join("infra/template.yaml");
    std::fs::copy(source, folder.join("infra/template.yaml")).expect("a template");
    for function in &template.functions {
        let code = folder.join("target/lambda").join(&function.name);
        std::fs::create_dir_all(&code).expect("a folder");
        std::fs::write(code.join("bootstrap"), &function.name).expect("a file");
    }
    folder
}

/// The shell of whoever deploys.
fn operators(stand: &StandIn, database: &DynamoDbLocal) -> BTreeMap<String, String> {
    let baton = built::operator().expect("baton can be built");
    let baton = baton.parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{}:{path}", baton.display(), stand.programs.display());
    let variables = [
        ("PATH", path.as_str()),
        ("STACK", STACK),
        ("AWS_REGION", baton_local::REGION),
        ("AWS_DEFAULT_REGION", baton_local::REGION),
        ("AWS_ACCESS_KEY_ID", "test-key"),
        ("AWS_SECRET_ACCESS_KEY", "test-secret"),
        ("AWS_ENDPOINT_URL", &stand.url),
        ("AWS_ENDPOINT_URL_DYNAMODB", &database.url()),
        ("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", &database.url()),
        ("SAM_CLI_TELEMETRY", "0"),
        ("NO_PROXY", "127.0.0.1,localhost"),
    ];
    let variables = variables.into_iter();
    variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The environment that the stack gives a function, and where AWS is.
fn of_function(
    spec: &FunctionSpec,
    stack: &Value,
    stand: &StandIn,
    database: &DynamoDbLocal,
    bus: &Refusing,
) -> BTreeMap<String, String> {
    let function = logical_id(&spec.name);
    let given = &stack["resources"][&function]["is"]["Environment"]["Variables"];
    let given = given
        .as_object()
        .unwrap_or_else(|| panic!("{function} has no environment"));
    let given = given.iter().map(|(name, value)| {
        let value = value.as_str().unwrap_or_default();
        (name.clone(), value.to_owned())
    });
    let here = [
        ("AWS_REGION", baton_local::REGION),
        ("AWS_ACCESS_KEY_ID", "test-key"),
        ("AWS_SECRET_ACCESS_KEY", "test-secret"),
        ("AWS_SESSION_TOKEN", "test-session"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &database.url()),
        ("AWS_ENDPOINT_URL_EVENTBRIDGE", bus.url()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &stand.url),
    ];
    let here = here
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    given.chain(here).collect()
}

/// `gladly` is `GladlyFunction` in the template.
pub(crate) fn logical_id(function: &str) -> String {
    let (first, rest) = function.split_at(1);
    format!("{}{rest}Function", first.to_uppercase())
}

/// Makes the stack's table once more in DynamoDB Local under this name, by what the stack's
/// own says of itself: keys, indexes, time to live.
pub(crate) async fn make_table(database: &DynamoDbLocal, stack: &Value, name: &str) {
    let table = &stack["resources"]["Table"]["is"]["table"];
    let indexes = table["GlobalSecondaryIndexes"].as_array();
    let indexes: Vec<Value> = indexes
        .expect("indexes")
        .iter()
        .map(|index| {
            json!({
                "IndexName": index["IndexName"],
                "KeySchema": index["KeySchema"],
                "Projection": index["Projection"],
            })
        })
        .collect();
    let create = json!({
        "TableName": name,
        "AttributeDefinitions": table["AttributeDefinitions"],
        "KeySchema": table["KeySchema"],
        "GlobalSecondaryIndexes": indexes,
        "BillingMode": table["BillingModeSummary"]["BillingMode"],
    });
    let made = database.ask("DynamoDB_20120810.CreateTable", &create).await;
    made.expect("DynamoDB takes the definition");
    let ttl = json!({
        "TableName": name,
        "TimeToLiveSpecification": {
            "AttributeName": stack["resources"]["Table"]["is"]["ttl"]["AttributeName"],
            "Enabled": true,
        },
    });
    let set = database
        .ask("DynamoDB_20120810.UpdateTimeToLive", &ttl)
        .await;
    set.expect("DynamoDB takes the time to live");
}

/// Switches the stream of a table on: what is in it already is not in the stream.
pub(crate) async fn switch_stream_on(database: &DynamoDbLocal, stack: &Value, name: &str) {
    let table = &stack["resources"]["Table"]["is"]["table"];
    let update = json!({
        "TableName": name,
        "StreamSpecification": table["StreamSpecification"],
    });
    let updated = database.ask("DynamoDB_20120810.UpdateTable", &update).await;
    updated.expect("DynamoDB takes the stream");
}

/// The guide's configuration, with the parties where they are here.
fn configuration(block: &str, front: &Served, platform: &Served, bot: &Served) -> String {
    let mut toml = block.to_owned();
    for (guides, here) in [
        (
            "https://abcdefghij.execute-api.eu-central-1.amazonaws.com",
            &front.base_url,
        ),
        ("https://acme.gladly.com", &platform.base_url),
        ("https://bot.acme.com/hook", &bot.base_url),
    ] {
        assert!(toml.contains(guides), "the guide no longer says {guides}");
        toml = toml.replace(guides, here);
    }
    toml
}

/// Where the guide is, for messages.
pub(crate) fn guide() -> &'static Path {
    Path::new(GUIDE)
}

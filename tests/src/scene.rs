//! A hub's table, settings, secrets and tokens, for names and keys that are fixed: so
//! the ids in `events/` are those of a thread that `events/gladly.json` makes.

use crate::aws::{Aws, access_key};
use crate::certificate::Certificate;
use baton_domain::{IdKey, ThreadId};
use baton_hub::config::{CheckContext, check, render, to_document};
use baton_hub::settings::Settings;
use baton_hub::source::token_hash;
use baton_hub::store::Store;
use baton_hub::store::records::{Role, TokenRecord};
use baton_local::bus::Bus;
use baton_local::dead_letters::DeadLetters;
use baton_local::engine::{Engine, Faults, Location};
use baton_local::invoke::{BoxFuture, Functions, InvokeError};
use baton_local::template::Template;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

/// The table's name.
pub const TABLE: &str = "baton-table";
/// The stack's name.
pub const STACK: &str = "baton";
/// The bus's name.
pub const BUS: &str = "baton-bus";
/// The endpoint that the samples are sent to.
pub const ENDPOINT: &str = "gladly-main";
/// The connection that the samples belong to.
pub const CONNECTION: &str = "shop-chat";
/// The session that the samples are about.
pub const SESSION: &str = "session-sample-1";
/// What the samples' webhooks carry.
pub const WEBHOOK_USER: &str = "webhook-user";
/// What the samples' webhooks carry.
pub const WEBHOOK_PASSWORD: &str = "test-secret-webhook";
/// What the hub tells the bot with.
pub const BOT_USER: &str = "hub";
/// What the hub tells the bot with.
pub const BOT_PASSWORD: &str = "test-secret-bot";
/// The samples' tokens.
pub const TOKENS: [(&str, Role); 4] = [
    ("test-token-bot", Role::Bot),
    ("test-token-agent", Role::Agent),
    ("test-token-admin", Role::Admin),
    ("test-token-reader", Role::Reader),
];

const ID_KEY: &str = "test-id-key-test-id-key-test-id-key-test-id-key-test-id-key-0001";
const ID_KEY_ARN: &str = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:id-key";
const SECRET_ARN: &str = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:baton";

/// Any failure while a scene is set.
pub type Failed = Box<dyn Error + Send + Sync>;

/// The id of the samples' thread.
#[must_use]
pub fn thread() -> ThreadId {
    thread_of(SESSION)
}

/// The id of the thread of any session.
#[must_use]
pub fn thread_of(session: &str) -> ThreadId {
    IdKey::new(ID_KEY.as_bytes().to_vec()).thread(CONNECTION, session)
}

/// No function at all: what the bus's rules call ends here.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Functions for Nobody {
    fn invoke(
        &self,
        function: &str,
        _payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let function = function.to_owned();
        Box::pin(async move { Err(InvokeError::Unknown(function)) })
    }
}

/// The parties outside.
#[derive(Clone, Debug)]
pub struct Parties {
    /// The platform's API.
    pub gladly: String,
    /// The address that customers write to.
    pub address: String,
    /// User and token of the platform's API.
    pub credentials: (String, String),
    /// The desk's inbox.
    pub inbox: String,
    /// The bot.
    pub bot: String,
}

impl Parties {
    /// The parties of the samples, at these URLs.
    #[must_use]
    pub fn of_samples(gladly: &str, bot: &str) -> Self {
        Self {
            gladly: gladly.to_owned(),
            address: "app_1".to_owned(),
            credentials: ("api@example.test".to_owned(), "test-secret-api".to_owned()),
            inbox: "inbox_1".to_owned(),
            bot: bot.to_owned(),
        }
    }

    fn document(&self, timers: &str) -> String {
        let Self {
            gladly,
            address,
            credentials: (email, token),
            inbox,
            bot,
        } = self;
        format!(
            r#"[hub]
public_url = "http://127.0.0.1:8787"
[[endpoint]]
id = "{ENDPOINT}"
platform = "gladly"
[endpoint.secrets]
username = "{WEBHOOK_USER}"
password = "{WEBHOOK_PASSWORD}"
[[connection]]
id = "{CONNECTION}"
endpoint = "{ENDPOINT}"
base_url = "{gladly}"
addresses = ["{address}"]
default_inbox = "{inbox}"
[connection.secrets]
agent_email = "{email}"
api_token = "{token}"
[connection.bot]
url = "{bot}"
format = "gladly"
[connection.bot.secrets]
username = "{BOT_USER}"
password = "{BOT_PASSWORD}"
[connection.timers]
preset = "gladly"
{timers}
"#
        )
    }
}

/// The settings of a configuration.
fn settings_of(toml: &str) -> Result<Settings, Failed> {
    let context = CheckContext {
        tracked_by_git: false,
        env: &|_| None,
    };
    let checked = check(toml, &context);
    let settings = checked.settings;
    Ok(settings.ok_or_else(|| render(&checked.mistakes, toml))?)
}

/// A table with settings and tokens, a bus, and both as AWS on a local port.
#[derive(Debug)]
pub struct Scene {
    /// The template.
    pub template: Arc<Template>,
    /// The database.
    pub engine: Engine,
    /// The bus; its rules call the functions of the scene.
    pub bus: Bus,
    /// What was given up.
    pub dead_letters: DeadLetters,
    /// AWS, for the binaries.
    pub aws: Aws,
    /// The table, for looking inside.
    pub store: Store,
    /// The settings that were put there.
    pub settings: Settings,
    /// What the binaries shall believe, where AWS is behind TLS.
    certificate: Option<Certificate>,
}

impl Scene {
    /// The key of thread ids.
    #[must_use]
    pub fn id_key(&self) -> IdKey {
        IdKey::new(ID_KEY.as_bytes().to_vec())
    }

    /// Sets a scene in memory, with AWS as plain HTTP.
    ///
    /// # Errors
    /// When the settings have mistakes, or no port is free.
    pub async fn set(parties: &Parties, functions: Arc<dyn Functions>) -> Result<Self, Failed> {
        Self::build(parties, "", None, functions, None).await
    }

    /// Sets a scene whose timers differ from the preset (lines of
    /// `[connection.timers]`, such as `bot_owes = "200s"`), and whose functions see the
    /// database through these faults; the scene itself, and the stream, see it whole.
    ///
    /// # Errors
    /// When the settings have mistakes, or no port is free.
    pub async fn with(
        parties: &Parties,
        timers: &str,
        faults: Option<Arc<dyn Faults>>,
        functions: Arc<dyn Functions>,
    ) -> Result<Self, Failed> {
        Self::build(parties, timers, faults, functions, None).await
    }

    /// Sets a scene with AWS behind TLS.
    ///
    /// # Errors
    /// When the settings have mistakes, or no port is free.
    pub async fn behind_tls(
        parties: &Parties,
        functions: Arc<dyn Functions>,
        certificate: Certificate,
    ) -> Result<Self, Failed> {
        Self::build(parties, "", None, functions, Some(certificate)).await
    }

    async fn build(
        parties: &Parties,
        timers: &str,
        faults: Option<Arc<dyn Faults>>,
        functions: Arc<dyn Functions>,
        certificate: Option<Certificate>,
    ) -> Result<Self, Failed> {
        let template = Arc::new(Template::builtin()?);
        let engine = Engine::open(Location::Memory)?;
        engine.create_table(&template.table, TABLE).await?;
        let dead_letters = DeadLetters::memory();
        let bus = Bus::new(
            BUS,
            &template.bus_rules,
            functions,
            dead_letters.clone(),
            Arc::clone(engine.clock()),
        );
        let store = Store::new(engine.client(), TABLE);
        let settings = settings_of(&parties.document(timers))?;
        let (document, secrets) = to_document(&settings)?;
        store.put_settings_document(&document).await?;
        for (token, role) in TOKENS {
            let record = TokenRecord {
                name: "sample".to_owned(),
                role,
                connections: Some(vec![CONNECTION.to_owned()]),
                agent: (role == Role::Agent).then(|| "agent_1".to_owned()),
                expires: None,
            };
            store.put_token(&token_hash(token), &record).await?;
        }
        let secrets = BTreeMap::from([
            (ID_KEY_ARN.to_owned(), ID_KEY.to_owned()),
            (SECRET_ARN.to_owned(), secrets),
        ]);
        let seen = match faults {
            Some(faults) => engine.with_faults(faults),
            None => engine.clone(),
        };
        let aws = Aws::serve(&seen, &bus, secrets, certificate.as_ref()).await?;
        Ok(Self {
            template,
            engine,
            bus,
            dead_letters,
            aws,
            store,
            settings,
            certificate,
        })
    }

    /// A function's environment: what Lambda sets, what the template names for this
    /// function and nothing else, and where AWS is.
    ///
    /// # Errors
    /// When the template has no such function, or names a variable without a value.
    pub fn environment(&self, function: &str) -> Result<BTreeMap<String, String>, Failed> {
        let spec = self
            .template
            .function(function)
            .ok_or_else(|| format!("the template has no function {function}"))?;
        let mut environment: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &spec.environment {
            let known = match name.as_str() {
                "BATON_TABLE" => Some(TABLE),
                "BATON_BUS" => Some(BUS),
                "BATON_SECRET_ARN" => Some(SECRET_ARN),
                "BATON_ID_KEY_ARN" => Some(ID_KEY_ARN),
                "BATON_STACK" => Some(STACK),
                "RUST_LOG" => Some("info"),
                _ => None,
            };
            let value = known.map(str::to_owned).or_else(|| value.clone());
            environment.insert(name.clone(), value.unwrap_or_default());
        }
        for (name, value) in [
            ("AWS_REGION", baton_local::REGION),
            ("AWS_ACCESS_KEY_ID", &access_key(function)),
            ("AWS_SECRET_ACCESS_KEY", "test-secret"),
            ("AWS_SESSION_TOKEN", "test-session"),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.aws.url()),
            ("AWS_ENDPOINT_URL_EVENTBRIDGE", self.aws.url()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.aws.url()),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        if let Some(certificate) = &self.certificate {
            let authority = certificate.authority().display().to_string();
            environment.insert("AWS_CA_BUNDLE".to_owned(), authority);
        }
        Ok(environment)
    }
}

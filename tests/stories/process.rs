//! The hub as a process of its own, its data in a folder, between a simulated
//! platform and a bot that live in the test.

use crate::stage::SOON;
use baton_simulators::bot::{BotConfig, SampleBot};
use baton_simulators::gladly::{GladlyConfig, GladlySim, WebhookConfig};
use baton_simulators::serving::Served;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) const WEBHOOK: (&str, &str) = ("webhook-user", "test-secret-webhook");
pub(crate) const BOT: (&str, &str) = ("hub", "test-secret-bot");

/// The program, beside the test's own in the target folder.
fn baton() -> PathBuf {
    let own = std::env::current_exe().expect("a path");
    let folder = own
        .parent()
        .and_then(Path::parent)
        .expect("a target folder");
    let baton = folder.join("baton");
    assert!(
        baton.exists(),
        "{} is not built: `cargo build --bin baton`",
        baton.display()
    );
    baton
}

/// A hub's process; killed when dropped, its folder removed.
pub(crate) struct Hub {
    pub(crate) folder: PathBuf,
    port: u16,
    child: Option<Child>,
    /// The level of its logs, which go to `log` in its folder.
    logs: &'static str,
    /// Whether it is started with `baton.toml`, or with what was applied.
    pub(crate) configured: bool,
    /// What else its environment has.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Hub {
    pub(crate) fn new(folder: PathBuf, logs: &'static str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        Self {
            folder,
            port,
            child: None,
            logs,
            configured: true,
            environment: Vec::new(),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(baton());
        command.current_dir(&self.folder).args(arguments);
        command
    }

    pub(crate) async fn start(&mut self) {
        let port = self.port.to_string();
        let mut arguments = vec!["serve", "--port", &port, "--data", "data"];
        if self.configured {
            arguments.extend(["--config", "baton.toml"]);
        }
        let child = self
            .command(&arguments)
            .env("RUST_LOG", self.logs)
            .envs(self.environment.iter().cloned())
            .stdout(Stdio::null())
            .stderr(self.log())
            .spawn()
            .expect("the hub's process starts");
        self.child = Some(child);
        let client = reqwest::Client::new();
        let end = tokio::time::Instant::now() + SOON;
        loop {
            let up = client.get(format!("{}/health", self.url())).send().await;
            if up.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            assert!(
                tokio::time::Instant::now() < end,
                "the hub does not come up"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Runs a command of the operator: whether it succeeded, what it printed, and what
    /// it complained of.
    pub(crate) fn operate(&self, arguments: &[&str]) -> (bool, String, String) {
        let ran = self
            .command(arguments)
            .args(["--data", "data"])
            .output()
            .expect("the command runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ran.status.success(), text(&ran.stdout), text(&ran.stderr))
    }

    /// The process id, while it runs.
    pub(crate) fn id(&mut self) -> Option<u32> {
        let child = self.child.as_mut()?;
        let ended = child.try_wait().expect("it can be asked");
        ended.is_none().then(|| child.id())
    }

    fn log(&self) -> Stdio {
        let path = self.folder.join("log");
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .expect("a log file");
        Stdio::from(file)
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGKILL: nothing in the process gets to run any more.
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ended = child.kill().and_then(|()| child.wait());
        }
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn settings(gladly: &str, bot: &str, sim: &GladlyConfig) -> String {
    format!(
        r#"
[[endpoint]]
id = "gladly-main"
platform = "gladly"
[endpoint.secrets]
username = "{}"
password = "{}"

[[connection]]
id = "shop-chat"
endpoint = "gladly-main"
base_url = "{gladly}"
addresses = ["{}"]
default_inbox = "{}"
[connection.secrets]
agent_email = "{}"
api_token = "{}"
[connection.bot]
url = "{bot}"
format = "gladly"
[connection.bot.secrets]
username = "{}"
password = "{}"
[connection.timers]
preset = "gladly"
"#,
        WEBHOOK.0,
        WEBHOOK.1,
        sim.app_address,
        sim.default_inbox.id,
        sim.agent_email,
        sim.api_token,
        BOT.0,
        BOT.1
    )
}

/// A hub's process with its surroundings.
pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) gladly: GladlySim,
    pub(crate) bot: SampleBot,
    /// The bot's token at the hub.
    pub(crate) token: String,
    /// The webhook, as the platform calls it.
    pub(crate) webhook: String,
    _served: [Served; 2],
}

impl World {
    /// Everything running and connected. `name` names the folder.
    pub(crate) async fn new(name: &str, logs: &'static str) -> Self {
        let folder = std::env::temp_dir().join(format!("baton-{name}-{}", std::process::id()));
        let _old = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let sim = GladlyConfig {
            // The platform's real schedule, faster.
            retry_scale: 0.02,
            ..GladlyConfig::default()
        };
        let gladly = GladlySim::new(sim.clone());
        let platform = gladly.serve().await.expect("the platform is served");
        let mut hub = Hub::new(folder, logs);
        let bot = SampleBot::new(BotConfig {
            webhook_credentials: Some((BOT.0.to_owned(), BOT.1.to_owned())),
            tries: 12,
            ..BotConfig::calling(&format!("{}/gladly", hub.url()))
        });
        let bot_server = bot.serve().await.expect("the bot is served");
        let toml = settings(&platform.base_url, &bot_server.base_url, &sim);
        std::fs::write(hub.folder.join("baton.toml"), toml).expect("the configuration is written");
        let made = hub
            .command(&[
                "token",
                "create",
                "--role",
                "bot",
                "--connection",
                "shop-chat",
                "--data",
                "data",
            ])
            .output()
            .expect("a token is made");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let token = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        bot.configure(|bot| bot.token.clone_from(&token));
        hub.start().await;
        let webhook = WebhookConfig::new(&format!("{}/webhooks/gladly/gladly-main", hub.url()))
            .basic(WEBHOOK.0, WEBHOOK.1)
            .event("AUTOMATION/MESSAGE_SENT")
            .event("CONVERSATION/CLOSED")
            .event("CONVERSATION_ASSIGNEE/UPDATED");
        let webhook = gladly
            .connect(webhook)
            .await
            .expect("the webhook is enabled");
        Self {
            hub,
            gladly,
            bot,
            token,
            webhook,
            _served: [platform, bot_server],
        }
    }
}

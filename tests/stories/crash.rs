//! `kill -9` at any moment: the hub as a process of its own, its data in a folder; the
//! platform and the bot live on.

use crate::stage::SOON;
use baton_simulators::bot::{BotConfig, SampleBot};
use baton_simulators::clock::Clock;
use baton_simulators::gladly::{GladlyConfig, GladlySim, Speaker, WebhookConfig};
use baton_simulators::random::Random;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const WEBHOOK: (&str, &str) = ("webhook-user", "test-secret-webhook");
const BOT: (&str, &str) = ("hub", "test-secret-bot");

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

/// A hub's process; killed when dropped.
struct Hub {
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Hub {
    fn new(folder: PathBuf) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        Self {
            folder,
            port,
            child: None,
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(baton());
        command.current_dir(&self.folder).args(arguments);
        command
    }

    async fn start(&mut self) {
        let port = self.port.to_string();
        let child = self
            .command(&[
                "serve",
                "--port",
                &port,
                "--data",
                "data",
                "--config",
                "baton.toml",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
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

    fn kill(&mut self) {
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
    }
}

fn settings(gladly: &str, bot: &str, sim: &GladlyConfig) -> String {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_nothing_is_lost_or_doubled() {
    let folder = std::env::temp_dir().join(format!("baton-crash-{}", std::process::id()));
    let _old = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let sim = GladlyConfig {
        // The platform's real schedule, faster.
        retry_scale: 0.02,
        ..GladlyConfig::default()
    };
    let gladly = GladlySim::new(sim.clone());
    let platform = gladly.serve().await.expect("the platform is served");
    let mut hub = Hub::new(folder.clone());
    let bot = SampleBot::new(BotConfig {
        webhook_credentials: Some((BOT.0.to_owned(), BOT.1.to_owned())),
        tries: 12,
        ..BotConfig::calling(&format!("{}/gladly", hub.url()))
    });
    let bot_server = bot.serve().await.expect("the bot is served");
    let toml = settings(&platform.base_url, &bot_server.base_url, &sim);
    std::fs::write(folder.join("baton.toml"), toml).expect("the configuration is written");
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
    bot.configure(|bot| bot.token = token.clone());

    hub.start().await;
    let webhook = WebhookConfig::new(&format!("{}/webhooks/gladly/gladly-main", hub.url()))
        .basic(WEBHOOK.0, WEBHOOK.1)
        .event("AUTOMATION/MESSAGE_SENT")
        .event("CONVERSATION/CLOSED");
    gladly
        .connect(webhook)
        .await
        .expect("the webhook is enabled");

    let seed = Clock::real().now().unsigned_abs();
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let names = ["ada", "ben", "cem"];
    let mut written = Vec::new();
    for round in 0..8 {
        for name in names {
            let text = format!("message {round} of {name}");
            gladly
                .customer_writes(name, &text)
                .expect("the customer can write");
            written.push(text);
        }
        tokio::time::sleep(Duration::from_millis(random.below(250))).await;
        hub.kill();
        hub.start().await;
    }
    let all_told = |bot: &SampleBot| {
        let told = bot.told();
        written
            .iter()
            .all(|text| told.iter().any(|told| told.text.as_ref() == Some(text)))
    };
    assert!(
        bot.wait_until(Duration::from_secs(60), all_told).await,
        "every message is told"
    );
    let answered = |gladly: &GladlySim| {
        names.iter().all(|name| {
            let view = gladly.customer(name);
            view.is_some_and(|view| {
                view.sessions
                    .iter()
                    .map(|session| session.texts(Speaker::Bot).len())
                    .sum::<usize>()
                    >= 8
            })
        })
    };
    let came = gladly.wait_until(Duration::from_secs(60), answered).await;
    let counts: Vec<usize> = gladly
        .transcript()
        .iter()
        .map(|session| session.texts(Speaker::Bot).len())
        .collect();
    assert!(
        came,
        "every message is answered: {counts:?}, the bot failed to {:?}",
        bot.failed_calls()
    );
    assert_eq!(gladly.repeated_bot_messages(), 0, "no answer twice");
    hub.kill();
    let _gone = std::fs::remove_dir_all(&folder);
}

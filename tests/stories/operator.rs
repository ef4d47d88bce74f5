//! An operator puts a configuration into force, changes it while the hub runs, and looks
//! at what there is. The programs are real, the platform and the bot are the test's.

use crate::process::{BOT, Hub, WEBHOOK, settings};
use crate::stage::SOON;
use baton_simulators::bot::{BotConfig, SampleBot};
use baton_simulators::gladly::{GladlyConfig, GladlySim, ViolationKind};
use baton_simulators::serving::Served;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

const FILE: &str = "shop.toml";

/// What an operator has: a file, and a hub that is started without one.
pub(crate) struct Shop {
    pub(crate) hub: Hub,
    pub(crate) gladly: GladlySim,
    pub(crate) bot: SampleBot,
    pub(crate) toml: String,
    platform: String,
    _served: [Served; 2],
}

pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("baton-{name}-{}", std::process::id()));
    let _old = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

impl Shop {
    pub(crate) async fn new(name: &str) -> Self {
        let sim = GladlyConfig::default();
        let gladly = GladlySim::new(sim.clone());
        let platform = gladly.serve().await.expect("the platform is served");
        let mut hub = Hub::new(folder(name), "off");
        hub.configured = false;
        let bot = SampleBot::new(BotConfig {
            webhook_credentials: Some((BOT.0.to_owned(), BOT.1.to_owned())),
            tries: 12,
            ..BotConfig::calling(&format!("{}/gladly", hub.url()))
        });
        let bot_server = bot.serve().await.expect("the bot is served");
        let toml = format!(
            "[hub]\npublic_url = \"{}\"\n{}",
            hub.url(),
            settings(&platform.base_url, &bot_server.base_url, &sim)
        );
        let shop = Self {
            hub,
            gladly,
            bot,
            toml,
            platform: platform.base_url.clone(),
            _served: [platform, bot_server],
        };
        shop.save();
        shop
    }

    pub(crate) fn save(&self) {
        std::fs::write(self.hub.folder.join(FILE), &self.toml).expect("the file is written");
    }

    /// Changes the file.
    pub(crate) fn edit(&mut self, from: &str, to: &str) {
        assert!(self.toml.contains(from), "{from:?} is in the file");
        self.toml = self.toml.replacen(from, to, 1);
        self.save();
    }

    pub(crate) fn apply(&self, options: &[&str]) -> (bool, String) {
        let arguments: Vec<&str> = ["apply", FILE].iter().chain(options).copied().collect();
        let (ok, out, err) = self.hub.operate(&arguments);
        let text = format!("{out}{err}");
        // bites: a plan that shows what it writes.
        assert!(!text.contains("test-"), "no secret is shown: {text}");
        (ok, text)
    }

    /// The organization's webhooks, as Gladly tells them.
    pub(crate) async fn webhooks(&self) -> Vec<Value> {
        let sim = self.gladly.config();
        let answer = reqwest::Client::new()
            .get(format!("{}/api/v1/webhooks", self.platform))
            .basic_auth(sim.agent_email, Some(sim.api_token))
            .send()
            .await
            .expect("it answers");
        let text = answer.text().await.expect("a body");
        serde_json::from_str(&text).expect("JSON")
    }

    fn token(&self, role: &str) -> String {
        let made = self
            .hub
            .operate(&["token", "create", "--role", role, "--name", role]);
        assert!(made.0, "{}", made.2);
        made.1.trim().to_owned()
    }

    async fn ask(&self, path: &str, token: &str) -> (u16, Value) {
        let answer = reqwest::Client::new()
            .get(format!("{}{path}", self.hub.url()))
            .bearer_auth(token)
            .send()
            .await
            .expect("it answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    async fn is_told(&self, text: &str) {
        let told = |bot: &SampleBot| {
            let told = bot.told();
            told.iter().any(|told| told.text.as_deref() == Some(text))
        };
        assert!(self.bot.wait_until(SOON, told).await, "{text:?} is told");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_is_applied_and_a_running_hub_follows() {
    let mut shop = Shop::new("apply").await;

    let (ok, plan) = shop.apply(&["--dry-run"]);
    assert!(
        ok && plan.contains("+ connection shop-chat (new)"),
        "{plan}"
    );
    let (ok, refused) = shop.apply(&[]);
    assert!(!ok && refused.contains("--yes"), "{refused}");
    // bites: writing before anybody agreed.
    assert!(!shop.hub.folder.join("data/secrets.json").exists());

    let (ok, applied) = shop.apply(&["--yes", "--by", "ada"]);
    assert!(ok, "{applied}");
    assert!(applied.contains("the bot answers its PING"), "{applied}");
    assert!(applied.contains("no hub runs here"), "{applied}");
    let token = shop.token("bot");
    shop.bot.configure(|bot| bot.token.clone_from(&token));

    // Without a file it runs with what was applied. Now its webhook can be made.
    shop.hub.start().await;
    let (ok, applied) = shop.apply(&["--yes"]);
    assert!(ok && applied.contains("nothing to change"), "{applied}");
    assert!(
        applied.contains("the webhook was made and switched on"),
        "{applied}"
    );
    let webhooks = shop.webhooks().await;
    assert_eq!(webhooks.len(), 1);
    assert_eq!(webhooks[0]["enabled"], true);
    assert_eq!(webhooks[0]["hasCredentials"], true);

    // The second time nothing is done, at the platform neither.
    let calls = shop.gladly.calls().len();
    let (ok, again) = shop.apply(&["--yes"]);
    assert!(
        ok && again.trim_end().ends_with("nothing to change"),
        "{again}"
    );
    assert_eq!(shop.gladly.calls().len(), calls, "nobody was asked");

    shop.gladly
        .customer_writes("ada", "hello")
        .expect("she can");
    shop.is_told("hello").await;

    // Changed while it runs: a timer, and the webhook's password with the one before it
    // still good.
    let (rotated, before) = ("test-secret-webhook-2", WEBHOOK.1);
    shop.edit(
        "preset = \"gladly\"",
        "preset = \"gladly\"\nbot_owes = \"45s\"",
    );
    shop.edit(
        &format!("password = \"{before}\"\n\n[[connection]]"),
        &format!(
            "password = \"{rotated}\"\n[endpoint.secrets.previous]\nusername = \"{}\"\npassword = \"{before}\"\n\n[[connection]]",
            WEBHOOK.0
        ),
    );
    let (ok, changed) = shop.apply(&["--yes", "--by", "ada"]);
    assert!(ok, "{changed}");
    assert!(changed.contains("timers.bot_owes: 60s -> 45s"), "{changed}");
    assert!(changed.contains("secrets.password: changed"), "{changed}");
    assert!(changed.contains("set right: credentials"), "{changed}");
    let admin = shop.token("admin");
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let (_, connection) = shop.ask("/v1/connections/shop-chat", &admin).await;
        if connection["timers"]["bot_owes_s"] == 45 {
            break;
        }
        // bites: a hub that reads its settings at the start only.
        assert!(
            tokio::time::Instant::now() < end,
            "it follows: {connection}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    shop.gladly
        .customer_writes("ada", "again")
        .expect("she can");
    shop.is_told("again").await;
    let attempts = shop.gladly.deliveries();
    assert!(
        attempts.iter().all(|delivery| delivery.attempts.len() == 1),
        "{attempts:#?}"
    );

    let (ok, list, err) = shop.hub.operate(&["connections"]);
    assert!(ok, "{err}");
    assert!(
        list.contains("shop-chat") && list.contains("on ("),
        "{list}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_at_the_platform_is_told_and_the_settings_stand() {
    let mut shop = Shop::new("findings").await;
    let (ok, _) = shop.apply(&["--yes"]);
    assert!(ok);
    shop.hub.start().await;
    let good = shop.gladly.config().api_token;
    shop.edit(&good, "test-wrong-token");
    let (ok, told) = shop.apply(&["--yes"]);
    assert!(!ok, "{told}");
    assert!(told.contains("see `agent_email` and `api_token`"), "{told}");
    assert!(told.contains("the settings are in force"), "{told}");
    let (_, list, _) = shop.hub.operate(&["connections"]);
    assert!(list.contains("refuses the credentials"), "{list}");

    // A webhook that somebody has switched off and stripped is set right.
    shop.edit("test-wrong-token", &good);
    let (ok, told) = shop.apply(&["--yes"]);
    assert!(ok, "{told}");
    let id = shop.webhooks().await[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let sim = shop.gladly.config();
    let stripped = reqwest::Client::new()
        .patch(format!("{}/api/v1/webhooks/{id}", shop.platform))
        .basic_auth(sim.agent_email, Some(sim.api_token))
        .header("content-type", "application/json")
        .body(r#"{"enabled": false, "events": ["CUSTOMER/MERGED"]}"#)
        .send()
        .await
        .expect("it answers");
    assert_eq!(stripped.status().as_u16(), 204);
    shop.edit(
        "preset = \"gladly\"",
        "preset = \"gladly\"\nbot_owes = \"50s\"",
    );
    let (ok, told) = shop.apply(&["--yes"]);
    assert!(ok && told.contains("set right: events, enabled"), "{told}");
    let webhook = shop.webhooks().await.remove(0);
    assert_eq!(webhook["enabled"], true);
    assert_eq!(webhook["events"].as_array().expect("events").len(), 5);
    // The platform complained of the wrong token alone.
    let complaints: Vec<_> = shop.gladly.violations();
    let kinds: Vec<_> = complaints.iter().map(|complaint| complaint.kind).collect();
    assert_eq!(kinds, [ViolationKind::Unauthorized], "{complaints:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_listed_and_revoked() {
    let mut shop = Shop::new("tokens").await;
    let (ok, _) = shop.apply(&["--yes"]);
    assert!(ok);
    shop.hub.start().await;
    let reader = shop.token("reader");
    let bot = shop.token("bot");
    let (ok, list, err) = shop.hub.operate(&["token", "list"]);
    assert!(ok, "{err}");
    assert!(list.contains("reader") && list.contains("bot"), "{list}");
    assert!(!list.contains(&reader) && !list.contains(&bot), "{list}");
    let (ok, _, err) = shop.hub.operate(&["token", "revoke", "nobody"]);
    assert!(!ok && err.contains("there is no token"), "{err}");
    let (ok, _, err) = shop.hub.operate(&["token", "revoke", "reader"]);
    assert!(ok, "{err}");
    // Nobody has used it, so nobody remembers it.
    assert_eq!(shop.ask("/v1/connections", &reader).await.0, 401);
    assert_eq!(shop.ask("/v1/connections", &bot).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_say_what_they_are_and_go() {
    let shop = Shop::new("letters").await;
    let (ok, _) = shop.apply(&["--yes"]);
    assert!(ok);
    let letter = |what: &str| {
        format!(
            "{{\"time\":\"2026-11-20T10:00:00Z\",\"function\":\"sweep\",\"reason\":\"the function failed: down\",\"what\":{what}}}\n"
        )
    };
    let letters = letter(r#"{"detail-type":"Scheduled Event"}"#)
        + &letter(r#"{"detail-type":"sweep.slice","detail":{"rows":[1,2]}}"#);
    let file = shop.hub.folder.join("data/dead-letters.jsonl");
    std::fs::write(&file, letters).expect("it is written");
    let (ok, list, err) = shop.hub.operate(&["dead-letters"]);
    assert!(ok, "{err}");
    assert!(
        list.contains("the minute's tick") && list.contains("a slice of 2"),
        "{list}"
    );
    assert!(list.contains("nothing needs doing"), "{list}");
    let first = list.split(' ').next().expect("an id");
    let (ok, out, err) = shop.hub.operate(&["dead-letters", "drop", first]);
    assert!(ok && out.contains("dropped"), "{out}{err}");
    let (ok, out, err) = shop.hub.operate(&["dead-letters", "replay", "--all"]);
    assert!(ok && out.contains("nothing needed doing"), "{out}{err}");
    let (_, list, _) = shop.hub.operate(&["dead-letters", "list"]);
    assert_eq!(list, "There are no dead letters.\n");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_changes_a_connection_over_the_api_by_its_revision() {
    let mut shop = Shop::new("api").await;
    let (ok, _) = shop.apply(&["--yes", "--by", "ada"]);
    assert!(ok);
    shop.hub.start().await;
    let (admin, reader) = (shop.token("admin"), shop.token("reader"));
    let path = "/v1/connections/shop-chat";
    assert_eq!(shop.ask(&format!("{path}/settings"), &reader).await.0, 403);
    let (status, read) = shop.ask(&format!("{path}/settings"), &admin).await;
    assert_eq!(status, 200, "{read}");
    assert!(
        !read.to_string().contains("test-"),
        "no secret is shown: {read}"
    );
    let revision = read["revision"].as_str().expect("a revision").to_owned();
    let send = async |method: reqwest::Method, revision: Option<&str>, form: &Value| {
        let mut request = reqwest::Client::new()
            .request(method, shop.hub.url() + path)
            .bearer_auth(&admin)
            .header("content-type", "application/json")
            .body(form.to_string());
        if let Some(revision) = revision {
            request = request.header("if-match", format!("\"{revision}\""));
        }
        let answer = request.send().await.expect("it answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        let body: Value = serde_json::from_str(&text).expect("JSON");
        (status, body)
    };
    let put = reqwest::Method::PUT;
    let mut form = read["connection"].clone();
    form["policy"]["timers"]["bot_owes"] = 45_000.into();
    assert_eq!(send(put.clone(), None, &form).await.0, 400);
    let (status, changed) = send(put.clone(), Some(&revision), &form).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(changed["changed"], serde_json::json!(["timers.bot_owes"]));
    let (_, connection) = shop.ask(path, &admin).await;
    assert_eq!(connection["timers"]["bot_owes_s"], 45);

    // bites: the last one wins.
    let (status, stale) = send(put.clone(), Some(&revision), &form).await;
    assert_eq!(status, 412, "{stale}");
    let present = changed["revision"].as_str().expect("a revision");
    assert!(
        stale["detail"]
            .as_str()
            .is_some_and(|it| it.contains(present))
    );
    // bites: an admin's token that has the credentials sent elsewhere.
    let mut elsewhere = form.clone();
    elsewhere["base_url"] = "https://evil.example".into();
    let (status, refused) = send(put, Some(present), &elsewhere).await;
    assert_eq!(status, 400, "{refused}");

    let (status, list) = shop.ask(&format!("{path}/changes"), &admin).await;
    assert_eq!(status, 200, "{list}");
    let who: Vec<_> = list["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .map(|change| (change["by"].as_str(), change["through"].as_str()))
        .collect();
    assert_eq!(
        who,
        [(Some("admin"), Some("api")), (Some("ada"), Some("apply"))]
    );
    assert_eq!(shop.ask(&format!("{path}/changes"), &reader).await.0, 403);

    // What was changed over the API is a difference to the file.
    let (ok, plan) = shop.apply(&["--dry-run"]);
    assert!(ok && plan.contains("timers.bot_owes: 45s -> 60s"), "{plan}");

    let (status, _) = send(reqwest::Method::DELETE, Some(present), &Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(shop.ask(path, &admin).await.0, 404);
}

/// What a plan was made on must still stand when it is carried out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_somebody_overtook_is_not_carried_out() {
    let mut shop = Shop::new("conflict").await;
    let (ok, _) = shop.apply(&["--yes"]);
    assert!(ok);
    shop.hub.start().await;
    let standing = operate(&shop, "GET", "/settings", "").await.1;
    let standing: Value = serde_json::from_str(&standing).expect("JSON");
    shop.edit(
        "preset = \"gladly\"",
        "preset = \"gladly\"\nbot_owes = \"45s\"",
    );
    let (ok, told) = shop.apply(&["--yes"]);
    assert!(ok, "{told}");
    let late = serde_json::json!({
        "was": standing["document"], "secrets_held": standing["secrets_held"],
        "secrets": "{}", "document": "{\"schema\":1}",
        "change": {"at": 0, "by": "ben", "through": "apply", "revision": "", "items": []},
    });
    let (status, words) = operate(&shop, "PUT", "/settings", &late.to_string()).await;
    assert_eq!(status, 409, "{words}");
    assert!(words.contains("nothing was written"), "{words}");
    let secrets = std::fs::read_to_string(shop.hub.folder.join("data/secrets.json"));
    assert!(
        secrets
            .expect("the file")
            .contains("connection/shop-chat/api_token")
    );
}

/// Asks the running hub by its operator's socket.
async fn operate(shop: &Shop, method: &str, path: &str, body: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let socket = shop.hub.folder.join("data/operator.sock");
    let mut stream = tokio::net::UnixStream::connect(socket)
        .await
        .expect("it runs");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: operator\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    (status.expect("a status"), body.to_owned())
}

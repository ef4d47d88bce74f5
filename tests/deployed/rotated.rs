//! Secrets are rotated by the commands of the page on rotation, while customers write and
//! the bot answers; nothing valid is refused.

use crate::deployment::Deployment;
use crate::guide;
use crate::stand::client;
use baton_simulators::gladly::{GladlySim, Speaker};
use baton_tests::strict_bot::StrictBot;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

const PAGE: &str = "docs/operations/rotation.md";
const SOON: Duration = Duration::from_secs(60);
/// Between two customers: moto is one process of Python, and does not bear more.
const PAUSE: Duration = Duration::from_secs(10);
const KEY: &str = "whsec_dGVzdC1rZXktMDEyMzQ1Njc4OWFiY2RlZg==";
const KEY_NEXT: &str = "whsec_dGVzdC1rZXktbmV4dC0wMTIzNDU2Nzg5YWI=";

/// Every secret that the page rehearses.
pub(crate) async fn secrets(hub: &mut Deployment) {
    let page = Page(guide::blocks(PAGE));
    webhook_credentials(hub, &page).await;
    let revoked = token(hub, &page).await;
    signing_keys(hub, &page).await;
    // Long after the minute that it may have been good for.
    let path = format!("{}/v1/conversations/cnv_none", hub.front);
    let asked = client().get(&path).bearer_auth(&revoked).send().await;
    assert_eq!(asked.expect("an answer").status(), 401);
}

/// The page's blocks.
struct Page(BTreeMap<String, String>);

impl Page {
    async fn run(&self, hub: &Deployment, block: &str) -> String {
        guide::run(&self.0[block], &hub.folder, &hub.environment).await
    }

    /// Puts a block of the page in the place of that table of the configuration.
    fn write(&self, hub: &Deployment, block: &str) {
        let block = &self.0[block];
        let table = block.lines().next().expect("a table");
        let file = configuration(hub);
        let before = std::fs::read_to_string(&file).expect("the configuration");
        let (start, rest) = before.split_once(table).expect("the table is there");
        let end = rest.find("\n[").unwrap_or(rest.len());
        let after = format!("{start}{block}\n{}", &rest[end..]);
        std::fs::write(file, after).expect("a file");
    }
}

fn configuration(hub: &Deployment) -> PathBuf {
    hub.folder.join("baton.toml")
}

/// Customers who write one after another for as long as this is held.
struct Customers(tokio::task::JoinHandle<()>);

impl Customers {
    fn of(gladly: &GladlySim, kind: &'static str) -> Self {
        let gladly = gladly.clone();
        Self(tokio::spawn(async move {
            for number in 0_u32.. {
                let name = format!("{kind} {number}");
                gladly.customer_writes(&name, "hello").expect("she can");
                tokio::time::sleep(PAUSE).await;
            }
        }))
    }
}

impl Drop for Customers {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A customer writes, and the bot answers.
async fn answered(hub: &Deployment, name: &str) {
    hub.gladly.customer_writes(name, "hello").expect("she can");
    let answered = hub
        .gladly
        .wait_until(SOON, |sim| {
            let sessions = sim.sessions_of(name);
            let answers = sessions
                .iter()
                .map(|session| session.texts(Speaker::Bot).len());
            answers.sum::<usize>() >= 1
        })
        .await;
    assert!(answered, "the bot answers {name}: {}", hub.said());
}

/// The command alone does it.
async fn webhook_credentials(hub: &mut Deployment, page: &Page) {
    let next = "test-secret-webhook-next".to_owned();
    hub.environment
        .insert("WEBHOOK_PASSWORD_NEXT".to_owned(), next);
    page.write(hub, "webhook");
    let customers = Customers::of(&hub.gladly, "while the webhook changes");
    let said = page.run(hub, "webhook-apply").await;
    assert!(said.contains("Applied"), "{said}");
    assert!(said.contains("set right: credentials"), "{said}");
    drop(customers);
    answered(hub, "dora").await;
    hub.gladly.quiesce().await;
    // What was not taken at once would come again half a minute later.
    let deliveries = hub.gladly.deliveries();
    let again = deliveries
        .iter()
        .filter(|delivery| delivery.attempts.len() > 1);
    assert_eq!(again.count(), 0, "{deliveries:#?}");
    assert!(deliveries.len() > 10, "they went on: {}", deliveries.len());
}

/// The bot has the new token before the old one, which is given back, is ended.
async fn token(hub: &mut Deployment, page: &Page) -> String {
    let customers = Customers::of(&hub.gladly, "while the token changes");
    let old = hub.printed["token"].trim().to_owned();
    let new = page.run(hub, "token").await.trim().to_owned();
    hub.bot.configure(|bot| bot.token.clone_from(&new));
    hub.printed.insert("token".to_owned(), new);
    page.run(hub, "revoke").await;
    answered(hub, "emil").await;
    drop(customers);
    assert_eq!(hub.bot.failed_calls(), [""; 0]);
    old
}

/// The bot's key is replaced in the middle, without a call that it refuses.
async fn signing_keys(hub: &mut Deployment, page: &Page) {
    let file = configuration(hub);
    let before = std::fs::read_to_string(&file).expect("the configuration");
    let (bot, served) = StrictBot::serve(KEY).await.expect("a port");
    for (name, key) in [("BOT_KEY", KEY), ("BOT_KEY_NEXT", KEY_NEXT)] {
        hub.environment.insert(name.to_owned(), key.to_owned());
    }
    let (start, _) = before.split_once("[connection.bot]").expect("a bot");
    let strict = format!(
        "{start}[connection.bot]\nurl = \"{}\"\nformat = \"baton\"\n[connection.bot.secrets]\nsigning_key = {{ from = \"env:BOT_KEY\" }}\n",
        served.base_url
    );
    std::fs::write(&file, strict).expect("a file");
    page.run(hub, "key-apply").await;
    // Until every function goes by it some still tell the bot before, in its own way.
    tokio::time::sleep(Duration::from_secs(62)).await;
    let customers = Customers::of(&hub.gladly, "while the key changes");
    assert!(bot.is_told(3, SOON).await, "{}", hub.said());

    page.write(hub, "keys");
    page.run(hub, "keys-apply").await;
    // bites: the new key alone, from one apply to the next.
    bot.believe(KEY_NEXT);
    page.write(hub, "key");
    page.run(hub, "key-apply").await;
    let so_far = bot.told().len();
    assert!(bot.is_told(so_far + 3, SOON).await, "{}", hub.said());
    drop(customers);
    let told = bot.told();
    assert!(told.len() > 8 && told.iter().all(|good| *good), "{told:?}");

    std::fs::write(&file, before).expect("a file");
    page.run(hub, "key-apply").await;
    // And those who got no answer are handed off.
    tokio::time::sleep(Duration::from_secs(62)).await;
    hub.quiet().await;
}

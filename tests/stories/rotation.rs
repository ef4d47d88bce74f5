//! Secrets are replaced while everything goes on: by a running hub, whose calls and callers
//! notice nothing. On a stack: `tests/deployed`.

use crate::operator::Shop;
use crate::stage::SOON;
use baton_simulators::bot::SampleBot;
use baton_simulators::gladly::GladlySim;
use baton_tests::strict_bot::StrictBot;
use std::time::Duration;

const KEY: &str = "whsec_dGVzdC1rZXktMDEyMzQ1Njc4OWFiY2RlZg==";
const KEY_NEXT: &str = "whsec_dGVzdC1rZXktbmV4dC0wMTIzNDU2Nzg5YWI=";

/// Customers who write one after another for as long as this is held.
struct Customers(tokio::task::JoinHandle<()>);

impl Customers {
    fn of(gladly: &GladlySim) -> Self {
        let gladly = gladly.clone();
        Self(tokio::spawn(async move {
            for number in 0_u32.. {
                let name = format!("customer {number}");
                gladly.customer_writes(&name, "hello").expect("she can");
                tokio::time::sleep(Duration::from_millis(120)).await;
            }
        }))
    }
}

impl Drop for Customers {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_believes_one_signing_key_refuses_no_call_while_it_changes() {
    let mut shop = Shop::new("signing-keys").await;
    let (bot, served) = StrictBot::serve(KEY).await.expect("a port");
    let (start, _) = shop.toml.split_once("[connection.bot]").expect("a bot");
    shop.toml = format!(
        "{start}[connection.bot]\nurl = \"{}\"\nformat = \"baton\"\n[connection.bot.secrets]\nsigning_keys = [\"{KEY}\"]\n",
        served.base_url
    );
    shop.save();
    assert!(shop.apply(&["--yes"]).0);
    shop.hub.start().await;
    let (ok, told) = shop.apply(&["--yes"]);
    assert!(ok && told.contains("switched on"), "{told}");
    let customers = Customers::of(&shop.gladly);
    assert!(bot.is_told(10, SOON).await);

    let (one, both, other) = (
        format!("[\"{KEY}\"]"),
        format!("[\"{KEY_NEXT}\", \"{KEY}\"]"),
        format!("[\"{KEY_NEXT}\"]"),
    );
    shop.edit(&one, &both);
    let (ok, told) = shop.apply(&["--yes"]);
    assert!(ok, "{told}");
    // bites: signing with the first key alone.
    assert!(bot.is_told(bot.told().len() + 10, SOON).await);
    bot.believe(KEY_NEXT);
    assert!(bot.is_told(bot.told().len() + 10, SOON).await);
    shop.edit(&both, &other);
    let (ok, told) = shop.apply(&["--yes"]);
    assert!(ok, "{told}");
    assert!(bot.is_told(bot.told().len() + 10, SOON).await);
    drop(customers);
    let told = bot.told();
    assert!(told.iter().all(|good| *good), "{told:?}");
}

/// Whether the bot is told so much more.
async fn is_told(bot: &SampleBot, more: usize) -> bool {
    let least = bot.told().len() + more;
    bot.wait_until(SOON, |bot| bot.told().len() >= least).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_gets_another_token_and_none_of_its_calls_is_refused() {
    let mut shop = Shop::new("tokens-change").await;
    assert!(shop.apply(&["--yes"]).0);
    let create = |shop: &Shop, name: &str| {
        let role = [
            "token",
            "create",
            "--role",
            "bot",
            "--connection",
            "shop-chat",
        ];
        let (ok, token, err) = shop.hub.operate(&[&role[..], &["--name", name]].concat());
        assert!(ok, "{err}");
        token.trim().to_owned()
    };
    let old = create(&shop, "shop bot");
    shop.bot.configure(|bot| {
        bot.token.clone_from(&old);
        // A refusal is not tried again.
        bot.tries = 1;
    });
    shop.hub.start().await;
    let (ok, told) = shop.apply(&["--yes"]);
    assert!(ok && told.contains("switched on"), "{told}");
    let customers = Customers::of(&shop.gladly);
    assert!(is_told(&shop.bot, 20).await);
    let new = create(&shop, "shop bot 2");
    shop.bot.configure(|bot| bot.token.clone_from(&new));
    // Calls that were begun with the old one.
    assert!(is_told(&shop.bot, 10).await);
    let (ok, _, err) = shop.hub.operate(&["token", "revoke", "shop bot"]);
    assert!(ok, "{err}");
    assert!(is_told(&shop.bot, 20).await);
    drop(customers);
    shop.gladly.quiesce().await;
    assert_eq!(shop.bot.failed_calls(), [""; 0]);
    let (ok, list, err) = shop.hub.operate(&["token", "list"]);
    assert!(ok && list.contains("shop bot 2"), "{list}{err}");
    assert_eq!(list.matches("shop bot").count(), 1, "{list}");
}

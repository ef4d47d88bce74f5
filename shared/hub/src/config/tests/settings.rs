//! What a good document becomes, and that both ways lead to the same.

use super::*;
use crate::config::{from_document, to_document};
use crate::settings::{BotFormat, Platform, Settings};
use baton_domain::time::{DAY, MINUTE, SECOND};
use baton_domain::{Desk, OnBotSilence, Policy, QueueLimit};

const EXAMPLE: &str = include_str!("../../../../../docs/baton.example.toml");

fn settings(checked: Checked) -> Settings {
    assert!(checked.settings.is_some(), "{:#?}", lines(&checked));
    checked.settings.unwrap()
}

#[test]
fn the_example_is_without_mistakes_and_may_be_committed() {
    let checked = tracked(EXAMPLE);
    assert_eq!(lines(&checked), [""; 0]);
    let settings = settings(checked);
    assert_eq!(
        settings.public_url.as_deref(),
        Some("https://hub.example.com")
    );
    let endpoint = &settings.endpoints["gladly-main"];
    assert_eq!(endpoint.platform, Platform::Gladly);
    assert_eq!(endpoint.accepts.len(), 2);
    let (user, password) = endpoint.accepts[0].basic.as_ref().unwrap();
    assert_eq!(
        (user.as_str(), password.reveal()),
        (
            "test-gladly_webhook_username",
            "test-gladly_webhook_password"
        )
    );
    assert_eq!(endpoint.accepts[0].headers[0].0, "X-Gladly-Token");
    assert_eq!(
        endpoint.accepts[0].headers[0].1.reveal(),
        "test-gladly_webhook_header"
    );
    assert!(endpoint.accepts[1].headers.is_empty());

    let shop = &settings.connections["shop-chat"];
    assert_eq!(shop.policy, Policy::gladly(Some("inbox_1".to_owned())));
    assert_eq!((shop.keep_messages, shop.text_on_bus), (90 * DAY, false));
    assert!(shop.repair_webhook);
    assert_eq!(
        (shop.api_user.as_str(), shop.api_token.reveal()),
        ("test-gladly_agent_email", "test-gladly_api_token")
    );
    let bot = shop.bot.as_ref().unwrap();
    assert_eq!((bot.format, bot.signing_keys.len()), (BotFormat::Gladly, 0));
    assert_eq!(bot.basic.as_ref().unwrap().0, "test-bot_username");
    let bot = settings.connections["help-chat"].bot.as_ref().unwrap();
    assert_eq!((bot.format, bot.signing_keys.len()), (BotFormat::Baton, 1));
    assert_eq!(
        settings.connection_for("gladly-main", "app_2").unwrap().id,
        "help-chat"
    );
}

/// The lines of the example that are commented out are keys with their defaults.
#[test]
fn what_the_example_only_mentions_exists_too() {
    let mut shown = String::new();
    for line in EXAMPLE.lines() {
        let key = line.strip_prefix("# ").filter(|rest| {
            rest.split_once(" = ")
                .is_some_and(|(key, _)| !key.contains(' '))
        });
        shown.push_str(key.unwrap_or(line));
        shown.push('\n');
    }
    let checked = tracked(&shown);
    // Those for the hub's own desk are told to rest, and nothing else is said.
    let said = lines(&checked);
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(
        said.iter()
            .all(|line| line.contains("warning") && line.contains("no effect")),
        "{said:#?}"
    );
    assert!(shown.contains("\nqueue_limit") && shown.contains("\nkeep_messages"));
    assert!(checked.settings.is_some());
}

#[test]
fn both_ways_lead_to_the_same_settings() {
    for toml in [EXAMPLE, GOOD, ""] {
        let direct = settings(tracked(toml));
        let (document, secrets) = to_document(&direct).unwrap();
        let stored = from_document(&document, &secrets).unwrap();
        assert_eq!(format!("{direct:?}"), format!("{stored:?}"));
        assert_eq!(to_document(&stored).unwrap(), (document.clone(), secrets));
        assert!(!document.contains("test-"), "a secret in {document}");
        assert_eq!(direct.revision.len(), 32);
    }
}

#[test]
fn every_key_arrives() {
    let toml = GOOD
        .replace("addresses = [\"app_1\"]", "desk = \"none\"\ntext_on_bus = true\nrepair_webhook = false\nkeep_messages = \"30d\"\ndefault_inbox = \"inbox_7\"")
        .replace(
            "preset = \"gladly\"",
            "preset = \"ycloud\"\ncustomer_silent = 120\nbot_owes = \"1m\"\ncustomer_waits = \"3m\"\n\
             customer_silent_agent = \"off\"\nagent_silent = \"4m\"\nplatform_check = \"24h\"\n\
             queue_limit = { after = \"10m\", then = \"inbox\", inbox = \"inbox_2\" }",
        );
    let settings = settings(tracked(&toml));
    let shop = &settings.connections["shop"];
    assert!(shop.addresses.is_empty() && shop.text_on_bus);
    assert_eq!(shop.keep_messages, 30 * DAY);
    assert!(!shop.repair_webhook);
    assert_eq!(shop.policy.default_inbox.as_deref(), Some("inbox_7"));
    assert_eq!(shop.policy.desk, Desk::None);
    assert_eq!(shop.policy.on_bot_silence, OnBotSilence::Close);
    let timers = &shop.policy.timers;
    assert_eq!(timers.customer_silent, Some(120 * SECOND));
    assert_eq!(timers.bot_owes, Some(MINUTE));
    assert_eq!(timers.customer_waits, Some(3 * MINUTE));
    assert_eq!(timers.customer_silent_agent, None);
    assert_eq!(timers.agent_silent, Some(4 * MINUTE));
    assert_eq!(timers.platform_check, DAY);
    assert_eq!(
        timers.queue_limit,
        Some((10 * MINUTE, QueueLimit::ToInbox("inbox_2".to_owned())))
    );
}

#[test]
fn a_literal_secret_is_good_where_git_does_not_look() {
    let toml = GOOD.replace("{ from = \"env:TOKEN\" }", "\"test-literal\"");
    assert_eq!(
        settings(untracked(&toml)).connections["shop"]
            .api_token
            .reveal(),
        "test-literal"
    );
    assert!(tracked(&toml).settings.is_none());
}

#[test]
fn signing_keys_rotate() {
    let key = "{ from = \"env:BOT_SIGNING_KEY\" }";
    let toml = GOOD
        .replace("format = \"gladly\"\n", "")
        .replace("[connection.bot.secrets]\nusername = { from = \"env:USER\" }\npassword = { from = \"env:PASSWORD\" }", &format!("[connection.bot.secrets]\nsigning_keys = [{key}, {key}]"));
    let settings = settings(tracked(&toml));
    let bot = settings.connections["shop"].bot.as_ref().unwrap();
    assert_eq!((bot.format, bot.signing_keys.len()), (BotFormat::Baton, 2));
}

#[test]
fn addresses_on_this_machine_and_regions_are_good() {
    for (written, read) in [
        ("https://acme.gladly.com/", "https://acme.gladly.com"),
        (
            "https://ACME.us-1.gladly.com",
            "https://acme.us-1.gladly.com",
        ),
        ("https://us-1.gladly.com", "https://us-1.gladly.com"),
        ("https://acme.gladly.qa:443", "https://acme.gladly.qa"),
        (
            "http://127.0.0.1:9100/gladly/",
            "http://127.0.0.1:9100/gladly",
        ),
        ("http://localhost:9100", "http://localhost:9100"),
        ("http://[::1]:9100", "http://[::1]:9100"),
    ] {
        let settings = settings(tracked(&GOOD.replace("https://acme.gladly.com", written)));
        assert_eq!(settings.connections["shop"].base_url, read);
    }
}

//! What people read.

use super::*;

#[test]
fn a_good_document_is_passed_in_silence() {
    assert_eq!(lines(&tracked(GOOD)), [""; 0]);
}

/// The whole text for a document with a mistake of each common kind, as a terminal
/// shows it.
#[test]
fn every_mistake_is_told_at_once() {
    let toml = r#"[[endpoint]]
id = "gladly-main"
platfrom = "gladly"
[endpoint.secrets]
username = { from = "env:USER" }
password = "test-literal"

[[connection]]
id = "shop chat"
endpoint = "gladly-man"
base_url = "acme.gladly.com"
keep_messages = "7d"
[connection.secrets]
agent_email = { from = "env:MISSING" }
[connection.bot]
url = "https://192.168.0.7/hook"
format = "landbot"
[connection.timers]
bot_owes = "4m"
"#;
    let checked = tracked(toml);
    let expected = r#"baton.toml:3:1: endpoint.platfrom: unknown key
  3 | platfrom = …
  help: did you mean `platform`?

baton.toml:6:12: endpoint.secrets.password: a secret stands in a file that git tracks
  6 | password = …
  help: `{ from = "env:GLADLY_MAIN_PASSWORD" }`, and replace the secret if it was ever committed

baton.toml:9:6: connection.id: an id is 1 to 64 letters, digits, `-` and `_`
  9 | id = "shop chat"
    |      ^
  help: `shop-chat`

baton.toml:10:12: connection.endpoint: there is no endpoint `gladly-man`
  10 | endpoint = "gladly-man"
     |            ^
  help: did you mean `gladly-main`?

baton.toml:11:12: connection.base_url: must start with `https://`
  11 | base_url = "acme.gladly.com"
     |            ^
  help: `https://acme.gladly.com`

baton.toml:12:17: connection.keep_messages: is shorter than 8d: platforms deliver again for 7 days
  12 | keep_messages = "7d"
     |                 ^
  help: at least `"8d"`

baton.toml:13:1: connection.secrets.api_token: is missing
  13 | [connection.secrets]
     | ^
  help: add `api_token = { from = "env:NAME" }`

baton.toml:14:24: connection.secrets.agent_email.from: the environment variable `MISSING` is not set
  14 | agent_email = …
  help: set `MISSING`, or name another

baton.toml:16:7: warning: connection.bot.url: is a private address: a hub on AWS does not call it
  16 | url = "https://192.168.0.7/hook"
     |       ^
  help: give the bot a public address

baton.toml:17:10: connection.bot.format: the format `landbot` is not supported by this release
  17 | format = "landbot"
     |          ^
  help: `baton` or `gladly`

baton.toml:19:12: connection.timers.bot_owes: is 240s, on Gladly it is at most 230s: Gladly closes the session after 300s, and a handoff needs time before that
  19 | bot_owes = "4m"
     |            ^
  help: `bot_owes = "230s"` or less

"#;
    assert_eq!(render(&checked.mistakes, toml), expected);
    assert!(checked.settings.is_none());
}

#[test]
fn text_that_is_not_toml() {
    let toml = "[[endpoint]]\nid = \"x\nplatform = gladly\n";
    let checked = tracked(toml);
    assert_eq!(
        render(&checked.mistakes, toml),
        "baton.toml:2:8: not TOML: invalid basic string, expected `\"`\n  2 | id = \"x\n    |        ^\n\n\
         baton.toml:3:12: not TOML: string values must be quoted, expected literal string\n  3 | platform = gladly\n    |            ^\n\n"
    );
    assert!(checked.settings.is_none());
}

#[test]
fn tables_that_are_lists() {
    assert_eq!(
        said("[[endpoint]]", "[endpoint]"),
        [
            "1:1: endpoint: must be a list of tables, this is a table -> `[[endpoint]]`, with two brackets, for each"
        ]
    );
    let said = lines(&tracked("endpoint = [1]\nhub = 7"));
    assert_eq!(
        said,
        [
            "1:13: endpoint: must be a list of tables, this is a number -> `[[endpoint]]`, with two brackets, for each",
            "2:7: hub: must be a table, this is a number -> `[hub]`",
        ]
    );
}

#[test]
fn later_platforms_are_known_words() {
    let expected = "3:12: endpoint.platform: the platform `whatsapp` is not supported by this release -> this release serves `gladly`";
    let toml = GOOD
        .replace(
            "platform = \"gladly\"",
            "platform = \"whatsapp\"\nphone_id = \"1\"",
        )
        .replace("base_url", "whatever");
    assert_eq!(lines(&tracked(&toml)), [expected]);
    assert_eq!(
        said("platform = \"gladly\"", "platform = \"gladdly\""),
        ["3:12: endpoint.platform: `gladdly` is not a platform -> did you mean `gladly`?"]
    );
}

#[test]
fn keys_in_the_wrong_table() {
    assert_eq!(
        said(
            "[connection.secrets]",
            "url = \"https://bot.example.com\"\n[connection.secrets]"
        ),
        ["13:1: connection.url: unknown key -> it belongs in `[connection.bot]`"]
    );
    assert_eq!(
        said("[connection.bot.secrets]", "[connection.bot.secretts]").len(),
        2
    );
    assert_eq!(
        said("preset", "presets"),
        ["23:1: connection.timers.presets: unknown key -> did you mean `preset`?"]
    );
}

#[test]
fn ids_are_unique_and_addresses_belong_to_one() {
    let (endpoint, connection) = GOOD.split_once("\n[[connection]]").unwrap();
    let twice =
        format!("{endpoint}\n{endpoint}\n[[connection]]{connection}\n[[connection]]{connection}");
    assert_eq!(
        lines(&tracked(&twice)),
        [
            "9:6: endpoint.id: the id `main` is used already, in line 2 -> each has an id of its own",
            "33:6: connection.id: the id `shop` is used already, in line 16 -> each has an id of its own",
            "36:14: connection.addresses: the address `app_1` is taken already, by another connection of this \
             endpoint in line 19 -> an address belongs to one connection",
        ]
    );
    let second = connection.replace("\"shop\"", "\"other\"");
    let both = format!("{GOOD}\n[[connection]]{second}").replace("addresses = [\"app_1\"]\n", "");
    let said = lines(&tracked(&both));
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(
        said[0]
            .contains("takes every address of its endpoint, and so does the connection in line 8"),
        "{said:#?}"
    );
}

#[test]
fn an_endpoint_that_nobody_uses() {
    let (endpoint, _) = GOOD.split_once("\n[[connection]]").unwrap();
    let checked = tracked(endpoint);
    assert_eq!(
        lines(&checked),
        [
            "1:1: warning: endpoint: no connection names the endpoint `main` -> add a `[[connection]]` with `endpoint = \"main\"`"
        ]
    );
    assert!(checked.settings.is_some(), "a warning is no error");
}

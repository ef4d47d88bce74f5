//! What secrets must be, and that messages never repeat them.

use super::*;

#[test]
fn secrets_are_told_without_their_values() {
    let toml = GOOD.replace("{ from = \"env:TOKEN\" }", "\"test-literal\"");
    let shown = render(&tracked(&toml).mistakes, &toml);
    assert!(shown.contains("api_token = …"), "{shown}");
    assert!(
        shown.contains("{ from = \"env:SHOP_API_TOKEN\" }"),
        "{shown}"
    );
    // Also where the key is misspelt, in another table, in a URL, and in broken TOML.
    for broken in [
        toml.replace("api_token", "api_tokem"),
        toml.replace("[connection.secrets]", "[connection.secretts]"),
        toml.replace("api_token = \"test-literal\"", "api_token = test-literal"),
        toml.replace("api_token = \"test-literal\"", "api_token = \"test-literal"),
        toml.replace(
            "api_token = \"test-literal\"",
            "api_token = { form = \"test-literal\" }",
        ),
        toml.replace(
            "api_token = \"test-literal\"",
            "api_token = { from = \"test-literal\" }",
        ),
        toml.replace("https://bot.", "https://me:test-literal@bot."),
    ] {
        for checked in [tracked(&broken), untracked(&broken)] {
            assert!(checked.settings.is_none());
            let shown = render(&checked.mistakes, &broken);
            assert!(!shown.contains("test-literal"), "{shown}");
        }
    }
}

#[test]
fn secrets_that_cannot_be_used() {
    let path = "15:13: connection.secrets.api_token";
    let given = |value: &str| {
        let toml = GOOD.replace("{ from = \"env:TOKEN\" }", value);
        lines(&untracked(&toml)).join("; ")
    };
    let example = "`{ from = \"env:SHOP_API_TOKEN\" }`";
    assert_eq!(given("\"\""), format!("{path}: is empty"));
    assert_eq!(
        given("{ from = \"env:EMPTY\" }"),
        format!("{path}: is empty")
    );
    assert_eq!(
        given("\"test\\n\""),
        format!("{path}: contains a line break or another control character")
    );
    assert_eq!(
        given("5"),
        format!(
            "{path}: must be a text or `{{ from = \"env:NAME\" }}`, this is a number -> {example}"
        )
    );
    assert_eq!(
        given("{ from = \"file:x\" }"),
        format!(
            "15:22: connection.secrets.api_token.from: must be `env:` and the name of an environment variable -> {example}"
        )
    );
    assert_eq!(
        given("{ from = \"env:MISSING\" }"),
        "15:22: connection.secrets.api_token.from: the environment variable `MISSING` is not set -> set `MISSING`, or name another"
    );
    assert_eq!(
        given("{ form = \"env:TOKEN\" }"),
        "15:15: connection.secrets.api_token.form: unknown key -> did you mean `from`?"
    );
}

#[test]
fn a_webhook_demands_something() {
    let credentials =
        "username = { from = \"env:USER\" }\npassword = { from = \"env:PASSWORD\" }\n\n";
    let nothing = said(credentials, "");
    assert!(
        nothing.len() == 1 && nothing[0].contains("4:1: endpoint.secrets: names no credentials"),
        "{nothing:?}"
    );
    for empty in [
        "headers = {}\n\n",
        "previous = { username = { from = \"env:USER\" }, password = { from = \"env:USER\" } }\n\n",
    ] {
        let said = said(credentials, empty);
        assert!(
            said.len() == 1 && said[0].contains("4:1: endpoint.secrets: names no credentials"),
            "{said:?}"
        );
    }
    let half = said(credentials, "username = { from = \"env:USER\" }\n\n");
    assert!(
        half.len() == 1 && half[0].contains("endpoint.secrets.password: is missing"),
        "{half:?}"
    );
    assert!(
        said(
            credentials,
            "headers = { X-Token = { from = \"env:USER\" } }\n\n"
        )
        .is_empty()
    );
    let names = said(
        credentials,
        "headers = { \"X Token\" = { from = \"env:USER\" }, X-A = { from = \"env:USER\" }, x-a = { from = \"env:USER\" } }\n\n",
    );
    assert!(
        names.len() == 2
            && names[0].contains("not the name of a header")
            && names[1].contains("twice"),
        "{names:?}"
    );
    let previous = said(
        "\n[[connection]]",
        "[endpoint.secrets.previous]\n\n[[connection]]",
    );
    assert!(
        previous.len() == 1
            && previous[0].contains("endpoint.secrets.previous: names no credentials"),
        "{previous:?}"
    );
}

#[test]
fn a_bots_secrets_fit_its_format() {
    let bad = said("format = \"gladly\"", "format = \"baton\"");
    assert_eq!(
        bad,
        [
            "20:1: connection.bot.secrets.username: unknown key -> it belongs to format `gladly`",
            "21:1: connection.bot.secrets.password: unknown key -> it belongs to format `gladly`",
        ]
    );
    let credentials = "[connection.bot.secrets]\nusername = { from = \"env:USER\" }\npassword = { from = \"env:PASSWORD\" }\n";
    let unsigned = said(&format!("format = \"gladly\"\n{credentials}"), "");
    assert!(
        unsigned.len() == 1
            && unsigned[0].contains("connection.bot.secrets: names no `signing_key`"),
        "{unsigned:?}"
    );
    let open = said(credentials, "");
    assert!(
        open.len() == 1
            && open[0].contains("warning: connection.bot.secrets: names no credentials"),
        "{open:?}"
    );
    let short = said(
        &format!("format = \"gladly\"\n{credentials}"),
        "[connection.bot.secrets]\nsigning_key = { from = \"env:USER\" }\n",
    );
    assert!(
        short.len() == 1 && short[0].contains("signing_key: a signing key"),
        "{short:?}"
    );
}

#[test]
fn comments_stay_unread() {
    let toml = GOOD.replace(
        "platform = \"gladly\"",
        "platform = \"gladdly\" # once test-old-secret",
    );
    let shown = render(&tracked(&toml).mistakes, &toml);
    assert!(shown.contains("3 | platform = \"gladdly\"\n"), "{shown}");
}

//! No text makes a check fail, and no secret comes out of one.

use super::*;
use proptest::prelude::*;

/// Lines that say something, right or wrong, to be put together at random.
fn line() -> impl Strategy<Value = String> {
    let keys = prop::sample::select(vec![
        "id",
        "platform",
        "endpoint",
        "base_url",
        "addresses",
        "desk",
        "secrets",
        "username",
        "password",
        "headers",
        "previous",
        "bot",
        "url",
        "format",
        "signing_keys",
        "timers",
        "preset",
        "bot_owes",
        "queue_limit",
        "hub",
        "public_url",
        "keep_messages",
        "text_on_bus",
        "repair_webhook",
        "connection",
        "agent_email",
        "api_token",
        "on_bot_silence",
        "\"\"",
        "a.b.c",
    ]);
    let values = prop::sample::select(vec![
        "\"main\"",
        "\"gladly\"",
        "\"messenger\"",
        "7",
        "-1",
        "1.5",
        "true",
        "[]",
        "[1, \"a\"]",
        "{}",
        "\"\"",
        "\"off\"",
        "{ from = \"env:A\" }",
        "{ from = \"env:MISSING\" }",
        "{ from = 1 }",
        "\"https://a@b\"",
        "\"http://[::1]\"",
        "2020-01-01",
        "9223372036854775807",
        "0xffffffffffffffffff",
        "[[{}]]",
        "\"\\u0000\"",
        "'''\n'''",
        "{ after = \"1m\", then = \"bot\" }",
    ]);
    let headers = prop::sample::select(vec![
        "[hub]",
        "[[endpoint]]",
        "[endpoint.secrets]",
        "[endpoint.secrets.previous]",
        "[[connection]]",
        "[connection.secrets]",
        "[connection.bot]",
        "[connection.bot.secrets]",
        "[connection.timers]",
        "[connection]",
        "[endpoint]",
    ]);
    prop_oneof![
        4 => (keys, values).prop_map(|(key, value)| format!("{key} = {value}")),
        2 => headers.prop_map(str::to_owned),
        1 => "\\PC{0,12}",
    ]
}

fn holds(toml: &str) {
    for checked in [tracked(toml), untracked(toml)] {
        assert_eq!(
            checked.errors() == 0,
            checked.settings.is_some(),
            "{toml}\n{:#?}",
            lines(&checked)
        );
        for mistake in &checked.mistakes {
            assert!((1..=toml.matches('\n').count() + 1).contains(&mistake.line));
            assert!(mistake.column >= 1);
        }
        let _ = render(&checked.mistakes, toml);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(toml in any::<String>()) {
        holds(&toml);
    }

    #[test]
    fn any_lines_are_answered(lines in prop::collection::vec(line(), 0..30)) {
        holds(&lines.join("\n"));
    }

    #[test]
    fn a_good_document_with_a_hole_is_answered(from in 0..GOOD.len(), length in 0..40usize, put in "\\PC{0,3}") {
        // The document is ASCII, so any cut is between characters.
        let to = (from + length).min(GOOD.len());
        holds(&format!("{}{put}{}", &GOOD[..from], &GOOD[to..]));
    }

    #[test]
    fn a_literal_secret_is_never_repeated(from in 0..GOOD.len(), length in 0..40usize) {
        let toml = GOOD.replace("{ from = \"env:PASSWORD\" }", "\"hunter2-of-the-tests\"");
        let (from, to) = (from.min(toml.len()), (from + length).min(toml.len()));
        let toml = format!("{}{}", &toml[..from], &toml[to..]);
        for checked in [tracked(&toml), untracked(&toml)] {
            let shown = render(&checked.mistakes, &toml);
            prop_assert!(!shown.contains("of-the-tests"), "{shown}");
        }
    }
}

#[test]
fn deep_nesting_is_a_mistake_and_not_the_end() {
    holds(&format!("a = {}", "[".repeat(100_000)));
    holds(&format!(
        "a = {}1{}",
        "{b=".repeat(20_000),
        "}".repeat(20_000)
    ));
    holds(&format!("{} = 1", vec!["a"; 20_000].join(".")));
}

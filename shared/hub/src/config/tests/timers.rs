//! The limits that platforms set, and the rest of `[connection.timers]`.

use super::*;

fn timers(lines: &str) -> Vec<String> {
    said("preset = \"gladly\"", lines)
}

#[test]
fn limits_of_gladly_are_not_configuration() {
    assert_eq!(
        timers("customer_silent = \"301s\"\nbot_owes = \"4m\""),
        [
            "23:19: connection.timers.customer_silent: is 301s, on Gladly it is at most 300s: Gladly closes the \
             session by itself after 300s -> `customer_silent = \"300s\"` or less",
            "24:12: connection.timers.bot_owes: is 240s, on Gladly it is at most 230s: Gladly closes the session \
             after 300s, and a handoff needs time before that -> `bot_owes = \"230s\"` or less",
        ]
    );
    assert!(timers("customer_silent = \"5m\"\nbot_owes = 230").is_empty());
}

#[test]
fn a_preset_does_not_get_around_them() {
    let said = timers("preset = \"ycloud\"");
    assert_eq!(said.len(), 1);
    assert!(
        said[0].starts_with(
            "23:10: connection.timers.customer_silent: is 10m, on Gladly it is at most 300s"
        ),
        "{said:?}"
    );
    assert!(timers("preset = \"ycloud\"\ncustomer_silent = \"2m\"").is_empty());
}

#[test]
fn bot_timers_cannot_be_off_on_gladly() {
    let said = timers("bot_owes = \"off\"");
    assert!(
        said[0].contains("connection.timers.bot_owes: cannot be off, on Gladly it is at most 230s"),
        "{said:?}"
    );
}

#[test]
fn a_handoff_needs_a_desk() {
    let toml = GOOD
        .replace("addresses =", "desk = \"none\"\naddresses =")
        .replace("preset =", "on_bot_silence = \"handoff\"\npreset =");
    assert_eq!(
        lines(&tracked(&toml)),
        [
            "24:18: connection.timers.on_bot_silence: `handoff` needs a desk, and `connection.desk` is `none` -> \
          `close`, or another `desk`"
        ]
    );
}

#[test]
fn spans_are_spelled_in_one_of_these_ways() {
    let examples = "`\"300s\"`, `\"4m\"`, `\"24h\"`, `\"7d\"` or whole seconds";
    for (written, help) in [
        ("\"60\"", "`\"60s\"`"),
        ("\"a while\"", examples),
        ("1.5", examples),
        ("-3", examples),
        ("true", examples),
    ] {
        let expected =
            format!("23:12: connection.timers.bot_owes: is not a span of time -> {help}");
        assert_eq!(timers(&format!("bot_owes = {written}")), [expected]);
    }
}

#[test]
fn too_short_and_too_long() {
    let said = timers(
        "bot_owes = 0\ncustomer_silent = \"5s\"\ncustomer_silent_agent = \"73h\"\nplatform_check = \"8d\"",
    );
    assert_eq!(said.len(), 5, "{said:#?}");
    assert!(
        said[0].ends_with("bot_owes: is shorter than 1s -> at least `\"1s\"`"),
        "{said:#?}"
    );
    assert!(
        said[1].contains("warning: connection.timers.customer_silent: below 10s"),
        "{said:#?}"
    );
    assert!(
        said[2].contains("customer_silent_agent: is longer than"),
        "{said:#?}"
    );
    assert!(
        said[3].contains("warning") && said[3].contains("no effect"),
        "{said:#?}"
    );
    assert!(
        said[4].contains("platform_check: is longer than"),
        "{said:#?}"
    );
}

#[test]
fn a_queue_limit_is_checked_within() {
    let said = timers("queue_limit = { then = \"inbx\" }");
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(
        said[0].contains("queue_limit.after: is missing"),
        "{said:#?}"
    );
    assert!(said[1].contains("did you mean `inbox`?"), "{said:#?}");
    let said = timers("queue_limit = { after = \"1m\", then = \"bot\", inbox = \"i\" }");
    assert!(
        said.iter()
            .any(|line| line.contains("only `then = \"inbox\"` has an inbox")),
        "{said:#?}"
    );
    let said = timers("queue_limit = { after = \"1m\", then = \"inbox\" }");
    assert!(
        said.iter()
            .any(|line| line.contains("queue_limit.inbox: is missing")),
        "{said:#?}"
    );
}

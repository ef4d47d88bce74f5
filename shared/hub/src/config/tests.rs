mod addresses;
mod messages;
mod robustness;
mod secrets;
mod settings;
mod timers;

use super::{CheckContext, Checked, Severity, check, render};

/// A connection with a bot that is told everything it needs, without secrets in it.
const GOOD: &str = r#"[[endpoint]]
id = "main"
platform = "gladly"
[endpoint.secrets]
username = { from = "env:USER" }
password = { from = "env:PASSWORD" }

[[connection]]
id = "shop"
endpoint = "main"
base_url = "https://acme.gladly.com"
addresses = ["app_1"]
[connection.secrets]
agent_email = { from = "env:EMAIL" }
api_token = { from = "env:TOKEN" }
[connection.bot]
url = "https://bot.example.com/hook"
format = "gladly"
[connection.bot.secrets]
username = { from = "env:USER" }
password = { from = "env:PASSWORD" }
[connection.timers]
preset = "gladly"
"#;

fn env(name: &str) -> Option<String> {
    match name {
        "MISSING" => None,
        "EMPTY" => Some(String::new()),
        "BOT_SIGNING_KEY" => Some("whsec_dGVzdC1zaWduaW5nLWtleS1vZi0yNC1ieXRlcw==".to_owned()),
        other => Some(format!("test-{}", other.to_ascii_lowercase())),
    }
}

fn tracked(toml: &str) -> Checked {
    check(
        toml,
        &CheckContext {
            tracked_by_git: true,
            env: &env,
        },
    )
}

fn untracked(toml: &str) -> Checked {
    check(
        toml,
        &CheckContext {
            tracked_by_git: false,
            env: &env,
        },
    )
}

/// What is said of [`GOOD`] after this replacement, one line each.
fn said(old: &str, new: &str) -> Vec<String> {
    assert!(GOOD.contains(old), "{old}");
    lines(&tracked(&GOOD.replacen(old, new, 1)))
}

fn lines(checked: &Checked) -> Vec<String> {
    let line = |mistake: &super::Mistake| {
        let mark = if mistake.severity == Severity::Warning {
            "warning: "
        } else {
            ""
        };
        let help = mistake
            .suggestion
            .as_ref()
            .map(|help| format!(" -> {help}"))
            .unwrap_or_default();
        format!(
            "{}:{}: {mark}{}: {}{help}",
            mistake.line, mistake.column, mistake.path, mistake.problem
        )
    };
    checked.mistakes.iter().map(line).collect()
}

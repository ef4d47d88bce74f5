//! What `baton` shows when it has started.

use super::serve::{ServeOptions, SettingsFrom};
use crate::demo_settings::{BOT_PATH, CONNECTION, GLADLY_PATH, TOKENS};

/// The first screen: what runs where, and what to try next.
pub(super) fn first_screen(base: &str, options: &ServeOptions, from: SettingsFrom) -> String {
    let mut lines = vec![
        format!("Baton runs at {base}  (health: {base}/health, API: {base}/openapi.json)"),
        match &options.data {
            Some(folder) => format!("  data       {}", folder.display()),
            None => "  data       in memory: gone when this stops".to_owned(),
        },
    ];
    let settings = match (from, &options.config) {
        (SettingsFrom::File, Some(config)) => Some(format!(
            "{}, read at the start; `baton apply` changes them while it runs",
            config.display()
        )),
        (SettingsFrom::Demonstration, _) => None,
        _ => Some("as `baton apply` wrote them; it follows within a minute".to_owned()),
    };
    match settings {
        None => lines.extend(demonstration(base, options.data.is_some())),
        Some(settings) => lines.extend([
            format!("  settings   {settings}"),
            format!("  webhooks   {base}/webhooks/gladly/<endpoint>"),
            "  tokens     `baton token create --help`".to_owned(),
            format!("  requests   {base}/bin/<name> shows what was posted there"),
        ]),
    }
    lines.push(String::new());
    lines.join("\n")
}

/// What a demonstration has, and what to try with it.
fn demonstration(base: &str, kept: bool) -> Vec<String> {
    let mut lines = vec![format!(
        "  Gladly     simulated, at {base}{GLADLY_PATH}   bot: a sample, at {base}{BOT_PATH}"
    )];
    if kept {
        lines.push(
            "             it forgets when this stops: earlier conversations can be read, not continued"
                .to_owned(),
        );
    }
    lines.push(format!(
        "  tokens     {}",
        TOKENS.map(|(token, _)| token).join(", ")
    ));
    lines.push("Write as a customer, then look at the chat:".to_owned());
    lines.push(format!(
        "  curl -d '{{\"text\":\"hello\"}}' -H 'content-type: application/json' {base}{GLADLY_PATH}/control/customers/ada/messages"
    ));
    lines.push(format!("  curl {base}{GLADLY_PATH}/control/customers/ada"));
    lines.push("See what the hub made of it (and `baton timeline ID` for one of them):".to_owned());
    lines.push(format!(
        "  curl -H 'authorization: Bearer demo-admin-token' '{base}/v1/conversations?connection={CONNECTION}'"
    ));
    lines.push("`baton demo` plays a whole story. Ctrl-C stops.".to_owned());
    lines
}

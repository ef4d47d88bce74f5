//! `[connection.bot]`: who answers, and how it is told.

use super::address;
use super::endpoint::pair;
use super::mistake::Notes;
use super::nearest::did_you_mean;
use super::secret::Secrets;
use super::section::{Field, Section, shown};
use crate::settings::{Bot, BotFormat, SecretText};
use baton_platforms::signing::SigningKey;

/// The formats' words; those without a format are for later releases.
const FORMATS: [(&str, Option<BotFormat>); 3] = [
    ("baton", Some(BotFormat::Baton)),
    ("gladly", Some(BotFormat::Gladly)),
    ("landbot", None),
];

/// Reads a bot.
pub(super) fn read(
    mut section: Section<'_, '_>,
    secrets: &Secrets<'_>,
    notes: &mut Notes<'_>,
) -> Option<Bot> {
    let url = section.required("url", "\"https://bot.example.com/hook\"", notes);
    let url = url.and_then(|url| address::bot_url(&url, notes));
    let format = match section.text("format", notes) {
        Some(word) => format(&word, notes),
        None if section.has("format") => None,
        None => Some(BotFormat::Baton),
    };
    let table = section.section("secrets", notes);
    let readable = table.is_some() || !section.has("secrets");
    let credentials = match (format, readable) {
        (Some(BotFormat::Baton), true) => signing(table, &section, secrets, notes),
        (Some(BotFormat::Gladly), true) => basic(table, &section, secrets, notes),
        // Which secrets belong here is not known.
        _ => None,
    };
    let places = ["username", "password", "signing_key", "signing_keys"];
    section.finish(
        &places.map(|key| (key, "in `[connection.bot.secrets]`")),
        notes,
    );
    let credentials = credentials?;
    Some(Bot {
        url: url?,
        format: format?,
        basic: credentials.basic,
        signing_keys: credentials.signing_keys,
    })
}

struct Credentials {
    basic: Option<(String, SecretText)>,
    signing_keys: Vec<SecretText>,
}

fn format(word: &Field<String>, notes: &mut Notes<'_>) -> Option<BotFormat> {
    let known = FORMATS.iter().find(|(name, _)| *name == word.value);
    if let Some((name, format)) = known {
        if format.is_none() {
            notes
                .error(
                    &word.at,
                    &word.path,
                    format!("the format `{name}` is not supported by this release"),
                )
                .suggest("`baton` or `gladly`");
        }
        return *format;
    }
    let names = FORMATS.map(|(name, _)| name);
    notes
        .error(
            &word.at,
            &word.path,
            format!("`{}` is not a format", shown(&word.value)),
        )
        .suggest_maybe(did_you_mean(&word.value, &names));
    None
}

fn basic(
    table: Option<Section<'_, '_>>,
    bot: &Section<'_, '_>,
    secrets: &Secrets<'_>,
    notes: &mut Notes<'_>,
) -> Option<Credentials> {
    let basic = match table {
        Some(mut table) => {
            let basic = pair(&mut table, secrets, notes);
            let signs = "to format `baton`";
            table.finish(&[("signing_key", signs), ("signing_keys", signs)], notes);
            basic?
        }
        None => None,
    };
    if basic.is_none() {
        let problem = "names no credentials: the bot cannot tell who calls it";
        notes
            .warn(&bot.at, &bot.path_of("secrets"), problem)
            .suggest("`username` and `password`, sent as HTTP Basic");
    }
    Some(Credentials {
        basic,
        signing_keys: Vec::new(),
    })
}

fn signing(
    table: Option<Section<'_, '_>>,
    bot: &Section<'_, '_>,
    secrets: &Secrets<'_>,
    notes: &mut Notes<'_>,
) -> Option<Credentials> {
    let mut keys = Vec::new();
    let mut whole = true;
    let mut named = false;
    if let Some(mut table) = table {
        named = table.has("signing_key") || table.has("signing_keys");
        // A misspelt key is told as such, and not as a missing one too.
        let misspelt = !named && table.entries().next().is_some();
        let mut values = Vec::new();
        values.extend(table.any("signing_key"));
        if let Some(list) = table.any("signing_keys") {
            match list.value.as_array() {
                Some(array) => values.extend(array.iter().map(|item| Field {
                    value: item.get_ref(),
                    at: item.span(),
                    path: list.path.clone(),
                })),
                // One key without brackets is understood as a list of one.
                None => values.push(list),
            }
        }
        named &= !values.is_empty();
        for value in values {
            match secrets
                .of(&value, "signing_key", notes)
                .and_then(|key| checked(&value, key, notes))
            {
                Some(key) => keys.push(key),
                None => whole = false,
            }
        }
        let basic = "to format `gladly`";
        table.finish(&[("username", basic), ("password", basic)], notes);
        if misspelt {
            return None;
        }
    }
    if !named {
        let problem = "names no `signing_key`: format `baton` is signed, so that the bot can tell who calls it";
        notes
            .error(&bot.at, &bot.path_of("secrets"), problem)
            .suggest("a key is `whsec_` and the base64 of 24 to 64 random bytes");
        return None;
    }
    whole.then_some(Credentials {
        basic: None,
        signing_keys: keys,
    })
}

fn checked<T>(field: &Field<T>, key: SecretText, notes: &mut Notes<'_>) -> Option<SecretText> {
    match SigningKey::parse(key.reveal()) {
        Ok(_) => Some(key),
        Err(why) => {
            notes.error(&field.at, &field.path, why.to_string());
            None
        }
    }
}

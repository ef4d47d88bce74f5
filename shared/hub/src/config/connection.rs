//! `[[connection]]`: one entry point that customers write to.

use super::check::CheckContext;
use super::mistake::Notes;
use super::nearest::{did_you_mean, nearest};
use super::secret::Secrets;
use super::section::{Field, Section, shown};
use super::span::show;
use super::{address, bot, endpoint, timers};
use crate::settings::{Connection, Platform, SecretText};
use baton_domain::time::DAY;
use baton_domain::{Desk, Policy};
use std::ops::Range;

/// How long messages are kept unless told otherwise.
const KEEP_DEFAULT: i64 = 90 * DAY;
/// Platforms deliver again for up to 7 days, and what was seen must be known until then.
const KEEP_AT_LEAST: i64 = 8 * DAY;

/// A connection as far as it could be read.
pub(super) struct Found {
    /// Its id, and where that stands.
    pub(super) id: Option<Field<String>>,
    /// The table.
    pub(super) at: Range<usize>,
    /// The endpoint it names.
    pub(super) endpoint: Option<String>,
    /// Its addresses, and where they stand; none if it takes all others.
    pub(super) addresses: Vec<Field<String>>,
    /// Whether the list of addresses could be read.
    pub(super) addresses_readable: bool,
    /// The whole of it, if nothing is missing.
    pub(super) connection: Option<Connection>,
}

/// Reads one connection.
pub(super) fn read(
    mut section: Section<'_, '_>,
    endpoints: &[endpoint::Found],
    context: &CheckContext<'_>,
    notes: &mut Notes<'_>,
) -> Found {
    let at = section.at.clone();
    let id = section.id("\"shop-chat\"", notes);
    let (endpoint, known) = named_endpoint(&mut section, endpoints, notes);
    // A connection whose endpoint is unknown is read as this release's only platform, so
    // that its other mistakes are told too; one of a later platform is left alone.
    let later = known.is_some_and(|found| found.later);
    let addresses = section.texts("addresses", notes);
    let addresses_readable = addresses.is_some() || !section.has("addresses");
    let addresses = addresses.unwrap_or_default();

    let owner = id
        .as_ref()
        .map_or("connection", |id| id.value.as_str())
        .to_owned();
    let connection = if later {
        section.leave_rest(notes);
        None
    } else {
        gladly(section, &Secrets::new(context, &owner), notes).filter(|_| addresses_readable)
    };
    let connection = connection.zip(id.as_ref()).zip(endpoint.as_ref()).map(
        |((mut connection, id), endpoint)| {
            connection.id.clone_from(&id.value);
            connection.endpoint.clone_from(endpoint);
            connection.addresses = addresses
                .iter()
                .map(|address| address.value.clone())
                .collect();
            connection
        },
    );
    Found {
        id,
        at,
        endpoint,
        addresses,
        addresses_readable,
        connection,
    }
}

fn named_endpoint<'e>(
    section: &mut Section<'_, '_>,
    endpoints: &'e [endpoint::Found],
    notes: &mut Notes<'_>,
) -> (Option<String>, Option<&'e endpoint::Found>) {
    let ids: Vec<&str> = endpoints
        .iter()
        .filter_map(|found| found.id.as_ref())
        .map(|id| id.value.as_str())
        .collect();
    let example = format!("\"{}\"", ids.first().unwrap_or(&"gladly-main"));
    let Some(field) = section.required("endpoint", &example, notes) else {
        return (None, None);
    };
    let known = endpoints
        .iter()
        .find(|found| found.id.as_ref().is_some_and(|id| id.value == field.value));
    let near = nearest(&field.value, ids.iter().copied());
    // An endpoint whose own id could not be read may be the one that is meant.
    if known.is_none() && (near.is_some() || ids.len() == endpoints.len()) {
        let suggestion = match did_you_mean(&field.value, &ids) {
            None => Some(format!(
                "add an `[[endpoint]]` with `id = \"{}\"`",
                shown(&field.value)
            )),
            some => some,
        };
        notes
            .error(
                &field.at,
                &field.path,
                format!("there is no endpoint `{}`", shown(&field.value)),
            )
            .suggest_maybe(suggestion);
    }
    (Some(field.value), known)
}

/// What a connection to Gladly consists of; id, endpoint and addresses are left empty.
fn gladly(
    mut section: Section<'_, '_>,
    secrets: &Secrets<'_>,
    notes: &mut Notes<'_>,
) -> Option<Connection> {
    let base_url = section.required("base_url", "\"https://{organization}.gladly.com\"", notes);
    let base_url = base_url.and_then(|field| address::gladly_base(&field, notes));
    let inbox = section.text("default_inbox", notes);
    let inbox_readable = inbox.is_some() || !section.has("default_inbox");
    let desk = desk(&mut section, notes);
    let flag_there = section.has("text_on_bus");
    let text_on_bus = section
        .flag("text_on_bus", notes)
        .or((!flag_there).then_some(false));
    let repair_there = section.has("repair_webhook");
    let repair_webhook = section
        .flag("repair_webhook", notes)
        .or((!repair_there).then_some(true));
    let keep_messages = keep_messages(&mut section, notes);
    let credentials = credentials(&mut section, secrets, notes);

    let bot_table = section.section("bot", notes);
    let bot_wanted = section.has("bot");
    let bot = bot_table.and_then(|table| bot::read(table, secrets, notes));
    let timers_table = section.section("timers", notes);
    let timers_readable = timers_table.is_some() || !section.has("timers");
    let timers = timers::read_gladly(
        timers_table,
        desk.as_ref().unwrap_or(&Desk::Platform),
        notes,
    );

    section.finish(
        &[
            ("agent_email", "in `[connection.secrets]`"),
            ("api_token", "in `[connection.secrets]`"),
            ("username", "in `[endpoint.secrets]`"),
            ("password", "in `[endpoint.secrets]`"),
            ("platform", "in `[[endpoint]]`"),
            ("url", "in `[connection.bot]`"),
            ("format", "in `[connection.bot]`"),
            ("preset", "in `[connection.timers]`"),
            ("customer_silent", "in `[connection.timers]`"),
            ("bot_owes", "in `[connection.timers]`"),
            ("on_bot_silence", "in `[connection.timers]`"),
        ],
        notes,
    );

    let (timers, on_bot_silence) = timers?;
    let (api_user, api_token) = credentials?;
    if !(inbox_readable && timers_readable && bot_wanted == bot.is_some()) {
        return None;
    }
    let policy = Policy {
        desk: desk?,
        timers,
        on_bot_silence,
        ..Policy::gladly(inbox.map(|inbox| inbox.value))
    };
    Some(Connection {
        id: String::new(),
        endpoint: String::new(),
        platform: Platform::Gladly,
        base_url: base_url?,
        addresses: Vec::new(),
        api_user,
        api_token,
        bot,
        policy,
        text_on_bus: text_on_bus?,
        keep_messages: keep_messages?,
        repair_webhook: repair_webhook?,
    })
}

/// Where the agents of a Gladly connection work: on Gladly, or nowhere. The hub's own
/// seats cannot write to a session that was handed off.
fn desk(section: &mut Section<'_, '_>, notes: &mut Notes<'_>) -> Option<Desk> {
    let there = section.has("desk");
    let words = [("platform", true), ("none", false)];
    match section.word("desk", &words, notes) {
        Some(word) => Some(if word.value {
            Desk::Platform
        } else {
            Desk::None
        }),
        None => (!there).then_some(Desk::Platform),
    }
}

fn keep_messages(section: &mut Section<'_, '_>, notes: &mut Notes<'_>) -> Option<i64> {
    let there = section.has("keep_messages");
    let field = section.span("keep_messages", notes);
    let Some(field) = field else {
        return (!there).then_some(KEEP_DEFAULT);
    };
    let kept = field.value.filter(|kept| *kept >= KEEP_AT_LEAST);
    if kept.is_none() {
        let least = show(KEEP_AT_LEAST);
        let problem = match field.value {
            Some(_) => format!("is shorter than {least}: platforms deliver again for 7 days"),
            None => "cannot be `off`".to_owned(),
        };
        notes
            .error(&field.at, &field.path, problem)
            .suggest(format!("at least `\"{least}\"`"));
    }
    kept
}

/// Gladly's API takes the e-mail of an agent with the permission *API User* as the user
/// name, and a token as the password (Gladly API 1.0, authentication).
fn credentials(
    section: &mut Section<'_, '_>,
    secrets: &Secrets<'_>,
    notes: &mut Notes<'_>,
) -> Option<(String, SecretText)> {
    let Some(mut table) = section.section("secrets", notes) else {
        if !section.has("secrets") {
            notes
                .error(&section.at, &section.path_of("secrets"), "is missing")
                .suggest("add `[connection.secrets]` with `agent_email` and `api_token`");
        }
        return None;
    };
    for key in ["agent_email", "api_token"] {
        if !table.has(key) {
            table.missing(key, "{ from = \"env:NAME\" }");
        }
    }
    let email = secrets.read(&mut table, "agent_email", notes);
    let token = secrets.read(&mut table, "api_token", notes);
    if email
        .as_ref()
        .is_some_and(|email| email.reveal().contains(':'))
    {
        // Basic ends the user name at the first colon (RFC 7617).
        notes.error(
            &table.at,
            &table.path_of("agent_email"),
            "an e-mail address has no colon",
        );
        return None;
    }
    let endpoint = "in `[endpoint.secrets]`";
    let bot = "in `[connection.bot.secrets]`";
    let places = [
        ("username", endpoint),
        ("password", endpoint),
        ("headers", endpoint),
        ("signing_key", bot),
        ("signing_keys", bot),
    ];
    table.finish(&places, notes);
    Some((email?.reveal().to_owned(), token?))
}

//! `[[endpoint]]`: one inbound webhook and what it must carry.

use super::check::CheckContext;
use super::mistake::Notes;
use super::nearest::did_you_mean;
use super::secret::Secrets;
use super::section::{Field, Section, shown};
use crate::settings::{Endpoint, Platform, SecretText, WebhookCredentials};
use std::ops::Range;

/// The platforms' words; those without a platform are for later releases.
const PLATFORMS: [(&str, Option<Platform>); 6] = [
    ("gladly", Some(Platform::Gladly)),
    ("messenger", None),
    ("ringcx", None),
    ("landbot", None),
    ("ycloud", None),
    ("whatsapp", None),
];

/// An endpoint as far as it could be read.
pub(super) struct Found {
    /// Its id, and where that stands.
    pub(super) id: Option<Field<String>>,
    /// The table.
    pub(super) at: Range<usize>,
    /// Whether it is of a platform that only later releases serve.
    pub(super) later: bool,
    /// The whole of it, if nothing is missing.
    pub(super) endpoint: Option<Endpoint>,
}

/// Reads one endpoint.
pub(super) fn read(
    mut section: Section<'_, '_>,
    context: &CheckContext<'_>,
    notes: &mut Notes<'_>,
) -> Found {
    let id = section.id("\"gladly-main\"", notes);
    let word = section.required("platform", "\"gladly\"", notes);
    let platform = word.as_ref().and_then(|word| platform(word, notes));
    // Secrets and settings of such a platform have names that are not known here. With a
    // misspelt platform or none, the rest is read as for the one there is.
    let later = word
        .as_ref()
        .is_some_and(|word| PLATFORMS.contains(&(&word.value, None)));
    let at = section.at.clone();

    let owner = id.as_ref().map_or("endpoint", |id| id.value.as_str());
    let secrets = Secrets::new(context, owner);
    let table = section.section("secrets", notes);
    let accepts = match table {
        _ if later => None,
        Some(table) => accepted(table, &secrets, notes),
        None => {
            if !section.has("secrets") {
                nothing_demanded(&at, &section.path_of("secrets"), notes);
            }
            None
        }
    };
    let places = [
        ("username", "in `[endpoint.secrets]`"),
        ("password", "in `[endpoint.secrets]`"),
        ("headers", "in `[endpoint.secrets]`"),
        ("previous", "in `[endpoint.secrets]`"),
        ("base_url", "in `[[connection]]`"),
        ("addresses", "in `[[connection]]`"),
        ("default_inbox", "in `[[connection]]`"),
    ];
    if later {
        section.leave_rest(notes);
    } else {
        section.finish(&places, notes);
    }

    let endpoint = id
        .as_ref()
        .zip(platform)
        .zip(accepts)
        .map(|((id, platform), accepts)| Endpoint {
            id: id.value.clone(),
            platform,
            accepts,
        });
    Found {
        id,
        at,
        later,
        endpoint,
    }
}

fn platform(word: &Field<String>, notes: &mut Notes<'_>) -> Option<Platform> {
    let known = PLATFORMS.iter().find(|(name, _)| *name == word.value);
    if let Some((name, platform)) = known {
        if platform.is_none() {
            notes
                .error(
                    &word.at,
                    &word.path,
                    format!("the platform `{name}` is not supported by this release"),
                )
                .suggest("this release serves `gladly`");
        }
        return *platform;
    }
    let names = PLATFORMS.map(|(name, _)| name);
    notes
        .error(
            &word.at,
            &word.path,
            format!("`{}` is not a platform", shown(&word.value)),
        )
        .suggest_maybe(did_you_mean(&word.value, &names));
    None
}

/// The sets of credentials: the present one, and the one before.
fn accepted(
    mut table: Section<'_, '_>,
    secrets: &Secrets<'_>,
    notes: &mut Notes<'_>,
) -> Option<Vec<WebhookCredentials>> {
    let previous = table.section("previous", notes);
    let had_previous = previous.is_some();
    let present = one_set(table, secrets, notes);
    let previous = previous.map(|table| one_set(table, secrets, notes));
    match (present, previous) {
        (Some(present), None) if !had_previous => Some(vec![present]),
        (Some(present), Some(Some(previous))) => Some(vec![present, previous]),
        _ => None,
    }
}

fn one_set(
    mut table: Section<'_, '_>,
    secrets: &Secrets<'_>,
    notes: &mut Notes<'_>,
) -> Option<WebhookCredentials> {
    let demands = ["username", "password", "headers"]
        .iter()
        .any(|key| table.has(key));
    let basic = pair(&mut table, secrets, notes);
    let headers = table.section("headers", notes);
    let headers = match headers {
        Some(section) => headers_of(&section, secrets, notes),
        None => Some(Vec::new()),
    };
    let (at, path) = (table.at.clone(), table.path.clone());
    let others = table.entries().any(|field| field.value.0 != "previous");
    table.finish(&[], notes);
    if !demands {
        // A misspelt key was told already; that nothing is demanded follows from it.
        if !others {
            nothing_demanded(&at, &path, notes);
        }
        return None;
    }
    let set = WebhookCredentials {
        basic: basic?,
        headers: headers?,
        until: None,
    };
    if set.basic.is_none() && set.headers.is_empty() {
        nothing_demanded(&at, &path, notes);
        return None;
    }
    let twice = set.basic.is_some()
        && set
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    if twice {
        let problem = "`username` and `password` already say what `Authorization` must be";
        notes.error(&at, &format!("{path}.headers"), problem);
        return None;
    }
    Some(set)
}

/// `username` and `password`: both or neither. `None` if they could not be read.
#[expect(clippy::option_option, reason = "absent and unreadable differ")]
pub(super) fn pair(
    table: &mut Section<'_, '_>,
    secrets: &Secrets<'_>,
    notes: &mut Notes<'_>,
) -> Option<Option<(String, SecretText)>> {
    let has = (table.has("username"), table.has("password"));
    let username = secrets.read(table, "username", notes);
    let password = secrets.read(table, "password", notes);
    match has {
        (false, false) => return Some(None),
        (true, false) => table.missing("password", "{ from = \"env:NAME\" }"),
        (false, true) => table.missing("username", "{ from = \"env:NAME\" }"),
        (true, true) => {}
    }
    if username
        .as_ref()
        .is_some_and(|name| name.reveal().contains(':'))
    {
        // Basic ends the user name at the first colon (RFC 7617).
        let path = table.path_of("username");
        notes.error(&table.at, &path, "a user name cannot contain a colon");
        return None;
    }
    Some(Some((username?.reveal().to_owned(), password?)))
}

fn headers_of(
    section: &Section<'_, '_>,
    secrets: &Secrets<'_>,
    notes: &mut Notes<'_>,
) -> Option<Vec<(String, SecretText)>> {
    let mut headers: Vec<(String, SecretText)> = Vec::new();
    let mut whole = true;
    for field in section.entries() {
        let (name, value) = field.value;
        // The characters of a token in RFC 9110, section 5.6.2.
        let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(allowed) {
            notes.error(&field.at, &section.path, "this is not the name of a header");
            whole = false;
            continue;
        }
        if headers
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            notes.error(
                &field.at,
                &field.path,
                "this header stands here twice: case does not count",
            );
            whole = false;
            continue;
        }
        let value = Field {
            value,
            at: field.at,
            path: field.path,
        };
        match secrets.of(&value, name, notes) {
            Some(secret) => headers.push((name.to_owned(), secret)),
            None => whole = false,
        }
    }
    whole.then_some(headers)
}

fn nothing_demanded(at: &Range<usize>, path: &str, notes: &mut Notes<'_>) {
    notes
        .error(
            at,
            path,
            "names no credentials: the webhook would admit nobody",
        )
        .suggest("`username` and `password`, or `headers`, as in Gladly's webhook settings");
}

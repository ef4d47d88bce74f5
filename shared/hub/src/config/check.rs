//! From the text to settings, with every mistake at once.

use super::document::revised;
use super::mistake::{Mistake, Notes, Severity};
use super::section::{Section, shown};
use super::{address, connection, endpoint};
use crate::settings::Settings;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::DeTable;

/// What the text alone does not tell.
pub struct CheckContext<'c> {
    /// Whether git tracks the file: then secrets must not stand in it.
    pub tracked_by_git: bool,
    /// Looks an environment variable up.
    pub env: &'c dyn Fn(&str) -> Option<String>,
}

/// What came of a check.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Everything that is wrong or doubtful, in the order of the text.
    pub mistakes: Vec<Mistake>,
    /// The settings, unless there was an error.
    pub settings: Option<Settings>,
}

impl Checked {
    /// How many of the mistakes are errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.mistakes
            .iter()
            .filter(|mistake| mistake.severity == Severity::Error)
            .count()
    }
}

/// Reads `baton.toml` and checks all of it. While the text is not TOML, only that is
/// told: what follows from a misread line would mislead.
#[must_use]
pub fn check(toml: &str, context: &CheckContext<'_>) -> Checked {
    let mut notes = Notes::new(toml);
    let (document, broken) = DeTable::parse_recoverable(toml);
    let settings = if broken.is_empty() {
        whole(
            Section::new(document.get_ref(), 0..0, ""),
            context,
            &mut notes,
        )
    } else {
        let mut told = 0;
        for error in &broken {
            let at = error.span().unwrap_or(0..0);
            // One mistake confuses the rest of its line.
            if notes.line(at.start) != told {
                told = notes.line(at.start);
                notes.error(&at, "", format!("not TOML: {}", error.message()));
            }
        }
        None
    };
    let mut checked = Checked {
        mistakes: notes.into_mistakes(),
        settings,
    };
    if checked.errors() > 0 {
        checked.settings = None;
    }
    checked
}

fn whole(
    mut root: Section<'_, '_>,
    context: &CheckContext<'_>,
    notes: &mut Notes<'_>,
) -> Option<Settings> {
    let mut public_url = None;
    if let Some(mut hub) = root.section("hub", notes) {
        let field = hub.text("public_url", notes);
        public_url = field.and_then(|field| address::public_url(&field, notes));
        hub.finish(&[], notes);
    }
    let endpoints: Vec<endpoint::Found> = root
        .sections("endpoint", notes)
        .into_iter()
        .map(|section| endpoint::read(section, context, notes))
        .collect();
    let connections: Vec<connection::Found> = root
        .sections("connection", notes)
        .into_iter()
        .map(|section| connection::read(section, &endpoints, context, notes))
        .collect();
    let places = [
        ("public_url", "in `[hub]`"),
        ("endpoints", "in `[[endpoint]]`"),
        ("connections", "in `[[connection]]`"),
        (
            "secrets",
            "in `[endpoint.secrets]` or `[connection.secrets]`",
        ),
        ("bot", "in `[connection.bot]`"),
        ("timers", "in `[connection.timers]`"),
    ];
    root.finish(&places, notes);

    unique(
        endpoints
            .iter()
            .filter_map(|found| found.id.as_ref())
            .map(|id| (&id.value, &id.at)),
        "endpoint.id",
        notes,
    );
    unique(
        connections
            .iter()
            .filter_map(|found| found.id.as_ref())
            .map(|id| (&id.value, &id.at)),
        "connection.id",
        notes,
    );
    claims(&connections, notes);
    unserved(&endpoints, &connections, notes);

    let count = (endpoints.len(), connections.len());
    let settings = Settings {
        revision: String::new(),
        endpoints: endpoints
            .into_iter()
            .filter_map(|found| found.endpoint)
            .map(|it| (it.id.clone(), it))
            .collect(),
        connections: connections
            .into_iter()
            .filter_map(|found| found.connection)
            .map(|it| (it.id.clone(), it))
            .collect(),
        public_url,
    };
    // What could not be read was told; without all of it there are no settings.
    let complete = (settings.endpoints.len(), settings.connections.len()) == count;
    complete.then(|| revised(settings).ok()).flatten()
}

/// Ids name one thing each.
fn unique<'f>(
    ids: impl Iterator<Item = (&'f String, &'f Range<usize>)>,
    path: &str,
    notes: &mut Notes<'_>,
) {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, at) in ids {
        match first.get(id.as_str()) {
            Some(line) => {
                notes
                    .error(
                        at,
                        path,
                        format!("the id `{}` is used already, in line {line}", shown(id)),
                    )
                    .suggest("each has an id of its own");
            }
            None => {
                first.insert(id, notes.line(at.start));
            }
        }
    }
}

/// An address of an endpoint belongs to one connection.
fn claims(connections: &[connection::Found], notes: &mut Notes<'_>) {
    let mut claimed: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    let mut takes_all: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, found) in connections.iter().enumerate() {
        let Some(endpoint) = found.endpoint.as_deref() else {
            continue;
        };
        for address in &found.addresses {
            let key = (endpoint, address.value.as_str());
            if let Some((owner, line)) = claimed.get(&key) {
                let whose = if *owner == index {
                    "by this connection"
                } else {
                    "by another connection of this endpoint"
                };
                let problem = format!(
                    "the address `{}` is taken already, {whose} in line {line}",
                    shown(&address.value)
                );
                notes
                    .error(&address.at, &address.path, problem)
                    .suggest("an address belongs to one connection");
            } else {
                claimed.insert(key, (index, notes.line(address.at.start)));
            }
        }
        if found.addresses.is_empty() && found.addresses_readable {
            if let Some(line) = takes_all.get(endpoint) {
                let problem = format!(
                    "takes every address of its endpoint, and so does the connection in line {line}"
                );
                notes
                    .error(&found.at, "connection.addresses", problem)
                    .suggest("name the addresses, such as `addresses = [\"app_1\"]`");
            } else {
                takes_all.insert(endpoint, notes.line(found.at.start));
            }
        }
    }
}

/// An endpoint without a connection receives what belongs to nobody.
fn unserved(
    endpoints: &[endpoint::Found],
    connections: &[connection::Found],
    notes: &mut Notes<'_>,
) {
    for found in endpoints {
        let Some(id) = &found.id else { continue };
        let named = connections
            .iter()
            .any(|connection| connection.endpoint.as_ref() == Some(&id.value));
        // A connection that names something unknown may mean this one.
        let unclear = connections.iter().any(|connection| {
            let name = connection.endpoint.as_ref();
            name.is_none()
                || !endpoints
                    .iter()
                    .any(|it| it.id.as_ref().map(|id| &id.value) == name)
        });
        if !named && !unclear {
            notes
                .warn(
                    &found.at,
                    "endpoint",
                    format!("no connection names the endpoint `{}`", shown(&id.value)),
                )
                .suggest(format!(
                    "add a `[[connection]]` with `endpoint = \"{}\"`",
                    shown(&id.value)
                ));
        }
    }
}

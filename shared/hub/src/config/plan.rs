//! What applying settings will change, and what it writes.

use super::document::vault::{texts, with_version};
use super::document::{BadDocument, to_document};
use crate::settings::Settings;
use crate::store::settings::ChangedItem;
use baton_domain::Timestamp;
use baton_domain::time::HOUR;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A version of the secrets that nobody means any more goes when it is so old: by then
/// whoever wrote it has written its document, or never will.
const VERSION_KEPT: i64 = HOUR;

/// What applying settings will do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Every thing that is new, changed or gone, by kind and id.
    pub items: Vec<Item>,
    /// What is written; `None` where nothing changes.
    pub written: Option<Written>,
}

/// What applying writes, in this order.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    /// All secrets, present and former; `None` where they stay as they are.
    pub secrets: Option<String>,
    /// The document.
    pub document: String,
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Written")
            .field("secrets", &self.secrets.is_some())
            .field("document", &self.document)
            .finish()
    }
}

/// One thing that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// `hub`, `endpoint` or `connection`.
    pub kind: &'static str,
    /// Its id; empty for the hub.
    pub id: String,
    /// How it changes.
    pub how: How,
    /// The fields that change, where all of it is neither new nor gone.
    pub fields: Vec<Field>,
}

/// How a thing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// There was none of this id.
    New,
    /// Some of its fields differ.
    Changed,
    /// There is none of this id any more.
    Gone,
}

impl How {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Gone => "gone",
        }
    }
}

/// One field that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, such as `timers.bot_owes` or `secrets.password`.
    pub name: String,
    /// What it was and what it becomes, for people; `None` for a secret, and for a URL,
    /// which may hold one.
    pub values: Option<(String, String)>,
}

impl Item {
    /// The same for the notes of changes: without values.
    #[must_use]
    pub fn note(&self) -> ChangedItem {
        ChangedItem {
            kind: self.kind.to_owned(),
            id: self.id.clone(),
            how: self.how.as_str().to_owned(),
            fields: self.fields.iter().map(|field| field.name.clone()).collect(),
        }
    }
}

/// Compares what stands, a document and its secrets, with what is wanted. `version` is a
/// fresh name for the secrets, from [`fresh_version`](Plan::fresh_version).
///
/// # Errors
/// [`BadDocument`] where what stands cannot be read.
pub fn plan(
    standing: Option<&str>,
    secrets: &str,
    wanted: &Settings,
    version: &str,
    now: Timestamp,
) -> Result<Plan, BadDocument> {
    let (document, wanted_secrets) = to_document(wanted)?;
    let mut after = object(&document)?;
    let before = standing.map(object).transpose()?.unwrap_or_default();
    let kept = before.get("secrets").and_then(Value::as_str);
    let new = texts(&wanted_secrets, None)?;
    // Secrets that were lost are written anew: nothing else repairs that.
    let (old, lost) = match (standing, texts(secrets, kept)) {
        (None, _) => (BTreeMap::new(), false),
        (Some(_), Ok(old)) => (old, false),
        (Some(_), Err(BadDocument::MissingVersion)) => (BTreeMap::new(), true),
        (Some(_), Err(error)) => return Err(error),
    };

    let mut items = Vec::new();
    let url = |of: &Map<String, Value>| of.get("public_url").map(shown_plain);
    if url(&before) != url(&after) {
        let values = (
            url(&before).unwrap_or_else(|| "none".to_owned()),
            url(&after).unwrap_or_else(|| "none".to_owned()),
        );
        items.push(Item {
            kind: "hub",
            id: String::new(),
            how: How::Changed,
            fields: vec![Field {
                name: "public_url".to_owned(),
                values: Some(values),
            }],
        });
    }
    for (kind, list) in [("endpoint", "endpoints"), ("connection", "connections")] {
        let (old_list, new_list) = (by_id(&before, list), by_id(&after, list));
        let ids: BTreeSet<&String> = old_list.keys().chain(new_list.keys()).collect();
        for id in ids {
            let prefix = format!("{kind}/{id}/");
            let of = |all: &BTreeMap<String, String>| -> BTreeMap<String, String> {
                let own = all.iter().filter_map(|(name, value)| {
                    Some((name.strip_prefix(&prefix)?.to_owned(), value.clone()))
                });
                own.collect()
            };
            let (how, fields) = match (old_list.get(id), new_list.get(id)) {
                (None, _) => (How::New, Vec::new()),
                (_, None) => (How::Gone, Vec::new()),
                (Some(old_form), Some(new_form)) => {
                    let mut fields = compared(old_form, new_form);
                    fields.extend(secrets_compared(&of(&old), &of(&new)));
                    if fields.is_empty() {
                        continue;
                    }
                    (How::Changed, fields)
                }
            };
            items.push(Item {
                kind,
                id: id.clone(),
                how,
                fields,
            });
        }
    }

    let same_secrets = standing.is_some() && !lost && old == new;
    if items.is_empty() && same_secrets {
        return Ok(Plan::default());
    }
    let (name, secrets) = match kept {
        Some(kept) if same_secrets => (kept.to_owned(), None),
        _ => {
            let stays = |name: &str| Some(name) == kept || age(name, now) < VERSION_KEPT;
            let top_stays = standing.is_some() && kept.is_none();
            let all = with_version(secrets, version, &new, top_stays, stays)?;
            (version.to_owned(), Some(all))
        }
    };
    after.insert("secrets".to_owned(), Value::String(name));
    Ok(Plan {
        items,
        written: Some(Written {
            secrets,
            document: serde_json::to_string(&after)?,
        }),
    })
}

impl Plan {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written.is_none()
    }

    /// A name for a version of the secrets, from the time and a nonce that nobody else
    /// has.
    #[must_use]
    pub fn fresh_version(now: Timestamp, nonce: &str) -> String {
        format!("{:014}-{nonce}", now.0.max(0))
    }
}

/// How old a version is, by its name; one that tells no time is as old as can be.
fn age(version: &str, now: Timestamp) -> i64 {
    let written = version.split('-').next().and_then(|at| at.parse().ok());
    written.map_or(i64::MAX, |at| now.since(Timestamp(at)))
}

fn object(document: &str) -> Result<Map<String, Value>, BadDocument> {
    Ok(serde_json::from_str(document)?)
}

fn by_id<'m>(document: &'m Map<String, Value>, list: &str) -> BTreeMap<String, &'m Value> {
    let list = document.get(list).and_then(Value::as_array);
    let found = list.into_iter().flatten().filter_map(|form| {
        let id = form.get("id").and_then(Value::as_str)?;
        Some((id.to_owned(), form))
    });
    found.collect()
}

/// The fields that differ, with their values.
pub(super) fn compared(old: &Value, new: &Value) -> Vec<Field> {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    flatten("", old, &mut before);
    flatten("", new, &mut after);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut fields = Vec::new();
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        if old == new {
            continue;
        }
        let values = |value: Option<&Value>| match value {
            Some(value) => shown(name, value),
            None => "none".to_owned(),
        };
        let hidden = name.ends_with("url");
        fields.push(Field {
            name: name.clone(),
            values: (!hidden).then(|| (values(old), values(new))),
        });
    }
    fields
}

/// Every leaf by its dotted name. Fields of the policy are called as in `baton.toml`.
pub(super) fn flatten(name: &str, value: &Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let name = match name {
                    "" | "policy" => key.clone(),
                    name => format!("{name}.{key}"),
                };
                flatten(&name, value, leaves);
            }
        }
        leaf => {
            leaves.insert(name.to_owned(), leaf.clone());
        }
    }
}

fn shown(name: &str, value: &Value) -> String {
    let is_span = name.starts_with("timers.") || name == "keep_messages" || name == "reopen_grace";
    match value.as_i64() {
        Some(millis) if is_span => format!("{}s", millis / 1_000),
        _ if is_span && value.is_null() => "off".to_owned(),
        _ => shown_plain(value),
    }
}

fn shown_plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            match texts.is_empty() {
                true => "none".to_owned(),
                false => texts.join(", "),
            }
        }
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

/// The secrets that differ: `bot/username` is `bot.secrets.username`.
fn secrets_compared(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<Field> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differ = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name));
    differ
        .map(|name| Field {
            name: match name.strip_prefix("bot/") {
                Some(name) => format!("bot.secrets.{}", name.replace('/', ".")),
                None => format!("secrets.{}", name.replace('/', ".")),
            },
            values: None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::from_document;
    use super::*;
    use crate::settings::{Connection, Endpoint, Platform, SecretText, WebhookCredentials};
    use baton_domain::Policy;

    const NOW: Timestamp = Timestamp(1_795_162_530_250);

    fn settings() -> Settings {
        let endpoint = Endpoint {
            id: "main".to_owned(),
            platform: Platform::Gladly,
            accepts: vec![WebhookCredentials {
                basic: Some(("gladly".to_owned(), SecretText::new("test-one"))),
                headers: Vec::new(),
            }],
        };
        let connection = Connection {
            id: "shop".to_owned(),
            endpoint: "main".to_owned(),
            platform: Platform::Gladly,
            base_url: "https://acme.gladly.com".to_owned(),
            addresses: vec!["app_1".to_owned()],
            api_user: "test-agent@example.com".to_owned(),
            api_token: SecretText::new("test-api-token"),
            bot: None,
            policy: Policy::gladly(Some("inbox_1".to_owned())),
            text_on_bus: false,
            keep_messages: 700_000_000,
            repair_webhook: true,
        };
        Settings {
            endpoints: [(endpoint.id.clone(), endpoint)].into(),
            connections: [(connection.id.clone(), connection)].into(),
            ..Settings::default()
        }
    }

    /// What stands after a plan was carried out.
    #[derive(Clone, Debug)]
    struct Stands {
        document: Option<String>,
        secrets: String,
    }

    impl Stands {
        fn nothing() -> Self {
            Self {
                document: None,
                secrets: "{}".to_owned(),
            }
        }

        fn apply(&mut self, wanted: &Settings, version: &str, now: Timestamp) -> Plan {
            let version = Plan::fresh_version(now, version);
            let made = plan(
                self.document.as_deref(),
                &self.secrets,
                wanted,
                &version,
                now,
            )
            .unwrap();
            if let Some(written) = made.written.clone() {
                if let Some(secrets) = written.secrets {
                    let readable = |secrets: &str| {
                        let document = self.document.as_deref();
                        document.is_none_or(|document| from_document(document, secrets).is_ok())
                    };
                    // In between the old document is read with the new secrets.
                    assert!(readable(&secrets) || !readable(&self.secrets));
                    self.secrets = secrets;
                }
                self.document = Some(written.document);
                from_document(self.document.as_deref().unwrap(), &self.secrets).unwrap();
            }
            made
        }
    }

    #[test]
    fn the_second_time_nothing_changes() {
        let mut stands = Stands::nothing();
        let first = stands.apply(&settings(), "a", NOW);
        let made: Vec<_> = first
            .items
            .iter()
            .map(|item| (item.kind, item.how))
            .collect();
        assert_eq!(made, [("endpoint", How::New), ("connection", How::New)]);
        // bites: comparing the names of versions.
        let again = stands.apply(&settings(), "b", NOW.plus(1));
        assert!(again.is_empty() && again.items.is_empty());
    }

    #[test]
    fn fields_are_told_and_secrets_only_as_changed() {
        let mut stands = Stands::nothing();
        stands.apply(&settings(), "a", NOW);
        let mut other = settings();
        if let Some(connection) = other.connections.get_mut("shop") {
            connection.policy.timers.bot_owes = Some(45_000);
            connection.base_url = "https://user:test-word@other.gladly.com".to_owned();
            connection.api_token = SecretText::new("test-api-token-2");
        }
        other.public_url = Some("https://hub.example.com".to_owned());
        let changed = stands.apply(&other, "b", NOW.plus(1));
        let told = format!("{:?}", changed.items);
        assert!(!told.contains("test-"), "{told}");
        let connection = changed.items.iter().find(|item| item.kind == "connection");
        let fields = &connection.unwrap().fields;
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["base_url", "timers.bot_owes", "secrets.api_token"]);
        assert_eq!(fields[1].values, Some(("60s".into(), "45s".into())));
        let gone = Settings::default();
        let gone = stands.apply(&gone, "c", NOW.plus(2));
        assert!(gone.items.iter().any(|item| item.how == How::Gone));
    }

    #[test]
    fn whoever_reads_in_between_finds_what_belongs_together() {
        let mut stands = Stands::nothing();
        stands.apply(&settings(), "a", NOW);
        let first = stands.clone();
        let mut rotated = settings();
        if let Some(endpoint) = rotated.endpoints.get_mut("main") {
            let old = endpoint.accepts[0].clone();
            endpoint.accepts[0].basic = Some(("gladly".into(), SecretText::new("test-two")));
            endpoint.accepts.push(old);
        }
        stands.apply(&rotated, "b", NOW.plus(1));
        // bites: secrets without versions. The old document beside the new secrets
        // would refuse the password that is still in use.
        let between = from_document(first.document.as_deref().unwrap(), &stands.secrets).unwrap();
        let accepts = &between.endpoints["main"].accepts;
        assert_eq!(accepts[0].basic.as_ref().unwrap().1.reveal(), "test-one");
        // Long after, nobody can be between them any more.
        let mut third = rotated.clone();
        third.connections.get_mut("shop").unwrap().api_token = SecretText::new("test-three");
        stands.apply(&third, "c", NOW.plus(3 * HOUR));
        assert!(!stands.secrets.contains(&Plan::fresh_version(NOW, "a")));
        assert!(
            stands
                .secrets
                .contains(&Plan::fresh_version(NOW.plus(1), "b"))
        );
    }

    #[test]
    fn what_was_written_without_versions_or_lost_is_taken_over() {
        let (document, secrets) = to_document(&settings()).unwrap();
        let mut shared: Map<String, Value> = serde_json::from_str(&secrets).unwrap();
        shared.insert(
            "other-tool".to_owned(),
            Value::String("test-other".to_owned()),
        );
        let mut stands = Stands {
            document: Some(document),
            secrets: serde_json::to_string(&shared).unwrap(),
        };
        assert!(stands.apply(&settings(), "a", NOW).is_empty());
        let mut other = settings();
        other.connections.get_mut("shop").unwrap().text_on_bus = true;
        assert!(!stands.apply(&other, "b", NOW).is_empty());
        assert!(stands.secrets.contains("test-other"));
        // Lost: nothing but an apply can write them again.
        stands.secrets = "{}".to_owned();
        let repaired = stands.apply(&other, "c", NOW.plus(1));
        assert!(!repaired.is_empty());
        assert!(stands.apply(&other, "d", NOW.plus(2)).is_empty());
    }
}

//! What applying settings will change, and what it writes.

#[cfg(test)]
mod tests;

use super::document::vault::{texts, with_version};
use super::document::{BadDocument, to_document};
use crate::facts::iso;
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
        _ if name == "accepts" => shown_sets(value),
        Some(millis) if is_span => format!("{}s", millis / 1_000),
        _ if is_span && value.is_null() => "off".to_owned(),
        _ => shown_plain(value),
    }
}

/// Sets of credentials by their number, and until when former ones are taken.
fn shown_sets(value: &Value) -> String {
    let sets = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = match sets.len() {
        1 => "1 set of credentials".to_owned(),
        more => format!("{more} sets of credentials"),
    };
    let ends = sets.iter().filter_map(|set| set["until"].as_i64());
    for end in ends {
        text += &format!(", one until {}", iso(Timestamp(end)));
    }
    text
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

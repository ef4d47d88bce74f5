//! Changes of single connections in a document that was applied, without its secrets.
//!
//! Where credentials are sent is not changed so: who may change how a connection is led
//! could else have its credentials sent to an address of their own. That, and whatever
//! needs a new secret, takes `baton apply`.

use super::document::forms::ConnectionForm;
use super::document::{BadDocument, revision_of};
use super::plan::{How, Item, compared, flatten};
use crate::settings::Platform;
use baton_domain::policy::{GLADLY_BOT_OWES_MAX, GLADLY_CLOSES_AFTER};
use baton_domain::time::{DAY, MINUTE, SECOND};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Fields that only `baton apply` changes.
const FIXED: [&str; 12] = [
    "id",
    "endpoint",
    "platform",
    "base_url",
    "bot.url",
    "bot.format",
    "bot.basic",
    "bot.signing_keys",
    "primary.kind",
    "primary.id",
    "desk.kind",
    "desk.id",
];
/// Messages are kept at least so long: the platforms redeliver for days.
const KEEP_AT_LEAST: i64 = 8 * DAY;

/// A document with one connection changed.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The document.
    pub document: String,
    /// Its revision.
    pub revision: String,
    /// What changed; `None` where nothing did.
    pub item: Option<Item>,
}

/// Why a connection was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// There is none of this id.
    #[error("there is no connection of this id")]
    NoSuch,
    /// A field is wrong.
    #[error("{field}: {problem}")]
    Field {
        /// The field, as `GET` names it.
        field: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The document cannot be read.
    #[error(transparent)]
    Document(#[from] BadDocument),
}

impl From<serde_json::Error> for EditError {
    fn from(error: serde_json::Error) -> Self {
        Self::Document(error.into())
    }
}

fn wrong(field: &str, problem: impl Into<String>) -> EditError {
    EditError::Field {
        field: field.to_owned(),
        problem: problem.into(),
    }
}

/// A connection as the document has it: everything but its secrets.
///
/// # Errors
/// [`EditError::NoSuch`] and [`EditError::Document`].
pub fn connection_form(document: &str, id: &str) -> Result<Value, EditError> {
    let document: Map<String, Value> = serde_json::from_str(document)?;
    let found = connections(&document).find(|form| named(form, id));
    found.cloned().ok_or(EditError::NoSuch)
}

/// The document with a connection replaced by this form.
///
/// # Errors
/// See [`EditError`].
pub fn replace_connection(document: &str, id: &str, form: Value) -> Result<Edited, EditError> {
    let mut whole: Map<String, Value> = serde_json::from_str(document)?;
    let standing = connection_form(document, id)?;
    let given = leaves(&form);
    let typed: ConnectionForm = serde_json::from_value(form).map_err(|error| {
        wrong(
            "the body",
            format!("{error}; send what `GET` shows, changed"),
        )
    })?;
    let form = serde_json::to_value(&typed)?;
    let understood = leaves(&form);
    if let Some(unknown) = given.keys().find(|name| !understood.contains_key(*name)) {
        return Err(wrong(unknown, "unknown field"));
    }
    let before = leaves(&standing);
    let bot_goes = before.contains_key("bot.url") && !understood.contains_key("bot.url");
    for fixed in FIXED {
        let same = before.get(fixed) == understood.get(fixed);
        if !(same || (bot_goes && fixed.starts_with("bot."))) {
            let problem =
                "is not changed here: change it in the configuration file, and run `baton apply`";
            return Err(wrong(fixed, problem));
        }
    }
    typed.check(Platform::Gladly)?;
    unclaimed(&whole, id, &form)?;
    let fields = compared(&standing, &form);
    let item = (!fields.is_empty()).then(|| Item {
        kind: "connection",
        id: id.to_owned(),
        how: How::Changed,
        fields,
    });
    for slot in connections_mut(&mut whole).filter(|slot| named(slot, id)) {
        *slot = form.clone();
    }
    edited(&whole, item)
}

/// The document without a connection.
///
/// # Errors
/// See [`EditError`].
pub fn remove_connection(document: &str, id: &str) -> Result<Edited, EditError> {
    let mut whole: Map<String, Value> = serde_json::from_str(document)?;
    connection_form(document, id)?;
    if let Some(Value::Array(list)) = whole.get_mut("connections") {
        list.retain(|form| !named(form, id));
    }
    let item = Item {
        kind: "connection",
        id: id.to_owned(),
        how: How::Gone,
        fields: Vec::new(),
    };
    edited(&whole, Some(item))
}

fn edited(whole: &Map<String, Value>, item: Option<Item>) -> Result<Edited, EditError> {
    let document = serde_json::to_string(whole)?;
    Ok(Edited {
        revision: revision_of(&document),
        document,
        item,
    })
}

fn connections(document: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let list = document.get("connections").and_then(Value::as_array);
    list.into_iter().flatten()
}

fn connections_mut(document: &mut Map<String, Value>) -> impl Iterator<Item = &mut Value> {
    let list = document
        .get_mut("connections")
        .and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

fn named(form: &Value, id: &str) -> bool {
    form.get("id").and_then(Value::as_str) == Some(id)
}

fn leaves(form: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    flatten("", form, &mut found);
    // Absent and null say the same.
    found.retain(|_, value| !value.is_null());
    found
}

/// Addresses belong to one connection of their endpoint, and one at most takes the rest.
fn unclaimed(whole: &Map<String, Value>, id: &str, form: &Value) -> Result<(), EditError> {
    let addresses = |form: &Value| -> BTreeSet<String> {
        let list = form.get("addresses").and_then(Value::as_array);
        let texts = list.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    let own = addresses(form);
    let neighbours = connections(whole)
        .filter(|other| !named(other, id) && other.get("endpoint") == form.get("endpoint"));
    for other in neighbours {
        let theirs = addresses(other);
        if let Some(taken) = own.intersection(&theirs).next() {
            let problem = format!("`{taken}` belongs to another connection of the endpoint");
            return Err(wrong("addresses", problem));
        }
        if own.is_empty() && theirs.is_empty() {
            let problem = "another connection of the endpoint takes all addresses: name this one's";
            return Err(wrong("addresses", problem));
        }
    }
    Ok(())
}

impl ConnectionForm {
    /// What `baton check` would say of it.
    fn check(&self, platform: Platform) -> Result<(), EditError> {
        let Platform::Gladly = platform;
        if self.keep_messages < KEEP_AT_LEAST {
            let problem = format!("must be at least {KEEP_AT_LEAST} (8 days)");
            return Err(wrong("keep_messages", problem));
        }
        let timers = self.timers();
        let spans = [
            (
                "timers.customer_silent",
                timers.customer_silent,
                SECOND,
                GLADLY_CLOSES_AFTER,
            ),
            (
                "timers.bot_owes",
                timers.bot_owes,
                SECOND,
                GLADLY_BOT_OWES_MAX,
            ),
            (
                "timers.platform_check",
                Some(timers.platform_check),
                MINUTE,
                7 * DAY,
            ),
        ];
        for (field, span, least, most) in spans {
            if !span.is_some_and(|span| (least..=most).contains(&span)) {
                let problem = format!("must be from {least} to {most} milliseconds");
                return Err(wrong(field, problem));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::to_document;
    use super::*;
    use crate::settings::{Bot, BotFormat, Connection, SecretText, Settings};
    use baton_domain::Policy;

    fn document() -> String {
        let connection = |id: &str, address: &str| Connection {
            id: id.to_owned(),
            endpoint: "main".to_owned(),
            platform: Platform::Gladly,
            base_url: "https://acme.gladly.com".to_owned(),
            addresses: vec![address.to_owned()],
            api_user: "test-agent@example.com".to_owned(),
            api_token: SecretText::new("test-api-token"),
            bot: Some(Bot {
                url: "https://bot.example.com/hook".to_owned(),
                format: BotFormat::Gladly,
                basic: Some(("hub".to_owned(), SecretText::new("test-bot"))),
                signing_keys: Vec::new(),
            }),
            policy: Policy::gladly(Some("inbox_1".to_owned())),
            text_on_bus: false,
            keep_messages: 90 * DAY,
            repair_webhook: true,
        };
        let both = [connection("shop", "app_1"), connection("help", "app_2")];
        let settings = Settings {
            connections: both.map(|it| (it.id.clone(), it)).into(),
            ..Settings::default()
        };
        to_document(&settings).unwrap().0
    }

    fn change(at: &str, value: Value) -> Result<Edited, EditError> {
        let mut form = connection_form(&document(), "shop").unwrap();
        match form.pointer_mut(at) {
            Some(place) => *place = value,
            None => {
                let (parent, name) = at.rsplit_once('/').unwrap();
                let parent = form.pointer_mut(parent).unwrap().as_object_mut().unwrap();
                parent.insert(name.to_owned(), value);
            }
        }
        replace_connection(&document(), "shop", form)
    }

    fn refused(at: &str, value: Value) -> String {
        match change(at, value) {
            Err(EditError::Field { field, .. }) => field,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn how_a_connection_is_led_is_changed() {
        let edited = change("/policy/timers/bot_owes", 45_000.into()).unwrap();
        let item = edited.item.unwrap();
        assert_eq!(item.fields.len(), 1);
        assert_eq!(item.fields[0].name, "timers.bot_owes");
        let form = connection_form(&edited.document, "shop").unwrap();
        assert_eq!(form["policy"]["timers"]["bot_owes"], 45_000);
        assert_eq!(edited.revision, revision_of(&edited.document));
        let same = connection_form(&document(), "shop").unwrap();
        let same = replace_connection(&document(), "shop", same).unwrap();
        assert!(same.item.is_none());
        assert!(change("/bot", Value::Null).unwrap().item.is_some());
    }

    #[test]
    fn what_credentials_depend_on_and_what_is_wrong_is_refused() {
        // bites: letting whoever leads a connection send its credentials elsewhere.
        assert_eq!(
            refused("/base_url", "https://evil.example".into()),
            "base_url"
        );
        assert_eq!(
            refused("/bot/url", "https://evil.example".into()),
            "bot.url"
        );
        assert_eq!(refused("/bot/signing_keys", 1.into()), "bot.signing_keys");
        assert_eq!(refused("/endpoint", "other".into()), "endpoint");
        assert_eq!(refused("/id", "other".into()), "id");
        assert_eq!(
            refused("/addresses", serde_json::json!(["app_2"])),
            "addresses"
        );
        assert_eq!(refused("/keep_messages", 1.into()), "keep_messages");
        assert_eq!(
            refused("/policy/timers/bot_owes", 231_000.into()),
            "timers.bot_owes"
        );
        assert_eq!(
            refused("/policy/timers/customer_silent", Value::Null),
            "timers.customer_silent"
        );
        assert_eq!(refused("/bot_owes", 45_000.into()), "bot_owes");
        assert_eq!(refused("/text_on_bus", "yes".into()), "the body");
        let none = replace_connection(&document(), "none", Value::Null);
        assert!(matches!(none, Err(EditError::NoSuch)));
    }

    #[test]
    fn one_is_removed_and_the_others_stay() {
        let edited = remove_connection(&document(), "shop").unwrap();
        assert!(connection_form(&edited.document, "shop").is_err());
        assert!(connection_form(&edited.document, "help").is_ok());
        assert!(remove_connection(&edited.document, "shop").is_err());
    }
}

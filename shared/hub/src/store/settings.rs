//! The settings: the document that is in force, who changed what when, and how the
//! platforms' webhooks were seen last.
//!
//! The document carries the note of the change that made it, so that both are one write.
//! Whoever replaces it first files that note under a key of its own, which is the same
//! however often it is filed.

use super::direct::shapes::{Read, Request};
use super::error::StoreError;
use super::item::{DATA, Item, PK, SK, TTL, n, s, text};
use super::units::Mechanism;
use super::{Store, Written};
use baton_domain::Timestamp;
use baton_domain::time::DAY;
use serde::{Deserialize, Serialize};

/// How long notes of changes are kept.
pub const CHANGES_KEPT: i64 = 400 * DAY;
/// The most notes that are read at once.
pub const CHANGES_SHOWN: usize = 100;
/// The most bytes of a document: an item has 400 KB, the note and the keys included.
pub const DOCUMENT_MAX: usize = 350_000;

const SETTINGS: &str = "settings";
const CURRENT: &str = "current";
/// The note of the change that made the document.
const NOTE: &str = "c";

/// One change of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsChange {
    /// When.
    pub at: Timestamp,
    /// Who: the name of a token, or of the person at the operator's machine.
    pub by: String,
    /// By what: `apply` or `api`.
    pub through: String,
    /// The revision that came of it.
    pub revision: String,
    /// What was changed.
    pub items: Vec<ChangedItem>,
}

/// One thing that a change touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedItem {
    /// `connection`, `endpoint` or `hub`.
    pub kind: String,
    /// Its id; empty for the hub.
    pub id: String,
    /// `new`, `changed` or `gone`.
    pub how: String,
    /// The fields, without their values. Empty where all of it is new or gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// How an endpoint's webhook was found at the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSeen {
    /// When.
    pub at: Timestamp,
    /// The platform's id of it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether it is on.
    pub enabled: bool,
    /// What is wrong; empty where nothing is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub problem: String,
}

/// Whether the settings were replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// They were.
    Done,
    /// Somebody else has changed them meanwhile; nothing was written.
    Conflict,
}

impl Store {
    /// The settings document, as it was applied last.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn settings_document(&self) -> Result<Option<String>, StoreError> {
        self.document(SETTINGS, CURRENT).await
    }

    /// The same for whoever is going to replace it: with all that was written before.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn standing_settings(&self) -> Result<Option<String>, StoreError> {
        let item = self.current_settings().await?;
        Ok(item
            .as_ref()
            .and_then(|item| text(item, DATA))
            .map(str::to_owned))
    }

    /// Replaces the settings document, whatever it was, without a note.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn put_settings_document(&self, data: &str) -> Result<(), StoreError> {
        self.put_document(SETTINGS, CURRENT, data).await
    }

    /// Replaces the settings document if it is still `was` (`None`: if there is none).
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] above [`DOCUMENT_MAX`]; when the table cannot be read or
    /// written.
    pub async fn replace_settings(
        &self,
        was: Option<&str>,
        document: &str,
        change: &SettingsChange,
    ) -> Result<Replaced, StoreError> {
        let note = serde_json::to_string(change).unwrap_or_default();
        if document.len() + note.len() > DOCUMENT_MAX {
            return Err(StoreError::TooLarge(document.len() + note.len()));
        }
        if let Some(before) = self.current_settings().await?
            && let Some(note) = text(&before, NOTE)
        {
            self.file_note(note).await?;
        }
        let item = Item::from([
            (PK.to_owned(), s(SETTINGS)),
            (SK.to_owned(), s(CURRENT)),
            (DATA.to_owned(), s(document)),
            (NOTE.to_owned(), s(note)),
        ]);
        let request = Request::put(&self.table, &item);
        let request = match was {
            None => request.only_if("attribute_not_exists(pk)"),
            Some(was) => request
                .only_if("#d = :was")
                .name("#d", DATA)
                .value(":was", s(was)),
        };
        match self.write(Mechanism::Settings, &request).await? {
            Written::Yes => Ok(Replaced::Done),
            // It is tried again when an answer is lost: the refusal may be of our own
            // write.
            Written::Refused(_) => {
                let standing = self.standing_settings().await?;
                Ok(match standing.as_deref() == Some(document) {
                    true => Replaced::Done,
                    false => Replaced::Conflict,
                })
            }
        }
    }

    /// The last changes, the newest first, at most [`CHANGES_SHOWN`].
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn settings_changes(&self) -> Result<Vec<SettingsChange>, StoreError> {
        let read = |note: Option<&str>| note.and_then(|note| serde_json::from_str(note).ok());
        let current = self.current_settings().await?;
        let mut changes: Vec<SettingsChange> =
            read(current.as_ref().and_then(|item| text(item, NOTE)))
                .into_iter()
                .collect();
        let request = Request::query(&self.table, "pk = :pk AND begins_with(sk, :note)")
            .value(":pk", s(SETTINGS))
            .value(":note", s(NOTE_KEY))
            .backwards()
            .limit(i32::try_from(CHANGES_SHOWN).unwrap_or(i32::MAX));
        let page = self.ask(Mechanism::Settings, &request).await?;
        for Read(item) in &page.items {
            if let Some(change) = read(text(item, DATA))
                && !changes.contains(&change)
            {
                changes.push(change);
            }
        }
        changes.truncate(CHANGES_SHOWN);
        Ok(changes)
    }

    /// Keeps how an endpoint's webhook was found.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn put_webhook_seen(
        &self,
        endpoint: &str,
        seen: &WebhookSeen,
    ) -> Result<(), StoreError> {
        let data = serde_json::to_string(seen).unwrap_or_default();
        self.put_document(SETTINGS, &format!("{SEEN_KEY}{endpoint}"), &data)
            .await
    }

    /// How an endpoint's webhook was found last.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn webhook_seen(&self, endpoint: &str) -> Result<Option<WebhookSeen>, StoreError> {
        let data = self
            .document(SETTINGS, &format!("{SEEN_KEY}{endpoint}"))
            .await?;
        Ok(data.and_then(|data| serde_json::from_str(&data).ok()))
    }

    async fn current_settings(&self) -> Result<Option<Item>, StoreError> {
        self.item(Mechanism::Settings, (SETTINGS, CURRENT), true)
            .await
    }

    /// Files the note of a document that is about to be replaced.
    async fn file_note(&self, note: &str) -> Result<(), StoreError> {
        let Ok(change) = serde_json::from_str::<SettingsChange>(note) else {
            return Ok(());
        };
        let key = format!("{NOTE_KEY}{:014}#{}", change.at.0.max(0), change.revision);
        let item = Item::from([
            (PK.to_owned(), s(SETTINGS)),
            (SK.to_owned(), s(key)),
            (DATA.to_owned(), s(note)),
            (TTL.to_owned(), n(change.at.plus(CHANGES_KEPT).seconds_up())),
        ]);
        let request = Request::put(&self.table, &item);
        self.ask(Mechanism::Settings, &request).await?;
        Ok(())
    }
}

/// Sort keys of notes begin so; then the time and the revision.
const NOTE_KEY: &str = "change#";
/// Sort keys of webhooks begin so; then the endpoint.
const SEEN_KEY: &str = "webhook#";

//! Single items: tokens, and idempotency keys of calls that are not about an existing
//! thread.

use super::direct::shapes::{Read, Request};
use super::error::StoreError;
use super::item::{DATA, Item, PK, SK, TTL, n, s, text};
use super::units::Mechanism;
use super::{Store, Written};
use baton_domain::time::DAY;
use baton_domain::{Fingerprint, Timestamp};
use serde::{Deserialize, Serialize};

/// How long an idempotency key holds.
pub const KEY_KEPT: i64 = DAY;

/// A token's record. The token itself is not kept, only its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// A name for people.
    pub name: String,
    /// What its bearer may do.
    pub role: Role,
    /// The connections it may touch; `None` is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<Vec<String>>,
    /// Who its bearer is, for agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// What a token's bearer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Speaks as the connection's bot.
    Bot,
    /// Speaks as an agent.
    Agent,
    /// Moves control, reads everything, does not speak.
    Admin,
    /// Reads.
    Reader,
}

/// What became of claiming an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyClaim {
    /// It is ours now.
    New,
    /// It was used for this body: what it leads to.
    Repeated(String),
    /// It was used for another body.
    OtherBody,
}

pub(super) const KEY_SK: &str = "key";
const TOKENS_PK: &str = "tokens";

impl Store {
    /// Finds a token's record by the hash of the token.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn token(&self, hash: &str) -> Result<Option<TokenRecord>, StoreError> {
        Ok(self
            .document(TOKENS_PK, hash)
            .await?
            .and_then(|data| serde_json::from_str(&data).ok()))
    }

    /// Keeps a token's record under the hash of the token.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn put_token(&self, hash: &str, record: &TokenRecord) -> Result<(), StoreError> {
        let data = serde_json::to_string(record).unwrap_or_default();
        self.put_document(TOKENS_PK, hash, &data).await
    }

    /// All tokens' hashes and records, by hash. A record that cannot be read is left out.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn tokens(&self) -> Result<Vec<(String, TokenRecord)>, StoreError> {
        let mut found = Vec::new();
        let mut pages = self.pages(Mechanism::Settings, || {
            Request::query(&self.table, "pk = :pk")
                .value(":pk", s(TOKENS_PK))
                .consistent(true)
        });
        while let Some(page) = pages.next().await? {
            found.extend(page.iter().filter_map(|Read(item)| {
                let record = serde_json::from_str(text(item, DATA)?).ok()?;
                Some((text(item, SK)?.to_owned(), record))
            }));
        }
        Ok(found)
    }

    /// Forgets a token. Who has it cached forgets it within
    /// [`CACHED_FOR`](crate::source::CACHED_FOR).
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn remove_token(&self, hash: &str) -> Result<(), StoreError> {
        let request = Request::delete(&self.table, (TOKENS_PK, hash));
        self.ask(Mechanism::Settings, &request).await?;
        Ok(())
    }

    pub(super) async fn document(&self, pk: &str, sk: &str) -> Result<Option<String>, StoreError> {
        let got = self.item(Mechanism::Settings, (pk, sk), false).await?;
        Ok(got.and_then(|item| text(&item, DATA).map(str::to_owned)))
    }

    pub(super) async fn put_document(
        &self,
        pk: &str,
        sk: &str,
        data: &str,
    ) -> Result<(), StoreError> {
        let item = Item::from([
            (PK.to_owned(), s(pk)),
            (SK.to_owned(), s(sk)),
            (DATA.to_owned(), s(data)),
        ]);
        let request = Request::put(&self.table, &item);
        self.ask(Mechanism::Settings, &request).await?;
        Ok(())
    }

    /// Claims an idempotency key of a call that is not about an existing thread;
    /// `leads_to` is what a repetition will be answered from.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn claim_key(
        &self,
        key: Fingerprint,
        body: Fingerprint,
        leads_to: &str,
        now: Timestamp,
    ) -> Result<KeyClaim, StoreError> {
        let item = Item::from([
            (PK.to_owned(), s(key_pk(key))),
            (SK.to_owned(), s(KEY_SK)),
            ("b".to_owned(), s(String::from(body))),
            ("t".to_owned(), s(leads_to)),
            ("a".to_owned(), n(now.0)),
            (TTL.to_owned(), n(now.plus(KEY_KEPT).seconds_up())),
        ]);
        // Expiry is a matter of the clock, not of when the item is collected.
        let request = Request::put(&self.table, &item)
            .only_if("attribute_not_exists(pk) OR #a <= :expired")
            .name("#a", "a")
            .value(":expired", n(now.plus(-KEY_KEPT).0))
            .showing_what_stands();
        let refused = match self.write(Mechanism::Key, &request).await? {
            Written::Yes => return Ok(KeyClaim::New),
            Written::Refused(standing) => standing,
        };
        let standing = match refused {
            Some(item) => item,
            // An engine that does not return the item is asked for it.
            None => self.key_item(key).await?.ok_or(StoreError::Contended)?,
        };
        Ok(match (text(&standing, "b"), text(&standing, "t")) {
            (Some(used), Some(leads_to)) if used == String::from(body) => {
                KeyClaim::Repeated(leads_to.to_owned())
            }
            _ => KeyClaim::OtherBody,
        })
    }

    async fn key_item(&self, key: Fingerprint) -> Result<Option<Item>, StoreError> {
        let pk = key_pk(key);
        self.item(Mechanism::Key, (&pk, KEY_SK), true).await
    }
}

pub(super) fn key_pk(key: Fingerprint) -> String {
    format!("key#{}", String::from(key))
}

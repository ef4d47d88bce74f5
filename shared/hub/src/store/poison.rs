//! Poison: webhooks that could not be used, kept to be looked at and replayed.
//!
//! A partition is a day and one of [`SHARDS`], so that a flood of them is not held up by
//! one partition's limit, and listing them all is a fixed number of queries. Keeping one
//! costs a write unit per started KB.

use super::Store;
use super::direct::shapes::{Read, Request};
use super::error::StoreError;
use super::item::{Item, PK, SHARDS, SK, TTL, b, bytes, n, number, s, shard_of, text};
use super::rows::day_of;
use super::units::Mechanism;
use baton_domain::Timestamp;
use baton_domain::time::DAY;
use std::fmt;

/// How long poison is kept.
pub const POISON_KEPT: i64 = 14 * DAY;
/// How much of a poisonous body is kept.
pub const POISON_LIMIT: usize = 300 * 1024;

const ENDPOINT: &str = "e";
const PROBLEM: &str = "p";
const BODY: &str = "b";
const LENGTH: &str = "n";
const REPLAYS: &str = "r";

/// A webhook that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    /// The endpoint it came to.
    pub endpoint: String,
    /// When.
    pub at: Timestamp,
    /// What was wrong; nothing of the content.
    pub problem: String,
    /// The body, cut to [`POISON_LIMIT`].
    pub body: Vec<u8>,
    /// Its whole length.
    pub length: usize,
}

impl Poison {
    /// Whether a part of the body was not kept.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.length > self.body.len()
    }
}

/// What a record is called: `psn_<ms>_<nonce>`. It says where the record is, and nothing
/// of what is in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PoisonId {
    at: Timestamp,
    nonce: String,
}

impl PoisonId {
    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let (at, nonce) = id.strip_prefix("psn_")?.split_once('_')?;
        let digits = at.len() == 14 && at.bytes().all(|byte| byte.is_ascii_digit());
        let letters = !nonce.is_empty() && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (digits && letters).then_some(Self {
            at: Timestamp(at.parse().ok()?),
            nonce: nonce.to_owned(),
        })
    }

    fn pk(&self) -> String {
        partition(&day_of(self.at), &shard_of(&self.nonce))
    }

    fn sk(&self) -> String {
        format!("{:014}#{}", self.at.0, self.nonce)
    }

    fn of_sk(sk: &str) -> Option<Self> {
        let (at, nonce) = sk.split_once('#')?;
        Self::parse(&format!("psn_{at}_{nonce}"))
    }
}

impl fmt::Display for PoisonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "psn_{:014}_{}", self.at.0, self.nonce)
    }
}

/// A record without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoisonNote {
    /// Its id.
    pub id: PoisonId,
    /// The endpoint it came to.
    pub endpoint: String,
    /// When.
    pub at: Timestamp,
    /// What was wrong, the last time that it was tried.
    pub problem: String,
    /// The whole length of the body.
    pub length: usize,
    /// How often it was replayed in vain.
    pub replays: u32,
}

fn partition(day: &str, shard: &str) -> String {
    format!("poison#{day}#{shard}")
}

impl Store {
    /// Keeps a poison record. `nonce`, letters and digits, keeps two of the same
    /// millisecond apart.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn put_poison(&self, poison: &Poison, nonce: &str) -> Result<PoisonId, StoreError> {
        let id = PoisonId {
            at: poison.at.max(Timestamp(0)),
            nonce: nonce.to_owned(),
        };
        let kept = poison.body.get(..POISON_LIMIT).unwrap_or(&poison.body);
        let item = Item::from([
            (PK.to_owned(), s(id.pk())),
            (SK.to_owned(), s(id.sk())),
            (ENDPOINT.to_owned(), s(poison.endpoint.clone())),
            (PROBLEM.to_owned(), s(poison.problem.clone())),
            (BODY.to_owned(), b(kept.to_vec())),
            (LENGTH.to_owned(), n(poison.length)),
            (TTL.to_owned(), n(poison.at.plus(POISON_KEPT).seconds_up())),
        ]);
        let request = Request::put(&self.table, &item);
        self.ask(Mechanism::Poison, &request).await?;
        Ok(id)
    }

    /// The poison records of the day of this moment (UTC), oldest first, without their
    /// bodies.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn poison_of_day(&self, at: Timestamp) -> Result<Vec<PoisonNote>, StoreError> {
        let day = day_of(at);
        let mut found = Vec::new();
        for shard in 0..SHARDS {
            let partition = partition(&day, &shard.to_string());
            let mut pages = self.pages(Mechanism::Poison, || {
                Request::query(&self.table, "pk = :pk")
                    .value(":pk", s(&partition))
                    .only("#s, #e, #p, #n, #r")
                    .name("#s", SK)
                    .name("#e", ENDPOINT)
                    .name("#p", PROBLEM)
                    .name("#n", LENGTH)
                    .name("#r", REPLAYS)
            });
            while let Some(page) = pages.next().await? {
                found.extend(page.iter().filter_map(|Read(item)| note(item)));
            }
        }
        found.sort_by(|one: &PoisonNote, other| one.id.cmp(&other.id));
        Ok(found)
    }

    /// Removes the records of the day of this moment (UTC) whose body, as far as it was
    /// kept, `is` of the one that is looked for. Returns how many.
    ///
    /// # Errors
    /// When the table cannot be read or written.
    pub(crate) async fn remove_poison_of(
        &self,
        at: Timestamp,
        is: impl Fn(&[u8]) -> bool,
    ) -> Result<usize, StoreError> {
        let day = day_of(at);
        let mut removed = 0;
        for shard in 0..SHARDS {
            let mut pages = self.pages(Mechanism::Erase, || {
                Request::query(&self.table, "pk = :pk")
                    .value(":pk", s(partition(&day, &shard.to_string())))
            });
            while let Some(page) = pages.next().await? {
                for Read(item) in &page {
                    if bytes(item, BODY).is_some_and(&is)
                        && let Some(id) = text(item, SK).and_then(PoisonId::of_sk)
                    {
                        self.remove_poison(&id).await?;
                        removed += 1;
                    }
                }
            }
        }
        Ok(removed)
    }

    /// One record, if it is there.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn poison(&self, id: &PoisonId) -> Result<Option<Poison>, StoreError> {
        let key = (&*id.pk(), &*id.sk());
        let got = self.item(Mechanism::Poison, key, true).await?;
        Ok(got.as_ref().and_then(|item| {
            let note = note(item)?;
            Some(Poison {
                endpoint: note.endpoint,
                at: note.at,
                problem: note.problem,
                body: bytes(item, BODY)?.to_vec(),
                length: note.length,
            })
        }))
    }

    /// Notes what was wrong when a record was replayed. A record that is gone stays so.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn note_poison(&self, id: &PoisonId, problem: &str) -> Result<(), StoreError> {
        let (pk, sk) = (id.pk(), id.sk());
        let request = Request::update(&self.table, (&pk, &sk), "SET #p = :p ADD #r :one")
            .only_if("attribute_exists(pk)")
            .name("#p", PROBLEM)
            .name("#r", REPLAYS)
            .value(":p", s(problem))
            .value(":one", n(1));
        self.done(Mechanism::Poison, &request).await?;
        Ok(())
    }

    /// Removes a record.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn remove_poison(&self, id: &PoisonId) -> Result<(), StoreError> {
        let (pk, sk) = (id.pk(), id.sk());
        let request = Request::delete(&self.table, (&pk, &sk));
        self.ask(Mechanism::Poison, &request).await?;
        Ok(())
    }
}

fn note(item: &Item) -> Option<PoisonNote> {
    let id = PoisonId::of_sk(text(item, SK)?)?;
    Some(PoisonNote {
        at: id.at,
        id,
        endpoint: text(item, ENDPOINT)?.to_owned(),
        problem: text(item, PROBLEM)?.to_owned(),
        length: usize::try_from(number(item, LENGTH)?).ok()?,
        replays: number(item, REPLAYS)
            .and_then(|replays| u32::try_from(replays).ok())
            .unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written_and_nothing_else_is() {
        let id = PoisonId {
            at: Timestamp(1_763_637_000_123),
            nonce: "abcd2345".to_owned(),
        };
        assert_eq!(id.to_string(), "psn_01763637000123_abcd2345");
        assert_eq!(PoisonId::parse(&id.to_string()), Some(id.clone()));
        assert_eq!(PoisonId::of_sk(&id.sk()), Some(id));
        for other in [
            "",
            "psn_",
            "psn_01763637000123_",
            "psn_1_a",
            "psn_01763637000123_a/b",
            "psn_01763637000123_a_b",
            "psn_-1763637000123_a",
            "cnv_01763637000123_a",
        ] {
            assert_eq!(PoisonId::parse(other), None, "{other}");
        }
    }
}

//! Ids. Thread, conversation and message ids are computed, not looked up, and
//! say nothing about the customer: they come from a keyed hash.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Why a text is not an id of the hub.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not {expected}")]
pub struct BadId {
    /// What was given, cut to 64 characters.
    pub given: String,
    /// What would have been right, as a phrase.
    pub expected: &'static str,
}

fn bad(given: &str, expected: &'static str) -> BadId {
    BadId {
        given: given.chars().take(64).collect(),
        expected,
    }
}

/// Lower-case base32 without padding: 26 characters for 128 bits.
fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

fn is_base32_26(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
}

/// The hub's key for computing thread ids. It never rotates: ids would change.
#[derive(Clone)]
pub struct IdKey(Vec<u8>);

impl fmt::Debug for IdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdKey(..)")
    }
}

impl IdKey {
    /// The key from the deployment's secret, 32 bytes or more.
    #[must_use]
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into())
    }

    /// The first 128 bits of HMAC-SHA-256 over the parts, each ended by a zero
    /// byte so that no two lists of parts collide, in lower-case base32.
    #[must_use]
    pub fn digest(&self, parts: &[&str]) -> String {
        // HMAC takes keys of any length, so this cannot fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return String::new();
        };
        for part in parts {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        let bytes = mac.finalize().into_bytes();
        base32(bytes.get(..16).unwrap_or_default())
    }

    /// The id of the thread that a platform calls `name` on this connection.
    #[must_use]
    pub fn thread(&self, connection: &str, name: &str) -> ThreadId {
        ThreadId(format!(
            "thr_{}",
            self.digest(&["thread", connection, name])
        ))
    }
}

/// One customer on one connection: `thr_` and 26 characters of base32.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ThreadId(String);

impl ThreadId {
    /// Reads an id as the hub printed it.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        match text.strip_prefix("thr_") {
            Some(rest) if is_base32_26(rest) => Ok(Self(text.to_owned())),
            _ => Err(bad(text, "a thread id: `thr_` and 26 characters")),
        }
    }

    /// The id's text, also the partition key of the thread's log.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn body(&self) -> &str {
        self.0.strip_prefix("thr_").unwrap_or_default()
    }

    /// Which of `shards` equal parts this thread belongs to.
    #[must_use]
    pub fn shard(&self, shards: u32) -> u32 {
        // The id is already uniformly distributed; any fixed mixing of it is.
        let sum = self.0.bytes().fold(0u32, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(byte))
        });
        sum % shards.max(1)
    }
}

impl TryFrom<String> for ThreadId {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        Self::parse(&text)
    }
}

impl From<ThreadId> for String {
    fn from(id: ThreadId) -> Self {
        id.0
    }
}

impl fmt::Display for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn split_suffix<'a, const N: usize>(text: &'a str, prefix: &str) -> Option<(&'a str, [u64; N])> {
    let mut parts = text.strip_prefix(prefix)?.split('-');
    let body = parts.next().filter(|body| is_base32_26(body))?;
    let mut numbers = [0; N];
    for number in &mut numbers {
        let part = parts.next()?;
        // One spelling per id: no signs, no leading zeros.
        if part.is_empty()
            || (part.len() > 1 && part.starts_with('0'))
            || !part.bytes().all(|b| b.is_ascii_digit())
        {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some((body, numbers))
}

/// A stretch of a thread: `cnv_`, the thread's 26 characters, `-` and the seq of
/// the entry that opened it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConversationId {
    thread: ThreadId,
    first_seq: u64,
}

impl ConversationId {
    /// The conversation that the thread's entry `first_seq` opened.
    #[must_use]
    pub fn new(thread: &ThreadId, first_seq: u64) -> Self {
        Self {
            thread: thread.clone(),
            first_seq,
        }
    }

    /// Reads an id as the hub printed it.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let (body, [first_seq]) = split_suffix::<1>(text, "cnv_").ok_or_else(|| {
            bad(
                text,
                "a conversation id: `cnv_`, 26 characters, `-` and a number",
            )
        })?;
        Ok(Self {
            thread: ThreadId(format!("thr_{body}")),
            first_seq,
        })
    }

    /// The thread it is a stretch of.
    #[must_use]
    pub fn thread(&self) -> &ThreadId {
        &self.thread
    }

    /// The seq of its first entry.
    #[must_use]
    pub fn first_seq(&self) -> u64 {
        self.first_seq
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cnv_{}-{}", self.thread.body(), self.first_seq)
    }
}

impl TryFrom<String> for ConversationId {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        Self::parse(&text)
    }
}

impl From<ConversationId> for String {
    fn from(id: ConversationId) -> Self {
        id.to_string()
    }
}

/// Where an event stands inside its thread: the entry's seq and the event's
/// place in that entry, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place(pub u64, pub u32);

/// A message, in or out: `msg_`, the thread's 26 characters and its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId {
    thread: ThreadId,
    place: Place,
}

impl MessageId {
    /// The message that the event at `place` tells of.
    #[must_use]
    pub fn new(thread: &ThreadId, place: Place) -> Self {
        Self {
            thread: thread.clone(),
            place,
        }
    }

    /// Reads an id as the hub printed it.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        split_suffix::<2>(text, "msg_")
            .and_then(|(body, [seq, index])| {
                Some(Self {
                    thread: ThreadId(format!("thr_{body}")),
                    place: Place(seq, u32::try_from(index).ok()?),
                })
            })
            .ok_or_else(|| bad(text, "a message id: `msg_`, 26 characters and two numbers"))
    }

    /// The thread it belongs to.
    #[must_use]
    pub fn thread(&self) -> &ThreadId {
        &self.thread
    }

    /// Where in the log it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "msg_{}-{}-{}",
            self.thread.body(),
            self.place.0,
            self.place.1
        )
    }
}

impl TryFrom<String> for MessageId {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        Self::parse(&text)
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.to_string()
    }
}

/// The unique id of one command: 16 characters of base32 over 80 random bits.
/// An append that finds its own command id in its place has already succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub String);

impl CommandId {
    /// A command id from ten bytes of randomness, made at the edge.
    #[must_use]
    pub fn from_random(bytes: [u8; 10]) -> Self {
        Self(base32(&bytes))
    }
}

/// An 8-byte fingerprint of an id from outside (a platform's event id, an
/// idempotency key, a request body). 2^64 values: among the few dozen that one
/// thread keeps, a chance collision is out of the question.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(pub [u8; 8]);

impl Fingerprint {
    /// The fingerprint of these parts: the first 8 bytes of SHA-256.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = from;
        }
        Self(bytes)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from(*self))
    }
}

impl From<Fingerprint> for String {
    fn from(print: Fingerprint) -> Self {
        data_encoding::BASE64URL_NOPAD.encode(&print.0)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        data_encoding::BASE64URL_NOPAD
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| bad(&text, "a fingerprint: 11 characters of base64url"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_and_reveal_nothing() {
        let key = IdKey::new(*b"test-secret-id-key-0123456789abc");
        let thread = key.thread("shop-chat", "session-1");
        assert_eq!(thread, key.thread("shop-chat", "session-1"));
        assert_ne!(thread, key.thread("shop-chats", "ession-1"));
        assert!(!thread.as_str().contains("session"));
        assert_eq!(ThreadId::parse(thread.as_str()), Ok(thread.clone()));
        let conversation = ConversationId::new(&thread, 12);
        assert_eq!(
            ConversationId::parse(&conversation.to_string()),
            Ok(conversation)
        );
        let message = MessageId::new(&thread, Place(12, 3));
        assert_eq!(MessageId::parse(&message.to_string()), Ok(message));
    }

    #[test]
    fn only_one_spelling_is_an_id() {
        let body = "a".repeat(26);
        for text in [
            "thr_".to_owned(),
            format!("thr_{}", body.to_uppercase()),
            format!("cnv_{body}"),
            format!("cnv_{body}-01"),
            format!("cnv_{body}-+1"),
            format!("cnv_{body}-1-2"),
            format!("cnv_{body}-99999999999999999999999"),
        ] {
            assert!(ThreadId::parse(&text).is_err() && ConversationId::parse(&text).is_err());
        }
    }
}

//! Entries and checkpoints as items, and back; older schemas through upcasters.

use super::item::{self, DATA, DUE, DUE_SHARD, Item, PK, SCHEMA, SK, TTL, b, n, s, shard_of};
use baton_domain::rings::{SeenIds, UsedKeys};
use baton_domain::{
    CommandId, Entry, Event, Leaves, SCHEMA as CURRENT, Thread, ThreadId, Timestamp,
};

/// Sort key of the checkpoint: above every entry.
pub const CHECKPOINT_SK: &str = "z";
/// Prefix of the entries' sort keys.
pub const ENTRY_PREFIX: &str = "e#";

const COMMAND: &str = "c";
const AT: &str = "a";
const LEAVES: &str = "w";
const CONNECTION: &str = "cn";
const CONVERSATION: &str = "f";
const EPOCH: &str = "ep";
/// The seq that a checkpoint's state half covers.
pub(super) const SEQ: &str = "s";
const SEEN: &str = "i";
const KEYS: &str = "k";

/// Why an item cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// An attribute is missing or of another type.
    #[error("attribute `{0}` is missing or malformed")]
    Attribute(&'static str),
    /// The payload is not what its schema says.
    #[error("payload of schema {schema}: {problem}")]
    Payload {
        /// The schema number of the item.
        schema: u32,
        /// The parser's words; no content.
        problem: String,
    },
    /// Written by a newer release than this code knows.
    #[error("schema {0} is newer than this release")]
    Newer(u32),
}

/// The sort key of entry `seq`; fixed width, so that keys sort as numbers.
#[must_use]
pub fn entry_sk(seq: u64) -> String {
    format!("{ENTRY_PREFIX}{seq:010}")
}

/// The seq in an entry's sort key.
#[must_use]
pub fn seq_of(sk: &str) -> Option<u64> {
    sk.strip_prefix(ENTRY_PREFIX)?.parse().ok()
}

/// An entry as the item to put, expiring at `ttl` (seconds since the epoch).
///
/// # Errors
/// When an event cannot be written as JSON; a number that is not finite, say.
pub fn entry_item(thread: &ThreadId, entry: &Entry, ttl: i64) -> Result<Item, Unreadable> {
    let data = serde_json::to_string(&entry.events).map_err(|error| Unreadable::Payload {
        schema: CURRENT,
        problem: error.to_string(),
    })?;
    let mut item = Item::from([
        (PK.to_owned(), s(thread.as_str())),
        (SK.to_owned(), s(entry_sk(entry.seq))),
        (COMMAND.to_owned(), s(entry.command.0.clone())),
        (SCHEMA.to_owned(), n(CURRENT)),
        (AT.to_owned(), n(entry.at.0)),
        (CONNECTION.to_owned(), s(entry.connection.clone())),
        (CONVERSATION.to_owned(), n(entry.conversation)),
        (EPOCH.to_owned(), n(entry.epoch)),
        (DATA.to_owned(), s(data)),
        (TTL.to_owned(), n(ttl)),
    ]);
    let leaves = entry.leaves.letters();
    if !leaves.is_empty() {
        item.insert(LEAVES.to_owned(), s(leaves));
    }
    if let Some(due) = entry.due {
        item.insert(DUE_SHARD.to_owned(), s(shard_of(thread.as_str())));
        item.insert(DUE.to_owned(), n(due.seconds_up()));
    }
    Ok(item)
}

/// Reads an entry.
///
/// # Errors
/// When the item is not an entry that this release can read.
pub fn read_entry(item: &Item) -> Result<Entry, Unreadable> {
    let seq = item::text(item, SK)
        .and_then(seq_of)
        .ok_or(Unreadable::Attribute(SK))?;
    let command = item::text(item, COMMAND).ok_or(Unreadable::Attribute(COMMAND))?;
    let at = item::number(item, AT).ok_or(Unreadable::Attribute(AT))?;
    let data = item::text(item, DATA).ok_or(Unreadable::Attribute(DATA))?;
    Ok(Entry {
        seq,
        at: Timestamp(at),
        command: CommandId(command.to_owned()),
        connection: item::text(item, CONNECTION).unwrap_or_default().to_owned(),
        conversation: unsigned(item, CONVERSATION),
        epoch: unsigned(item, EPOCH),
        events: upcast_events(schema_of(item)?, data)?,
        leaves: item::text(item, LEAVES)
            .map(Leaves::parse)
            .unwrap_or_default(),
        due: item::number(item, DUE).map(|seconds| Timestamp(seconds * 1_000)),
    })
}

fn unsigned(item: &Item, name: &str) -> u64 {
    item::number(item, name)
        .and_then(|number| u64::try_from(number).ok())
        .unwrap_or_default()
}

fn schema_of(item: &Item) -> Result<u32, Unreadable> {
    item::number(item, SCHEMA)
        .and_then(|schema| u32::try_from(schema).ok())
        .ok_or(Unreadable::Attribute(SCHEMA))
}

fn payload(schema: u32) -> impl Fn(serde_json::Error) -> Unreadable {
    move |error| Unreadable::Payload {
        schema,
        // Without the content that the parser may quote.
        problem: format!(
            "{:?} at line {} column {}",
            error.classify(),
            error.line(),
            error.column()
        ),
    }
}

/// Reads the events of an entry of any released schema. Each schema change adds an
/// arm that turns the older JSON into the next newer form.
fn upcast_events(schema: u32, data: &str) -> Result<Vec<Event>, Unreadable> {
    match schema {
        1 => serde_json::from_str(data).map_err(payload(schema)),
        _ => Err(Unreadable::Newer(schema)),
    }
}

/// Reads the state half of a checkpoint of any released schema.
fn upcast_state(schema: u32, data: &str) -> Result<Thread, Unreadable> {
    match schema {
        1 => serde_json::from_str(data).map_err(payload(schema)),
        _ => Err(Unreadable::Newer(schema)),
    }
}

/// A checkpoint as read: either half may be missing.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// The state half, if it was written and this release can read it.
    pub state: Option<Thread>,
    /// The seq of the state half, also of one that is too new to be read.
    pub seq: u64,
    /// The armed half: the second at which the sweep looks.
    pub due: Option<i64>,
    /// The schema of the state half.
    pub schema: u32,
}

/// Reads a checkpoint. A state half of a newer schema is left alone: the log is
/// the truth, and is read from further back.
#[must_use]
pub fn read_checkpoint(item: &Item) -> Checkpoint {
    let schema = schema_of(item).unwrap_or_default();
    let state = item::text(item, DATA)
        .and_then(|data| upcast_state(schema, data).ok())
        .map(|mut thread| {
            thread.seen = item::bytes(item, SEEN)
                .map(SeenIds::from_bytes)
                .unwrap_or_default();
            thread.keys = item::bytes(item, KEYS)
                .map(UsedKeys::from_bytes)
                .unwrap_or_default();
            thread
        });
    Checkpoint {
        seq: item::number(item, SEQ)
            .and_then(|seq| u64::try_from(seq).ok())
            .unwrap_or_default(),
        due: item::number(item, DUE),
        state,
        schema,
    }
}

/// The attributes of a checkpoint's state half, expiring at `ttl`.
///
/// # Errors
/// When the state cannot be written as JSON.
pub fn state_attributes(thread: &Thread, ttl: i64) -> Result<Item, Unreadable> {
    let data = serde_json::to_string(thread).map_err(payload(CURRENT))?;
    Ok(Item::from([
        (SEQ.to_owned(), n(thread.seq)),
        (SCHEMA.to_owned(), n(CURRENT)),
        (DATA.to_owned(), s(data)),
        (SEEN.to_owned(), b(thread.seen.to_bytes())),
        (KEYS.to_owned(), b(thread.keys.to_bytes())),
        (TTL.to_owned(), n(ttl)),
    ]))
}

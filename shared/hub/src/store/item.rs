//! Names of keys and attributes, and reading attributes. The table's definition
//! itself is in `infra/template.yaml`.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

/// A DynamoDB item.
pub type Item = HashMap<String, AttributeValue>;

/// Partition key.
pub const PK: &str = "pk";
/// Sort key.
pub const SK: &str = "sk";
/// Index `due`: partition, one of [`SHARDS`].
pub const DUE_SHARD: &str = "ds";
/// Index `due`: sort key, seconds since the epoch, rounded up.
pub const DUE: &str = "due";
/// Expiry, seconds since the epoch.
pub const TTL: &str = "ttl";
/// Index `open`: partition, connection, holder kind and shard.
pub const OPEN: &str = "op";
/// Index `open`: sort key, since when.
pub const OPEN_SINCE: &str = "os";
/// The payload, JSON text.
pub const DATA: &str = "d";
/// The payload's schema.
pub const SCHEMA: &str = "v";

/// Index of everything that must happen later.
pub const DUE_INDEX: &str = "due";
/// Index of open conversations.
pub const OPEN_INDEX: &str = "open";
/// How many partitions the indexes are spread over.
pub const SHARDS: u32 = 8;

/// Text as an attribute.
pub fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number as an attribute.
pub fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Bytes as an attribute.
pub fn b(bytes: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// A text attribute's value.
pub fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// A number attribute's value.
pub fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// A binary attribute's value.
pub fn bytes<'a>(item: &'a Item, name: &str) -> Option<&'a [u8]> {
    item.get(name)?.as_b().ok().map(AsRef::as_ref)
}

/// The shard of an item by its partition key.
#[must_use]
pub fn shard_of(key: &str) -> String {
    let sum = key.bytes().fold(0u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    (sum % SHARDS).to_string()
}

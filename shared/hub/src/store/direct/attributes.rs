//! Items in DynamoDB's JSON protocol: each value under the letter of its type.

use super::super::item::Item;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use data_encoding::BASE64;
use serde::de::{MapAccess, Visitor};
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::fmt;

/// An item to be written.
pub(super) struct Attributes<'a>(pub(super) &'a Item);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, Value(value))))
    }
}

/// A value to be written.
pub(super) struct Value<'a>(pub(super) &'a AttributeValue);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        match self.0 {
            AttributeValue::S(text) => map.serialize_entry("S", text)?,
            AttributeValue::N(number) => map.serialize_entry("N", number)?,
            AttributeValue::B(bytes) => {
                map.serialize_entry("B", &BASE64.encode(bytes.as_ref()))?;
            }
            AttributeValue::Ss(texts) => map.serialize_entry("SS", texts)?,
            // The hub's items hold nothing else.
            _ => return Err(S::Error::custom("an attribute of a type that is not used")),
        }
        map.end()
    }
}

/// An item as read.
pub(in crate::store) struct Read(pub(in crate::store) Item);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(OfItem)
    }
}

struct OfItem;

impl<'de> Visitor<'de> for OfItem {
    type Value = Read;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an item")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Read, M::Error> {
        let mut item = Item::with_capacity(16);
        while let Some((name, value)) = map.next_entry::<String, Attribute>()? {
            item.insert(name, value.into());
        }
        Ok(Read(item))
    }
}

/// A value as read, of whatever type: somebody else may have put it there.
#[derive(Deserialize)]
enum Attribute {
    S(String),
    N(String),
    B(Bytes),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(rename = "NULL")]
    Null(bool),
    M(HashMap<String, Attribute>),
    L(Vec<Attribute>),
    #[serde(rename = "SS")]
    Texts(Vec<String>),
    #[serde(rename = "NS")]
    Numbers(Vec<String>),
    #[serde(rename = "BS")]
    Blobs(Vec<Bytes>),
}

/// Bytes, base64 on the way.
struct Bytes(Blob);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = BASE64.decode(text.as_bytes());
        let bytes = bytes.map_err(|_| serde::de::Error::custom("bytes that are not base64"))?;
        Ok(Self(Blob::new(bytes)))
    }
}

impl From<Attribute> for AttributeValue {
    fn from(read: Attribute) -> Self {
        match read {
            Attribute::S(text) => Self::S(text),
            Attribute::N(number) => Self::N(number),
            Attribute::B(bytes) => Self::B(bytes.0),
            Attribute::Bool(truth) => Self::Bool(truth),
            Attribute::Null(null) => Self::Null(null),
            Attribute::M(map) => {
                let map = map.into_iter().map(|(name, value)| (name, value.into()));
                Self::M(map.collect())
            }
            Attribute::L(list) => Self::L(list.into_iter().map(Into::into).collect()),
            Attribute::Texts(texts) => Self::Ss(texts),
            Attribute::Numbers(numbers) => Self::Ns(numbers),
            Attribute::Blobs(blobs) => Self::Bs(blobs.into_iter().map(|blob| blob.0).collect()),
        }
    }
}

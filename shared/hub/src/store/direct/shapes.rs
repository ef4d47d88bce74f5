//! The requests and answers that go directly, in the shapes of DynamoDB's JSON protocol
//! (API reference of DynamoDB, version 2012-08-10).

use super::super::item::Item;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Capacity, ConsumedCapacity};
use data_encoding::BASE64;
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;

/// A request, its operation and what is answered.
pub(in crate::store) trait Operation: Serialize {
    /// The operation's name.
    const NAME: &'static str;
    /// The header `X-Amz-Target`.
    const TARGET: &'static str;
    /// What a success says.
    type Answer: for<'de> Deserialize<'de>;
}

/// Entries of one partition, the last first.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::store) struct Query<'a> {
    pub(in crate::store) table_name: &'a str,
    pub(in crate::store) key_condition_expression: &'static str,
    pub(in crate::store) expression_attribute_values: Partition<'a>,
    pub(in crate::store) scan_index_forward: bool,
    pub(in crate::store) consistent_read: bool,
    pub(in crate::store) limit: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::store) exclusive_start_key: Option<Attributes<'a>>,
    pub(in crate::store) return_consumed_capacity: &'static str,
}

/// The value of `:pk`.
#[derive(Serialize)]
pub(in crate::store) struct Partition<'a> {
    #[serde(rename = ":pk")]
    pub(in crate::store) pk: Text<'a>,
}

/// Text as an attribute.
#[derive(Serialize)]
pub(in crate::store) struct Text<'a> {
    #[serde(rename = "S")]
    pub(in crate::store) text: &'a str,
}

impl Operation for Query<'_> {
    const NAME: &'static str = "Query";
    const TARGET: &'static str = "DynamoDB_20120810.Query";
    type Answer = Page;
}

/// A page of a [`Query`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::store) struct Page {
    #[serde(default)]
    pub(in crate::store) items: Vec<Read>,
    pub(in crate::store) last_evaluated_key: Option<Read>,
    #[serde(default, deserialize_with = "capacity")]
    pub(in crate::store) consumed_capacity: Option<ConsumedCapacity>,
}

/// An item to put.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::store) struct PutItem<'a> {
    pub(in crate::store) table_name: &'a str,
    pub(in crate::store) item: Attributes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::store) condition_expression: Option<&'static str>,
    pub(in crate::store) return_values_on_condition_check_failure: &'static str,
    pub(in crate::store) return_consumed_capacity: &'static str,
}

impl Operation for PutItem<'_> {
    const NAME: &'static str = "PutItem";
    const TARGET: &'static str = "DynamoDB_20120810.PutItem";
    type Answer = Put;
}

/// What a [`PutItem`] is answered.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::store) struct Put {
    #[serde(default, deserialize_with = "capacity")]
    pub(in crate::store) consumed_capacity: Option<ConsumedCapacity>,
}

/// One item.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::store) struct GetItem<'a> {
    pub(in crate::store) table_name: &'a str,
    pub(in crate::store) key: Key<'a>,
    pub(in crate::store) consistent_read: bool,
    pub(in crate::store) return_consumed_capacity: &'static str,
}

/// An item's whole key.
#[derive(Serialize)]
pub(in crate::store) struct Key<'a> {
    pub(in crate::store) pk: Text<'a>,
    pub(in crate::store) sk: Text<'a>,
}

impl Operation for GetItem<'_> {
    const NAME: &'static str = "GetItem";
    const TARGET: &'static str = "DynamoDB_20120810.GetItem";
    type Answer = Got;
}

/// What a [`GetItem`] is answered.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::store) struct Got {
    pub(in crate::store) item: Option<Read>,
    #[serde(default, deserialize_with = "capacity")]
    pub(in crate::store) consumed_capacity: Option<ConsumedCapacity>,
}

/// What is in a refusal. Its code is after a `#`, where there is one.
#[derive(Default, Deserialize)]
pub(super) struct Refused {
    #[serde(rename = "__type", default)]
    pub(super) kind: String,
    #[serde(alias = "Message", default)]
    pub(super) message: String,
    #[serde(rename = "Item")]
    pub(super) item: Option<Read>,
}

/// An item to be written.
pub(in crate::store) struct Attributes<'a>(pub(in crate::store) &'a Item);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, Value(value))))
    }
}

/// A value to be written.
struct Value<'a>(&'a AttributeValue);

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
        let read = HashMap::<String, Attribute>::deserialize(from)?;
        let item = read.into_iter().map(|(name, value)| (name, value.into()));
        Ok(Self(item.collect()))
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

fn capacity<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ConsumedCapacity>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Consumed {
        capacity_units: Option<f64>,
        table: Option<OfTable>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct OfTable {
        capacity_units: Option<f64>,
    }
    let consumed = Option::<Consumed>::deserialize(from)?;
    Ok(consumed.map(|consumed| {
        let of_table = |table: OfTable| {
            let units = table.capacity_units;
            Capacity::builder().set_capacity_units(units).build()
        };
        ConsumedCapacity::builder()
            .set_capacity_units(consumed.capacity_units)
            .set_table(consumed.table.map(of_table))
            .build()
    }))
}

//! The requests and answers that go directly, in the shapes of DynamoDB's JSON protocol
//! (API reference of DynamoDB, version 2012-08-10).

use super::super::item::Item;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Capacity, ConsumedCapacity};
use data_encoding::BASE64;
use serde::de::{MapAccess, Visitor};
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::fmt;

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
    table_name: &'a str,
    item: Attributes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition_expression: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression_attribute_names: Option<Pair<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression_attribute_values: Option<Pair<AttributeValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_values_on_condition_check_failure: Option<&'static str>,
    return_consumed_capacity: &'static str,
}

impl<'a> PutItem<'a> {
    /// Puts this, whatever is there.
    pub(in crate::store) fn of(table: &'a str, item: &'a Item) -> Self {
        Self {
            table_name: table,
            item: Attributes(item),
            condition_expression: None,
            expression_attribute_names: None,
            expression_attribute_values: None,
            return_values_on_condition_check_failure: None,
            return_consumed_capacity: "INDEXES",
        }
    }

    /// Only on this condition.
    pub(in crate::store) fn only_if(mut self, condition: &'static str) -> Self {
        self.condition_expression = Some(condition);
        self
    }

    /// The condition speaks of one attribute and one value by these names.
    pub(in crate::store) fn naming(
        mut self,
        name: (&'static str, &'static str),
        value: (&'static str, AttributeValue),
    ) -> Self {
        self.expression_attribute_names = Some(Pair(name.0, name.1));
        self.expression_attribute_values = Some(Pair(value.0, value.1));
        self
    }

    /// A refusal is to bring what is there.
    pub(in crate::store) fn showing_what_stands(mut self) -> Self {
        self.return_values_on_condition_check_failure = Some("ALL_OLD");
        self
    }
}

/// A map of one.
struct Pair<Of>(&'static str, Of);

impl Serialize for Pair<&'static str> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map([(self.0, self.1)])
    }
}

impl Serialize for Pair<AttributeValue> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map([(self.0, Value(&self.1))])
    }
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

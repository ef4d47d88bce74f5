//! The requests and answers, in the shapes of DynamoDB's JSON protocol (API reference of
//! DynamoDB, version 2012-08-10).

use super::super::item::Item;
use super::super::units::Consumed;
use super::attributes::{Attributes, Value};
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;

pub(in crate::store) use super::attributes::Read;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Operation {
    /// Reads items of a partition.
    Query,
    /// Reads an item.
    GetItem,
    /// Puts an item.
    PutItem,
    /// Changes an item.
    UpdateItem,
    /// Removes an item.
    DeleteItem,
    /// Tells the table's keys, indexes and stream.
    DescribeTable,
    /// Tells whether items expire.
    DescribeTimeToLive,
}

impl Operation {
    /// Its name.
    pub(in crate::store) fn name(self) -> &'static str {
        match self {
            Self::Query => "Query",
            Self::GetItem => "GetItem",
            Self::PutItem => "PutItem",
            Self::UpdateItem => "UpdateItem",
            Self::DeleteItem => "DeleteItem",
            Self::DescribeTable => "DescribeTable",
            Self::DescribeTimeToLive => "DescribeTimeToLive",
        }
    }

    /// The header `X-Amz-Target`.
    pub(super) fn target(self) -> &'static str {
        match self {
            Self::Query => "DynamoDB_20120810.Query",
            Self::GetItem => "DynamoDB_20120810.GetItem",
            Self::PutItem => "DynamoDB_20120810.PutItem",
            Self::UpdateItem => "DynamoDB_20120810.UpdateItem",
            Self::DeleteItem => "DynamoDB_20120810.DeleteItem",
            Self::DescribeTable => "DynamoDB_20120810.DescribeTable",
            Self::DescribeTimeToLive => "DynamoDB_20120810.DescribeTimeToLive",
        }
    }

    /// Whether it costs write units.
    pub(in crate::store) fn writes(self) -> bool {
        matches!(self, Self::PutItem | Self::UpdateItem | Self::DeleteItem)
    }
}

/// A request of any operation: what is not said is not sent.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::store) struct Request<'a> {
    #[serde(skip)]
    pub(in crate::store) operation: Operation,
    table_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    index_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Key<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<Attributes<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_condition_expression: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    projection_expression: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_expression: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition_expression: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "names")]
    expression_attribute_names: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "values")]
    expression_attribute_values: Vec<(Cow<'static, str>, AttributeValue)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scan_index_forward: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consistent_read: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusive_start_key: Option<Attributes<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_values_on_condition_check_failure: Option<&'static str>,
    return_consumed_capacity: &'static str,
}

/// An item's whole key.
#[derive(Serialize)]
struct Key<'a> {
    pk: Text<'a>,
    sk: Text<'a>,
}

/// Text as an attribute.
#[derive(Serialize)]
struct Text<'a> {
    #[serde(rename = "S")]
    text: &'a str,
}

impl<'a> Request<'a> {
    fn new(operation: Operation, table: &'a str) -> Self {
        Self {
            operation,
            table_name: table,
            index_name: None,
            key: None,
            item: None,
            key_condition_expression: None,
            projection_expression: None,
            update_expression: None,
            condition_expression: None,
            expression_attribute_names: Vec::new(),
            expression_attribute_values: Vec::new(),
            scan_index_forward: None,
            consistent_read: None,
            limit: None,
            exclusive_start_key: None,
            return_values_on_condition_check_failure: None,
            // Which part of a write was the index's is counted apart.
            return_consumed_capacity: if operation.writes() {
                "INDEXES"
            } else {
                "TOTAL"
            },
        }
    }

    fn of_item(operation: Operation, table: &'a str, (pk, sk): (&'a str, &'a str)) -> Self {
        Self {
            key: Some(Key {
                pk: Text { text: pk },
                sk: Text { text: sk },
            }),
            ..Self::new(operation, table)
        }
    }

    /// Reads the items of a partition whose keys are so.
    pub(in crate::store) fn query(table: &'a str, keys: &'static str) -> Self {
        Self {
            key_condition_expression: Some(keys),
            ..Self::new(Operation::Query, table)
        }
    }

    /// Reads the item of these partition and sort keys.
    pub(in crate::store) fn get(table: &'a str, key: (&'a str, &'a str)) -> Self {
        Self::of_item(Operation::GetItem, table, key)
    }

    /// Puts this, whatever is there.
    pub(in crate::store) fn put(table: &'a str, item: &'a Item) -> Self {
        Self {
            item: Some(Attributes(item)),
            ..Self::new(Operation::PutItem, table)
        }
    }

    /// Changes the item of these partition and sort keys so.
    pub(in crate::store) fn update(
        table: &'a str,
        key: (&'a str, &'a str),
        update: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            update_expression: Some(update.into()),
            ..Self::of_item(Operation::UpdateItem, table, key)
        }
    }

    /// Removes the item of these partition and sort keys.
    pub(in crate::store) fn delete(table: &'a str, key: (&'a str, &'a str)) -> Self {
        Self::of_item(Operation::DeleteItem, table, key)
    }

    /// Writes only on this condition.
    pub(in crate::store) fn only_if(mut self, condition: impl Into<Cow<'static, str>>) -> Self {
        self.condition_expression = Some(condition.into());
        self
    }

    /// Expressions call an attribute so. Each name is said once.
    pub(in crate::store) fn name(
        mut self,
        name: impl Into<Cow<'static, str>>,
        attribute: impl Into<Cow<'static, str>>,
    ) -> Self {
        let named = (name.into(), attribute.into());
        self.expression_attribute_names.push(named);
        self
    }

    /// Expressions call a value so. Each name is said once.
    pub(in crate::store) fn value(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: AttributeValue,
    ) -> Self {
        self.expression_attribute_values.push((name.into(), value));
        self
    }

    /// A refusal is to bring what is there.
    pub(in crate::store) fn showing_what_stands(mut self) -> Self {
        self.return_values_on_condition_check_failure = Some("ALL_OLD");
        self
    }

    /// Asks an index.
    pub(in crate::store) fn index(mut self, name: &'static str) -> Self {
        self.index_name = Some(name);
        self
    }

    /// Reads these attributes alone.
    pub(in crate::store) fn only(mut self, attributes: &'static str) -> Self {
        self.projection_expression = Some(attributes);
        self
    }

    /// Reads the last first.
    pub(in crate::store) fn backwards(mut self) -> Self {
        self.scan_index_forward = Some(false);
        self
    }

    /// Whether the read sees everything that was written before it.
    pub(in crate::store) fn consistent(mut self, consistent: bool) -> Self {
        self.consistent_read = Some(consistent);
        self
    }

    /// Reads at most so many.
    pub(in crate::store) fn limit(mut self, limit: i32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Reads on from after this key.
    pub(in crate::store) fn after(mut self, key: Option<&'a Item>) -> Self {
        self.exclusive_start_key = key.map(Attributes);
        self
    }
}

fn names<S: Serializer>(
    names: &[(Cow<'static, str>, Cow<'static, str>)],
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_map(names.iter().map(|(name, attribute)| (name, attribute)))
}

fn values<S: Serializer>(
    values: &[(Cow<'static, str>, AttributeValue)],
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_map(values.iter().map(|(name, value)| (name, Value(value))))
}

/// What a success of any operation says.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::store) struct Answer {
    /// What a query found.
    #[serde(default)]
    pub(in crate::store) items: Vec<Read>,
    /// Where a query goes on.
    pub(in crate::store) last_evaluated_key: Option<Read>,
    /// The item that was asked for.
    pub(in crate::store) item: Option<Read>,
    /// What it cost.
    pub(in crate::store) consumed_capacity: Option<Consumed>,
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

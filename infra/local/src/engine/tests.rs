use super::*;
use crate::template::Template;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
};

pub(super) const TABLE: &str = "hub";

pub(super) async fn memory() -> (Engine, Client) {
    let engine = Engine::open(Location::Memory).expect("opens");
    prepare(&engine).await;
    let client = engine.client();
    (engine, client)
}

pub(super) async fn prepare(engine: &Engine) {
    let template = Template::builtin().expect("the template");
    engine
        .create_table(&template.table, TABLE)
        .await
        .expect("a table");
}

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(super) fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn put(client: &Client, pk: &str, sk: &str) -> PutItemFluentBuilder {
    client
        .put_item()
        .table_name(TABLE)
        .item("pk", text(pk))
        .item("sk", text(sk))
}

pub(super) fn put_new(client: &Client, pk: &str, sk: &str) -> PutItemFluentBuilder {
    put(client, pk, sk)
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
}

/// The key attributes of the first index, and its name.
pub(super) fn index() -> (String, Vec<(String, String)>) {
    let template = Template::builtin().expect("the template");
    let create = template.table.create_request(TABLE);
    let first = &create["GlobalSecondaryIndexes"][0];
    let kind = |name: &str| {
        create["AttributeDefinitions"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|attribute| attribute["AttributeName"] == name)
            .and_then(|attribute| attribute["AttributeType"].as_str())
            .expect("a type")
            .to_owned()
    };
    let keys = first["KeySchema"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|key| {
            let name = key["AttributeName"].as_str().expect("a name").to_owned();
            let kind = kind(&name);
            (name, kind)
        })
        .collect();
    (
        first["IndexName"].as_str().expect("a name").to_owned(),
        keys,
    )
}

pub(super) fn keyed(mut request: PutItemFluentBuilder, value: u64) -> PutItemFluentBuilder {
    for (name, kind) in index().1 {
        let value = match kind.as_str() {
            "N" => number(value),
            _ => text("shard"),
        };
        request = request.item(name, value);
    }
    request
}

pub(super) async fn query_index(client: &Client) -> Vec<String> {
    let (name, keys) = index();
    let (hash, kind) = &keys[0];
    client
        .query()
        .table_name(TABLE)
        .index_name(name)
        .key_condition_expression("#h = :h")
        .expression_attribute_names("#h", hash)
        .expression_attribute_values(
            ":h",
            match kind.as_str() {
                "N" => number(7),
                _ => text("shard"),
            },
        )
        .send()
        .await
        .expect("a page")
        .items()
        .iter()
        .map(|item| item["sk"].as_s().expect("text").clone())
        .collect()
}

#[tokio::test]
async fn a_refused_put_returns_the_item_in_its_place() {
    let (_engine, client) = memory().await;
    put_new(&client, "thread", "e#1")
        .item("c", text("first"))
        .send()
        .await
        .expect("put");
    let error = put_new(&client, "thread", "e#1")
        .item("c", text("second"))
        .send()
        .await
        .expect_err("refused")
        .into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(
        failed,
    ) = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(failed.message(), Some("The conditional request failed"));
    assert_eq!(failed.item().expect("the item")["c"], text("first"));
}

#[tokio::test]
async fn the_newest_entries_come_first_in_pages() {
    let (_engine, client) = memory().await;
    for entry in 1..=5 {
        put(&client, "thread", &format!("e#{entry}"))
            .send()
            .await
            .expect("put");
    }
    put(&client, "other", "e#1").send().await.expect("put");
    let page = client
        .query()
        .table_name(TABLE)
        .key_condition_expression("pk = :pk AND begins_with(sk, :e)")
        .expression_attribute_values(":pk", text("thread"))
        .expression_attribute_values(":e", text("e#"))
        .consistent_read(true)
        .scan_index_forward(false)
        .limit(2)
        .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
        .send()
        .await
        .expect("a page");
    let keys: Vec<_> = page.items().iter().map(|item| item["sk"].clone()).collect();
    assert_eq!(keys, [text("e#5"), text("e#4")]);
    assert_eq!(
        page.last_evaluated_key().expect("more")["sk"],
        text("e#4"),
        "the next page starts here"
    );
    let capacity = page.consumed_capacity().expect("counted");
    assert_eq!(capacity.capacity_units(), Some(1.0), "4 KB, consistent");
    let loose = client
        .query()
        .table_name(TABLE)
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", text("thread"))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await
        .expect("a page");
    let capacity = loose.consumed_capacity().expect("counted");
    assert_eq!(capacity.capacity_units(), Some(0.5));
}

#[tokio::test]
async fn a_sparse_index_holds_only_what_carries_its_key() {
    let (_engine, client) = memory().await;
    put(&client, "a", "1").send().await.expect("put");
    keyed(put(&client, "b", "2"), 7).send().await.expect("put");
    assert_eq!(query_index(&client).await, ["2"]);

    let mut names = index().1.into_iter().map(|(name, _)| name);
    client
        .update_item()
        .table_name(TABLE)
        .key("pk", text("b"))
        .key("sk", text("2"))
        .update_expression("REMOVE #h")
        .expression_attribute_names("#h", names.next().expect("a key"))
        .send()
        .await
        .expect("update");
    assert!(query_index(&client).await.is_empty());
}

#[tokio::test]
async fn index_units_are_counted_as_dynamodb_counts_them() {
    let (_engine, client) = memory().await;
    let units = async |request: PutItemFluentBuilder| {
        let capacity = request
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
            .send()
            .await
            .expect("put")
            .consumed_capacity
            .expect("counted");
        let table = capacity.table().and_then(|table| table.capacity_units());
        let index = capacity
            .global_secondary_indexes()
            .and_then(|indexes| indexes.values().next())
            .and_then(|index| index.capacity_units());
        (capacity.capacity_units(), table, index)
    };
    let plain = units(put(&client, "a", "1")).await;
    assert_eq!(plain, (Some(1.0), Some(1.0), None));
    let sparse = units(keyed(put(&client, "a", "2"), 7)).await;
    assert_eq!(sparse, (Some(2.0), Some(1.0), Some(1.0)));
    let unchanged = units(keyed(put(&client, "a", "2"), 7).item("more", text("x"))).await;
    assert_eq!(unchanged, (Some(1.0), Some(1.0), None), "keys only");
    let moved = units(keyed(put(&client, "a", "2"), 8)).await;
    assert_eq!(moved, (Some(3.0), Some(1.0), Some(2.0)));
    let removed = units(put(&client, "a", "2")).await;
    assert_eq!(removed, (Some(2.0), Some(1.0), Some(1.0)));
    let large = units(put(&client, "a", "3").item("d", text(&"x".repeat(1_100)))).await;
    assert_eq!(large, (Some(2.0), Some(2.0), None));
}

#[tokio::test]
async fn an_update_holds_to_its_condition() {
    let (_engine, client) = memory().await;
    let raise = |to: u64| {
        client
            .update_item()
            .table_name(TABLE)
            .key("pk", text("thread"))
            .key("sk", text("checkpoint"))
            .update_expression("SET q = :to")
            .condition_expression("attribute_not_exists(q) OR q < :to")
            .expression_attribute_values(":to", number(to))
            .send()
    };
    raise(5).await.expect("the first writer");
    let error = raise(4).await.expect_err("older").into_service_error();
    assert!(error.is_conditional_check_failed_exception(), "{error:?}");
    raise(6).await.expect("newer");
}

#[tokio::test]
async fn a_cancelled_transaction_says_why_in_order() {
    use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
    let (_engine, client) = memory().await;
    put(&client, "a", "1")
        .item("c", text("there"))
        .send()
        .await
        .expect("put");
    let action = |pk: &str| {
        let put = Put::builder()
            .table_name(TABLE)
            .item("pk", text(pk))
            .item("sk", text("1"))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("a put");
        TransactWriteItem::builder().put(put).build()
    };
    let error = client
        .transact_write_items()
        .transact_items(action("b"))
        .transact_items(action("a"))
        .send()
        .await
        .expect_err("cancelled")
        .into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(cancelled) = error
    else {
        panic!("{error:?}");
    };
    let reasons = cancelled.cancellation_reasons();
    assert_eq!(reasons[0].code(), Some("None"));
    assert_eq!(reasons[1].code(), Some("ConditionalCheckFailed"));
    assert_eq!(reasons[1].item().expect("the item")["c"], text("there"));

    let units = client
        .transact_write_items()
        .transact_items(action("b"))
        .transact_items(action("c"))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await
        .expect("written")
        .consumed_capacity()[0]
        .capacity_units();
    assert_eq!(units, Some(4.0), "two items, double");
}

#[tokio::test]
async fn a_transaction_is_carried_out_once_per_token() {
    use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
    let (_engine, client) = memory().await;
    let send = |token: &str, by: u64| {
        let update = Update::builder()
            .table_name(TABLE)
            .key("pk", text("a"))
            .key("sk", text("1"))
            .update_expression("ADD n :by")
            .expression_attribute_values(":by", number(by))
            .build()
            .expect("an update");
        client
            .transact_write_items()
            .client_request_token(token)
            .transact_items(TransactWriteItem::builder().update(update).build())
            .send()
    };
    send("one", 1).await.expect("done");
    send("one", 1).await.expect("known");
    send("two", 1).await.expect("done");
    let error = send("two", 5).await.expect_err("other items");
    assert_eq!(
        error.into_service_error().code(),
        Some("IdempotentParameterMismatchException")
    );
    let item = client
        .get_item()
        .table_name(TABLE)
        .key("pk", text("a"))
        .key("sk", text("1"))
        .consistent_read(true)
        .send()
        .await
        .expect("read")
        .item
        .expect("there");
    assert_eq!(item["n"], number(2));
}

#[tokio::test]
async fn errors_carry_their_names() {
    let (_engine, client) = memory().await;
    let missing = client
        .get_item()
        .table_name("absent")
        .key("pk", text("a"))
        .key("sk", text("1"))
        .send()
        .await
        .expect_err("no table")
        .into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");
    let invalid = client
        .get_item()
        .table_name(TABLE)
        .key("pk", text("a"))
        .send()
        .await
        .expect_err("half a key")
        .into_service_error();
    assert_eq!(invalid.code(), Some("ValidationException"));
    assert_eq!(
        invalid.message(),
        Some("The provided key element does not match the schema")
    );
}

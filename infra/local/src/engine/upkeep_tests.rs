//! What keeps a table in order: its making, its expiry, its stream.

use super::tests::{TABLE, index, number, prepare, put};
use super::*;
use crate::template::Template;

#[tokio::test]
async fn making_the_table_again_changes_nothing_and_adds_missing_indexes() {
    let engine = Engine::open(Location::Memory).expect("opens");
    let client = engine.client();
    let (name, _) = index();
    let template = Template::builtin().expect("the template");
    // An older table: without its last index.
    let mut older = template.table.create_request(TABLE);
    let indexes = older["GlobalSecondaryIndexes"]
        .as_array_mut()
        .expect("a list");
    let all = indexes.len();
    indexes.retain(|index| index["IndexName"] == name.as_str());
    let used: Vec<String> = older["GlobalSecondaryIndexes"][0]["KeySchema"]
        .as_array()
        .expect("a list")
        .iter()
        .chain(
            template.table.create_request(TABLE)["KeySchema"]
                .as_array()
                .expect("a list"),
        )
        .map(|key| key["AttributeName"].as_str().expect("a name").to_owned())
        .collect();
    older["AttributeDefinitions"]
        .as_array_mut()
        .expect("a list")
        .retain(|attribute| {
            used.iter()
                .any(|name| attribute["AttributeName"] == name.as_str())
        });
    let body = older.to_string().into_bytes();
    let made = engine
        .run(move |store| store.answer("CreateTable", &body, None))
        .await
        .expect("answered");
    assert!(made.is_success(), "{}", String::from_utf8_lossy(&made.body));
    put(&client, "a", "1").send().await.expect("put");

    prepare(&engine).await;
    prepare(&engine).await;
    let table = client
        .describe_table()
        .table_name(TABLE)
        .send()
        .await
        .expect("there")
        .table
        .expect("a table");
    assert_eq!(table.global_secondary_indexes().len(), all);
    assert_eq!(table.item_count(), Some(1));
}

#[tokio::test]
async fn expired_items_go_by_the_clock_with_a_record_of_their_own() {
    let clock = ManualClock::new(1_767_323_045);
    let engine = Engine::open_with_clock(Location::Memory, clock.arc()).expect("opens");
    prepare(&engine).await;
    let client = engine.client();
    let ttl = Template::builtin()
        .expect("the template")
        .table
        .ttl_attribute;
    put(&client, "a", "old")
        .item(&ttl, number(1_767_323_100))
        .send()
        .await
        .expect("put");
    put(&client, "a", "new")
        .item(&ttl, number(1_767_400_000))
        .send()
        .await
        .expect("put");
    assert_eq!(engine.sweep_expired().await.expect("swept"), 0);
    clock.set(1_767_323_200);
    let mut writes = engine.writes();
    writes.mark_unchanged();
    assert_eq!(engine.sweep_expired().await.expect("swept"), 1);
    assert!(writes.has_changed().expect("open"));
    let page = engine.stream_records(TABLE, None, 10).await.expect("read");
    assert_eq!(page.records.len(), 3);
    let removal = &page.records[2];
    assert_eq!(removal["eventName"], "REMOVE");
    assert_eq!(
        removal["userIdentity"]["principalId"],
        "dynamodb.amazonaws.com"
    );
    assert_eq!(removal["dynamodb"]["Keys"]["sk"]["S"], "old");
    assert!(removal["dynamodb"].get("NewImage").is_none());
}

#[tokio::test(start_paused = true)]
async fn sweeps_come_at_their_interval() {
    let clock = ManualClock::new(1_767_323_045);
    let engine = Engine::open_with_clock(Location::Memory, clock.arc()).expect("opens");
    prepare(&engine).await;
    let ttl = Template::builtin()
        .expect("the template")
        .table
        .ttl_attribute;
    let sweeps = tokio::spawn(engine.clone().keep_swept(Duration::from_secs(3_600)));
    put(&engine.client(), "a", "1")
        .item(&ttl, number(1_767_323_100))
        .send()
        .await
        .expect("put");
    clock.set(1_767_330_000);
    tokio::time::sleep(Duration::from_secs(3_601)).await;
    sweeps.abort();
    let page = engine.stream_records(TABLE, None, 10).await.expect("read");
    assert_eq!(page.records.len(), 2, "written and removed");
}

#[tokio::test]
async fn the_stream_is_read_from_any_number_and_trimmed_after_a_day() {
    let clock = ManualClock::new(1_767_323_045);
    let engine = Engine::open_with_clock(Location::Memory, clock.arc()).expect("opens");
    prepare(&engine).await;
    let client = engine.client();
    for sk in ["1", "2", "3"] {
        put(&client, "a", sk).send().await.expect("put");
    }
    let first = engine.stream_records(TABLE, None, 2).await.expect("read");
    assert_eq!(first.records.len(), 2);
    let rest = engine
        .stream_records(TABLE, first.last.as_deref(), 10)
        .await
        .expect("read");
    assert_eq!(rest.records.len(), 1);
    assert_eq!(rest.records[0]["dynamodb"]["NewImage"]["sk"]["S"], "3");
    let last = engine.last_sequence_number(TABLE).await.expect("read");
    assert_eq!(last, rest.last);

    let (read, last) = (first.last.expect("two"), last.expect("three"));
    assert_eq!(
        engine.trim_stream(TABLE, &last).await.expect("trimmed"),
        0,
        "young"
    );
    clock.set(1_767_323_045 + 86_401);
    assert_eq!(
        engine.trim_stream(TABLE, &read).await.expect("trimmed"),
        2,
        "the read ones"
    );
    assert_eq!(
        engine.trim_stream(TABLE, &last).await.expect("trimmed"),
        0,
        "the last stays"
    );
    put(&client, "a", "4").send().await.expect("put");
    let next = engine.last_sequence_number(TABLE).await.expect("read");
    assert!(next.expect("one") > last, "numbers only grow");
}

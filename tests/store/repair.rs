//! What is broken, and what a newer release wrote.

use crate::engines::Table;
use crate::material::{EXPIRES, START, append, cost, entry, state, thread};
use baton_domain::time::SECOND;
use baton_domain::{CommandId, SCHEMA as CURRENT};
use baton_hub::store::codec::{Unreadable, entry_sk, read_checkpoint};
use baton_hub::store::item::{DATA, Item, PK, SCHEMA, SK, n, s};
use baton_hub::store::{Appended, StoreError};

/// The item with one attribute replaced.
async fn spoil(
    table: &Table,
    sk: &str,
    name: &str,
    value: aws_sdk_dynamodb::types::AttributeValue,
) {
    let mut item = table.item(thread(1).as_str(), sk).await.expect("an item");
    item.insert(name.to_owned(), value);
    table.put(item).await;
}

pub(crate) async fn a_hole_is_an_error(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 6).await;
    table.delete(id.as_str(), &entry_sk(3)).await;
    let loaded = table.store.load(&id).await;
    assert!(
        matches!(loaded, Err(StoreError::Gap { after: 2, found: 6 })),
        "{loaded:?}"
    );
    // Covered by a checkpoint, the hole is what time to live leaves behind.
    table
        .store
        .checkpoint(&id, &state(4), EXPIRES)
        .await
        .expect("a checkpoint");
    assert_eq!(
        table.store.load(&id).await.expect("a load").thread,
        state(6)
    );
    // The beginning is gone and nothing covers it.
    table.delete(id.as_str(), "z").await;
    for seq in 1..=2 {
        table.delete(id.as_str(), &entry_sk(seq)).await;
    }
    let loaded = table.store.load(&id).await;
    assert!(
        matches!(loaded, Err(StoreError::Gap { after: 0, found: 6 })),
        "{loaded:?}"
    );
}

pub(crate) async fn a_newer_entry_is_an_error(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 2).await;
    spoil(table, &entry_sk(2), SCHEMA, n(CURRENT + 1)).await;
    let newer = |result: &StoreError| matches!(result, StoreError::Unreadable(Unreadable::Newer(v)) if *v == CURRENT + 1);
    assert!(
        table
            .store
            .load(&id)
            .await
            .is_err_and(|error| newer(&error))
    );
    // Who does not understand what stands must not write behind it.
    let mut mine = entry(2);
    mine.command = CommandId("mine000000000001".to_owned());
    assert!(
        table
            .store
            .append(&id, &mine, EXPIRES)
            .await
            .is_err_and(|error| newer(&error))
    );
    spoil(table, &entry_sk(2), SCHEMA, n(CURRENT)).await;
    spoil(
        table,
        &entry_sk(2),
        DATA,
        s("[{\"message.received\":{\"id\":\"secret-text\"}}]"),
    )
    .await;
    let error = table
        .store
        .load(&id)
        .await
        .expect_err("a payload of another shape");
    assert!(matches!(
        error,
        StoreError::Unreadable(Unreadable::Payload {
            schema: CURRENT,
            ..
        })
    ));
    assert!(
        !error.to_string().contains("secret-text"),
        "an error quotes no content: {error}"
    );
}

pub(crate) async fn a_newer_checkpoint_is_left_alone(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 12).await;
    table
        .store
        .checkpoint(&id, &state(10), EXPIRES)
        .await
        .expect("a checkpoint");
    spoil(table, "z", SCHEMA, n(CURRENT + 1)).await;
    spoil(table, "z", DATA, s("what a later release writes")).await;
    // The log is the truth.
    let loaded = table.store.load(&id).await.expect("a load");
    assert_eq!((&loaded.thread, loaded.folded), (&state(12), 12));
    assert_eq!(
        (loaded.checkpoint_schema, loaded.checkpoint_seq),
        (CURRENT + 1, 10)
    );
    assert!(!loaded.wants_checkpoint());
    table
        .store
        .checkpoint(&id, &state(12), EXPIRES)
        .await
        .expect("no failure");
    let next = START.plus(60 * SECOND);
    let put = table
        .store
        .rearm(&id, None, Some(next), Some((&state(12), EXPIRES)))
        .await;
    assert!(put.expect("a wake"), "the time is for every release");
    let item = table.item(id.as_str(), "z").await.expect("a checkpoint");
    assert_eq!(item.get(DATA), Some(&s("what a later release writes")));
    assert_eq!(read_checkpoint(&item).due, Some(next.seconds_up()));
}

pub(crate) async fn an_unreadable_checkpoint_is_replaced(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 12).await;
    table
        .store
        .checkpoint(&id, &state(10), EXPIRES)
        .await
        .expect("a checkpoint");
    spoil(table, "z", DATA, s("torn")).await;
    let loaded = table.store.load(&id).await.expect("a load");
    assert_eq!(loaded.thread, state(12));
    assert!(loaded.wants_checkpoint());
    table
        .store
        .checkpoint(&id, &loaded.thread, EXPIRES)
        .await
        .expect("a checkpoint");
    cost(&table.store);
    let loaded = table.store.load(&id).await.expect("a load");
    assert_eq!((loaded.folded, cost(&table.store).0), (0, 1));
}

pub(crate) async fn garbage_beside_the_log_is_ignored(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 2).await;
    for sk in ["a", "f#1", "zz"] {
        let other = Item::from([(PK.to_owned(), s(id.as_str())), (SK.to_owned(), s(sk))]);
        table.put(other).await;
    }
    assert_eq!(
        table.store.load(&id).await.expect("a load").thread,
        state(2)
    );
    assert!(matches!(
        table.store.append(&id, &entry(3), EXPIRES).await,
        Ok(Appended::Yes)
    ));
}

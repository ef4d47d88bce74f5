//! Single items: directory, tokens, settings, idempotency keys, seats.

use crate::engines::Table;
use crate::material::{START, cost, print, thread};
use aws_sdk_dynamodb::types::AttributeValue;
use baton_domain::Timestamp;
use baton_domain::seats::Holding;
use baton_domain::time::{DAY, HOUR, SECOND};
use baton_hub::source::{CACHED_FOR, TokenCache, token_hash};
use baton_hub::store::StoreError;
use baton_hub::store::directory::{DIRECTORY_KEPT, Listed};
use baton_hub::store::item::{Item, PK, SK, TTL, number, s};
use baton_hub::store::records::{KEY_KEPT, KeyClaim, Role, TokenRecord};
use baton_hub::store::settings::{DOCUMENT_MAX, Replaced, SettingsChange};
use baton_hub::{Clock, World};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

fn listed(n: u32, at: Timestamp) -> Listed {
    Listed {
        leaving: false,
        thread: thread(n),
        connection: "shop-chat".to_owned(),
        at,
    }
}

pub(crate) async fn a_name_belongs_to_the_newest(table: &Table) {
    let list = async |n, at| {
        table
            .store
            .list_name("digest", &listed(n, at))
            .await
            .expect("a name")
    };
    let found = async || table.store.listed("digest").await.expect("a name");
    assert_eq!(found().await, None);
    assert!(list(1, START).await);
    assert!(list(2, START.plus(SECOND)).await);
    assert!(!list(1, START).await, "the older one came later");
    assert_eq!(found().await, Some(listed(2, START.plus(SECOND))));
    assert!(
        list(2, START.plus(SECOND)).await,
        "a repeated batch changes nothing"
    );
    assert_eq!(table.store.listed("another").await.expect("a name"), None);
}

pub(crate) async fn tokens_and_settings_are_replaced(table: &Table) {
    assert_eq!(table.store.token("hash").await.expect("a token"), None);
    assert_eq!(
        table.store.settings_document().await.expect("settings"),
        None
    );
    let mut record = TokenRecord {
        name: "night bot".to_owned(),
        role: Role::Bot,
        connections: Some(vec!["shop-chat".to_owned()]),
        agent: None,
        expires: Some(START.plus(DAY)),
    };
    for role in [Role::Bot, Role::Agent, Role::Admin, Role::Reader] {
        record.role = role;
        table
            .store
            .put_token("hash", &record)
            .await
            .expect("a token");
        assert_eq!(
            table.store.token("hash").await.expect("a token"),
            Some(record.clone())
        );
    }
    assert_eq!(table.store.token("has").await.expect("a token"), None);
    for text in ["{\"v\":1}", "{\"v\":2}"] {
        table
            .store
            .put_settings_document(text)
            .await
            .expect("settings");
        assert_eq!(
            table
                .store
                .settings_document()
                .await
                .expect("settings")
                .as_deref(),
            Some(text)
        );
    }
}

pub(crate) async fn settings_are_replaced_by_who_has_read_them(table: &Table) {
    let store = &table.store;
    let change = |n: i64, by: &str| SettingsChange {
        at: START.plus(n),
        by: by.to_owned(),
        through: "apply".to_owned(),
        revision: n.to_string(),
        items: Vec::new(),
    };
    let replace = async |was, document, change: &SettingsChange| {
        let replaced = store.replace_settings(was, document, change).await;
        replaced.expect("it can be written")
    };
    let (ada, ben, cy) = (change(1, "ada"), change(2, "ben"), change(3, "cy"));
    assert_eq!(store.standing_settings().await.expect("settings"), None);
    assert_eq!(replace(None, "{\"v\":1}", &ada).await, Replaced::Done);
    // bites: writing without the condition.
    assert_eq!(replace(None, "{\"v\":2}", &ben).await, Replaced::Conflict);
    assert_eq!(
        replace(Some("{}"), "{\"v\":2}", &ben).await,
        Replaced::Conflict
    );
    assert_eq!(
        replace(Some("{\"v\":1}"), "{\"v\":2}", &ben).await,
        Replaced::Done
    );
    // An answer that was lost: it is there already.
    assert_eq!(
        replace(Some("{\"v\":1}"), "{\"v\":2}", &ben).await,
        Replaced::Done
    );
    assert_eq!(
        replace(Some("{\"v\":2}"), "{\"v\":3}", &cy).await,
        Replaced::Done
    );
    let standing = store.standing_settings().await.expect("settings");
    assert_eq!(standing.as_deref(), Some("{\"v\":3}"));
    // The refused change is not in the history, and each other one once.
    let changes = store.settings_changes().await.expect("changes");
    assert_eq!(changes, [cy, ben, ada]);
    let large = "x".repeat(DOCUMENT_MAX + 1);
    let refused = store.replace_settings(None, &large, &change(4, "d")).await;
    assert!(matches!(refused, Err(StoreError::TooLarge(_))));
}

pub(crate) async fn a_revoked_token_ends_within_a_minute(table: &Table) {
    #[derive(Debug)]
    struct Hands(AtomicI64);
    impl World for Hands {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
        fn random(&self, _: &mut [u8]) {}
    }
    let record = TokenRecord {
        name: "night bot".to_owned(),
        role: Role::Bot,
        connections: None,
        agent: None,
        expires: None,
    };
    let hash = token_hash("test-token");
    let kept = table.store.put_token(&hash, &record).await;
    kept.expect("a token");
    let listed = table.store.tokens().await.expect("tokens");
    assert!(listed.contains(&(hash.clone(), record)));
    let hands = Arc::new(Hands(AtomicI64::new(START.0)));
    let clock = Clock::of(hands.clone());
    let cache = TokenCache::default();
    let known = async || {
        let caller = cache.caller("test-token", &table.store, &clock).await;
        caller.expect("it can be looked up").is_some()
    };
    assert!(known().await);
    let gone = table.store.remove_token(&hash).await;
    gone.expect("it can be removed");
    hands.0.fetch_add(CACHED_FOR, Ordering::SeqCst);
    // bites: a cache that asks no more.
    assert!(!known().await);
    let listed = table.store.tokens().await.expect("tokens");
    assert!(listed.iter().all(|(kept, _)| *kept != hash));
}

pub(crate) async fn a_key_holds_for_a_day_and_one_body(table: &Table) {
    let claim = async |key, body, now| {
        table
            .store
            .claim_key(print(key), print(body), "thr_x", now)
            .await
            .expect("a key")
    };
    let repeated = KeyClaim::Repeated("thr_x".to_owned());
    assert_eq!(claim(1, 10, START).await, KeyClaim::New);
    assert_eq!(claim(1, 10, START.plus(SECOND)).await, repeated);
    assert_eq!(claim(1, 11, START.plus(SECOND)).await, KeyClaim::OtherBody);
    assert_eq!(claim(2, 10, START).await, KeyClaim::New, "another key");
    // The day counts from the first use; the item is still there when it ends.
    assert_eq!(claim(1, 10, START.plus(DAY - 1)).await, repeated);
    assert_eq!(claim(1, 11, START.plus(DAY)).await, KeyClaim::New);
    assert_eq!(
        claim(1, 10, START.plus(DAY + HOUR)).await,
        KeyClaim::OtherBody
    );
}

pub(crate) async fn a_seat_is_freed_once(table: &Table) {
    let holding = |n, epoch| {
        Holding {
            thread: thread(n),
            epoch,
        }
        .element()
    };
    let held = vec![holding(1, 1), holding(1, 2), holding(2, 1)];
    let seat = Item::from([
        (PK.to_owned(), s("agent#agent-1")),
        (SK.to_owned(), s("seat")),
        ("h".to_owned(), AttributeValue::Ss(held)),
    ]);
    table.put(seat).await;
    let left = async || {
        let item = table.item("agent#agent-1", "seat").await.expect("a seat");
        item.get("h")
            .and_then(|held| held.as_ss().ok())
            .cloned()
            .unwrap_or_default()
    };
    table
        .store
        .free_seat("agent-1", &thread(1), 1)
        .await
        .expect("a seat");
    table
        .store
        .free_seat("agent-1", &thread(1), 1)
        .await
        .expect("a seat");
    let mut rest = left().await;
    rest.sort();
    let mut expected = [holding(1, 2), holding(2, 1)];
    expected.sort();
    assert_eq!(rest, expected);
    for (n, epoch) in [(1, 2), (2, 1), (2, 1)] {
        table
            .store
            .free_seat("agent-1", &thread(n), epoch)
            .await
            .expect("a seat");
    }
    assert_eq!(left().await, [""; 0]);
    table
        .store
        .free_seat("nobody", &thread(1), 1)
        .await
        .expect("no failure");
    assert!(
        table.item("agent#nobody", "seat").await.is_none(),
        "freeing makes no seat"
    );
}

pub(crate) async fn records_expire(table: &Table) {
    table
        .store
        .list_name("digest", &listed(1, START))
        .await
        .expect("a name");
    table
        .store
        .claim_key(print(1), print(2), "thr_x", START)
        .await
        .expect("a key");
    cost(&table.store);
    let key = format!("key#{}", String::from(print(1)));
    for (pk, kept) in [("dir#digest", DIRECTORY_KEPT), (&key, KEY_KEPT)] {
        let items = table.partition(pk).await;
        let ttl: Vec<_> = items.iter().map(|item| number(item, TTL)).collect();
        assert_eq!(ttl, [Some(START.plus(kept).seconds_up())], "{pk}");
    }
}

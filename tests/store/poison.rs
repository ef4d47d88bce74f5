//! Webhooks that could not be used.

use crate::engines::Table;
use crate::material::START;
use baton_domain::Timestamp;
use baton_domain::time::{DAY, SECOND};
use baton_hub::store::Mechanism;
use baton_hub::store::item::{TTL, number};
use baton_hub::store::poison::{POISON_KEPT, POISON_LIMIT, Poison, PoisonId};

fn poison(seconds: i64, length: usize) -> Poison {
    Poison {
        endpoint: "gladly-main".to_owned(),
        at: START.plus(seconds * SECOND),
        problem: "not JSON".to_owned(),
        body: vec![b'x'; length],
        length,
    }
}

async fn put(table: &Table, poison: &Poison, nonce: &str) -> PoisonId {
    let id = table.store.put_poison(poison, nonce).await;
    id.expect("it can be kept")
}

/// The lengths and problems of a day's records.
async fn listed(table: &Table, at: Timestamp) -> Vec<(usize, String, u32)> {
    let notes = table.store.poison_of_day(at).await.expect("a list");
    let lines = notes.into_iter();
    lines
        .map(|note| (note.length, note.problem, note.replays))
        .collect()
}

pub(crate) async fn poison_is_kept_and_cut(table: &Table) {
    // Two of one millisecond are two records.
    let small = put(table, &poison(5, 10), "a").await;
    put(table, &poison(5, 20), "b").await;
    let large = put(table, &poison(1, 1_000_000), "c").await;
    let line = |length| (length, "not JSON".to_owned(), 0);
    assert_eq!(
        listed(table, START).await,
        [line(1_000_000), line(10), line(20)]
    );
    assert_eq!(listed(table, START.plus(DAY)).await, []);
    let read = async |id: &PoisonId| table.store.poison(id).await.expect("a record");
    assert_eq!(read(&small).await, Some(poison(5, 10)));
    let cut = read(&large).await.expect("it is there");
    assert_eq!((cut.body.len(), cut.length), (POISON_LIMIT, 1_000_000));
    assert!(cut.is_cut());
    let other = PoisonId::parse("psn_00000000000001_a").expect("an id");
    assert_eq!(read(&other).await, None);
}

pub(crate) async fn poison_is_noted_and_removed(table: &Table) {
    let id = put(table, &poison(5, 10), "a").await;
    for _ in 0..2 {
        let noted = table.store.note_poison(&id, "still not JSON").await;
        noted.expect("it can be noted");
    }
    let line = (10, "still not JSON".to_owned(), 2);
    assert_eq!(listed(table, START).await, [line]);
    for _ in 0..2 {
        let removed = table.store.remove_poison(&id).await;
        removed.expect("it can be removed, once and again");
    }
    // bites: noting what somebody else has just taken in makes an item of no use.
    let noted = table.store.note_poison(&id, "too late").await;
    noted.expect("what is gone is left alone");
    assert_eq!(listed(table, START).await, []);
}

pub(crate) async fn poison_costs_one_unit_and_expires(table: &Table) {
    let before = table.store.units().tallies();
    let id = put(table, &poison(5, 200), "a").await;
    let after = table.store.units().tallies();
    let written = |tallies: &std::collections::BTreeMap<Mechanism, baton_hub::store::Tally>| {
        tallies
            .get(&Mechanism::Poison)
            .map_or(0.0, |tally| tally.write)
    };
    assert!((written(&after) - written(&before) - 1.0).abs() < 0.01);
    let mut expires = Vec::new();
    for shard in 0..baton_hub::store::item::SHARDS {
        let day = baton_hub::store::rows::day_of(START);
        let items = table.partition(&format!("poison#{day}#{shard}")).await;
        expires.extend(items.iter().map(|item| number(item, TTL)));
    }
    let end = START.plus(5 * SECOND + POISON_KEPT).seconds_up();
    assert_eq!(expires, [Some(end)], "{id}");
}

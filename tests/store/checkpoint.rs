//! The two halves of a checkpoint: the state, and the time of the next look.

use crate::engines::Table;
use crate::material::{EXPIRES, START, append, state, thread};
use baton_domain::time::{DAY, SECOND};
use baton_domain::{ThreadId, Timestamp};
use baton_hub::store::codec::read_checkpoint;
use baton_hub::store::item::{DUE, DUE_SHARD, SCHEMA, TTL, number};

const IN_A_MINUTE: Timestamp = Timestamp(START.0 + 60 * SECOND);

/// The seq of the state half and the second of the armed half, as stored.
async fn halves(table: &Table, id: &ThreadId) -> (Option<u64>, Option<i64>) {
    let Some(item) = table.item(id.as_str(), "z").await else {
        return (None, None);
    };
    let checkpoint = read_checkpoint(&item);
    assert_eq!(
        item.contains_key(DUE),
        item.contains_key(DUE_SHARD),
        "both keys of the index or none"
    );
    (checkpoint.state.map(|state| state.seq), checkpoint.due)
}

pub(crate) async fn the_first_writer_makes_both_halves(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 3).await;
    let at = START.plus(60 * SECOND + 1);
    let put = table
        .store
        .rearm(&id, None, Some(at), Some((&state(3), EXPIRES)))
        .await;
    assert!(put.expect("a wake"));
    assert_eq!(
        halves(table, &id).await,
        (Some(3), Some(START.seconds_up() + 61))
    );
    let loaded = table.store.load(&id).await.expect("a load");
    assert_eq!((loaded.thread, loaded.folded), (state(3), 0));
    assert_eq!(loaded.checkpoint_due, Some(START.seconds_up() + 61));
    let second = table.store.rearm(&id, None, Some(IN_A_MINUTE), None).await;
    assert!(!second.expect("a wake"), "only one is the first");
}

pub(crate) async fn a_state_is_only_replaced_by_a_newer(table: &Table) {
    let id = thread(1);
    for (written, stands) in [(5, 5), (3, 5), (5, 5), (6, 6), (1, 6), (20, 20)] {
        table
            .store
            .checkpoint(&id, &state(written), EXPIRES)
            .await
            .expect("a checkpoint");
        assert_eq!(halves(table, &id).await, (Some(stands), None));
    }
    let item = table.item(id.as_str(), "z").await.expect("a checkpoint");
    assert_eq!(
        read_checkpoint(&item).state,
        Some(state(20)),
        "rings and all"
    );
}

pub(crate) async fn a_time_is_only_replaced_where_it_was_read(table: &Table) {
    let id = thread(1);
    let minute = IN_A_MINUTE.seconds_up();
    let rearm = async |read, next: Option<Timestamp>| {
        table
            .store
            .rearm(&id, read, next, None)
            .await
            .expect("a wake")
    };
    assert!(rearm(None, Some(IN_A_MINUTE)).await);
    assert!(!rearm(Some(minute - 1), Some(IN_A_MINUTE.plus(SECOND))).await);
    assert!(!rearm(Some(minute + 1), None).await);
    assert_eq!(halves(table, &id).await, (None, Some(minute)));
    assert!(rearm(Some(minute), Some(IN_A_MINUTE.plus(1))).await);
    assert_eq!(
        halves(table, &id).await,
        (None, Some(minute + 1)),
        "rounded up"
    );
    assert!(rearm(Some(minute + 1), None).await);
    assert_eq!(halves(table, &id).await, (None, None));
    assert!(
        rearm(None, Some(IN_A_MINUTE)).await,
        "taken off, it may be put again"
    );
}

pub(crate) async fn each_half_lives_without_the_other(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 4).await;
    let minute = Some(IN_A_MINUTE.seconds_up());
    table
        .store
        .rearm(&id, None, Some(IN_A_MINUTE), None)
        .await
        .expect("a wake");
    let loaded = table.store.load(&id).await.expect("a load");
    assert_eq!(
        (loaded.thread, loaded.checkpoint_due, loaded.checkpoint_seq),
        (state(4), minute, 0)
    );
    table
        .store
        .checkpoint(&id, &state(4), EXPIRES)
        .await
        .expect("a checkpoint");
    assert_eq!(
        halves(table, &id).await,
        (Some(4), minute),
        "a state leaves the time alone"
    );
    table
        .store
        .rearm(&id, minute, None, None)
        .await
        .expect("a wake");
    assert_eq!(
        halves(table, &id).await,
        (Some(4), None),
        "a time leaves the state alone"
    );
}

pub(crate) async fn a_lost_race_for_the_state_still_puts_the_time(table: &Table) {
    let id = thread(1);
    table
        .store
        .checkpoint(&id, &state(7), EXPIRES)
        .await
        .expect("a checkpoint");
    let put = table
        .store
        .rearm(&id, None, Some(IN_A_MINUTE), Some((&state(5), EXPIRES)))
        .await;
    assert!(put.expect("a wake"));
    let minute = Some(IN_A_MINUTE.seconds_up());
    assert_eq!(halves(table, &id).await, (Some(7), minute));
    // And the other way round: somebody armed it meanwhile. His time stands, and so
    // does the state, which whoever reads much writes again.
    let put = table
        .store
        .rearm(&id, None, Some(START.plus(DAY)), Some((&state(9), EXPIRES)))
        .await;
    assert!(!put.expect("a wake"));
    assert_eq!(halves(table, &id).await, (Some(7), minute));
}

pub(crate) async fn a_wake_keeps_a_silent_thread_alive(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 2).await;
    // Nothing is said for months; each weekly look moves the expiry ahead of the next.
    let mut read = None;
    for week in 1..=20 {
        let next = START.plus(week * 7 * DAY);
        let put = table
            .store
            .rearm(&id, read, Some(next), Some((&state(2), EXPIRES)))
            .await;
        assert!(put.expect("a wake"));
        read = Some(next.seconds_up());
        let item = table.item(id.as_str(), "z").await.expect("a checkpoint");
        let ttl = number(&item, TTL).expect("an expiry");
        assert!(
            ttl >= next.plus(7 * DAY).seconds_up() && ttl >= EXPIRES.plus(7 * DAY).seconds_up()
        );
    }
    assert_eq!(halves(table, &id).await, (Some(2), read));
    // At rest: the last checkpoint, and nothing armed.
    let put = table
        .store
        .rearm(&id, read, None, Some((&state(2), EXPIRES)))
        .await;
    assert!(put.expect("a wake"));
    assert_eq!(halves(table, &id).await, (Some(2), None));
}

pub(crate) async fn nothing_armed_makes_no_item(table: &Table) {
    let id = thread(1);
    assert!(
        table
            .store
            .rearm(&id, None, None, None)
            .await
            .expect("a wake")
    );
    assert!(table.item(id.as_str(), "z").await.is_none());
    assert!(!table.store.disarm(&id, 1).await.expect("a disarming"));
    assert!(table.item(id.as_str(), "e#0000000001").await.is_none());
    let put = table
        .store
        .rearm(&id, None, None, Some((&state(2), EXPIRES)))
        .await;
    assert!(put.expect("a wake"));
    let item = table.item(id.as_str(), "z").await.expect("a checkpoint");
    assert_eq!(number(&item, SCHEMA), Some(i64::from(baton_domain::SCHEMA)));
}

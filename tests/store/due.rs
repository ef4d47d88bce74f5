//! Arming, the index of what is due, waiting events, and the sweep's lease.

use crate::engines::Table;
use crate::material::{EXPIRES, START, appended, cost, entry, state, thread};
use baton_domain::time::{DAY, SECOND};
use baton_domain::{Entry, Timestamp};
use baton_hub::store::due::{Due, DueKind, Lease, Sliced, WaitingEvent};
use baton_hub::store::item::{DUE, SHARDS, TTL, number};

/// Everything in the index up to `until`, by time.
async fn all_due(table: &Table, until: i64) -> Vec<Due> {
    let mut found = Vec::new();
    for shard in 0..SHARDS {
        found.extend(
            table
                .store
                .due(shard, 0, until, 100, None)
                .await
                .expect("the index"),
        );
    }
    found.sort();
    found
}

fn armed(seq: u64, due: Timestamp) -> Entry {
    Entry {
        due: Some(due),
        ..entry(seq)
    }
}

pub(crate) async fn an_armed_entry_is_due_at_the_second_after(table: &Table) {
    let id = thread(1);
    appended(&table.store, &id, &armed(1, START.plus(60 * SECOND + 1))).await;
    let second = START.seconds_up() + 61;
    assert_eq!(all_due(table, second - 1).await, []);
    let due = all_due(table, second).await;
    assert_eq!(due.len(), 1);
    assert_eq!(
        (due[0].at, due[0].kind()),
        (
            second,
            DueKind::Thread {
                id: id.clone(),
                seq: Some(1)
            }
        )
    );
    let loaded = table.store.load(&id).await.expect("a load");
    assert_eq!(
        loaded.thread.armed,
        Some(Timestamp(second * SECOND)),
        "the state knows what the index holds"
    );
    let shard = id.shard(SHARDS);
    assert_eq!(
        table
            .store
            .due(shard, 0, second, 10, None)
            .await
            .expect("the index"),
        due,
        "a thread's shard is known"
    );
}

pub(crate) async fn what_is_not_armed_is_not_in_the_index(table: &Table) {
    for number in 1..=20 {
        let id = thread(number);
        appended(&table.store, &id, &entry(1)).await;
        table
            .store
            .checkpoint(&id, &state(1), EXPIRES)
            .await
            .expect("a checkpoint");
    }
    table
        .store
        .take_lease("tick", START)
        .await
        .expect("a lease");
    assert_eq!(all_due(table, i64::from(u32::MAX)).await, []);
    // One index unit is one armed entry's.
    cost(&table.store);
    appended(&table.store, &thread(30), &entry(1)).await;
    assert_eq!(cost(&table.store), (1, 0.0, 1.0));
    appended(&table.store, &thread(31), &armed(1, START.plus(DAY))).await;
    assert_eq!(cost(&table.store), (1, 0.0, 2.0));
}

pub(crate) async fn a_woken_thread_is_disarmed_and_armed_again(table: &Table) {
    let id = thread(1);
    let (first, next) = (START.plus(60 * SECOND), START.plus(300 * SECOND));
    appended(&table.store, &id, &armed(1, first)).await;
    let loaded = table.store.load(&id).await.expect("a load");
    let state = Some((&loaded.thread, EXPIRES));
    let put = table
        .store
        .rearm(&id, loaded.checkpoint_due, Some(next), state)
        .await;
    assert!(put.expect("a wake"));
    // Until the key is off the entry, both are there: nothing is ever unarmed.
    let far = next.seconds_up();
    assert_eq!(all_due(table, far).await.len(), 2);
    assert!(table.store.disarm(&id, 1).await.expect("a disarming"));
    assert!(
        !table.store.disarm(&id, 1).await.expect("a disarming"),
        "once"
    );
    let due = all_due(table, far).await;
    assert_eq!(due.len(), 1);
    assert_eq!(
        (due[0].at, due[0].kind()),
        (
            far,
            DueKind::Thread {
                id: id.clone(),
                seq: None
            }
        )
    );
    let loaded = table.store.load(&id).await.expect("a load");
    assert_eq!(
        (loaded.tail[0].due, loaded.checkpoint_due),
        (None, Some(far))
    );
    assert_eq!(
        loaded.tail[0].events,
        entry(1).events,
        "the entry is the same otherwise"
    );
    // A sweep that works from a stale row finds the time moved and puts nothing.
    let stale = table.store.rearm(&id, None, Some(first), None).await;
    assert!(!stale.expect("a wake"));
    assert!(
        table
            .store
            .rearm(&id, Some(far), None, None)
            .await
            .expect("a wake")
    );
    assert_eq!(all_due(table, far).await, []);
}

pub(crate) async fn candidates_come_in_pages(table: &Table) {
    for number in 0..60 {
        let due = START.plus(i64::from(number % 7) * SECOND);
        appended(&table.store, &thread(number), &armed(1, due)).await;
    }
    let until = START.seconds_up() + 5;
    let mut paged = Vec::new();
    for shard in 0..SHARDS {
        let mut after: Option<Due> = None;
        loop {
            let page = table
                .store
                .due(shard, 0, until, 3, after.as_ref())
                .await
                .expect("the index");
            assert!(page.len() <= 3 && page.is_sorted_by_key(|due| due.at));
            after = page.last().cloned();
            if after.is_none() {
                break;
            }
            paged.extend(page);
        }
    }
    paged.sort();
    assert_eq!(paged, all_due(table, until).await);
    // The seconds 0 to 5 of 60 threads over seven seconds; 6 is later.
    assert_eq!(paged.len(), 60 - 8);
    assert!(paged.iter().all(|due| due.at <= until));
}

pub(crate) async fn a_waiting_event_waits_once(table: &Table) {
    let event = WaitingEvent {
        endpoint: "gladly-main".to_owned(),
        received_at: START,
        body: "{\"a\":1}".to_owned(),
    };
    let soon = START.plus(4 * SECOND);
    table
        .store
        .keep_waiting("name-1", "event-1", &event, soon)
        .await
        .expect("it waits");
    let due = all_due(table, soon.seconds_up()).await;
    assert_eq!((due.len(), due[0].kind()), (1, DueKind::Waiting));
    // A duplicate neither begins the wait anew nor waits beside the first.
    let again = WaitingEvent {
        received_at: START.plus(DAY),
        ..event.clone()
    };
    table
        .store
        .keep_waiting("name-1", "event-1", &again, START.plus(DAY))
        .await
        .expect("no failure");
    assert_eq!(all_due(table, START.plus(2 * DAY).seconds_up()).await, due);
    let waiting = table.store.waiting(&due[0]).await.expect("a read");
    assert_eq!(waiting, [(due[0].clone(), event)]);

    let later = START.plus(8 * SECOND);
    assert!(
        table
            .store
            .put_off(&due[0], later)
            .await
            .expect("it is put off")
    );
    assert!(
        !table
            .store
            .put_off(&due[0], later)
            .await
            .expect("not twice")
    );
    table
        .store
        .remove_due(&due[0])
        .await
        .expect("a stale row removes nothing");
    let due = all_due(table, later.seconds_up()).await;
    assert_eq!((due.len(), due[0].at), (1, later.seconds_up()));
    let item = table.item(&due[0].pk, &due[0].sk).await.expect("an item");
    assert!(
        number(&item, TTL) > number(&item, DUE),
        "it does not expire before its time"
    );
    // The name was listed: those that wait for it are due, and nobody else.
    let store = &table.store;
    let others = store.keep_waiting("name-2", "event-2", &again, later).await;
    others.expect("it waits");
    let listed = START.plus(6 * SECOND);
    for _ in 0..2 {
        let woken = store.wake_waiting("name-1", listed).await;
        woken.expect("it is woken");
    }
    let due = all_due(table, listed.seconds_up()).await;
    assert_eq!((due.len(), due[0].at), (1, listed.seconds_up()));
    assert_eq!(due[0].sk, "event-1");
    table
        .store
        .remove_due(&due[0])
        .await
        .expect("it is done with");
    let left = all_due(table, later.seconds_up()).await;
    assert_eq!((left.len(), left[0].sk.as_str()), (1, "event-2"));
    assert_eq!(table.store.waiting(&due[0]).await.expect("a read"), []);
    let other = Due {
        at: 1,
        pk: "hook#1".to_owned(),
        sk: "x".to_owned(),
    };
    assert_eq!(other.kind(), DueKind::Unknown);
}

pub(crate) async fn the_newest_tick_has_the_lease(table: &Table) {
    assert_eq!(table.store.lease().await.expect("a lease"), None);
    let take =
        async |owner: &str, since| table.store.take_lease(owner, since).await.expect("a lease");
    assert!(take("first", START).await);
    assert!(take("second", START.plus(60 * SECOND)).await);
    assert!(!take("first", START).await, "a late tick relieves nobody");
    let since = START.plus(60 * SECOND);
    let sliced = Sliced {
        by: 1_795_168_860,
        until: since.plus(30 * SECOND),
    };
    for owner in ["first", "second"] {
        // Who lost the lease leaves no word.
        let by = if owner == "first" { 0 } else { sliced.by };
        let noted = table.store.note_sliced(owner, Sliced { by, ..sliced });
        noted.await.expect("a note");
    }
    let held = table.store.lease().await.expect("a lease");
    let lease = Lease {
        owner: "second".to_owned(),
        since,
        sliced: Some(sliced),
    };
    assert_eq!(held, Some(lease));
    assert!(
        take("second", START.plus(60 * SECOND)).await,
        "a doubled tick changes nothing"
    );
}

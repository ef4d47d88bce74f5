//! A thread's log: append, load, read, search.

use crate::engines::Table;
use crate::material::{
    EXPIRES, START, append, appended, cost, customer_writes, entry, seqs, state, thread,
};
use baton_domain::time::{DAY, SECOND};
use baton_domain::{CommandId, Content, Event, Thread};
use baton_hub::store::item::{TTL, number};
use baton_hub::store::{Appended, Mechanism, StoreError};

pub(crate) async fn an_unknown_thread_is_empty(table: &Table) {
    let loaded = table.store.load(&thread(1)).await.expect("a load");
    assert_eq!(loaded.thread, Thread::default());
    assert!(loaded.tail.is_empty() && !loaded.wants_checkpoint());
    assert_eq!((loaded.checkpoint_seq, loaded.checkpoint_due), (0, None));
    assert!(
        table
            .store
            .entry(&thread(1), 1)
            .await
            .expect("a read")
            .is_none()
    );
}

pub(crate) async fn what_was_appended_is_read(table: &Table) {
    let id = thread(1);
    let first = customer_writes(&Thread::default(), 1, START.plus(250));
    appended(&table.store, &id, &first).await;
    let loaded = table.store.load(&id).await.expect("a load");
    // The index holds whole seconds, rounded up; the rest comes back as it was.
    let mut stored = first.clone();
    stored.due = first
        .due
        .map(|due| baton_domain::Timestamp(due.seconds_up() * SECOND));
    assert_eq!(loaded.tail, [stored.clone()]);
    assert_eq!(
        table.store.entry(&id, 1).await.expect("a read"),
        Some(stored)
    );
    assert_eq!(loaded.thread.seq, 1);
    assert_eq!(loaded.thread.identity, crate::material::identity());
    assert!(first.leaves.tell && first.leaves.row && !first.leaves.deliver);

    let second = customer_writes(&loaded.thread, 2, START.plus(2 * SECOND));
    assert_eq!(second.due, None, "the thread is armed already");
    let mut known = loaded;
    appended(&table.store, &id, &second).await;
    known.push(second);
    let loaded = table.store.load(&id).await.expect("a load");
    assert_eq!(
        known.thread, loaded.thread,
        "what was folded in is what is read"
    );
    assert_eq!(known.folded, 2);
}

pub(crate) async fn a_log_has_no_gaps_and_no_doubles(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 3).await;
    for seq in 1..=3 {
        let mut other = entry(seq);
        other.command = CommandId("another0command0".to_owned());
        assert!(matches!(
            table.store.append(&id, &other, EXPIRES).await,
            Ok(Appended::Lost(_))
        ));
    }
    assert_eq!(seqs(&table.store, &id).await, [1, 2, 3]);
    assert_eq!(
        seqs(&table.store, &thread(2)).await,
        [0; 0],
        "a log is one thread's"
    );
}

pub(crate) async fn a_refused_append_returns_what_stands(table: &Table) {
    let id = thread(1);
    let standing = entry(1);
    appended(&table.store, &id, &standing).await;
    let mut mine = entry(1);
    mine.command = CommandId("mine000000000001".to_owned());
    match table
        .store
        .append(&id, &mine, EXPIRES)
        .await
        .expect("an append")
    {
        Appended::Lost(found) => assert_eq!(*found, standing),
        Appended::Yes => panic!("two entries have one seq"),
    }
    let loaded = table.store.load(&id).await.expect("a load");
    assert_eq!(loaded.tail, [standing], "a refusal changes nothing");
}

pub(crate) async fn a_lost_answer_is_recognised(table: &Table) {
    let id = thread(1);
    appended(&table.store, &id, &entry(1)).await;
    // The same command again, as after an answer that never came.
    assert!(matches!(
        table.store.append(&id, &entry(1), EXPIRES).await,
        Ok(Appended::Yes)
    ));
    append(&table.store, &id, 2, 2).await;
    assert!(matches!(
        table.store.append(&id, &entry(1), EXPIRES).await,
        Ok(Appended::Yes)
    ));
    assert_eq!(seqs(&table.store, &id).await, [1, 2]);
}

pub(crate) async fn who_saw_an_entry_reads_at_half_the_price(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 3).await;
    cost(&table.store);
    let loaded = table.store.load_with(&id, 3).await.expect("a load");
    assert_eq!(
        (loaded.thread, cost(&table.store)),
        (state(3), (1, 0.5, 0.0))
    );
    // An entry that is not to be seen yet is asked for consistently.
    let loaded = table.store.load_with(&id, 4).await.expect("a load");
    assert_eq!(
        (loaded.thread, cost(&table.store)),
        (state(3), (2, 1.5, 0.0))
    );
}

pub(crate) async fn many_writers_leave_one_order(table: &Table) {
    let id = thread(1);
    let mut writers = Vec::new();
    for writer in 0..8 {
        let (store, id) = (table.store.clone(), id.clone());
        writers.push(tokio::spawn(async move {
            let command = CommandId(format!("writer{writer:010}"));
            for seq in 1.. {
                let mut mine = entry(seq);
                mine.command = command.clone();
                match store.append(&id, &mine, EXPIRES).await.expect("an append") {
                    Appended::Yes => return,
                    Appended::Lost(standing) => assert_eq!(standing.seq, seq),
                }
            }
        }));
    }
    for writer in writers {
        writer.await.expect("a writer");
    }
    let entries = table
        .store
        .entries(&id, 1, 100, Mechanism::Read)
        .await
        .expect("a log");
    let seqs: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, (1..=8).collect::<Vec<u64>>());
    let mut commands: Vec<&str> = entries
        .iter()
        .map(|entry| entry.command.0.as_str())
        .collect();
    commands.sort_unstable();
    commands.dedup();
    assert_eq!(commands.len(), 8, "each writer is in the log once");
}

pub(crate) async fn a_long_tail_is_paged(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 130).await;
    cost(&table.store);
    let loaded = table.store.load(&id).await.expect("a load");
    assert_eq!((loaded.thread.clone(), loaded.folded), (state(130), 130));
    assert_eq!(loaded.tail.first().map(|entry| entry.seq), Some(1));
    assert!(loaded.wants_checkpoint());
    assert_eq!(cost(&table.store).0, 4, "pages of 9, 50, 50 and the rest");
}

pub(crate) async fn a_tail_behind_a_checkpoint_is_paged(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 8).await;
    let loaded = table.store.load(&id).await.expect("a load");
    assert!(loaded.wants_checkpoint(), "8 entries were folded");
    table
        .store
        .checkpoint(&id, &loaded.thread, EXPIRES)
        .await
        .expect("a checkpoint");
    for last in 8..=40 {
        if last > 8 {
            append(&table.store, &id, last, last).await;
        }
        cost(&table.store);
        let loaded = table.store.load(&id).await.expect("a load");
        assert_eq!(loaded.thread, state(last));
        assert_eq!(loaded.checkpoint_seq, 8);
        assert_eq!(loaded.folded as u64, last - 8);
        assert_eq!(loaded.wants_checkpoint(), last > 15);
        // The first page reaches the checkpoint for as long as nobody is late.
        let pages = if last <= 16 { 1 } else { 2 };
        assert_eq!(cost(&table.store).0, pages, "at entry {last}");
    }
}

pub(crate) async fn entries_are_read_ascending(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 12).await;
    table
        .store
        .checkpoint(&id, &state(12), EXPIRES)
        .await
        .expect("a checkpoint");
    let read = async |from, limit| {
        let entries = table
            .store
            .entries(&id, from, limit, Mechanism::Read)
            .await
            .expect("a log");
        entries.iter().map(|entry| entry.seq).collect::<Vec<u64>>()
    };
    assert_eq!(read(1, 5).await, [1, 2, 3, 4, 5]);
    assert_eq!(
        read(10, 50).await,
        [10, 11, 12],
        "the checkpoint is no entry"
    );
    assert_eq!(read(13, 50).await, [0; 0]);
    assert_eq!(read(1, 0).await, [0; 0]);
}

pub(crate) async fn a_search_goes_back_and_stops(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 120).await;
    table
        .store
        .checkpoint(&id, &state(120), EXPIRES)
        .await
        .expect("a checkpoint");
    let is = |seq: u64| move |entry: &baton_domain::Entry| entry.seq == seq;
    let found = async |seq, back_to| {
        table
            .store
            .search(&id, back_to, is(seq))
            .await
            .expect("a search")
    };
    assert!(found(119, START).await && found(1, START).await);
    assert!(!found(121, START).await);
    // Back to a moment, that of the entry included and one more looked at.
    let moment = START.plus(100 * SECOND);
    assert!(found(100, moment).await);
    assert!(!found(98, moment).await);
    cost(&table.store);
    let mut looked_at = 0;
    let all = table.store.search(&id, moment, |_| {
        looked_at += 1;
        false
    });
    assert!(!all.await.expect("a search"));
    assert_eq!((looked_at, cost(&table.store).0), (22, 1));
    assert!(
        !table
            .store
            .search(&thread(2), START, |_| true)
            .await
            .expect("a search")
    );
}

pub(crate) async fn expired_entries_still_count(table: &Table) {
    let id = thread(1);
    let long_ago = START.plus(-1_000 * DAY);
    for seq in 1..=3 {
        let put = table.store.append(&id, &entry(seq), long_ago).await;
        assert!(matches!(put, Ok(Appended::Yes)));
    }
    table
        .store
        .checkpoint(&id, &state(1), long_ago)
        .await
        .expect("a checkpoint");
    let loaded = table.store.load(&id).await.expect("a load");
    assert_eq!(
        (loaded.thread, loaded.folded, loaded.checkpoint_seq),
        (state(3), 2, 1)
    );
    let mut other = entry(3);
    other.command = CommandId("another0command0".to_owned());
    assert!(matches!(
        table.store.append(&id, &other, EXPIRES).await,
        Ok(Appended::Lost(_))
    ));
}

pub(crate) async fn everything_expires_late_enough(table: &Table) {
    let id = thread(1);
    append(&table.store, &id, 1, 2).await;
    let loaded = table.store.load(&id).await.expect("a load");
    let next = START.plus(DAY);
    table
        .store
        .rearm(&id, None, Some(next), None)
        .await
        .expect("a time");
    let alone = table.item(id.as_str(), "z").await.expect("a checkpoint");
    assert_eq!(
        number(&alone, TTL),
        Some(next.plus(7 * DAY).seconds_up()),
        "a time alone outlives itself"
    );
    table
        .store
        .checkpoint(&id, &loaded.thread, EXPIRES)
        .await
        .expect("a checkpoint");
    for item in table.partition(id.as_str()).await {
        let ttl = number(&item, TTL).expect("an expiry");
        let least = if item.contains_key("c") {
            EXPIRES
        } else {
            EXPIRES.plus(7 * DAY)
        };
        assert_eq!(ttl, least.seconds_up());
    }
}

pub(crate) async fn an_entry_may_be_too_large(table: &Table) {
    let id = thread(1);
    let with = |bytes: usize| {
        let mut large = entry(1);
        if let Some(Event::Received { content, .. }) = large.events.last_mut() {
            *content = Content::text("x".repeat(bytes));
        }
        large
    };
    let refused = table.store.append(&id, &with(310 * 1024), EXPIRES).await;
    assert!(matches!(refused, Err(StoreError::TooLarge(size)) if size > 310 * 1024));
    assert_eq!(seqs(&table.store, &id).await, [0; 0]);
    let large = with(299 * 1024);
    appended(&table.store, &id, &large).await;
    // Nine of them are more than one page of a Query may hold.
    for seq in 2..=9 {
        let mut next = with(299 * 1024);
        (next.seq, next.command) = (seq, CommandId(format!("command{seq:09}")));
        next.events.remove(0);
        appended(&table.store, &id, &next).await;
    }
    let loaded = table.store.load(&id).await.expect("a load");
    assert_eq!((loaded.thread.seq, loaded.tail.first()), (9, Some(&large)));
}

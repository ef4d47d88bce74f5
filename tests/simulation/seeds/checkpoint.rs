//! The condition of the checkpoint. The seeds do not miss it: a sweep's write would have to
//! be late by more than its sandbox lives, and land after the last entry of a stretch in
//! which nothing else arms the thread. So this race is written down.

use crate::mutations::Without;
use baton_domain::time::{DAY, SECOND};
use baton_domain::{IdKey, Mutation, Thread, Timestamp};
use baton_hub::store::Store;
use baton_hub::store::item::SHARDS;
use baton_local::engine::{Engine, Location};
use baton_local::template::Template;

const START: Timestamp = Timestamp(1_795_168_800_000);

/// Two sweeps have read the same thread. One writes, and later arms the thread for an
/// earlier deadline; then the other's write arrives at last, with the later time and the
/// older state. Whether a sweep finds the thread at its deadline, and the state's seq.
async fn a_write_comes_late() -> (bool, u64) {
    let engine = Engine::open(Location::Memory).expect("an engine");
    let template = Template::builtin().expect("the template");
    let created = engine.create_table(&template.table, "hub").await;
    created.expect("a table");
    let store = Store::new(engine.client(), "hub");
    let id = IdKey::new(*b"test-secret-id-key-0123456789abc").thread("shop-chat", "1");
    let state = |seq| Thread {
        seq,
        last_at: START,
        ..Thread::default()
    };
    let (old, new) = (state(1), state(9));
    let (deadline, far) = (START.plus(220 * SECOND), START.plus(300 * SECOND));
    let keep = START.plus(90 * DAY);
    let seconds = |at: Timestamp| Some(at.seconds_up());
    let armed = [
        // What the first one does while the second one hangs.
        store.rearm(&id, None, Some(far), Some((&old, keep))).await,
        store
            .rearm(&id, seconds(far), Some(deadline), Some((&new, keep)))
            .await,
        // The second one's.
        store.rearm(&id, None, Some(far), Some((&old, keep))).await,
    ];
    assert!(armed.into_iter().all(|write| write.is_ok()));
    let mut found = false;
    for shard in 0..SHARDS {
        let due = store.due(shard, 0, deadline.seconds_up(), 10, None).await;
        found |= !due.expect("the index is read").is_empty();
    }
    let loaded = store.load(&id).await.expect("the thread is read");
    (found, loaded.thread.seq)
}

#[tokio::test]
async fn the_condition_of_the_checkpoint_is_missed() {
    assert_eq!(a_write_comes_late().await, (true, 9));
    let _without = Without::of(Mutation::CheckpointCondition);
    let (found, seq) = a_write_comes_late().await;
    assert!(!found, "the deadline passes unnoticed");
    assert_eq!(seq, 1, "and the state runs back");
}

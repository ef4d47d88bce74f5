//! What the table holds: events in any order fold, and the state survives its checkpoint.
#![no_main]

use baton_domain::{CommandId, Entry, Event, Leaves, Policy, Thread, Timestamp};
use baton_domain::{apply_entry, deadlines, next_wake};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(thread) = serde_json::from_slice::<Thread>(data) {
        let text = serde_json::to_string(&thread).expect("it is JSON");
        let again: Thread = serde_json::from_str(&text).expect("it is a thread");
        assert_eq!(again, thread);
    }
    let Ok(events) = serde_json::from_slice::<Vec<Event>>(data) else {
        return;
    };
    let policy = Policy::gladly(None);
    let mut thread = Thread::default();
    for (index, event) in events.into_iter().enumerate() {
        let seq = index as u64 + 1;
        let at = Timestamp(1_795_162_530_250).plus(seq as i64);
        let entry = Entry {
            seq,
            at,
            command: CommandId("command".to_owned()),
            connection: "shop".to_owned(),
            conversation: 1,
            epoch: thread.epoch,
            events: vec![event],
            leaves: Leaves::default(),
            due: None,
        };
        thread = apply_entry(thread, &entry);
        let _ = (deadlines(&thread, &policy), next_wake(&thread, &policy, at));
    }
});

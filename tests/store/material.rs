//! What the cases store.

use baton_domain::time::{DAY, SECOND};
use baton_domain::{
    Command, CommandId, Content, ConversationId, Entry, Event, Fingerprint, Holder, IdKey,
    Identity, Leaves, Ledger, News, PlatformEvent, Policy, Thread, ThreadId, Timestamp, decide,
    plan,
};
use baton_hub::store::rows::Row;
use baton_hub::store::{Appended, Mechanism, Store};

/// 2026-11-20T10:00:00Z.
pub(crate) const START: Timestamp = Timestamp(1_795_168_800_000);
/// When the entries of the cases expire.
pub(crate) const EXPIRES: Timestamp = Timestamp(START.0 + 90 * DAY);

/// A key as a deployment has one.
pub(crate) fn id_key() -> IdKey {
    IdKey::new(*b"test-secret-id-key-0123456789abc")
}

/// The thread of this number.
pub(crate) fn thread(n: u32) -> ThreadId {
    id_key().thread("shop-chat", &format!("session-{n:04}"))
}

pub(crate) fn print(n: u64) -> Fingerprint {
    Fingerprint::of(&[b"event", &n.to_be_bytes()])
}

/// Identity with ids of the length that Gladly gives (22-character slugs, 24
/// hexadecimal digits for a Glad App).
pub(crate) fn identity() -> Identity {
    Identity {
        connection: "shop-chat".to_owned(),
        name: "tEstSessi0n-Slug012345".to_owned(),
        address: "0123456789abcdef01234567".to_owned(),
        customer: Some("tEstCust0mer_Slug01234".to_owned()),
        conversation: Some("tEstC0nversationSlug01".to_owned()),
        channel: Some("CHAT".to_owned()),
    }
}

/// Entry `seq`, one second after the one before it: the customer writes; the first
/// opens the conversation.
pub(crate) fn entry(seq: u64) -> Entry {
    let at = START.plus(i64::try_from(seq).unwrap_or_default() * SECOND);
    let mut events = vec![Event::Received {
        event: print(seq),
        at,
        id: format!("{seq:024x}"),
        content: Content::text(format!("message {seq}")),
        context: [].into(),
    }];
    if seq == 1 {
        events.insert(
            0,
            Event::Opened {
                identity: identity(),
                holder: Holder::Bot,
                epoch: 1,
            },
        );
    }
    Entry {
        seq,
        at,
        command: CommandId(format!("command{seq:09}")),
        connection: "shop-chat".to_owned(),
        conversation: 1,
        epoch: 1,
        events,
        leaves: Leaves::default(),
        due: None,
    }
}

/// Appends entries `from` to `to`.
pub(crate) async fn append(store: &Store, id: &ThreadId, from: u64, to: u64) {
    for seq in from..=to {
        appended(store, id, &entry(seq)).await;
    }
}

/// Appends an entry that must not be refused.
pub(crate) async fn appended(store: &Store, id: &ThreadId, entry: &Entry) {
    match store.append(id, entry, EXPIRES).await.expect("an append") {
        Appended::Yes => {}
        Appended::Lost(standing) => panic!("entry {} stands already", standing.seq),
    }
}

/// The state after folding entries 1 to `to`.
pub(crate) fn state(to: u64) -> Thread {
    (1..=to).fold(Thread::default(), |thread, seq| {
        baton_domain::apply_entry(thread, &entry(seq))
    })
}

/// What the requests since the last call cost: calls, read and write units.
pub(crate) fn cost(store: &Store) -> (u64, f64, f64) {
    store
        .units()
        .take()
        .values()
        .fold((0, 0.0, 0.0), |(calls, read, write), tally| {
            (calls + tally.calls, read + tally.read, write + tally.write)
        })
}

/// The seqs of the whole log.
pub(crate) async fn seqs(store: &Store, id: &ThreadId) -> Vec<u64> {
    let entries = store
        .entries(id, 1, 10_000, Mechanism::Read)
        .await
        .expect("a log");
    entries.iter().map(|entry| entry.seq).collect()
}

/// A message of a customer as a webhook brings it, decided and planned on a thread
/// at `now` as the hub does.
pub(crate) fn customer_writes(before: &Thread, n: u64, now: Timestamp) -> Entry {
    let event = PlatformEvent {
        id: print(n),
        at: now,
        news: News::Message {
            id: format!("{n:024x}"),
            content: Content::text("hello"),
            context: [].into(),
        },
    };
    let policy = Policy::gladly(None);
    let command = Command::News {
        identity: Some(identity()),
        events: vec![event],
        known_new: Vec::new(),
    };
    let events = decide(before, &command, &policy, now).expect("news is taken in");
    plan(
        before,
        events,
        CommandId(format!("command{n:09}")),
        &policy,
        now,
        None,
    )
    .0
}

/// A row of conversation `n`, opened `n` seconds after the start, held by `holder`
/// since `since` seconds after it.
pub(crate) fn row(n: u32, seq: u64, holder: Holder, since: i64) -> Row {
    Row {
        conversation: ConversationId::new(&thread(n), 1),
        connection: "shop-chat".to_owned(),
        seq,
        opened_at: START.plus(i64::from(n) * SECOND),
        holder,
        since: START.plus(since * SECOND),
        epoch: seq,
        closed_at: None,
        reason: None,
        ledger: Ledger::default(),
    }
}

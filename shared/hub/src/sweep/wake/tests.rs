use super::*;
use baton_domain::{
    CommandId, Content, Event, Fingerprint, Holder, IdKey, Identity, News, PlatformEvent, Untold,
    decide, plan,
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn loaded(thread: Thread, checkpoint: Option<i64>) -> Loaded {
    Loaded {
        id: IdKey::new([1; 32]).thread("shop", "1"),
        thread,
        tail: Vec::new(),
        folded: 1,
        checkpoint_seq: 0,
        checkpoint_schema: 1,
        checkpoint_due: checkpoint.map(|ahead| NOW.plus(ahead * SECOND).0 / 1_000),
    }
}

/// A customer has written to the bot just now; nothing is armed any more.
fn written(policy: &Policy) -> Thread {
    let identity = Identity {
        connection: "shop".to_owned(),
        name: "1".to_owned(),
        ..Identity::default()
    };
    let news = Command::News {
        identity: Some(identity),
        events: vec![PlatformEvent {
            id: Fingerprint::of(&[b"1"]),
            at: NOW,
            news: News::Message {
                id: "in-1".to_owned(),
                content: Content::text("hello"),
                context: [].into(),
            },
        }],
        known_new: Vec::new(),
    };
    let events: Vec<Event> = decide(&Thread::default(), &news, policy, NOW).unwrap();
    let command = CommandId("c".to_owned());
    let (_, mut after) = plan(&Thread::default(), events, command, policy, NOW, None);
    assert_eq!(*after.holder(), Holder::Bot);
    after.armed = None;
    after
}

fn look(thread: &Thread, checkpoint: Option<i64>, aside: Aside) -> Look {
    let policy = Policy::gladly(None);
    next_look(&loaded(thread.clone(), checkpoint), &policy, NOW, aside)
}

#[test]
fn a_time_that_is_ahead_is_never_put_later_or_taken_off() {
    let open = written(&Policy::gladly(None));
    let owes = Look::At(NOW.plus(60 * SECOND));
    assert_eq!(look(&open, None, Aside::default()), owes);
    assert_eq!(look(&open, Some(0), Aside::default()), owes);
    assert_eq!(look(&open, Some(90), Aside::default()), owes);
    // bites: putting a time that is five seconds ahead a minute later.
    assert_eq!(look(&open, Some(5), Aside::default()), Look::Stands);

    let rest = Thread::default();
    assert_eq!(look(&rest, Some(0), Aside::default()), Look::Never);
    // bites: a thread at rest taking off a time that a new message relies on.
    assert_eq!(look(&rest, Some(20), Aside::default()), Look::Stands);
}

#[test]
fn an_armed_entry_makes_the_checkpoint_s_past_time_needless() {
    let mut open = written(&Policy::gladly(None));
    open.armed = Some(NOW.plus(30 * SECOND));
    assert_eq!(look(&open, None, Aside::default()), Look::Stands);
    assert_eq!(look(&open, Some(0), Aside::default()), Look::Never);
    assert_eq!(look(&open, Some(45), Aside::default()), Look::Stands);
}

#[test]
fn calls_put_off_the_look_for_their_sake_but_no_timer() {
    let mut open = written(&Policy::gladly(None));
    open.untold = Some(Untold {
        from: 1,
        attempts: 1,
        next: NOW,
    });
    let aside = Aside {
        tells: true,
        delivers: false,
    };
    let ended = Look::At(NOW.plus(CALLS_TAKE));
    assert_eq!(look(&open, Some(0), aside), ended);
    let conversation = open.conversation.as_mut().unwrap();
    conversation.owes_since = Some(NOW.plus(-50 * SECOND));
    // bites: a bot that hangs delaying the timer that takes its conversation away.
    let owes = Look::At(NOW.plus(10 * SECOND));
    assert_eq!(look(&open, Some(0), aside), owes);
    // Nobody tells: not a busy loop either.
    let soon = Look::At(NOW.plus(SECOND));
    assert_eq!(look(&open, Some(0), Aside::default()), soon);
}

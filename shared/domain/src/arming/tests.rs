use super::*;
use crate::{
    Command, CommandId, Content, Event, Fingerprint, Holder, Identity, News, PlatformEvent, Untold,
    decide, plan,
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

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

/// What a look leaves that the checkpoint's row brought about, `checkpoint` seconds ahead.
fn look(thread: &Thread, checkpoint: Option<i64>, aside: Aside) -> Look {
    let due = checkpoint.map(|ahead| NOW.plus(ahead * SECOND));
    next_look(thread, &Policy::gladly(None), NOW, due, None, aside)
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

#[test]
fn a_watch_is_of_one_holding_and_one_entry() {
    let policy = Policy::gladly(None);
    let mut open = written(&policy);
    (open.armed, open.armed_by, open.armed_in) = (Some(NOW), open.seq, open.epoch);
    let later = NOW.plus(WATCH_COVERS_FROM);
    let row = Some(open.seq);
    let look = |thread: &Thread, row| next_look(thread, &policy, NOW, None, row, Aside::default());
    assert!(watch_covers(&open, NOW, later));
    assert!(!watch_covers(&open, NOW, later.plus(-1)));
    assert_eq!(look(&open, row), Look::Watch(NOW.plus(WATCH_EVERY)));
    // An entry that another has replaced: the look that it brings about takes it off.
    assert_eq!(look(&open, Some(7)), Look::Stands);
    // bites: `watched` without the epoch. Agents had it meanwhile; the look that found
    // them took the entry off.
    open.epoch += 2;
    assert!(!watch_covers(&open, NOW, later));
    assert_eq!(look(&open, row), Look::At(NOW.plus(60 * SECOND)));
}

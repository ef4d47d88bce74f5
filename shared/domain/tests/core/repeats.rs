//! What comes twice acts once.

use crate::world::{World, gladly, inbox, key, own_desk, pass};
use baton_domain::rings::{KEYS_KEPT, SEEN_KEPT};
use baton_domain::time::{DAY, HOUR, SECOND};
use baton_domain::{
    Actor, Command, Content, Event, Holder, KeyUse, News, PlatformEvent, Rejection, Request,
    Timestamp, read_back_id,
};

fn keyed(key: KeyUse) -> Request {
    Request {
        key: Some(key),
        ..Request::by(Actor::Bot)
    }
}

#[test]
fn a_platform_event_acts_once_however_it_is_batched() {
    let mut world = World::new(gladly());
    let events: Vec<PlatformEvent> = (0..3).map(|n| world.event(message(n))).collect();
    world
        .tell(vec![events[1].clone(), events[1].clone()])
        .unwrap();
    let made = world.tell(events.clone()).unwrap();
    assert_eq!(received(&made), 2, "only what is new");
    assert_eq!(world.tell(events).unwrap(), []);
    assert_eq!(world.thread.seq, 2, "a duplicate writes nothing");
}

#[test]
fn a_webhook_longer_than_the_memory_hides_no_doubles() {
    let mut world = World::new(gladly());
    let mut events: Vec<PlatformEvent> = (0..SEEN_KEPT as u64 + 5)
        .map(|n| world.event(message(n)))
        .collect();
    events.push(events[0].clone());
    let made = world.tell(events.clone()).unwrap();
    assert_eq!(received(&made), SEEN_KEPT + 5);
    events.pop();
    assert!(
        matches!(world.tell(events), Err(Rejection::EventsUnsure(unsure)) if unsure.len() == 5)
    );
}

#[test]
fn what_one_webhook_says_in_vain_is_remembered_with_the_rest() {
    let mut world = World::new(gladly());
    // The close comes before anything is open; the message then opens.
    let webhook = vec![world.event(News::Closed), world.event(message(1))];
    world.tell(webhook.clone()).unwrap();
    assert_eq!(
        world.tell(webhook).unwrap(),
        [],
        "told again, it does not close what it opened"
    );
    assert!(world.thread.open().is_some());
}

#[test]
fn a_move_told_twice_ends_only_what_it_was_about() {
    let mut world = World::new(gladly());
    world.customer("I have a new number");
    let moved = world.event(News::Moved);
    world.tell(vec![moved.clone()]).unwrap();
    let request = Request::by(Actor::Bot);
    let content = Content::text("is this number still yours?");
    let identity = crate::world::names();
    world
        .run(&Command::Open {
            request,
            identity,
            content,
        })
        .unwrap();
    assert!(world.thread.open().is_some());
    assert_eq!(world.tell(vec![moved]).unwrap(), []);
}

#[test]
fn an_old_id_is_looked_up_and_what_is_not_in_the_log_is_new() {
    let mut world = World::new(gladly());
    let late = world.event(message(0));
    for n in 1..=SEEN_KEPT as u64 + 1 {
        world.sleep(SECOND);
        let event = world.event(message(n));
        world.tell(vec![event]).unwrap();
    }
    assert_eq!(
        world.tell(vec![late.clone()]),
        Err(Rejection::EventsUnsure(vec![late.id]))
    );
    let known_new = vec![late.id];
    let made = world
        .run(&Command::News {
            identity: None,
            events: vec![late],
            known_new,
        })
        .unwrap();
    assert_eq!(received(&made), 1);
}

#[test]
fn a_message_that_was_read_back_is_the_one_that_its_event_tells() {
    let mut world = World::new(gladly());
    let told = world.event(message(1));
    let read_back = PlatformEvent {
        id: read_back_id(told.message().unwrap().0),
        ..told.clone()
    };
    // Whether its event came, the memory of event ids does not tell: the log is asked.
    let unsure = Err(Rejection::EventsUnsure(vec![read_back.id]));
    assert_eq!(world.tell(vec![read_back.clone()]), unsure);
    let made = world
        .run(&Command::News {
            identity: Some(crate::world::names()),
            known_new: vec![read_back.id],
            events: vec![read_back.clone()],
        })
        .unwrap();
    assert_eq!(received(&made), 1);
    assert_eq!(
        world.tell(vec![told.clone()]).unwrap(),
        [],
        "its event comes late"
    );
    assert_eq!(world.tell(vec![read_back]).unwrap(), []);
    // So late that it was forgotten, and by a time that is a little later than the message's.
    for n in 2..=SEEN_KEPT as u64 + 1 {
        world.sleep(SECOND);
        let event = world.event(message(n));
        world.tell(vec![event]).unwrap();
    }
    let late = PlatformEvent {
        at: told.at.plus(2 * SECOND),
        ..told
    };
    // bites: taking it for news since it is newer than what was forgotten.
    let unsure = Err(Rejection::EventsUnsure(vec![late.id]));
    assert_eq!(world.tell(vec![late]), unsure);
}

#[test]
fn the_same_key_gets_the_same_place_and_another_body_is_an_error() {
    let mut world = World::new(gladly());
    world.customer("good day");
    let made = world.ask_to_send(keyed(key(1, 1)), "good day").unwrap();
    assert_eq!(
        world.ask_to_send(keyed(key(1, 1)), "good day"),
        Err(Rejection::Repeated(made))
    );
    assert_eq!(
        world.ask_to_send(keyed(key(1, 2)), "good bye"),
        Err(Rejection::KeyReused)
    );
    // The key is looked at before the epoch and the state: a call repeated after the
    // conversation has gone on, or has ended, is answered as it was.
    world.news(News::Control(inbox(1)));
    world.news(News::Closed);
    let late = Request {
        epoch: Some(0),
        ..keyed(key(1, 1))
    };
    assert_eq!(
        world.ask_to_send(late, "good day"),
        Err(Rejection::Repeated(made))
    );
}

#[test]
fn a_key_holds_for_a_day() {
    let mut world = World::new(own_desk());
    world.policy.timers.customer_silent = None;
    world.customer("good day");
    world.ask_to_send(keyed(key(1, 1)), "good day").unwrap();
    world.sleep(DAY - 1);
    assert!(matches!(
        world.ask_to_send(keyed(key(1, 1)), "good day"),
        Err(Rejection::Repeated(_))
    ));
    world.sleep(1);
    world.ask_to_send(keyed(key(1, 1)), "good day").unwrap();
}

#[test]
fn a_key_that_may_have_been_dropped_is_looked_up() {
    let mut world = World::new(gladly());
    world.customer("good day");
    for n in 0..=KEYS_KEPT as u64 {
        world.ask_to_send(keyed(key(n, n)), "good day").unwrap();
        world.delivered();
    }
    assert_eq!(
        world.ask_to_send(keyed(key(0, 0)), "good day"),
        Err(Rejection::KeyUnsure)
    );
    assert_eq!(
        world.ask_to_send(keyed(key(99, 0)), "good day"),
        Err(Rejection::KeyUnsure)
    );
    let searched = Request {
        key_is_new: true,
        ..keyed(key(99, 0))
    };
    world.ask_to_send(searched, "good day").unwrap();
}

#[test]
fn a_handoff_with_a_key_is_one_handoff() {
    let mut world = World::new(own_desk());
    world.customer("a person, please");
    let handoff = Command::Control {
        request: keyed(key(7, 7)),
        ask: pass(Holder::Queue(None)),
    };
    let made = world.run(&handoff).unwrap();
    assert!(matches!(made[0], Event::ControlRequested { .. }));
    let epoch = world.thread.epoch;
    assert_eq!(
        world.run(&handoff),
        Err(Rejection::Repeated(baton_domain::Place(
            world.thread.seq,
            0
        )))
    );
    assert_eq!(world.thread.epoch, epoch);
}

#[test]
fn a_late_end_of_another_stretch_and_an_hour_old_message_are_told_apart() {
    let mut world = World::new(own_desk());
    let old = PlatformEvent {
        at: Timestamp(world.now.0 - HOUR),
        ..world.event(message(1))
    };
    assert_eq!(
        received(&world.tell(vec![old]).unwrap()),
        1,
        "late, but new: it opens"
    );
}

fn message(n: u64) -> News {
    News::Message {
        id: format!("in-{n}"),
        content: Content::text("good day"),
        context: [].into(),
    }
}

fn received(events: &[Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event, Event::Received { .. }))
        .count()
}

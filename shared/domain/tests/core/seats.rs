//! The hub's own desk: who sits on a seat, and that every seat is freed.

use crate::world::{World, agent, agent_id, close, failed, names_of, own_desk, pass};
use baton_domain::seats::{Holding, Presence, Seat};
use baton_domain::time::{DAY, HOUR};
use baton_domain::{Actor, CloseReason, Holder, IdKey, WorkKind};

fn seated() -> World {
    let mut world = World::new(own_desk());
    world.customer("a person, please");
    world.ask(Actor::Bot, pass(Holder::Queue(None))).unwrap();
    let events = world
        .ask(agent(1), pass(Holder::Agent(agent_id(1))))
        .unwrap();
    assert_eq!(
        names_of(&events),
        ["control.requested", "control.passed", "agent.assigned"]
    );
    world
}

#[test]
fn a_seat_is_freed_when_its_agent_passes_on() {
    let mut world = seated();
    let epoch = world.thread.epoch;
    world
        .ask(agent(1), pass(Holder::Agent(agent_id(2))))
        .unwrap();
    let work = &world.thread.outbox[0];
    assert_eq!(
        work.kind,
        WorkKind::FreeSeat {
            agent: agent_id(1),
            epoch
        }
    );
    // The next change of control is at once, too: a seat to be freed is no message.
    world
        .ask(agent(2), pass(Holder::Agent(agent_id(1))))
        .unwrap();
    assert_eq!(world.thread.outbox.len(), 2);
    assert_eq!(names_of(&world.delivered()), ["work.settled"]);
}

#[test]
fn a_seat_is_freed_after_a_close_and_before_the_survey() {
    let mut world = seated();
    world.ask(agent(1), close(CloseReason::Agent)).unwrap();
    let kinds: Vec<bool> = world
        .thread
        .outbox
        .iter()
        .map(|work| matches!(work.kind, WorkKind::FreeSeat { .. }))
        .collect();
    assert_eq!(kinds, [true, false]);
}

#[test]
fn freeing_a_seat_is_never_given_up() {
    let mut world = seated();
    world.ask(agent(1), pass(Holder::Queue(None))).unwrap();
    for _ in 0..30 {
        let again = world.sleep(HOUR).now;
        assert_eq!(names_of(&world.outcome(failed(again))), ["work.delayed"]);
    }
    world.sleep(DAY);
    assert_eq!(names_of(&world.delivered()), ["work.settled"]);
}

#[test]
fn a_seat_that_cannot_be_freed_holds_nothing_up() {
    let mut world = seated();
    world
        .ask(agent(1), pass(Holder::Agent(agent_id(2))))
        .unwrap();
    let again = world.now.plus(HOUR);
    world.outcome(failed(again));
    let message = world.send(agent(2), "good day").unwrap();
    assert_eq!(world.thread.outbox[0].place, message);
    assert_eq!(names_of(&world.delivered()), ["message.sent"]);
    assert_eq!(world.thread.outbox.len(), 1);
}

#[test]
fn a_seat_is_a_set_not_a_count() {
    let thread = IdKey::new(*b"test-secret-id-key-0123456789abc").thread("shop-chat", "session-1");
    let holding = |epoch| Holding {
        thread: thread.clone(),
        epoch,
    };
    let mut seat = Seat {
        presence: Presence::Available,
        limit: 1,
        holdings: [].into(),
    };
    assert!(
        seat.take(holding(1), false) && seat.take(holding(1), false),
        "adding twice is adding once"
    );
    assert!(
        !seat.take(holding(2), false),
        "automation keeps to the limit"
    );
    assert!(seat.take(holding(2), true), "a person may take more");
    seat.free(&holding(1));
    seat.free(&holding(1));
    assert_eq!(seat.holdings.len(), 1);
    assert!(holding(2).element().ends_with("#2"));
}

//! Control changes hands: by request, by others, and not at all.

use crate::world::{
    World, agent, agent_id, app_desk, close, failed, gladly, inbox, names_of, no_desk, not_ours,
};
use crate::world::{own_desk, pass, passed_with_note};
use baton_domain::time::{MINUTE, SECOND};
use baton_domain::{
    Actor, Aftercare, CloseReason, ControlAsk, Event, Failure, Holder, News, NotOurs, Rejection,
    Request, WorkKind, WorkResult,
};

#[test]
fn a_handoff_waits_for_the_messages_before_it_and_nothing_goes_behind() {
    let mut world = World::new(gladly());
    world.customer("a person, please");
    world.send(Actor::Bot, "one moment").unwrap();
    world.ask(Actor::Bot, pass(inbox(2))).unwrap();
    let kinds: Vec<&WorkKind> = world.thread.outbox.iter().map(|work| &work.kind).collect();
    assert_eq!(kinds, [&WorkKind::Message, &WorkKind::Pass(inbox(2))]);
    assert!(matches!(
        world.send(Actor::Bot, "wait"),
        Err(Rejection::ControlPending { .. })
    ));
    assert!(matches!(
        world.ask(Actor::Operator, ControlAsk::Release),
        Err(Rejection::ControlPending { .. })
    ));
    world.delivered();
    world.outcome(passed_with_note());
    assert_eq!(*world.thread.holder(), inbox(2));
    let note = &world.thread.outbox[0];
    assert!(matches!(
        note.kind,
        WorkKind::Aftercare {
            care: Aftercare::Note,
            ..
        }
    ));
}

#[test]
fn an_old_epoch_and_a_stranger_are_told_who_holds() {
    let mut world = World::new(gladly());
    world.customer("a person, please");
    let old = world.thread.epoch;
    world.ask(Actor::Bot, pass(inbox(2))).unwrap();
    world.delivered();
    let epoch = world.thread.epoch;
    let request = Request {
        epoch: Some(old),
        ..Request::by(Actor::Bot)
    };
    assert_eq!(
        world.ask_to_send(request, "still me"),
        Err(Rejection::StaleEpoch {
            holder: inbox(2),
            epoch
        })
    );
    assert_eq!(
        world.send(Actor::Bot, "still me"),
        Err(Rejection::NotHolder {
            holder: inbox(2),
            epoch
        })
    );
    assert_eq!(
        world.send(Actor::Operator, "me"),
        Err(Rejection::NotHolder {
            holder: inbox(2),
            epoch
        })
    );
}

#[test]
fn control_taken_by_others_supersedes_what_waits() {
    let mut world = World::new(gladly());
    world.customer("good day");
    world.send(Actor::Bot, "good day").unwrap();
    world.ask(Actor::Bot, close(CloseReason::Bot)).unwrap();
    let events = world.news(News::Control(Holder::Agent(agent_id(1))));
    assert_eq!(
        names_of(&events),
        [
            "platform.heard",
            "message.failed",
            "control.failed",
            "control.taken"
        ]
    );
    assert!(matches!(
        events[1],
        Event::Failed {
            why: Failure::Superseded,
            ..
        }
    ));
    assert!(world.thread.outbox.is_empty() && world.thread.leaving().is_none());
}

#[test]
fn the_platforms_word_of_our_own_pass_fulfils_it() {
    let mut world = World::new(app_desk());
    world.customer("a person, please");
    world.ask(Actor::Bot, pass(Holder::Queue(None))).unwrap();
    let request = world.thread.outbox[0].place;
    let app = Holder::App("app-0123456789abcdef01234567".to_owned());
    let events = world.news(News::Control(app.clone()));
    assert!(
        matches!(&events[1], Event::Passed { holder, work: Some(work), .. } if *holder == app && *work == request)
    );
    // Its caller learns later that it was done, and what is still owed is not lost.
    let events = world.outcome_of(request, passed_with_note());
    assert_eq!(
        events,
        [Event::CareOwed {
            of: request,
            care: Aftercare::Note
        }]
    );
}

#[test]
fn a_desk_that_already_has_it_is_a_handoff_done() {
    let mut world = World::new(gladly());
    world.customer("a person, please");
    world.ask(Actor::Bot, pass(Holder::Queue(None))).unwrap();
    assert_eq!(
        names_of(&world.outcome(not_ours(NotOurs::Desk))),
        ["control.passed"]
    );
    // And a message that finds the desk there tells that the bot has lost it.
    let mut world = World::new(gladly());
    world.customer("good day");
    world.send(Actor::Bot, "good day").unwrap();
    assert_eq!(
        names_of(&world.outcome(not_ours(NotOurs::Desk))),
        ["message.failed", "control.taken"]
    );
    assert_eq!(*world.thread.holder(), inbox(1));
}

#[test]
fn a_leftover_of_an_earlier_holding_ends_nothing() {
    let mut world = World::new(gladly());
    world.customer("a person, please");
    world.ask(Actor::Bot, pass(Holder::Queue(None))).unwrap();
    world.outcome(passed_with_note());
    world.news(News::Control(Holder::Agent(agent_id(1))));
    assert_eq!(
        names_of(&world.outcome(not_ours(NotOurs::Gone))),
        ["work.settled"]
    );
    assert!(world.thread.open().is_some(), "only a note was refused");
}

#[test]
fn without_a_desk_there_is_nobody_to_hand_off_to() {
    let mut world = World::new(no_desk());
    world.customer("a person, please");
    assert_eq!(
        world.ask(Actor::Bot, pass(Holder::Queue(None))),
        Err(Rejection::NoDesk)
    );
    world.sleep(MINUTE);
    assert_eq!(
        names_of(&world.wake(true)),
        ["deadline.fired", "conversation.closed"]
    );
}

#[test]
fn a_handoff_that_fails_leaves_the_bot_in_debt_and_is_not_tried_for_ever() {
    let mut world = World::new(gladly());
    world.customer("hello?");
    let refused = WorkResult::Refused {
        detail: "the platform answered 400".to_owned(),
    };
    for _ in 0..3 {
        world.sleep(MINUTE);
        assert_eq!(
            names_of(&world.wake(true)),
            ["deadline.fired", "control.requested", "claim.taken"]
        );
        assert_eq!(
            names_of(&world.outcome(refused.clone())),
            ["control.failed"]
        );
        assert!(
            world.thread.open().unwrap().owes_since.is_some(),
            "the customer still waits"
        );
    }
    world.sleep(MINUTE);
    world.wake(true);
    let last = world
        .thread
        .conversation
        .as_ref()
        .unwrap()
        .closed
        .as_ref()
        .unwrap();
    assert_eq!(
        last.reason,
        CloseReason::BotSilent,
        "not `abandoned`: the customer was there"
    );
}

#[test]
fn a_change_of_control_is_given_up_after_five_minutes() {
    let mut world = World::new(gladly());
    world.customer("a person, please");
    world.ask(Actor::Bot, pass(Holder::Queue(None))).unwrap();
    let again = world.now.plus(SECOND);
    world.outcome(failed(again));
    world.sleep(5 * MINUTE - 1);
    assert_eq!(names_of(&world.outcome(failed(again))), ["work.delayed"]);
    world.sleep(1);
    assert_eq!(names_of(&world.outcome(failed(again))), ["control.failed"]);
    assert_eq!(
        (world.thread.holder(), world.thread.leaving()),
        (&Holder::Bot, None)
    );
    world.send(Actor::Bot, "nobody is there").unwrap();
}

#[test]
fn an_agent_claims_from_the_queue_and_from_the_bot_but_not_from_another() {
    let mut world = World::new(own_desk());
    world.customer("a person, please");
    world
        .ask(agent(1), pass(Holder::Agent(agent_id(1))))
        .unwrap();
    assert_eq!(*world.thread.holder(), Holder::Agent(agent_id(1)));
    let asked = world.ask(agent(2), pass(Holder::Agent(agent_id(2))));
    assert!(matches!(asked, Err(Rejection::NotHolder { .. })));
    world
        .ask(Actor::Operator, pass(Holder::Agent(agent_id(2))))
        .unwrap();
    assert_eq!(*world.thread.holder(), Holder::Agent(agent_id(2)));
}

#[test]
fn nobody_holds_until_the_next_message() {
    let mut world = World::new(own_desk());
    world.customer("good day");
    world.ask(Actor::Bot, ControlAsk::Release).unwrap();
    assert_eq!(*world.thread.holder(), Holder::Nobody);
    assert_eq!(
        names_of(&world.sleep(MINUTE).customer("hello?")),
        ["control.passed", "message.received"]
    );
    assert!(world.thread.bot_holds() && world.log.last().unwrap().leaves.tell);
}

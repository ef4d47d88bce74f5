//! Work on its way out: claims, failures, outcomes that nobody knows.

use crate::world::{World, failed, gladly, names_of};
use baton_domain::decide::WAITING_GIVES_UP;
use baton_domain::thread::OUTBOX_LIMIT;
use baton_domain::time::{MINUTE, SECOND};
use baton_domain::{
    Actor, Command, Content, Event, Failure, IdKey, MessageId, News, Rejection, Request, WorkResult,
};

fn spoken() -> World {
    let mut world = World::new(gladly());
    world.customer("good day");
    world.send(Actor::Bot, "good day").unwrap();
    world
}

#[test]
fn one_owner_at_a_time_and_whoever_sends_meanwhile_leaves_it_to_that_one() {
    let mut world = World::new(gladly());
    world.customer("good day");
    let until = world.now.plus(10 * SECOND);
    let request = Request {
        claim_until: Some(until),
        ..Request::by(Actor::Bot)
    };
    world.ask_to_send(request.clone(), "one").unwrap();
    assert!(
        !world.log.last().unwrap().leaves.deliver,
        "its sender owns it"
    );
    assert_eq!(
        world.run(&Command::Claim { until }),
        Err(Rejection::Claimed(until))
    );
    world.ask_to_send(request, "two").unwrap();
    assert_eq!(
        names_of(&world.log.last().unwrap().events),
        ["message.queued"]
    );
    world.delivered();
    assert!(
        world.thread.claim_is_live(world.now),
        "the owner goes on with the second"
    );
    // It might vanish now, and no record would tell: the end of its claim is armed.
    assert_eq!(world.log.last().unwrap().due, Some(until));
    world.delivered();
    assert_eq!(world.thread.claimed_until, None);
}

#[test]
fn an_owner_out_of_time_leaves_the_rest_to_the_relay() {
    let mut world = spoken();
    world.send(Actor::Bot, "and").unwrap();
    let until = world.now.plus(10 * SECOND);
    world.run(&Command::Claim { until }).unwrap();
    let work = world.thread.outbox[0].place;
    let result = WorkResult::done(Some("out-1".to_owned()));
    let events = world
        .run(&Command::Outcome {
            work,
            result,
            end_claim: Some(until),
        })
        .unwrap();
    assert_eq!(names_of(&events), ["message.sent", "claim.ended"]);
    assert!(world.log.last().unwrap().leaves.deliver);
}

#[test]
fn a_late_owner_does_not_end_the_claim_of_the_next() {
    let mut world = spoken();
    world.send(Actor::Bot, "and").unwrap();
    let mine = world.now.plus(10 * SECOND);
    world.run(&Command::Claim { until: mine }).unwrap();
    let work = world.thread.outbox[0].place;
    world.now = mine;
    let theirs = world.now.plus(30 * SECOND);
    world.run(&Command::Claim { until: theirs }).unwrap();
    let events = world
        .run(&Command::Outcome {
            work,
            result: WorkResult::done(Some("out-1".to_owned())),
            end_claim: Some(mine),
        })
        .unwrap();
    // bites: `end_claim` without comparing whose claim it is.
    assert_eq!(names_of(&events), ["message.sent"]);
    assert_eq!(world.thread.claimed_until, Some(theirs));
}

#[test]
fn an_ended_claim_is_taken_over() {
    let mut world = spoken();
    let until = world.now.plus(10 * SECOND);
    world.run(&Command::Claim { until }).unwrap();
    world.now = until;
    world
        .run(&Command::Claim {
            until: until.plus(30 * SECOND),
        })
        .unwrap();
    assert_eq!(world.thread.claimed_until, Some(until.plus(30 * SECOND)));
}

#[test]
fn a_message_is_given_up_after_sixty_seconds_of_failures() {
    let mut world = spoken();
    let again = world.now.plus(90 * SECOND);
    world.outcome(failed(again));
    let last_try = world.at(60 * SECOND);
    assert_eq!(
        world.thread.outbox[0].not_before,
        Some(last_try),
        "the last attempt is in time"
    );
    assert_eq!(world.armed(), Some(last_try));
    world.now = last_try.plus(-1);
    assert_eq!(names_of(&world.outcome(failed(again))), ["work.delayed"]);
    world.now = last_try;
    let events = world.outcome(failed(again));
    assert!(matches!(
        events[0],
        Event::Failed {
            why: Failure::GaveUp,
            ..
        }
    ));
}

#[test]
fn a_pair_rate_is_not_a_failure() {
    let mut world = spoken();
    for _ in 0..20 {
        let not_before = world.now.plus(6 * SECOND);
        world.outcome(WorkResult::Retry {
            not_before,
            failure: false,
            detail: "pair rate".to_owned(),
        });
        world.sleep(6 * SECOND);
    }
    let again = world.now.plus(SECOND);
    assert_eq!(
        names_of(&world.outcome(failed(again))),
        ["work.delayed"],
        "this is the first failure"
    );
}

#[test]
fn waiting_for_a_rate_limit_ends_after_five_minutes() {
    let mut world = spoken();
    // However long it has waited for its turn, and untried, does not count.
    world.sleep(10 * MINUTE);
    let limited = |not_before| WorkResult::Retry {
        not_before,
        failure: false,
        detail: "429".to_owned(),
    };
    let end = world.now.plus(WAITING_GIVES_UP);
    while world.now < end {
        let next = world.now.plus(17 * SECOND);
        assert_eq!(names_of(&world.outcome(limited(next))), ["work.delayed"]);
        let next = world.thread.outbox[0].not_before.unwrap();
        assert!(next <= end, "the last attempt is in time");
        world.now = next;
    }
    // bites: a retry that is no failure and goes on for ever.
    let events = world.outcome(limited(end.plus(SECOND)));
    assert!(matches!(
        events[0],
        Event::Failed {
            why: Failure::GaveUp,
            ..
        }
    ));
}

#[test]
fn an_unknown_outcome_is_settled_by_the_echo() {
    let mut world = spoken();
    let look = world.now.plus(30 * SECOND);
    let work = world.thread.outbox[0].place;
    assert_eq!(
        names_of(&world.outcome(WorkResult::Unknown { not_before: look })),
        ["message.unknown"]
    );
    assert!(world.thread.outbox[0].unknown && !world.thread.deliverable(world.now));
    let thread = IdKey::new(*b"test-secret-id-key-0123456789abc").thread("shop-chat", "session-1");
    let ours = Some(MessageId::new(&thread, work));
    world.sleep(2 * SECOND);
    let events = world.news(News::Echo {
        id: "out-1".to_owned(),
        ours: ours.clone(),
    });
    assert_eq!(
        events[1],
        Event::Sent {
            work,
            id: Some("out-1".to_owned())
        }
    );
    // Another echo, and the outcome at last: nothing new.
    assert_eq!(
        world.news(News::Echo {
            id: "out-1".to_owned(),
            ours
        }),
        []
    );
    assert_eq!(
        world.outcome_of(work, WorkResult::done(Some("out-1".to_owned()))),
        []
    );
}

#[test]
fn an_echo_of_somebody_elses_message_settles_nothing() {
    let mut world = spoken();
    assert_eq!(
        world.news(News::Echo {
            id: "theirs".to_owned(),
            ours: None
        }),
        []
    );
    // Nor does one from before the message, even while its outcome is unknown.
    let old = world.event(News::Echo {
        id: "older".to_owned(),
        ours: None,
    });
    let mut world = World::new(gladly());
    world.sleep(60 * SECOND).customer("good day");
    world.send(Actor::Bot, "good day").unwrap();
    let look = world.now.plus(30 * SECOND);
    world.outcome(WorkResult::Unknown { not_before: look });
    assert_eq!(world.tell(vec![old]).unwrap(), []);
}

#[test]
fn an_outcome_that_stays_unknown_is_reported_as_that() {
    let mut world = spoken();
    for _ in 0..2 {
        let look = world.now.plus(30 * SECOND);
        world.outcome(WorkResult::Unknown { not_before: look });
        world.sleep(30 * SECOND);
    }
    let look = world.now.plus(30 * SECOND);
    let events = world.outcome(WorkResult::Unknown { not_before: look });
    assert!(matches!(
        events[0],
        Event::Failed {
            why: Failure::Unknown,
            ..
        }
    ));
}

#[test]
fn too_much_waiting_work_is_turned_down() {
    let mut world = World::new(gladly());
    world.customer("good day");
    for n in 0..OUTBOX_LIMIT {
        world.send(Actor::Bot, &format!("{n}")).unwrap();
    }
    let request = Request::by(Actor::Bot);
    let send = Command::Send {
        request,
        content: Content::text("one more"),
    };
    assert_eq!(world.run(&send), Err(Rejection::OutboxFull(OUTBOX_LIMIT)));
}

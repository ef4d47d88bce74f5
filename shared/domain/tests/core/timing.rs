//! What fires, when it is armed, and what is told again.

use crate::world::{World, agent, agent_id, gladly, inbox, names_of, own_desk, pass};
use baton_domain::arming;
use baton_domain::decide::TELL_RETRIES;
use baton_domain::time::{DAY, HOUR, MINUTE, SECOND};
use baton_domain::{
    Actor, CloseReason, Command, DeadlineKind, Event, Holder, News, NotOurs, QueueLimit, WorkKind,
    next_wake,
};

#[test]
fn a_lively_chat_arms_once() {
    let mut world = World::new(gladly());
    world.customer("good day");
    assert_eq!(
        world.log[0].due,
        Some(world.at(60 * SECOND)),
        "the bot owes an answer"
    );
    world
        .sleep(2 * SECOND)
        .send(Actor::Bot, "good day")
        .unwrap();
    world.delivered();
    world.sleep(10 * SECOND).customer("and?");
    world.sleep(2 * SECOND).send(Actor::Bot, "yes").unwrap();
    world.delivered();
    assert!(
        world.log[1..].iter().all(|entry| entry.due.is_none()),
        "deadlines move lazily"
    );
    world.now = world.at(60 * SECOND + 500);
    assert_eq!(world.wake(true), [], "nothing is due any more");
    assert_eq!(
        world.armed(),
        Some(world.now.plus(arming::WATCH_EVERY)),
        "it is watched"
    );
    assert_eq!(
        world.checkpoint_due, None,
        "and nothing was written for that"
    );
    world.sleep(10 * SECOND).customer("one more thing");
    world.news(baton_domain::News::Closed);
    assert!(
        world.log[1..].iter().all(|entry| entry.due.is_none()),
        "looks cover what comes"
    );
    world.now = world.armed().unwrap();
    world.wake(true);
    assert_eq!(world.armed(), None, "the watch ends with the holding");
}

#[test]
fn a_watch_sees_every_timer_of_the_bot_at_its_time() {
    let mut world = World::new(gladly());
    world.customer("good day");
    world
        .sleep(5 * SECOND)
        .send(Actor::Bot, "good day")
        .unwrap();
    world.delivered();
    world.now = world.at(60 * SECOND);
    assert_eq!(world.wake(true), []);
    world.sleep(20 * SECOND).customer("and?");
    world.now = world.armed().unwrap();
    assert_eq!(world.wake(true), [], "not yet");
    assert_eq!(world.armed(), Some(world.at(140 * SECOND)));
    world.now = world.at(140 * SECOND);
    assert_eq!(names_of(&world.wake(true))[0], "deadline.fired");
}

#[test]
fn what_a_timer_closed_is_tidied_up_when_others_have_been_closed() {
    let mut world = World::new(gladly());
    world.customer("good day");
    world.send(Actor::Bot, "good day").unwrap();
    world.delivered();
    let mut looks = 0;
    while let Some(armed) = world.armed() {
        world.now = armed;
        world.wake(true);
        looks += 1;
    }
    let closing = world.thread.conversation.unwrap().closed.unwrap();
    assert_eq!(closing.reason, CloseReason::Abandoned);
    assert_eq!(world.now, closing.at.plus(2 * MINUTE));
    assert!(looks < 10, "{looks} looks");
}

#[test]
fn a_watch_ends_after_a_while_and_the_checkpoint_carries_on() {
    let mut policy = gladly();
    policy.timers.customer_silent = Some(3_600 * SECOND);
    let mut world = World::new(policy);
    world.customer("good day");
    world
        .sleep(5 * SECOND)
        .send(Actor::Bot, "good day")
        .unwrap();
    world.delivered();
    let mut looks = 0;
    while world.checkpoint_due.is_none() {
        world.now = world.armed().unwrap();
        assert_eq!(world.wake(true), []);
        looks += 1;
    }
    assert!((12..=15).contains(&looks), "{looks} looks");
    let silent = world.at(3_605 * SECOND);
    assert_eq!((world.armed(), world.rows.len()), (Some(silent), 0));
}

#[test]
fn an_armed_time_that_is_near_is_not_relied_on() {
    let mut policy = gladly();
    // Too short for looks to cover.
    policy.timers.bot_owes = Some(59 * SECOND);
    let mut world = World::new(policy);
    world.customer("good day");
    world.send(Actor::Bot, "good day").unwrap();
    world.delivered();
    world.now = world.at(51 * SECOND);
    world.customer("and?");
    assert_eq!(
        world.log.last().unwrap().due,
        Some(world.at(110 * SECOND)),
        "the sweep may have read the first"
    );
}

#[test]
fn work_for_the_relay_does_not_hide_a_deadline() {
    let mut world = World::new(gladly());
    let request = baton_domain::Request::by(Actor::Bot);
    let content = baton_domain::Content::text("your order is here");
    world
        .run(&Command::Open {
            request,
            identity: crate::world::names(),
            content,
        })
        .unwrap();
    let entry = &world.log[0];
    assert!(entry.leaves.deliver && entry.due.is_some());
    world.delivered();
    let wake = next_wake(&world.thread, &world.policy, world.now);
    assert!(
        world.armed().unwrap() <= wake,
        "no timer depends on a stream"
    );
}

#[test]
fn a_customer_is_only_silent_about_what_has_arrived() {
    let mut world = World::new(gladly());
    world.customer("good day");
    world.send(Actor::Bot, "good day").unwrap();
    world.now = world.at(20 * MINUTE);
    assert_eq!(world.wake(false), [], "the answer is still on its way");
    world.delivered();
    world.sleep(300 * SECOND - 1);
    assert_eq!(world.wake(false), []);
    assert_eq!(
        names_of(&world.sleep(1).wake(false)),
        ["deadline.fired", "conversation.closed"]
    );
}

fn with_agent() -> World {
    let mut world = World::new(own_desk());
    world.customer("a person, please");
    world
        .sleep(SECOND)
        .ask(Actor::Bot, pass(Holder::Queue(None)))
        .unwrap();
    world
        .sleep(MINUTE)
        .ask(agent(1), pass(Holder::Agent(agent_id(1))))
        .unwrap();
    world.delivered_seats();
    world
}

impl World {
    /// Frees the seats that wait to be freed.
    fn delivered_seats(&mut self) {
        while matches!(
            self.thread.outbox.first().map(|work| &work.kind),
            Some(WorkKind::FreeSeat { .. })
        ) {
            self.delivered();
        }
    }
}

#[test]
fn one_reminder_per_waiting_period() {
    let mut world = with_agent();
    // What the bot left unanswered waits for the agent, from its first moment on.
    world.now = world.at(10 * MINUTE - 1);
    assert_eq!(world.wake(false), []);
    let events = world.sleep(1).wake(false);
    assert_eq!(
        names_of(&events),
        ["deadline.fired", "reminder.sent", "message.queued"]
    );
    world.delivered();
    world.sleep(5 * MINUTE).customer("still there?");
    assert_eq!(
        names_of(&world.sleep(12 * MINUTE).wake(false)),
        [""; 0],
        "one is enough"
    );
    world.send(agent(1), "I am here").unwrap();
    world.delivered();
    world.sleep(MINUTE).customer("thanks");
    assert_eq!(
        names_of(&world.sleep(10 * MINUTE).wake(false))[1],
        "reminder.sent",
        "a new period"
    );
}

#[test]
fn nothing_fires_while_control_is_under_way() {
    let mut world = with_agent();
    world.customer("one more thing");
    world.policy.timers.customer_silent_agent = Some(MINUTE);
    world.send(agent(1), "my colleague knows").unwrap();
    world.customer("who?");
    world
        .ask(agent(1), pass(Holder::Agent(agent_id(2))))
        .unwrap();
    assert!(
        world.thread.leaving().is_some(),
        "it waits for the message before it"
    );
    world.sleep(HOUR);
    assert_eq!(
        world.wake(false),
        [],
        "a reminder would be queued behind the change of control"
    );
}

#[test]
fn a_silent_agent_gives_way_to_the_queue() {
    let mut world = with_agent();
    world.sleep(30 * MINUTE);
    let events = world.wake(false);
    assert!(
        names_of(&events).ends_with(&["agent.unassigned", "control.passed"]),
        "{:?}",
        names_of(&events)
    );
    assert_eq!(*world.thread.holder(), inbox(1));
}

#[test]
fn a_customer_silent_with_an_agent_is_closed_and_surveyed_and_may_answer() {
    let mut world = with_agent();
    world.send(agent(1), "here you are").unwrap();
    world.delivered();
    world.sleep(24 * HOUR);
    let events = world.wake(false);
    assert_eq!(
        names_of(&events),
        [
            "deadline.fired",
            "agent.unassigned",
            "conversation.closed",
            "survey.sent",
            "message.queued"
        ]
    );
    assert!(matches!(
        events[2],
        Event::Closed {
            reason: CloseReason::SilentWithAgent,
            ..
        }
    ));
    world.delivered();
    world.delivered();
    let events = world.sleep(MINUTE).customer(" yes, THANKS ");
    assert_eq!(names_of(&events), ["message.received", "survey.answered"]);
    assert_eq!(
        events[1],
        Event::SurveyAnswered {
            answer: "yes".to_owned()
        }
    );
    assert!(world.thread.open().is_none(), "an answer opens nothing");
    assert_eq!(
        names_of(&world.customer("yes"))[0],
        "conversation.opened",
        "there is one answer"
    );
}

#[test]
fn a_survey_that_has_not_left_is_void_when_the_customer_writes_again() {
    let mut world = with_agent();
    world
        .ask(agent(1), crate::world::close(CloseReason::Agent))
        .unwrap();
    let events = world.sleep(SECOND).customer("one more thing");
    assert_eq!(
        names_of(&events),
        ["message.failed", "conversation.opened", "message.received"]
    );
}

#[test]
fn the_queues_limit_gives_the_bot_a_debt_and_the_news() {
    let mut world = World::new(own_desk());
    world.customer("a person, please");
    world.ask(Actor::Bot, pass(Holder::Queue(None))).unwrap();
    world.sleep(MINUTE).customer("are you there?");
    world.now = world.at(20 * MINUTE);
    assert_eq!(
        names_of(&world.wake(false)),
        ["deadline.fired", "queue.limit", "control.passed"]
    );
    let (untold, open) = (world.thread.untold.unwrap(), world.thread.open().unwrap());
    assert_eq!(
        (untold.from, untold.next),
        (1, world.now),
        "what nobody answered is told"
    );
    assert_eq!(open.owes_since, Some(world.now));
}

#[test]
fn the_queues_limit_moves_once_or_only_tells() {
    for (limit, holder) in [
        (
            QueueLimit::ToInbox("inbox-0123456789abcdef01234-2".to_owned()),
            inbox(2),
        ),
        (QueueLimit::Notify, inbox(1)),
    ] {
        let mut policy = own_desk();
        policy.timers.queue_limit = Some((20 * MINUTE, limit));
        let mut world = World::new(policy);
        world.customer("a person, please");
        world.ask(Actor::Bot, pass(Holder::Queue(None))).unwrap();
        assert_eq!(
            names_of(&world.sleep(20 * MINUTE).wake(false))[1],
            "queue.limit"
        );
        assert_eq!(*world.thread.holder(), holder);
        assert_eq!(world.sleep(DAY).wake(false), [], "the limit counts once");
    }
}

#[test]
fn a_desk_that_was_quiet_for_seven_days_is_asked() {
    let mut world = World::new(gladly());
    world.customer("a person, please");
    world.news(News::Control(Holder::Agent(agent_id(1))));
    world.sleep(7 * DAY);
    let events = world.wake(false);
    assert!(matches!(
        events[..],
        [Event::DeadlineFired {
            kind: DeadlineKind::PlatformCheck,
            ..
        }]
    ));
    let events = world.outcome(crate::world::not_ours(NotOurs::Gone));
    assert!(matches!(
        events[1],
        Event::Closed {
            reason: CloseReason::Lost,
            ..
        }
    ));
}

#[test]
fn the_bot_is_told_again_until_it_takes_it_and_an_answer_proves_it() {
    let mut world = World::new(gladly());
    world.customer("good day");
    for wait in TELL_RETRIES {
        world
            .run(&Command::TellFailed {
                from: 1,
                tried: true,
            })
            .unwrap();
        assert_eq!(world.thread.untold.unwrap().next, world.now.plus(wait));
        assert!(world.armed().unwrap() <= world.now.plus(wait));
        world.now = world.now.plus(wait);
    }
    world.customer("hello?");
    assert!(
        !world.log.last().unwrap().leaves.tell,
        "whoever retries tells what came after, too"
    );
    assert_eq!(
        *world.thread.holder(),
        Holder::Bot,
        "retries never change the holder"
    );
    world.send(Actor::Bot, "good day").unwrap();
    let untold = world.thread.untold.unwrap();
    assert_eq!(
        (untold.from, untold.attempts, untold.next),
        (2, 0, world.now),
        "the second is still owed"
    );
    let through = world.thread.seq;
    world.run(&Command::TellSucceeded { through }).unwrap();
    assert_eq!(world.thread.untold, None);
}

#[test]
fn a_bot_known_to_be_slow_is_left_to_the_sweep_untried() {
    let mut world = World::new(gladly());
    world.customer("good day");
    world
        .run(&Command::TellFailed {
            from: 1,
            tried: false,
        })
        .unwrap();
    let untold = world.thread.untold.unwrap();
    assert_eq!(
        (untold.attempts, untold.next, world.armed()),
        (0, world.now, Some(world.now))
    );
}

#[test]
fn a_bot_that_does_not_hold_is_told_nothing() {
    let mut world = World::new(gladly());
    world.customer("good day");
    world
        .run(&Command::TellFailed {
            from: 1,
            tried: true,
        })
        .unwrap();
    world.news(News::Control(Holder::Agent(agent_id(1))));
    assert_eq!(world.thread.untold, None);
    assert_eq!(
        world.run(&Command::TellFailed {
            from: 1,
            tried: true
        }),
        Ok(vec![])
    );
}

#[test]
fn an_entrys_time_is_never_before_the_last() {
    let mut world = World::new(gladly());
    world.customer("good day");
    world.sleep(-3 * SECOND).customer("and?");
    assert_eq!(world.log[1].at, world.log[0].at);
}

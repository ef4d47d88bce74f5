//! A customer writes, the bot answers, somebody ends it; and what comes late.

use crate::world::{START, World, agent_id, close, gladly, inbox, names, names_of, own_desk, pass};
use baton_domain::time::{DAY, MINUTE, SECOND};
use baton_domain::{
    Actor, CloseReason, Command, Event, Holder, HolderKind, News, OnBotSilence, PlatformEvent,
    Rejection, Request, Timestamp,
};

#[test]
fn a_message_an_answer_a_handoff_and_the_desks_close() {
    let mut world = World::new(gladly());
    assert_eq!(
        names_of(&world.customer("where is my order?")),
        ["conversation.opened", "message.received"]
    );
    assert!(world.log[0].leaves.tell && world.log[0].leaves.row && !world.log[0].leaves.deliver);
    assert_eq!(*world.thread.holder(), Holder::Bot);

    world
        .sleep(2 * SECOND)
        .send(Actor::Bot, "let me see")
        .unwrap();
    assert!(
        world.log[1].leaves.deliver,
        "nobody claimed it, so it is left to the relay"
    );
    assert_eq!(names_of(&world.sleep(SECOND).delivered()), ["message.sent"]);

    world
        .sleep(7 * SECOND)
        .ask(Actor::Bot, pass(Holder::Queue(None)))
        .unwrap();
    assert_eq!(
        *world.thread.holder(),
        Holder::Bot,
        "until the platform has done it"
    );
    assert_eq!(names_of(&world.delivered()), ["control.passed"]);
    assert_eq!(
        *world.thread.holder(),
        inbox(1),
        "without a target it goes to the default inbox"
    );

    world
        .sleep(30 * SECOND)
        .news(News::Control(Holder::Agent(agent_id(1))));
    world.sleep(MINUTE);
    let closed = world.news(News::Closed);
    assert_eq!(names_of(&closed), ["platform.heard", "conversation.closed"]);
    let last = world.thread.conversation.clone().unwrap();
    assert_eq!(last.closed.as_ref().unwrap().reason, CloseReason::Agent);
    let held = |kind| last.ledger.held(kind) / SECOND;
    assert_eq!(
        [
            held(HolderKind::Bot),
            held(HolderKind::Queue),
            held(HolderKind::Agent)
        ],
        [10, 30, 60]
    );
}

#[test]
fn a_customer_who_falls_silent_is_abandoned_not_handed_off() {
    let mut world = World::new(gladly());
    world.customer("good day");
    world.send(Actor::Bot, "good day").unwrap();
    world.delivered();
    world.now = world.at(300 * SECOND - 1);
    assert_eq!(world.wake(true), [], "not a moment early");
    world.now = world.at(300 * SECOND);
    assert_eq!(
        names_of(&world.wake(true)),
        ["deadline.fired", "conversation.closed"]
    );
    let last = world
        .thread
        .conversation
        .as_ref()
        .unwrap()
        .closed
        .as_ref()
        .unwrap();
    assert_eq!(
        (last.reason, &last.by),
        (CloseReason::Abandoned, &Actor::Hub)
    );
    assert!(
        world.thread.outbox.is_empty(),
        "a timer of the hub never calls the platform's close"
    );
}

#[test]
fn the_platforms_own_close_for_silence_is_abandoned_too() {
    let mut world = World::new(gladly());
    world.customer("good day");
    world.send(Actor::Bot, "good day").unwrap();
    world.delivered();
    world.sleep(299 * SECOND).news(News::Closed);
    let last = world
        .thread
        .conversation
        .as_ref()
        .unwrap()
        .closed
        .as_ref()
        .unwrap();
    assert_eq!(last.reason, CloseReason::Abandoned);
}

#[test]
fn a_close_by_the_platform_cancels_what_has_not_left() {
    let mut world = World::new(gladly());
    world.customer("good day");
    let message = world.send(Actor::Bot, "good day").unwrap();
    let events = world.sleep(SECOND).news(News::Closed);
    assert_eq!(
        names_of(&events),
        ["platform.heard", "message.failed", "conversation.closed"]
    );
    assert!(
        matches!(events[1], Event::Failed { work, why: baton_domain::Failure::Superseded, .. } if work == message)
    );
    assert_eq!(
        world.send(Actor::Bot, "are you there?"),
        Err(Rejection::Closed(CloseReason::Platform))
    );
    // The call was under way, though, and the message left: still worth knowing.
    let late = world.outcome_of(
        message,
        baton_domain::WorkResult::done(Some("late-1".to_owned())),
    );
    assert_eq!(names_of(&late), ["message.sent"]);
}

#[test]
fn the_platforms_word_of_our_own_close_fulfils_it() {
    let mut world = World::new(gladly());
    world.customer("thanks, bye");
    world.ask(Actor::Bot, close(CloseReason::Bot)).unwrap();
    let request = world.thread.outbox[0].place;
    let events = world.news(News::Closed);
    assert_eq!(
        events[1],
        Event::Closed {
            reason: CloseReason::Bot,
            by: Actor::Bot,
            work: Some(request)
        },
        "no control.failed for what came about"
    );
}

#[test]
fn a_gladly_session_that_speaks_again_is_reopened() {
    let mut world = World::new(gladly());
    world.customer("good day");
    world
        .sleep(SECOND)
        .ask(Actor::Bot, close(CloseReason::Bot))
        .unwrap();
    world.delivered();
    let epoch = world.thread.epoch;
    world.sleep(DAY);
    assert_eq!(
        names_of(&world.customer("one more thing")),
        ["conversation.reopened", "message.received"]
    );
    assert!(world.thread.epoch > epoch && world.log.last().unwrap().leaves.tell);
    let open = world.thread.open().unwrap();
    assert_eq!(
        (
            open.first_seq,
            open.time_held(world.now).held(HolderKind::Nobody)
        ),
        (1, DAY)
    );
}

#[test]
fn without_grace_the_next_message_opens_the_next_conversation() {
    let mut world = World::new(own_desk());
    world.customer("good day");
    world
        .sleep(SECOND)
        .ask(Actor::Bot, close(CloseReason::Bot))
        .unwrap();
    world.sleep(1);
    assert_eq!(
        names_of(&world.customer("one more thing")),
        ["conversation.opened", "message.received"]
    );
    assert_eq!(world.thread.open().unwrap().first_seq, world.thread.seq);
}

#[test]
fn a_message_written_before_the_platforms_end_belongs_to_what_ended() {
    let mut world = World::new(gladly());
    world.customer("good day");
    let late = world.event(message("wait"));
    world.sleep(10 * SECOND).news(News::Closed);
    assert_eq!(
        names_of(&world.sleep(SECOND).tell(vec![late]).unwrap()),
        ["message.received"]
    );
    assert!(world.thread.open().is_none());
    // Written after the platform's end, though before we heard of it: it wants an answer.
    let mut world = World::new(gladly());
    world.customer("good day");
    let closed = world.event(News::Closed);
    world.sleep(10 * SECOND);
    let next = world.event(message("hello again"));
    world.sleep(10 * SECOND).tell(vec![closed]).unwrap();
    world.sleep(SECOND).tell(vec![next]).unwrap();
    assert_eq!(*world.thread.holder(), Holder::Bot);
    assert!(world.thread.open().is_some());
}

#[test]
fn news_of_control_that_comes_late_is_history() {
    let mut world = World::new(gladly());
    world.customer("good day");
    let first = world.sleep(SECOND).event(News::Control(inbox(2)));
    let second = world
        .sleep(SECOND)
        .event(News::Control(Holder::Agent(agent_id(1))));
    world.tell(vec![second]).unwrap();
    assert_eq!(world.tell(vec![first]).unwrap(), []);
    assert_eq!(*world.thread.holder(), Holder::Agent(agent_id(1)));
    // The end of an earlier stretch does not end the one that began after it.
    let mut world = World::new(gladly());
    world.customer("good day");
    let ended = world.sleep(SECOND).event(News::Closed);
    world
        .sleep(SECOND)
        .ask(Actor::Bot, close(CloseReason::Bot))
        .unwrap();
    world.delivered();
    world.sleep(SECOND).customer("one more thing");
    assert_eq!(world.tell(vec![ended]).unwrap(), []);
    assert!(world.thread.open().is_some());
}

#[test]
fn a_silent_bot_hands_off_or_closes_as_the_connection_wants() {
    let mut world = World::new(gladly());
    world.customer("hello?");
    world.now = world.at(60 * SECOND);
    assert_eq!(
        names_of(&world.wake(true)),
        ["deadline.fired", "control.requested", "claim.taken"]
    );
    world.delivered();
    assert_eq!(*world.thread.holder(), inbox(1));

    let mut policy = gladly();
    policy.on_bot_silence = OnBotSilence::Close;
    let mut world = World::new(policy);
    world.customer("hello?");
    world.now = world.at(60 * SECOND);
    world.wake(true);
    let last = world
        .thread
        .conversation
        .as_ref()
        .unwrap()
        .closed
        .as_ref()
        .unwrap();
    assert_eq!(last.reason, CloseReason::BotSilent);
}

#[test]
fn a_moved_customer_keeps_the_holder() {
    let mut old = World::new(own_desk());
    old.customer("I have a new number");
    old.run(&Command::MovedAway).unwrap();
    assert_eq!(
        old.thread
            .conversation
            .as_ref()
            .unwrap()
            .closed
            .as_ref()
            .unwrap()
            .reason,
        CloseReason::Moved
    );
    let mut new = World::new(own_desk());
    let agent = Holder::Agent(agent_id(1));
    let events = new
        .run(&Command::MovedHere {
            identity: names(),
            holder: agent.clone(),
        })
        .unwrap();
    assert_eq!(names_of(&events), ["conversation.opened", "agent.assigned"]);
    assert_eq!(*new.thread.holder(), agent);
}

#[test]
fn an_erased_thread_keeps_no_names_and_takes_no_old_news() {
    let mut world = World::new(gladly());
    let first = world.event(message("my secret"));
    let second = world.event(message("another"));
    world.tell(vec![first.clone()]).unwrap();
    world.send(Actor::Bot, "noted").unwrap();
    let events = world.sleep(MINUTE).run(&Command::Erase).unwrap();
    assert_eq!(
        names_of(&events),
        ["message.failed", "conversation.closed", "thread.erased"]
    );
    assert_eq!(
        (
            world.thread.identity.name.as_str(),
            world.thread.outbox.len()
        ),
        ("", 0)
    );
    assert_eq!(
        world.tell(vec![first, second]).unwrap(),
        [],
        "known, or written before the erasure"
    );
    assert_eq!(world.thread.identity.connection, names().connection);
    world.sleep(SECOND);
    assert_eq!(
        names_of(&world.customer("good day")),
        ["conversation.opened", "message.received"],
        "what was erased does not go on"
    );
}

#[test]
fn what_an_erasure_leaves_to_do_is_due_until_it_is_done() {
    let mut world = World::new(gladly());
    world.customer("my secret");
    world.sleep(MINUTE).run(&Command::Erase).unwrap();
    let erasure = world.thread.forgetting.expect("its traces are there");
    assert_eq!(erasure.0, world.thread.erased_by);
    assert!(world.thread.is_erased());
    assert!(!baton_domain::arming::at_rest(&world.thread));
    let due = baton_domain::next_wake(&world.thread, &world.policy, world.now);
    assert!(due <= world.now, "at once: {due:?}");
    assert_eq!(
        world.run(&Command::Erase).unwrap(),
        [],
        "there is nothing more to erase"
    );
    let other = baton_domain::Place(erasure.0, erasure.1 + 1);
    assert_eq!(
        world.run(&Command::Forgotten { erasure: other }).unwrap(),
        []
    );
    world.run(&Command::Forgotten { erasure }).unwrap();
    assert_eq!(world.thread.forgetting, None);
    assert!(baton_domain::arming::at_rest(&world.thread));
}

#[test]
fn what_was_erased_vanishes_even_where_it_would_be_too_old_or_looked_up() {
    let mut world = World::new(gladly());
    let late = world.event(message("late"));
    for number in 0..30 {
        world.sleep(SECOND).customer(&format!("message {number}"));
    }
    world.sleep(MINUTE).run(&Command::Erase).unwrap();
    // Older than what the ring of ids remembers: the log, which is blank, is not asked.
    assert_eq!(world.tell(vec![late.clone()]).unwrap(), []);
    world.sleep(9 * baton_domain::time::DAY);
    // Too old for the log; elsewhere that is kept to be looked at.
    assert_eq!(world.tell(vec![late]).unwrap(), []);
}

#[test]
fn an_erased_thread_takes_no_names() {
    let mut world = World::new(gladly());
    world.customer("hello");
    world.sleep(MINUTE).run(&Command::Erase).unwrap();
    world.sleep(MINUTE);
    let renamed = world.event(News::Renamed {
        customer: Some("another".to_owned()),
        conversation: None,
    });
    assert_eq!(world.tell(vec![renamed]).unwrap(), []);
}

#[test]
fn who_opens_a_conversation_speaks_first() {
    let mut world = World::new(own_desk());
    let open = |by| Command::Open {
        request: Request::by(by),
        identity: names(),
        content: baton_domain::Content::text("hi"),
    };
    let events = world.run(&open(crate::world::agent(1))).unwrap();
    assert_eq!(
        names_of(&events),
        ["conversation.opened", "agent.assigned", "message.queued"]
    );
    assert!(
        matches!(
            world.run(&open(Actor::Bot)),
            Err(Rejection::NotHolder { .. })
        ),
        "it is a send now"
    );
}

#[test]
fn an_event_older_than_the_log_is_ignored() {
    let mut world = World::new(gladly());
    world.now = START.plus(30 * DAY);
    let old = PlatformEvent {
        at: Timestamp(START.0),
        ..world.event(message("from last month"))
    };
    assert_eq!(world.tell(vec![old]), Err(Rejection::TooOld));
    assert_eq!(world.thread.seq, 0);
}

fn message(text: &str) -> News {
    News::Message {
        id: format!("in-{text}"),
        content: baton_domain::Content::text(text),
        context: [].into(),
    }
}

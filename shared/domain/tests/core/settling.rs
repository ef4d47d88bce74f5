//! From any state the machinery alone - relay, publish, sweep - brings all work to an
//! end: no head of an outbox stays for good, no bot stays untold, no claim outlives its
//! owner, and what ends is at rest.

use crate::property::Driver;
use crate::steps::{policy, step};
use crate::world::{START, World, failed};
use baton_domain::time::{DAY, MINUTE, SECOND};
use baton_domain::{Command, Timestamp, WorkKind, WorkResult};
use proptest::prelude::*;

/// How the world outside behaves from now on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outside {
    /// Every call succeeds.
    Well,
    /// The first owners vanish after they took the claim, before any outcome.
    OwnersVanish,
    /// Every owner vanishes after its first outcome.
    OwnersTire,
    /// Every call fails.
    Down,
    /// No call is ever answered.
    Silent,
}

/// Runs the machinery until nothing is left to do but wait for people.
fn settle(world: &mut World, outside: Outside) {
    world.now = world.now.max(world.thread.last_at);
    let began = world.now;
    let mut vanish = if outside == Outside::OwnersVanish {
        3
    } else {
        0
    };
    let mut published = None;
    for _ in 0..2_000 {
        if settled(world, outside) {
            break;
        }
        if world.thread.claimed_until != published {
            published = world.thread.claimed_until;
            publish(world);
        }
        let left_to_relay = world.log.last().is_some_and(|entry| entry.leaves.deliver);
        if left_to_relay && world.thread.deliverable(world.now) {
            let until = world.now.plus(30 * SECOND);
            world
                .run(&Command::Claim { until })
                .expect("nobody owns it");
            own(world, outside, &mut vanish);
            continue;
        }
        let armed = world.armed().expect("what has work left is armed");
        assert!(
            armed <= world.now.plus(7 * DAY + SECOND),
            "armed within reach"
        );
        world.now = world.now.max(Timestamp(armed.seconds_up() * 1_000 + 500));
        world.wake(true);
        own(world, outside, &mut vanish);
        tell(world, outside);
    }
    assert!(
        settled(world, outside),
        "still waiting: {:?} {:?}",
        world.thread.outbox,
        world.thread.untold
    );
    // Twenty messages of 60 s each, with their last waits, and a change of control.
    // bites: `armed_by_stream` always true for a live claim.
    assert!(
        world.now.since(began) <= 60 * MINUTE,
        "and it took {} s",
        world.now.since(began) / 1_000
    );
}

fn settled(world: &World, outside: Outside) -> bool {
    let thread = &world.thread;
    let helpless = matches!(outside, Outside::Down | Outside::Silent);
    let waits = thread
        .outbox
        .iter()
        .any(|work| !(helpless && matches!(work.kind, WorkKind::FreeSeat { .. })));
    !waits && (helpless || thread.untold.is_none())
}

/// Arms the thread for the end of a claim that has had no outcome.
fn publish(world: &mut World) {
    if !world.laws.claim_had_outcome() {
        let standing = world.checkpoint_due.filter(|at| *at > world.now);
        world.checkpoint_due = standing.into_iter().chain(world.thread.claimed_until).min();
    }
}

/// The owner of the claim goes through the outbox, or vanishes.
fn own(world: &mut World, outside: Outside, vanish: &mut u32) {
    if !world.thread.claim_is_live(world.now) {
        return;
    }
    if *vanish > 0 {
        *vanish -= 1;
        return;
    }
    while let Some(head) = world.thread.outbox.first() {
        if head.not_before.is_some_and(|at| at > world.now) {
            return;
        }
        let later = world.now.plus(10 * SECOND);
        let (work, number) = (head.place, world.thread.seq);
        let result = match outside {
            Outside::Well | Outside::OwnersVanish | Outside::OwnersTire => {
                WorkResult::done(Some(format!("settled-{number}")))
            }
            Outside::Down => failed(later),
            Outside::Silent => WorkResult::Unknown { not_before: later },
        };
        let end_claim = matches!(outside, Outside::Down | Outside::Silent);
        world
            .run(&Command::Outcome {
                work,
                result,
                end_claim: world.thread.claimed_until.filter(|_| end_claim),
            })
            .expect("outcomes are taken");
        if end_claim || outside == Outside::OwnersTire {
            return;
        }
    }
}

/// Whoever woke the thread tells the bot what it has not been told.
fn tell(world: &mut World, outside: Outside) {
    let Some(untold) = world
        .thread
        .untold
        .filter(|untold| untold.next <= world.now)
    else {
        return;
    };
    let command = match outside {
        Outside::Down | Outside::Silent => Command::TellFailed {
            from: untold.from,
            tried: true,
        },
        _ => Command::TellSucceeded {
            through: world.thread.seq,
        },
    };
    world.run(&command).expect("tellings are taken");
}

fn outside() -> impl Strategy<Value = Outside> {
    prop::sample::select(vec![
        Outside::Well,
        Outside::OwnersVanish,
        Outside::OwnersTire,
        Outside::Down,
        Outside::Silent,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    /// bites: `WorkResult::Unknown` that is never given up; a seat that cannot be freed
    /// and does not step back.
    #[test]
    fn all_work_comes_to_an_end(
        policy in policy(),
        steps in prop::collection::vec(step(), 1..60),
        outside in outside(),
    ) {
        let mut driver = Driver::new(policy);
        for step in steps {
            driver.take(step);
        }
        if driver.world.log.is_empty() {
            return Ok(());
        }
        settle(&mut driver.world, outside);
    }
}

#[test]
fn a_closed_thread_comes_to_rest_and_arms_nothing() {
    let mut world = World::new(crate::world::gladly());
    world.customer("good day");
    world.news(baton_domain::News::Closed);
    assert!(
        world.armed().is_some_and(|armed| armed > START),
        "the first wake after a close is armed"
    );
    world.sleep(DAY * 8);
    assert_eq!(world.wake(true), []);
    assert_eq!(world.armed(), None);
}

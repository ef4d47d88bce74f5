//! Random commands in any order, under every kind of policy, with clocks that differ:
//! the laws hold after every step, and what was done once is not done again.

use crate::steps::{Step, actor, asked, event, policy, step};
use crate::world::{World, failed, inbox, key, names, not_ours, passed_with_note};
use baton_domain::time::{DAY, SECOND};
use baton_domain::{
    Command, Content, Event, Fingerprint, KeyUse, NotOurs, Place, PlatformEvent, Policy, Rejection,
    Request, Timestamp, WorkResult,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A world and what the test itself remembers of it.
pub(crate) struct Driver {
    pub(crate) world: World,
    clock: i64,
    /// Every platform event that was taken in: what it made a duplicate of.
    taken: BTreeMap<Fingerprint, u64>,
    /// The platform events by their number: told again, they are the same.
    told: BTreeMap<u64, PlatformEvent>,
    /// Every accepted use of a key, with the time of its entry and what it made.
    keys: BTreeMap<Fingerprint, (KeyUse, Timestamp, Place)>,
}

impl Driver {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            world: World::new(policy),
            clock: 0,
            taken: BTreeMap::new(),
            told: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    pub(crate) fn take(&mut self, step: Step) {
        match step {
            Step::Sleep(millis) => {
                self.world.sleep(millis);
            }
            Step::Clock(skew) => {
                self.world.sleep(skew - self.clock);
                self.clock = skew;
            }
            Step::SleepToWake => {
                if let Some(armed) = self.world.armed() {
                    self.world.now = self
                        .world
                        .now
                        .max(Timestamp(armed.seconds_up() * 1_000 + 500));
                }
                self.wake(true);
            }
            Step::Wake { claim } => self.wake(claim),
            Step::News { events, named } => self.news(&events, named),
            Step::Send {
                by,
                epoch,
                key,
                claim,
            } => {
                let request = self.request(by, epoch, key, claim);
                self.keyed(request, |request| Command::Send {
                    request,
                    content: Content::text("hello"),
                });
            }
            Step::Control {
                by,
                ask,
                epoch,
                key,
                claim,
            } => {
                let request = self.request(by, epoch, key, claim);
                self.keyed(request, |request| Command::Control {
                    request,
                    ask: asked(ask),
                });
            }
            Step::Open { by, key } => {
                let request = self.request(by, 0, key, false);
                let content = Content::text("good day");
                self.keyed(request, |request| Command::Open {
                    request,
                    identity: names(),
                    content: content.clone(),
                });
            }
            Step::Claim => {
                let until = self.world.now.plus(30 * SECOND);
                let live = self
                    .world
                    .thread
                    .claim_is_live(self.world.now.max(self.world.thread.last_at));
                let claimed = self.world.run(&Command::Claim { until });
                // bites: `request::claim` without looking at the present claim.
                assert_eq!(claimed.is_err(), live, "one owner at a time");
            }
            Step::Outcome {
                stale,
                result,
                later,
                end_claim,
            } => self.outcome(stale, result, later, end_claim),
            Step::TellFailed { back, tried } => {
                let from = self.world.thread.seq.saturating_sub(back);
                self.quietly(&Command::TellFailed { from, tried });
            }
            Step::TellSucceeded { back } => {
                let through = self.world.thread.seq.saturating_sub(back);
                self.quietly(&Command::TellSucceeded { through });
            }
            Step::MovedAway => self.quietly(&Command::MovedAway),
            Step::MovedHere => self.quietly(&Command::MovedHere {
                identity: names(),
                holder: inbox(3),
            }),
            Step::Erase => self.quietly(&Command::Erase),
        }
    }

    fn quietly(&mut self, command: &Command) {
        self.world
            .run(command)
            .expect("the hub's own commands are never turned down");
    }

    fn wake(&mut self, claim: bool) {
        self.world.wake(claim);
        // A wake does all that is due, and a second one finds nothing.
        let again = self
            .world
            .run(&Command::Wake {
                claim_until: None,
                due_by: self.world.now,
            })
            .unwrap();
        // bites: `fired` without raising `heard_at` for the platform check.
        assert_eq!(again, [], "what has fired does not fire again");
    }

    fn news(&mut self, numbers: &[(u64, i64)], named: bool) {
        let now = self.world.now;
        let told = &mut self.told;
        let events: Vec<PlatformEvent> = numbers
            .iter()
            .map(|(n, age)| {
                told.entry(*n)
                    .or_insert_with(|| event(*n, now.plus(-age)))
                    .clone()
            })
            .collect();
        let identity = named.then(names);
        let first = self.tell(events.clone(), identity.clone());
        for (index, event) in first.iter().enumerate() {
            if let Event::Received { event, .. } | Event::Heard { event, .. } = event {
                let seq = self.world.thread.seq;
                let was = self.taken.insert(*event, seq);
                // bites: `verdict` answering `New` for what was dropped.
                assert_eq!(
                    was, None,
                    "event {index} of entry {seq} was taken in before"
                );
            }
        }
        // bites: not remembering, with the rest of its webhook, what changed nothing.
        assert_eq!(self.tell(events, identity), [], "a duplicate does nothing");
    }

    /// What a webhook does: what the state is unsure of is looked up in the log.
    fn tell(
        &mut self,
        mut events: Vec<PlatformEvent>,
        identity: Option<baton_domain::Identity>,
    ) -> Vec<Event> {
        let mut known_new = Vec::new();
        for _ in 0..3 {
            let command = Command::News {
                identity: identity.clone(),
                events: events.clone(),
                known_new: known_new.clone(),
            };
            match self.world.run(&command) {
                Ok(made) => return made,
                Err(Rejection::EventsUnsure(unsure)) => {
                    events.retain(|event| {
                        !unsure.contains(&event.id) || !self.taken.contains_key(&event.id)
                    });
                    known_new.extend(unsure.into_iter().filter(|id| !self.taken.contains_key(id)));
                }
                Err(Rejection::TooOld) => return Vec::new(),
                Err(other) => panic!("news is never turned down: {other}"),
            }
        }
        panic!("one look at the log is enough");
    }

    fn request(&self, by: u8, epoch: u8, key: u8, claim: bool) -> Request {
        let present = self.world.thread.epoch;
        Request {
            by: actor(by),
            epoch: match epoch {
                0..3 => None,
                3 | 4 => Some(present),
                _ => Some(present.wrapping_sub(1)),
            },
            key: (key > 1).then(|| crate::world::key(u64::from(key / 2), u64::from(key % 2))),
            key_is_new: false,
            claim_until: claim.then(|| self.world.now.plus(10 * SECOND)),
        }
    }

    /// A call with a key: it acts once, and the repeated one gets what the first made.
    fn keyed(&mut self, mut request: Request, command: impl Fn(Request) -> Command) {
        let now = self.world.now.max(self.world.thread.last_at);
        // Stored in whole seconds, a key may hold for up to one second more.
        let used = request.key.and_then(|key| self.keys.get(&key.key).copied());
        let used = used.filter(|(_, at, _)| now.since(*at) < DAY + SECOND);
        let surely = used.filter(|(_, at, _)| now.since(*at) < DAY);
        let mut answer = self.world.run(&command(request.clone()));
        if answer == Err(Rejection::KeyUnsure) {
            if surely.is_some() {
                return;
            }
            request.key_is_new = true;
            answer = self.world.run(&command(request.clone()));
        }
        match (answer, used) {
            // bites: `check_key` after the test of the epoch.
            (Err(Rejection::Repeated(place)), Some((key, _, made))) => {
                assert_eq!(
                    (Some(key), place),
                    (request.key, made),
                    "the same place for the same call"
                );
            }
            (Err(Rejection::KeyReused), Some((key, _, _))) => assert_ne!(Some(key), request.key),
            (Err(Rejection::Repeated(_) | Rejection::KeyReused), None) => {
                panic!("a key that was never used")
            }
            (answer, _) if surely.is_some() => panic!("the key acted twice: {answer:?}"),
            (Ok(events), _) => {
                let index = events
                    .iter()
                    .position(|event| matches!(event, Event::Queued { key, .. } | Event::ControlRequested { key, .. } if *key == request.key));
                let place = Place(
                    self.world.thread.seq,
                    index.expect("the request is an event") as u32,
                );
                if let Some(key) = request.key {
                    self.keys
                        .insert(key.key, (key, self.world.thread.last_at, place));
                }
            }
            (Err(_), _) => {}
        }
    }

    fn outcome(&mut self, stale: bool, result: u8, later: i64, end_claim: bool) {
        let head = self.world.thread.outbox.first().map(|work| work.place);
        // A deliverer tells of the head, or of what was the head when it began.
        let work = match head {
            Some(head) if !stale => head,
            _ => match self.a_message_of_old() {
                Some(place) => place,
                None => return,
            },
        };
        let result = self.result(result, later, work);
        self.quietly(&Command::Outcome {
            work,
            result,
            end_claim: self.world.thread.claimed_until.filter(|_| end_claim),
        });
        if end_claim {
            assert!(
                self.world.thread.claimed_until.is_none(),
                "who lets go owns nothing"
            );
        }
    }

    /// A message that waits no longer, asked for a few entries ago: no call lasts longer
    /// than a claim, and the memory of what left reaches back further.
    fn a_message_of_old(&self) -> Option<Place> {
        let places = self.world.log.iter().flat_map(|entry| {
            entry
                .events
                .iter()
                .enumerate()
                .map(|(index, event)| (Place(entry.seq, index as u32), event))
        });
        places
            .rev()
            .filter(|(place, event)| {
                matches!(event, Event::Queued { .. }) && self.world.thread.work(*place).is_none()
            })
            .map(|(place, _)| place)
            .next()
            .filter(|place| self.world.thread.seq - place.0 < 4)
    }

    fn result(&self, result: u8, later: i64, work: Place) -> WorkResult {
        let not_before = self.world.now.plus(later);
        match result {
            0..3 => WorkResult::done(Some(format!("platform-{}-{}", work.0, work.1))),
            3 => WorkResult::done(None),
            4 => passed_with_note(),
            5 => WorkResult::Done {
                platform_id: None,
                holder: Some(inbox(2)),
                owed: Vec::new(),
            },
            6 => WorkResult::Refused {
                detail: "the platform answered 400".to_owned(),
            },
            7 => not_ours(NotOurs::Desk),
            8 => not_ours(NotOurs::Gone),
            9 => failed(not_before),
            10 => WorkResult::Retry {
                not_before,
                failure: false,
                detail: "pair rate".to_owned(),
            },
            _ => WorkResult::Unknown { not_before },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order, every law holds after every step.
    #[test]
    fn no_order_of_things_breaks_a_law(policy in policy(), steps in prop::collection::vec(step(), 1..80)) {
        let mut driver = Driver::new(policy);
        for step in steps {
            driver.take(step);
        }
    }
}

#[test]
fn a_key_of_the_tests_is_one_key() {
    assert_eq!(key(1, 2).key, key(1, 3).key);
    assert_ne!(key(1, 2).body, key(1, 3).body);
}

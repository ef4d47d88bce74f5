//! The guarantees, checked after every commit, whatever led to it.
//!
//! Each law was seen to bite: the comment `bites:` names a change to the core under
//! which the property tests fail at that law.

use crate::world::World;
use baton_domain::arming::{self, Aside, Look, next_look};
use baton_domain::rings::{KEYS_KEPT, SEEN_KEPT};
use baton_domain::{
    Actor, Command, Desk, Entry, Event, Failure, Holder, HolderKind, Place, Thread, Timestamp,
    WorkKind, apply, apply_entry, deadlines,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a checkpoint may weigh, in bytes, with no more than a few pieces of work.
const CHECKPOINT_BYTES: usize = 1_024;

/// What the laws remember of the log.
#[derive(Default)]
pub(crate) struct Laws {
    /// Work asked for, and whether it is settled and how.
    fates: BTreeMap<Place, Option<Fate>>,
    /// The last erasure.
    erasure: Option<Place>,
    /// Messages that left, by the platform's id.
    sent: BTreeSet<(Place, Option<String>)>,
    /// The seat of the hub's own desk that this thread occupies.
    seat: Option<(String, u64)>,
    /// The epoch of the present holding.
    epoch: u64,
    /// Whether the present claim has had an outcome.
    claim_had_outcome: bool,
    folded: Thread,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Done,
    Void,
}

impl Laws {
    /// Whether the present claim has had an outcome.
    pub(crate) fn claim_had_outcome(&self) -> bool {
        self.claim_had_outcome
    }

    /// Checks an entry against the state that it was decided in.
    pub(crate) fn check_entry(
        &self,
        world: &World,
        before: &Thread,
        command: &Command,
        entry: &Entry,
        after: &Thread,
    ) {
        assert_eq!(entry.seq, before.seq + 1, "the log has no gap");
        // bites: `plan` without the `max` with `last_at`.
        assert!(
            entry.at >= before.last_at && entry.at >= world.now,
            "time never runs back"
        );
        may_ask(before, command);
        let mut state = before.clone();
        (state.seq, state.last_at) = (entry.seq, entry.at);
        for (index, event) in entry.events.iter().enumerate() {
            let next = apply(
                state.clone(),
                Place(entry.seq, index as u32),
                entry.at,
                event,
            );
            check_event(world, &state, command, entry, event, &next);
            state = next;
        }
        let received = entry
            .events
            .iter()
            .any(|event| matches!(event, Event::Received { .. }));
        if received && after.bot_holds() {
            // bites: `leaves` looking at the state before instead of after.
            let told_later = after.untold.is_some_and(|untold| untold.from <= entry.seq);
            assert!(
                entry.leaves.tell != told_later,
                "the bot is told what it was sent, by one teller"
            );
        }
        self.check_arming(world, before, command, entry, after);
    }

    /// Something is armed, and not later than the next deadline; work has a taker.
    fn check_arming(
        &self,
        world: &World,
        before: &Thread,
        command: &Command,
        entry: &Entry,
        after: &Thread,
    ) {
        let relied = |at: &Timestamp| at.since(entry.at) >= arming::ARMED_TOO_NEAR;
        let armed = world
            .rows
            .iter()
            .map(|row| row.at)
            .chain(world.checkpoint_due)
            .filter(relied)
            .chain(entry.due)
            .min()
            .map(Timestamp::seconds_up);
        let watched = is_watched(world, before, entry.at);
        let is_armed_for = |wanted: Timestamp| {
            armed.is_some_and(|armed| armed <= wanted.seconds_up())
                || (watched && wanted.since(entry.at) >= arming::WATCH_COVERS_FROM)
        };
        // bites: `ALWAYS_ARMED_WITHIN` left out of `next_wake`; `watched` without the
        // bot; `stays_covered` of a thread at rest.
        let will_look = world.armed().is_some() && !arming::at_rest(before);
        assert!(
            will_look || is_armed_for(entry.at.plus(arming::ALWAYS_ARMED_WITHIN)),
            "no entry expires uncovered"
        );
        // bites: `plan` not arming where work is left to `relay`; `watch_covers` taking
        // what is due in half a minute.
        for deadline in deadlines(after, &world.policy) {
            assert!(
                is_armed_for(deadline.at.max(entry.at)),
                "{deadline:?} is armed for"
            );
        }
        if let Some(untold) = after.untold {
            let waits = after.leaving().is_some();
            assert!(
                waits || is_armed_for(untold.next.max(entry.at)),
                "the next telling is armed for"
            );
        }
        let Some(head) = after.outbox.first() else {
            return;
        };
        let ready = head.not_before.unwrap_or(entry.at).max(entry.at);
        if let Some(end) = after
            .claimed_until
            .filter(|_| after.claim_is_live(entry.at))
        {
            let claims = entry
                .events
                .iter()
                .any(|event| matches!(event, Event::Claimed { .. }));
            let had =
                !claims && (self.claim_had_outcome || matches!(command, Command::Outcome { .. }));
            // It was armed when it began to matter, and what wakes then looks again.
            let armed = world.armed().into_iter().chain(entry.due).min();
            let armed = armed.expect("something is always armed").seconds_up();
            // bites: `armed_by_stream` always true for a live claim.
            assert!(
                !had || armed <= end.max(ready).seconds_up(),
                "a claim's end is armed for"
            );
        } else if ready > entry.at {
            // bites: `next_attempt` without `not_before`.
            assert!(is_armed_for(ready), "the next attempt is armed for");
        } else {
            assert!(
                entry.leaves.deliver,
                "work that nobody owns is left to the relay"
            );
        }
    }

    /// Takes the entry into memory and checks what became of the work before.
    pub(crate) fn note(&mut self, entry: &Entry) {
        self.folded = apply_entry(std::mem::take(&mut self.folded), entry);
        for (index, event) in entry.events.iter().enumerate() {
            let place = Place(entry.seq, index as u32);
            self.epoch = event.holding().map_or(self.epoch, |(_, epoch)| epoch);
            match event {
                Event::Claimed { .. } => self.claim_had_outcome = false,
                Event::Assigned { agent } => {
                    assert_eq!(self.seat, None, "one seat at a time");
                    self.seat = Some((agent.clone(), self.epoch));
                }
                Event::Unassigned { agent, epoch } => {
                    // bites: `leave_seat` after the change instead of before it.
                    assert_eq!(
                        self.seat.take(),
                        Some((agent.clone(), *epoch)),
                        "the seat that was taken is freed"
                    );
                }
                _ => {}
            }
            match event {
                Event::Queued { .. }
                | Event::ControlRequested { .. }
                | Event::CareOwed { .. }
                | Event::Unassigned { .. }
                | Event::DeadlineFired {
                    kind: baton_domain::DeadlineKind::PlatformCheck,
                    ..
                } => {
                    self.fates.insert(place, None);
                }
                Event::Erased => {
                    // A later erasure does an earlier one's work, too.
                    self.fates
                        .retain(|place, fate| fate.is_some() || Some(*place) != self.erasure);
                    self.fates.insert(place, None);
                    self.erasure = Some(place);
                }
                Event::Sent { work, id } => {
                    // bites: `gone` not looking whether the id was seen.
                    assert!(
                        self.sent.insert((*work, id.clone())),
                        "{work:?} is sent once as {id:?}"
                    );
                    self.settle(*work, Fate::Done);
                }
                Event::Failed { work, .. }
                | Event::Settled { work, .. }
                | Event::ControlFailed { work, .. } => {
                    self.settle(*work, Fate::Void);
                }
                Event::Passed {
                    work: Some(work), ..
                }
                | Event::Released {
                    work: Some(work), ..
                }
                | Event::Closed {
                    work: Some(work), ..
                } => self.settle(*work, Fate::Done),
                _ => {}
            }
            if matches!(
                event,
                Event::Sent { .. } | Event::Delayed { .. } | Event::Unknown { .. }
            ) {
                self.claim_had_outcome = true;
            }
        }
    }

    fn settle(&mut self, work: Place, fate: Fate) {
        match self.fates.insert(work, Some(fate)) {
            Some(None) => {}
            // It was cancelled or settled, and yet it left, once more or under another
            // id: that alone may come after.
            Some(Some(_)) if fate == Fate::Done => {}
            was => panic!("{work:?} was {was:?} and is {fate:?} now"),
        }
    }

    /// Checks the state by itself and against the log.
    pub(crate) fn check_state(&self, world: &World) {
        let thread = &world.thread;
        assert_eq!(&self.folded, thread, "the log is the truth");
        let waiting: Vec<Place> = thread.outbox.iter().map(|work| work.place).collect();
        // bites: `Settled` clearing whatever is being forgotten.
        let forgetting = thread.forgetting;
        let unsettled: Vec<Place> = self
            .fates
            .iter()
            .filter(|(_, fate)| fate.is_none())
            .map(|(place, _)| *place)
            .collect();
        // bites: `Draft::begin` without `supersede`: the survey vanishes without a word.
        let mut sorted: Vec<Place> = waiting.iter().copied().chain(forgetting).collect();
        sorted.sort();
        assert_eq!(sorted, unsettled, "work waits until its fate is told");
        let seats =
            |place: &Place| matches!(thread.work(*place).unwrap().kind, WorkKind::FreeSeat { .. });
        // bites: `step_back` for every kind of work.
        assert!(
            waiting.iter().filter(|place| !seats(place)).is_sorted(),
            "and leaves in its order"
        );
        if thread.open().is_none() {
            let survives = |kind: &WorkKind| kind.outlives_holding() || *kind == WorkKind::Message;
            // bites: `closed` keeping the outbox.
            assert!(
                thread.outbox.iter().all(|work| survives(&work.kind)),
                "a close leaves nothing to be said"
            );
        }
        assert!(
            thread.untold.is_none() || thread.bot_holds(),
            "only a bot that holds is told"
        );
        assert!(
            thread.claimed_until.is_none() || !thread.outbox.is_empty(),
            "nobody owns nothing"
        );
        // bites: `begin` without `take_seat`.
        let held = match thread.holder() {
            Holder::Agent(agent) if world.policy.desk == Desk::Hub => {
                Some((agent.clone(), thread.epoch))
            }
            _ => None,
        };
        assert_eq!(
            self.seat, held,
            "an agent of the hub's own desk sits on a seat"
        );
        check_ledger(thread);
        check_weight(thread);
    }
}

/// Only the holder speaks, in the present epoch, and not behind a change of control.
fn may_ask(before: &Thread, command: &Command) {
    let request = match command {
        Command::Send { request, .. } | Command::Control { request, .. } => request,
        Command::Open { request, .. } if before.open().is_some() => request,
        _ => return,
    };
    // bites: `check` without its test of the epoch.
    assert!(
        request.epoch.is_none_or(|epoch| epoch == before.epoch),
        "an old epoch is turned down"
    );
    assert!(
        before.open().is_some(),
        "a closed conversation takes nothing"
    );
    assert!(
        before.leaving().is_none(),
        "nothing is queued behind a change of control"
    );
    if !matches!(command, Command::Control { .. }) {
        // bites: `send` without `holds`.
        assert!(
            speaks(before.holder(), &request.by),
            "only the holder speaks"
        );
    }
}

fn speaks(holder: &Holder, by: &Actor) -> bool {
    match (holder, by) {
        (Holder::Bot, Actor::Bot) => true,
        (Holder::Agent(holder), Actor::Agent(by)) | (Holder::App(holder), Actor::App(by)) => {
            holder == by
        }
        _ => false,
    }
}

fn check_event(
    world: &World,
    state: &Thread,
    command: &Command,
    entry: &Entry,
    event: &Event,
    next: &Thread,
) {
    // bites: `closed` without raising the epoch.
    assert!(next.epoch >= state.epoch, "an epoch never falls");
    let began = |thread: &Thread| thread.open().map(|open| open.holder.clone());
    assert!(
        began(state) == began(next) || next.epoch > state.epoch,
        "each change of holder raises the epoch"
    );
    match event {
        Event::Opened { .. } | Event::Reopened { .. } => {
            assert!(state.open().is_none(), "at most one conversation is open");
        }
        Event::Closed { .. } => assert!(state.open().is_some(), "only what is open is closed"),
        Event::Queued { by, .. } => {
            let survey = entry.events.contains(&Event::SurveySent) && *by == Actor::Hub;
            let opens = matches!(command, Command::Open { .. });
            // bites: the deadlines of an agent who is leaving.
            assert!(
                state.leaving().is_none(),
                "nothing is queued behind a change of control"
            );
            assert!(
                state.open().is_some() || survey,
                "nothing is queued after the end"
            );
            assert!(
                survey || opens || *by == Actor::Hub || speaks(state.holder(), by),
                "the holder speaks"
            );
        }
        Event::DeadlineFired { kind, due } => {
            // bites: `wake::decide` firing what is due within a second.
            assert!(*due <= entry.at, "{kind:?} never fires early");
            let real = deadlines(state, &world.policy);
            assert!(
                real.iter()
                    .any(|deadline| deadline.kind == *kind && deadline.at == *due)
            );
        }
        Event::Failed {
            work,
            why: Failure::GaveUp,
            ..
        } => {
            let work = state.work(*work).expect("it was there");
            // bites: `MESSAGE_GIVES_UP` below 60 s. That a pair rate does not count is a
            // story of its own.
            let lasted = |since: Option<Timestamp>, span| {
                since.is_some_and(|since| entry.at.since(since) >= span)
            };
            assert!(
                lasted(work.failing_since, 60_000) || lasted(work.delayed_since, 300_000),
                "a message has 60 s of failures, or 5 minutes of waiting, to get through"
            );
        }
        _ => {}
    }
}

/// The time ledger adds up to the conversation's life.
fn check_ledger(thread: &Thread) {
    let Some(conversation) = &thread.conversation else {
        return;
    };
    let later = thread.last_at.plus(4_321);
    let end = conversation
        .closed
        .as_ref()
        .map_or(later, |closing| closing.at);
    let ledger = conversation.time_held(later);
    // bites: `Reopened` without adding the pause.
    assert_eq!(
        ledger.total(),
        end.since(conversation.opened_at),
        "the ledger adds up"
    );
    assert!(HolderKind::ALL.iter().all(|kind| ledger.held(*kind) >= 0));
}

/// A state fits its checkpoint.
fn check_weight(thread: &Thread) {
    let json = serde_json::to_string(thread)
        .expect("a state is JSON")
        .len();
    let (seen, keys) = (thread.seen.to_bytes().len(), thread.keys.to_bytes().len());
    assert!(
        seen <= 8 + 12 * SEEN_KEPT && keys <= 8 + 22 * KEYS_KEPT,
        "memories are short"
    );
    if thread.outbox.len() <= 1 {
        let bytes = json + seen + keys;
        assert!(
            bytes < CHECKPOINT_BYTES,
            "{bytes} bytes: {}",
            serde_json::to_string(thread).unwrap()
        );
    }
}

/// Whether sweeps look at the thread again and again: an armed entry stands in the index
/// whose time has come, and a look that is under way while an entry is committed, and has
/// not seen it, leaves it there.
fn is_watched(world: &World, before: &Thread, at: Timestamp) -> bool {
    let goes_on = |row: u64, now: Timestamp| {
        let due = world.checkpoint_due;
        let look = next_look(before, &world.policy, now, due, Some(row), Aside::default());
        matches!(look, Look::Watch(next) if next.since(now) <= arming::WATCH_EVERY)
    };
    world.rows.iter().any(|row| {
        row.at.since(at) < arming::ARMED_TOO_NEAR
            && [-arming::ARMED_TOO_NEAR, 0, arming::ARMED_TOO_NEAR]
                .iter()
                .all(|skew| goes_on(row.seq, at.plus(*skew)))
    })
}

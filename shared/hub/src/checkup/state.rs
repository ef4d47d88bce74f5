//! What is remembered between checks, and what follows from it. Pure.

use baton_domain::Timestamp;
use baton_domain::time::{DAY, HOUR, MINUTE, SECOND};
use baton_platforms::gladly::history::{EVENTS_BEHIND, EVENTS_REACH_BACK};
use baton_platforms::gladly::webhooks::Webhook;
use serde::{Deserialize, Serialize};

/// How often the webhook is looked at.
const LOOK_EVERY: i64 = 5 * MINUTE;
/// How often, while it is off.
const LOOK_AGAIN: i64 = MINUTE;
/// How often everything is.
const EXAMINE_EVERY: i64 = DAY;
/// What Gladly gives up when it switches a webhook off began to fail so long before, at
/// most: its tries are made over 95.5 minutes, and each may take 15 s.
const RETRIES_TAKE: i64 = 2 * HOUR;
/// When a gap is looked at again after it ended: when the Events API has caught up, and
/// when a session that began in it and fell silent has ended.
const PASSES: [i64; 2] = [2 * EVENTS_BEHIND, 6 * MINUTE];
/// How far two passes overlap.
const OVERLAP: i64 = 2 * MINUTE;

/// What is remembered of a connection's checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// When its webhook was looked at last.
    pub looked_at: Option<Timestamp>,
    /// When all of it was.
    pub examined_at: Option<Timestamp>,
    /// When its webhook was last seen to be on.
    pub on_at: Option<Timestamp>,
    /// When its webhook had been changed last, by the platform's clock.
    pub updated_at: Option<Timestamp>,
    /// Where its webhook is off: since when deliveries may have been lost.
    pub off: Option<Timestamp>,
    /// What its webhook did not bring, until all of it is fetched.
    pub gap: Option<Gap>,
    /// How many sandboxes call platforms at most; 0: nothing bounds them.
    pub sandboxes: Option<u32>,
}

/// A time in which a webhook may have brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Its beginning, by the platform's clock.
    pub from: Timestamp,
    /// When the webhook was on again.
    pub until: Timestamp,
    /// How often it was gone through.
    pub passes: usize,
    /// How far the present pass has come.
    pub step: Step,
    /// When to go on.
    pub next: Timestamp,
}

/// How far a pass has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// What customers said, by the Events API, from this time on.
    Said(Timestamp),
    /// What customers said, by their sessions, after this one: when its conversation
    /// opened, and its id.
    Sessions(Option<(Timestamp, String)>),
    /// What became of conversations, by the Events API, from this time on.
    Served(Timestamp),
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A part of a gap.
    Fill,
    /// A look at the webhook.
    Look,
    /// A look at everything.
    Examine,
}

/// How a webhook was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// On, and nothing was missed.
    Fine,
    /// On, but it was off meanwhile; deliveries may have been lost since then.
    OnAgain(Timestamp),
    /// Off.
    Off {
        /// Whether it was on when it was looked at before.
        is_new: bool,
        /// Whether it is to be switched on.
        switch_on: bool,
    },
}

impl State {
    /// What is kept. What cannot be read is forgotten: the next check learns it again.
    #[must_use]
    pub fn read(data: &str) -> Self {
        serde_json::from_str(data).unwrap_or_default()
    }

    /// What is to be kept.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What comes next. Customers wait for what is in a gap; a webhook that is off is not
    /// left so for the sake of the rest.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Task {
        match &self.gap {
            Some(gap) if gap.next <= now => Task::Fill,
            _ if self.look_due() <= now => Task::Look,
            _ if self.examine_due() <= now => Task::Examine,
            // It was due a little early: looking does no harm.
            _ => Task::Look,
        }
    }

    /// When the next of them is due.
    #[must_use]
    pub fn due(&self) -> Timestamp {
        let gap = self.gap.as_ref().map(|gap| gap.next);
        let due = self.look_due().min(self.examine_due());
        gap.map_or(due, |gap| gap.min(due))
    }

    fn look_due(&self) -> Timestamp {
        let every = if self.off.is_some() {
            LOOK_AGAIN
        } else {
            LOOK_EVERY
        };
        self.looked_at.map_or(Timestamp(0), |at| at.plus(every))
    }

    fn examine_due(&self) -> Timestamp {
        self.examined_at
            .map_or(Timestamp(0), |at| at.plus(EXAMINE_EVERY))
    }

    /// How the webhook was found, and remembers it. `repair`: whether the hub may switch
    /// it on.
    pub fn judge(&mut self, webhook: &Webhook, repair: bool, now: Timestamp) -> Verdict {
        let lost_since = |at: Timestamp| at.plus(-RETRIES_TAKE);
        if webhook.enabled {
            let before = self.on_at.replace(now);
            let known = std::mem::replace(&mut self.updated_at, webhook.updated_at);
            let changed = known.is_some_and(|known| webhook.updated_at != Some(known));
            if let Some(from) = self.off.take() {
                return Verdict::OnAgain(from);
            }
            // Switched off and on again since the last look, perhaps.
            return match (before, webhook.updated_at) {
                (Some(before), Some(at)) if changed => Verdict::OnAgain(lost_since(before.min(at))),
                _ => Verdict::Fine,
            };
        }
        // A webhook that was never on is waiting for somebody.
        let last = webhook.switched_off_at.or(self.on_at);
        let is_new = self.off.is_none();
        if let (true, Some(last)) = (is_new, last) {
            self.off = Some(lost_since(last));
        }
        Verdict::Off {
            is_new: is_new && self.off.is_some(),
            switch_on: repair && self.off.is_some(),
        }
    }

    /// The webhook is on again by our hand; since when deliveries may have been lost.
    pub fn switched_on(&mut self, now: Timestamp) -> Option<Timestamp> {
        let from = self.off.take()?;
        self.on_at = Some(now);
        // What the platform notes of our own change is no change of somebody else's.
        self.updated_at = None;
        self.begin_gap(from, now);
        Some(from)
    }

    /// Notes a gap, to be filled at once. One that is not filled yet becomes part of it.
    pub fn begin_gap(&mut self, from: Timestamp, now: Timestamp) {
        let before = self.gap.take().map_or(from, |gap| gap.from);
        // A little less than all: it takes time to ask.
        let reach = now.plus(MINUTE - EVENTS_REACH_BACK);
        let from = from.min(before).max(reach);
        self.gap = Some(Gap {
            from,
            until: now,
            passes: 0,
            step: Step::Said(from),
            next: now,
        });
    }
}

impl Gap {
    /// Whether conversations that began before this time need not be looked at in this
    /// pass; later passes look for those of which the hub heard only afterwards.
    #[must_use]
    pub fn of_interest_since(&self) -> Timestamp {
        if self.passes == 0 {
            self.from
        } else {
            self.until.plus(-OVERLAP)
        }
    }

    /// After a pass: the next one, or `None` after the last.
    #[must_use]
    pub fn after_pass(mut self) -> Option<Self> {
        let wait = PASSES.get(self.passes)?;
        self.passes += 1;
        self.next = self.until.plus(*wait);
        self.step = Step::Said(self.of_interest_since());
        Some(self)
    }

    /// The same, to be gone on with in a moment.
    #[must_use]
    pub fn at(mut self, step: Step, now: Timestamp) -> Self {
        self.step = step;
        self.next = now.plus(SECOND);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn on(updated: i64) -> Webhook {
        Webhook {
            enabled: true,
            updated_at: Some(Timestamp(updated)),
            ..Webhook::default()
        }
    }

    fn off(switched_off_at: Option<Timestamp>) -> Webhook {
        Webhook {
            switched_off_at,
            updated_at: switched_off_at,
            ..Webhook::default()
        }
    }

    #[test]
    fn what_is_due_is_looked_at_in_its_turn() {
        let mut state = State::default();
        assert_eq!(state.next(NOW), Task::Look);
        state.looked_at = Some(NOW);
        assert_eq!(state.next(NOW), Task::Examine);
        state.examined_at = Some(NOW);
        assert_eq!(state.due(), NOW.plus(LOOK_EVERY));
        state.off = Some(NOW);
        assert_eq!(state.due(), NOW.plus(LOOK_AGAIN));
        state.begin_gap(NOW.plus(-HOUR), NOW);
        assert_eq!((state.next(NOW), state.due()), (Task::Fill, NOW));
        assert_eq!(State::read(&state.to_json()), state);
        assert_eq!(State::read(""), State::default());
    }

    #[test]
    fn a_webhook_that_was_on_is_switched_on_again_and_one_that_never_was_is_not() {
        let mut state = State::default();
        let new = Verdict::Off {
            is_new: false,
            switch_on: false,
        };
        assert_eq!(state.judge(&off(None), true, NOW), new);
        // Found on for the first time: what was before is nobody's gap.
        assert_eq!(state.judge(&on(5), true, NOW), Verdict::Fine);
        let later = NOW.plus(LOOK_EVERY);
        let by_gladly = off(Some(NOW.plus(MINUTE)));
        let noticed = |is_new, switch_on| Verdict::Off { is_new, switch_on };
        assert_eq!(state.judge(&by_gladly, true, later), noticed(true, true));
        // Told once; tried until it succeeds.
        assert_eq!(state.judge(&by_gladly, true, later), noticed(false, true));
        assert_eq!(state.judge(&by_gladly, false, later), noticed(false, false));
        let from = NOW.plus(MINUTE - RETRIES_TAKE);
        assert_eq!(state.switched_on(later), Some(from));
        let gap = state.gap.clone().unwrap();
        assert_eq!((gap.from, gap.until, gap.next), (from, later, later));
        assert_eq!(
            state.judge(&on(9), true, later),
            Verdict::Fine,
            "our own change"
        );
        assert_eq!(state.judge(&on(9), true, later), Verdict::Fine);
        // Without Gladly saying why, once it was seen on.
        assert_eq!(state.judge(&off(None), true, later), noticed(true, true));
    }

    #[test]
    fn what_somebody_else_switched_on_again_had_a_gap_too() {
        let mut state = State::default();
        state.judge(&on(5), true, NOW);
        let later = NOW.plus(LOOK_EVERY);
        // bites: believing a webhook that was off between two looks.
        let changed = on(NOW.0 + 60_000);
        let missed = Verdict::OnAgain(NOW.plus(-RETRIES_TAKE));
        assert_eq!(state.judge(&changed, true, later), missed);
        assert_eq!(state.judge(&changed, true, later), Verdict::Fine);
        state.judge(&off(Some(NOW)), false, later);
        assert_eq!(state.judge(&changed, false, later), missed);
    }

    #[test]
    fn a_gap_is_gone_through_again_and_reaches_back_a_day_at_most() {
        let mut state = State::default();
        state.begin_gap(NOW.plus(-3 * DAY), NOW);
        let gap = state.gap.clone().unwrap();
        assert_eq!(gap.from, NOW.plus(MINUTE - DAY));
        let second = gap.after_pass().unwrap();
        assert_eq!(second.next, NOW.plus(30 * SECOND));
        assert_eq!(second.step, Step::Said(NOW.plus(-OVERLAP)));
        let third = second.after_pass().unwrap();
        assert_eq!(third.next, NOW.plus(6 * MINUTE));
        assert_eq!(third.after_pass(), None);
        // A second gap while the first is open: nothing of it is forgotten.
        state.begin_gap(NOW.plus(-HOUR), NOW.plus(MINUTE));
        assert_eq!(state.gap.unwrap().from, NOW.plus(2 * MINUTE - DAY));
    }
}

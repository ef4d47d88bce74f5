//! Delivering: the one piece of code that works off a thread's outbound queue,
//! whoever calls it. It runs under a claim, in order, one piece of work after the
//! other, and appends what became of each.

mod gladly;

use crate::calls::Calls;
use crate::core::{Core, RunError};
use crate::metrics::{self, Count};
use crate::settings::{Connection, Platform, Settings};
use crate::store::{Loaded, StoreError};
use baton_domain::time::SECOND;
use baton_domain::{
    Actor, Command, ControlAsk, Entry, Event, Failure, NotOurs, Parcel, ParcelLine, Place,
    Timestamp, Work, WorkKind, WorkResult,
};
use std::time::Duration;

/// How long `send`, `handoff`, `close`, `control` and `sweep` own a thread's queue.
pub const CLAIM: i64 = 10 * SECOND;
/// How long `relay` owns it.
pub const RELAY_CLAIM: i64 = 30 * SECOND;
/// A call ends this long before its claim.
const CALL_ENDS_BEFORE: i64 = 2 * SECOND;
/// No call starts with less than this until it would have to end: 4 s before the end
/// of the claim.
pub(crate) const CALL_NEEDS: i64 = 2 * SECOND;
/// Appending an outcome takes time, too: an owner that would be out of time right after
/// it ends its claim with it, instead of leaving it to run out.
const APPEND_TAKES: i64 = 500;
/// The first wait after a failure; it doubles, with full jitter.
const BACKOFF: i64 = 400;
/// The longest wait between attempts.
const BACKOFF_MOST: i64 = 8 * SECOND;
/// An unknown outcome is looked into after this.
const LOOK_AFTER: i64 = SECOND;
/// How many messages a handoff's note quotes.
const LINES_QUOTED: usize = 20;

/// What delivering needs beside the core.
#[derive(Clone, Debug)]
pub struct Deliverer {
    /// Store, clock, settings.
    pub core: Core,
    /// The HTTP client.
    pub calls: Calls,
}

/// A claim that is ours, and how long calls may be made under it.
#[derive(Clone, Copy, Debug)]
struct Ownership {
    /// The end of the claim, which is also its name: outcomes end this one only.
    claim_until: Timestamp,
    /// Every call has ended by then.
    calls_end: Timestamp,
}

impl Ownership {
    /// Whether a call may start after `wait` milliseconds from `now`.
    fn has_time(&self, now: Timestamp, wait: i64) -> bool {
        self.calls_end.since(now.plus(wait)) >= CALL_NEEDS
    }
}

/// One attempt's result: what became of it, or that it may be tried again.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// It is settled.
    Settled(WorkResult),
    /// It failed in a way that may pass; never before this many milliseconds.
    Failed {
        wait: Option<i64>,
        failure: bool,
        detail: String,
    },
    /// It may have happened.
    Unknown,
}

/// What an attempt works on.
pub(crate) struct Task<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) loaded: &'a Loaded,
    pub(crate) work: &'a Work,
    /// The call must have ended by then.
    pub(crate) deadline: Timestamp,
    /// Where all messages of the conversation can be read.
    pub(crate) link: Option<String>,
}

impl Deliverer {
    /// Works off what can be worked off before the claim ends, and returns the
    /// thread as it is then. The claim must be live and ours.
    ///
    /// # Errors
    /// When the table fails; the claim then runs out and somebody else takes over.
    pub async fn work_off(
        &self,
        settings: &Settings,
        connection: &Connection,
        loaded: Loaded,
        claim_until: Timestamp,
    ) -> Result<Loaded, StoreError> {
        self.work_off_until(settings, connection, loaded, claim_until, claim_until)
            .await
    }

    /// Like [`Deliverer::work_off`], with all calls ended by `calls_end`, for a caller
    /// that must answer earlier than its claim ends.
    ///
    /// # Errors
    /// When the table fails.
    pub(crate) async fn work_off_until(
        &self,
        settings: &Settings,
        connection: &Connection,
        mut loaded: Loaded,
        claim_until: Timestamp,
        calls_end: Timestamp,
    ) -> Result<Loaded, StoreError> {
        let own = Ownership {
            claim_until,
            calls_end: calls_end.min(claim_until.plus(-CALL_ENDS_BEFORE)),
        };
        loop {
            let now = self.core.clock.now();
            if loaded.thread.claimed_until != Some(claim_until) {
                return Ok(loaded);
            }
            let Some(work) = loaded.thread.outbox.first().cloned() else {
                return Ok(loaded);
            };
            if !own.has_time(now, 0) {
                return Ok(loaded);
            }
            if let Some(wait) = work.not_before.filter(|at| *at > now) {
                if !own.has_time(wait, 0) {
                    return Ok(loaded);
                }
                self.core.clock.sleep_until(wait).await;
                // Control may have changed meanwhile.
                loaded = self.core.store.load(&loaded.id).await?;
                continue;
            }
            let place = work.place;
            let (result, end_claim, read_again) = self
                .attempt_until_settled(settings, connection, loaded, work, own)
                .await?;
            loaded = read_again;
            let Some(result) = result else { continue };
            loaded = self
                .settle(connection, loaded, place, result, end_claim, own)
                .await?;
        }
    }

    /// Attempts the head of the queue until it is settled or the time is up. Before
    /// every further attempt the thread is read again: control may have changed.
    async fn attempt_until_settled(
        &self,
        settings: &Settings,
        connection: &Connection,
        mut loaded: Loaded,
        mut work: Work,
        own: Ownership,
    ) -> Result<(Option<WorkResult>, bool, Loaded), StoreError> {
        let mut failures = 0u32;
        loop {
            let link = link_to(settings, &loaded);
            let task = Task {
                connection,
                loaded: &loaded,
                work: &work,
                deadline: own.calls_end,
                link,
            };
            let attempt = self.attempt(&task).await?;
            let now = self.core.clock.now();
            let left = |wait: i64| own.has_time(now, wait);
            let wait = match attempt {
                Attempt::Settled(result) => {
                    // Out of time for the next: the relay takes over from this record.
                    return Ok((Some(result), !left(APPEND_TAKES), loaded));
                }
                Attempt::Unknown => {
                    work.unknown = true;
                    failures += 1;
                    let wait = self.backoff(failures).max(LOOK_AFTER);
                    if !left(wait) {
                        let result = WorkResult::Unknown {
                            not_before: now.plus(wait),
                        };
                        return Ok((Some(result), true, loaded));
                    }
                    wait
                }
                Attempt::Failed {
                    wait,
                    failure,
                    detail,
                } => {
                    failures += 1;
                    let wait = wait.unwrap_or_else(|| self.backoff(failures));
                    if !left(wait) {
                        let not_before = now.plus(wait.max(2 * SECOND));
                        return Ok((
                            Some(put_off(&work, not_before, failure, detail)),
                            true,
                            loaded,
                        ));
                    }
                    wait
                }
            };
            self.core.clock.sleep_until(now.plus(wait)).await;
            let unknown = work.unknown;
            loaded = self.core.store.load(&loaded.id).await?;
            match loaded.thread.work(work.place) {
                Some(still) if loaded.thread.claimed_until == Some(own.claim_until) => {
                    work = still.clone();
                    work.unknown |= unknown;
                }
                // Cancelled, or somebody else's: not ours to settle.
                _ => return Ok((None, false, loaded)),
            }
        }
    }

    /// Full jitter: anything up to the doubled wait, so that many do not come back
    /// at once.
    fn backoff(&self, failures: u32) -> i64 {
        let most = BACKOFF
            .saturating_mul(1 << failures.min(6))
            .min(BACKOFF_MOST);
        let most = u64::try_from(most).unwrap_or_default();
        100 + i64::try_from(self.core.clock.below(most)).unwrap_or_default()
    }

    async fn attempt(&self, task: &Task<'_>) -> Result<Attempt, StoreError> {
        // What belongs to another holding is void; the log says so already.
        if task.work.epoch != task.loaded.thread.epoch && !task.work.kind.outlives_holding() {
            return Ok(Attempt::Settled(WorkResult::Refused {
                detail: "its holding ended".to_owned(),
            }));
        }
        if let WorkKind::FreeSeat { agent, epoch } = &task.work.kind {
            self.core
                .store
                .free_seat(agent, &task.loaded.id, *epoch)
                .await?;
            return Ok(Attempt::Settled(WorkResult::done(None)));
        }
        // Control that is the hub's own business waited only for its turn.
        if self.is_internal(task) {
            return Ok(Attempt::Settled(WorkResult::done(None)));
        }
        match task.connection.platform {
            Platform::Gladly => self.attempt_gladly(task).await,
        }
    }

    fn is_internal(&self, task: &Task<'_>) -> bool {
        use baton_domain::Desk;
        match &task.work.kind {
            WorkKind::Pass(_) | WorkKind::Release => {
                matches!(task.connection.policy.desk, Desk::Hub | Desk::None)
            }
            WorkKind::Close(_) => !task.connection.policy.close_call,
            _ => false,
        }
    }

    async fn settle(
        &self,
        connection: &Connection,
        loaded: Loaded,
        work: Place,
        result: WorkResult,
        end_claim: bool,
        own: Ownership,
    ) -> Result<Loaded, StoreError> {
        let command = Command::Outcome {
            work,
            result,
            end_claim: end_claim.then_some(own.claim_until),
        };
        // An outcome must get into the log; it is fought for beyond the claim.
        let give_up = own.claim_until.plus(10 * SECOND);
        match self.core.run(loaded, connection, command, give_up).await {
            Ok(ran) => {
                count_outcome(ran.entry.as_ref());
                Ok(ran.loaded)
            }
            Err(RunError::Rejected(_, loaded)) => Ok(*loaded),
            Err(RunError::Store(error)) => Err(error),
        }
    }

    /// Takes the claim, if there is work and no owner, and works it off.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn claim_and_work_off(
        &self,
        settings: &Settings,
        connection: &Connection,
        loaded: Loaded,
        span: i64,
    ) -> Result<Loaded, StoreError> {
        let now = self.core.clock.now();
        if !loaded.thread.deliverable(now) {
            return Ok(loaded);
        }
        let until = now.plus(span);
        match self
            .core
            .run(loaded, connection, Command::Claim { until }, until)
            .await
        {
            Ok(ran) if ran.entry.as_ref().and_then(claimed_by) == Some(until) => {
                self.work_off(settings, connection, ran.loaded, until).await
            }
            Ok(ran) => Ok(ran.loaded),
            Err(RunError::Rejected(_, loaded)) => Ok(*loaded),
            Err(RunError::Store(error)) => Err(error),
        }
    }

    /// The event at a place of the log; `None` where it has expired.
    pub(crate) async fn event_at(
        &self,
        loaded: &Loaded,
        place: Place,
    ) -> Result<Option<Event>, StoreError> {
        let index = place.1 as usize;
        if let Some(entry) = loaded.tail.iter().find(|entry| entry.seq == place.0) {
            return Ok(entry.events.get(index).cloned());
        }
        let entry = self.core.store.entry(&loaded.id, place.0).await?;
        Ok(entry.and_then(|entry| entry.events.get(index).cloned()))
    }

    /// What a change of control hands over, and the last messages before it.
    pub(crate) async fn parcel(
        &self,
        loaded: &Loaded,
        request: Place,
    ) -> Result<(Parcel, Vec<ParcelLine>), StoreError> {
        let parcel = match self.event_at(loaded, request).await? {
            Some(Event::ControlRequested {
                ask: ControlAsk::Pass { parcel, .. },
                ..
            }) => parcel,
            Some(Event::ControlRequested {
                ask: ControlAsk::Close { description, .. },
                ..
            }) => Parcel {
                reason: description,
                ..Parcel::default()
            },
            _ => Parcel::default(),
        };
        Ok((parcel, self.last_lines(loaded).await?))
    }

    async fn last_lines(&self, loaded: &Loaded) -> Result<Vec<ParcelLine>, StoreError> {
        let first = loaded
            .thread
            .conversation
            .as_ref()
            .map_or(1, |conversation| conversation.first_seq);
        let have = loaded.tail.first().is_some_and(|entry| entry.seq <= first);
        let entries = if have {
            loaded.tail.clone()
        } else {
            let from = first.max(loaded.thread.seq.saturating_sub(3 * LINES_QUOTED as u64));
            self.core
                .store
                .entries(
                    &loaded.id,
                    from,
                    4 * LINES_QUOTED,
                    crate::store::Mechanism::LogSearch,
                )
                .await?
        };
        let mut lines: Vec<ParcelLine> = entries
            .iter()
            .filter(|entry| entry.seq >= first)
            .flat_map(|entry| {
                entry
                    .events
                    .iter()
                    .filter_map(|event| line(entry.at, event))
            })
            .collect();
        let skip = lines.len().saturating_sub(LINES_QUOTED);
        Ok(lines.split_off(skip))
    }
}

/// Counts what an outcome's entry says. Work that a change of control cancelled is no
/// failure.
fn count_outcome(entry: Option<&Entry>) {
    for event in entry.iter().flat_map(|entry| &entry.events) {
        match event {
            Event::Sent { .. } => metrics::count(Count::MessagesSent),
            Event::Failed {
                why: Failure::Superseded,
                ..
            } => {}
            Event::Failed { .. } => metrics::count(Count::MessagesFailed),
            Event::Unknown { .. } => metrics::count(Count::MessagesUnknown),
            Event::ControlFailed { .. } => metrics::count(Count::ControlFailed),
            _ => {}
        }
    }
}

/// What an owner out of time says of work that its last attempt did not settle. That
/// an attempt before the last may have succeeded must not be forgotten with it: the
/// next owner would send again without reading back.
fn put_off(work: &Work, not_before: Timestamp, failure: bool, detail: String) -> WorkResult {
    if work.unknown {
        WorkResult::Unknown { not_before }
    } else {
        WorkResult::Retry {
            not_before,
            failure,
            detail,
        }
    }
}

/// The end of the claim that this entry takes. Two sandboxes may ask for the same
/// millisecond: only whose own entry has the claim owns it.
pub(crate) fn claimed_by(entry: &Entry) -> Option<Timestamp> {
    entry.events.iter().find_map(|event| match event {
        Event::Claimed { until } => Some(*until),
        _ => None,
    })
}

fn line(at: Timestamp, event: &Event) -> Option<ParcelLine> {
    let (from, content) = match event {
        Event::Received { content, .. } => ("customer", content),
        Event::Queued { by, content, .. } => (
            match by {
                Actor::Bot => "bot",
                Actor::Agent(_) => "agent",
                _ => "hub",
            },
            content,
        ),
        _ => return None,
    };
    let text = baton_platforms::convert::plain_text(content);
    Some(ParcelLine { at, from, text })
}

/// The API's own address of a conversation's messages.
pub(crate) fn link_to(settings: &Settings, loaded: &Loaded) -> Option<String> {
    let base = settings.public_url.as_ref()?;
    let conversation = loaded.thread.conversation.as_ref()?;
    let id = baton_domain::ConversationId::new(&loaded.id, conversation.first_seq);
    Some(format!("{base}/v1/conversations/{id}/messages"))
}

/// Time left for a call.
pub(crate) fn time_left(now: Timestamp, deadline: Timestamp) -> Duration {
    Duration::from_millis(
        u64::try_from(deadline.since(now))
            .unwrap_or_default()
            .max(1),
    )
}

/// Who has a thread, in one phrase, for logs.
pub(crate) fn not_ours(now: NotOurs) -> Attempt {
    Attempt::Settled(WorkResult::NotOurs { now })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(unknown: bool) -> Work {
        Work {
            place: Place(3, 0),
            kind: WorkKind::Message,
            epoch: 1,
            since: Timestamp(0),
            failing_since: None,
            delayed_since: None,
            not_before: None,
            unknown,
        }
    }

    #[test]
    fn an_attempt_that_may_have_succeeded_is_not_forgotten_by_one_that_failed() {
        let later = Timestamp(9_000);
        let told = put_off(&work(true), later, true, "429".to_owned());
        // bites: an owner out of time that reports only its last attempt; the next one
        // sends again without reading back.
        assert_eq!(told, WorkResult::Unknown { not_before: later });
        let told = put_off(&work(false), later, true, "429".to_owned());
        assert!(matches!(told, WorkResult::Retry { failure: true, .. }));
    }

    #[test]
    fn no_call_starts_that_could_not_end_in_time() {
        let own = Ownership {
            claim_until: Timestamp(10_000),
            calls_end: Timestamp(8_000),
        };
        // 4 s before the end of the claim, and not a millisecond later.
        assert!(own.has_time(Timestamp(6_000), 0));
        assert!(!own.has_time(Timestamp(6_001), 0));
        assert!(!own.has_time(Timestamp(5_000), 1_001));
    }
}

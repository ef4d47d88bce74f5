//! One thread with its log, a clock, the rows that would wake it, and short ways to
//! say what happens to it.

use crate::laws::Laws;
use baton_domain::arming::{Aside, Look, next_look};
use baton_domain::rings::{SeenIds, UsedKeys};
use baton_domain::time::{MINUTE, SECOND};
use baton_domain::{
    Actor, Aftercare, Command, CommandId, Content, ControlAsk, Desk, Entry, Event, Fingerprint,
    Holder, Identity, KeyUse, MenuItem, News, NotOurs, Parcel, Place, PlatformEvent, Policy,
    QueueLimit, Rejection, Request, Thread, Timestamp, WorkResult, decide, plan,
};

/// The moment at which every story begins: 2023-11-14T22:13:20Z.
pub(crate) const START: Timestamp = Timestamp(1_700_000_000_000);

pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) thread: Thread,
    pub(crate) log: Vec<Entry>,
    pub(crate) now: Timestamp,
    /// The armed entries, as the index holds them.
    pub(crate) rows: Vec<Row>,
    /// The armed time of the checkpoint.
    pub(crate) checkpoint_due: Option<Timestamp>,
    pub(crate) laws: Laws,
    events_told: u64,
}

/// An armed entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) seq: u64,
    /// What it was armed for.
    pub(crate) at: Timestamp,
    /// When a sweep that watches the thread looks next.
    look: Option<Timestamp>,
}

impl Row {
    fn wakes(&self) -> Timestamp {
        self.look.unwrap_or(self.at)
    }
}

impl World {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            thread: Thread::default(),
            log: Vec::new(),
            now: START,
            rows: Vec::new(),
            checkpoint_due: None,
            laws: Laws::default(),
            events_told: 0,
        }
    }

    /// Decides, plans and appends at `now`, and checks every law. What it returns has
    /// been committed.
    pub(crate) fn run(&mut self, command: &Command) -> Result<Vec<Event>, Rejection> {
        let events = decide(&self.thread, command, &self.policy, self.now)?;
        if events.is_empty() {
            return Ok(events);
        }
        let before = self.thread.clone();
        let id = CommandId(format!("command-{:08}", before.seq + 1));
        let (entry, after) = plan(
            &before,
            events.clone(),
            id,
            &self.policy,
            self.now,
            self.checkpoint_due,
        );
        self.laws
            .check_entry(self, &before, command, &entry, &after);
        self.rows.extend(entry.due.map(|at| Row {
            seq: entry.seq,
            at,
            look: None,
        }));
        self.thread = stored(&after);
        assert_eq!(self.thread, after, "a state survives its checkpoint");
        self.log.push(entry);
        self.laws.note(self.log.last().expect("just pushed"));
        self.laws.check_state(self);
        Ok(events)
    }

    /// The sweep at `now`: wakes the thread, and arms it again for each row that is due.
    pub(crate) fn wake(&mut self, claim: bool) -> Vec<Event> {
        if let Some(erasure) = self.thread.forgetting {
            self.run(&Command::Forgotten { erasure })
                .expect("it is never turned down");
        }
        let claim_until = claim.then(|| self.now.plus(10 * SECOND));
        let events = self
            .run(&Command::Wake {
                claim_until,
                due_by: self.now,
            })
            .expect("a wake is never turned down");
        let now = self.now.max(self.thread.last_at);
        let is_due = |at: Timestamp| at.seconds_up() <= now.seconds_up();
        let due: Vec<Row> = self
            .rows
            .iter()
            .copied()
            .filter(|row| is_due(row.wakes()))
            .collect();
        for row in &due {
            match self.look(now, Some(row.seq)) {
                Look::Watch(next) => {
                    for kept in &mut self.rows {
                        if kept.seq == row.seq {
                            kept.look = Some(next);
                        }
                    }
                }
                _ => self.rows.retain(|kept| kept.seq != row.seq),
            }
        }
        if due.is_empty() || self.checkpoint_due.is_some_and(is_due) {
            self.look(now, None);
        }
        events
    }

    fn look(&mut self, now: Timestamp, row: Option<u64>) -> Look {
        let look = next_look(
            &self.thread,
            &self.policy,
            now,
            self.checkpoint_due,
            row,
            Aside::default(),
        );
        match look {
            Look::Stands | Look::Watch(_) => {}
            Look::At(next) => self.checkpoint_due = Some(next),
            Look::Never => self.checkpoint_due = None,
        }
        look
    }

    /// When the thread is woken next, if nothing else happens.
    pub(crate) fn armed(&self) -> Option<Timestamp> {
        let rows = self.rows.iter().map(Row::wakes);
        rows.chain(self.checkpoint_due).min()
    }

    pub(crate) fn sleep(&mut self, millis: i64) -> &mut Self {
        self.now = self.now.plus(millis);
        self
    }

    pub(crate) fn at(&self, millis: i64) -> Timestamp {
        START.plus(millis)
    }

    /// A platform event that has not been told before, written now.
    pub(crate) fn event(&mut self, news: News) -> PlatformEvent {
        self.events_told += 1;
        PlatformEvent {
            id: print(self.events_told),
            at: self.now,
            news,
        }
    }

    pub(crate) fn news(&mut self, news: News) -> Vec<Event> {
        let event = self.event(news);
        self.tell(vec![event]).expect("news is taken in")
    }

    pub(crate) fn tell(&mut self, events: Vec<PlatformEvent>) -> Result<Vec<Event>, Rejection> {
        self.run(&Command::News {
            identity: Some(names()),
            events,
            known_new: Vec::new(),
        })
    }

    pub(crate) fn customer(&mut self, text: &str) -> Vec<Event> {
        let id = format!("in-{}", self.events_told);
        self.news(News::Message {
            id,
            content: Content::text(text),
            context: [].into(),
        })
    }

    pub(crate) fn send(&mut self, by: Actor, text: &str) -> Result<Place, Rejection> {
        let request = Request::by(by);
        self.ask_to_send(request, text)
    }

    pub(crate) fn ask_to_send(&mut self, request: Request, text: &str) -> Result<Place, Rejection> {
        self.run(&Command::Send {
            request,
            content: Content::text(text),
        })?;
        Ok(Place(self.thread.seq, 0))
    }

    pub(crate) fn ask(&mut self, by: Actor, ask: ControlAsk) -> Result<Vec<Event>, Rejection> {
        self.run(&Command::Control {
            request: Request::by(by),
            ask,
        })
    }

    /// What became of the head of the outbox.
    pub(crate) fn outcome(&mut self, result: WorkResult) -> Vec<Event> {
        let work = self.thread.outbox.first().expect("work waits").place;
        self.outcome_of(work, result)
    }

    pub(crate) fn outcome_of(&mut self, work: Place, result: WorkResult) -> Vec<Event> {
        self.run(&Command::Outcome {
            work,
            result,
            end_claim: None,
        })
        .expect("an outcome is never turned down")
    }

    pub(crate) fn delivered(&mut self) -> Vec<Event> {
        let id = format!("out-{}", self.thread.seq);
        self.outcome(WorkResult::done(Some(id)))
    }
}

/// The state after a journey through its stored form.
pub(crate) fn stored(thread: &Thread) -> Thread {
    let json = serde_json::to_string(thread).expect("a state is JSON");
    let mut back: Thread = serde_json::from_str(&json).expect("and comes back");
    back.seen = SeenIds::from_bytes(&thread.seen.to_bytes());
    back.keys = UsedKeys::from_bytes(&thread.keys.to_bytes());
    back
}

pub(crate) fn print(n: u64) -> Fingerprint {
    Fingerprint::of(&[b"test", &n.to_be_bytes()])
}

pub(crate) fn key(name: u64, body: u64) -> KeyUse {
    KeyUse {
        key: print(1_000_000 + name),
        body: print(2_000_000 + body),
    }
}

/// Names of the length that platforms give.
pub(crate) fn names() -> Identity {
    Identity {
        connection: "shop-chat".to_owned(),
        name: "session-0123456789abcdef0123456789ab".to_owned(),
        address: "address-0123456789abcdef".to_owned(),
        customer: Some("customer-0123456789abcdef".to_owned()),
        conversation: Some("conversation-0123456789abcdef".to_owned()),
        channel: Some("CHAT".to_owned()),
    }
}

pub(crate) fn agent(n: u8) -> Actor {
    Actor::Agent(agent_id(n))
}

pub(crate) fn agent_id(n: u8) -> String {
    format!("agent-0123456789abcdef01234-{n}")
}

pub(crate) fn inbox(n: u8) -> Holder {
    Holder::Queue(Some(format!("inbox-0123456789abcdef01234-{n}")))
}

pub(crate) fn pass(to: Holder) -> ControlAsk {
    let parcel = Parcel {
        reason: "wants a person".to_owned(),
        ..Parcel::default()
    };
    ControlAsk::Pass { to, parcel }
}

pub(crate) fn close(reason: baton_domain::CloseReason) -> ControlAsk {
    ControlAsk::Close {
        reason,
        description: String::new(),
    }
}

pub(crate) fn failed(not_before: Timestamp) -> WorkResult {
    WorkResult::Retry {
        not_before,
        failure: true,
        detail: "the platform answered 500".to_owned(),
    }
}

pub(crate) fn not_ours(now: NotOurs) -> WorkResult {
    WorkResult::NotOurs { now }
}

pub(crate) fn passed_with_note() -> WorkResult {
    WorkResult::Done {
        platform_id: None,
        holder: None,
        owed: vec![Aftercare::Note],
    }
}

pub(crate) fn names_of(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(Event::name).collect()
}

pub(crate) fn gladly() -> Policy {
    Policy::gladly(Some("inbox-0123456789abcdef01234-1".to_owned()))
}

pub(crate) fn own_desk() -> Policy {
    let mut policy = Policy::own_desk(Some("inbox-0123456789abcdef01234-1".to_owned()));
    policy.timers.customer_waits = Some(10 * MINUTE);
    policy.timers.agent_silent = Some(30 * MINUTE);
    policy.timers.queue_limit = Some((20 * MINUTE, QueueLimit::ToBot));
    policy.reminder = Some(Content::text("We have not forgotten you."));
    policy.survey = Some(Content::Menu {
        prompt: "Were we of help?".to_owned(),
        items: vec![
            MenuItem {
                id: "yes".to_owned(),
                label: "Yes, thanks".to_owned(),
            },
            MenuItem {
                id: "no".to_owned(),
                label: "No".to_owned(),
            },
        ],
    });
    policy
}

pub(crate) fn app_desk() -> Policy {
    Policy {
        desk: Desk::App("app-0123456789abcdef01234567".to_owned()),
        default_inbox: None,
        reopen_grace: 5 * MINUTE,
        survey: None,
        ..own_desk()
    }
}

pub(crate) fn no_desk() -> Policy {
    Policy {
        desk: Desk::None,
        default_inbox: None,
        ..app_desk()
    }
}

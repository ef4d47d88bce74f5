//! The state of a simulated Gladly: one value behind one lock.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde_json::Value;

use super::config::{AgentConfig, GladlyConfig};
use super::delivery::{Delivery, Lane};
use super::events::Happened;
use super::faults::Faults;
use super::oracle::{Call, ClosedBy, Line, Said, SessionState, Speaker, Violation};
use super::webhooks::Webhook;
use crate::random::Random;

/// Everything the platform knows.
pub(crate) struct World {
    pub(crate) config: GladlyConfig,
    pub(crate) faults: Faults,
    /// Source of ids. Faults draw from streams of their own.
    pub(crate) random: Random,
    pub(crate) paused: bool,
    /// Customers as the control API calls them.
    pub(crate) names: BTreeMap<String, Visitor>,
    pub(crate) customers: HashMap<String, Customer>,
    pub(crate) conversations: HashMap<String, Conversation>,
    pub(crate) sessions: HashMap<String, Session>,
    pub(crate) session_order: Vec<String>,
    pub(crate) lines: Vec<Line>,
    pub(crate) webhooks: Vec<Webhook>,
    /// Everything that happened, whoever subscribed it.
    pub(crate) events: Vec<Happened>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) lanes: HashMap<String, Lane>,
    /// Deliveries that wait for a later one of their lane to go first.
    pub(crate) overtakable: BTreeSet<usize>,
    /// Deliveries whose next attempt starts as soon as the lock is released.
    pub(crate) ready: VecDeque<usize>,
    /// Deliveries that a test keeps back, in the order of their events.
    pub(crate) held: Option<Vec<usize>>,
    pub(crate) in_flight: usize,
    timers: BTreeMap<(i64, u64), Timer>,
    next_timer: u64,
    /// Whether the last [`World::settle`] ran anything.
    pub(crate) just_settled: bool,
    pub(crate) calls: Vec<Call>,
    /// How often each `METHOD path` was called: names the streams of API faults.
    pub(crate) call_counts: HashMap<String, u64>,
    pub(crate) buckets: HashMap<String, Bucket>,
    pub(crate) violations: Vec<Violation>,
}

/// A person at one screen. After a merge two visitors may be one customer.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) customer_id: String,
    pub(crate) session: Option<String>,
    pub(crate) conversation: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Customer {
    pub(crate) name: String,
    pub(crate) merged_into: Option<String>,
    /// Conversations that were opened for or merged into this customer.
    pub(crate) conversations: Vec<String>,
    pub(crate) created_at: i64,
}

/// Whose a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Automation,
    People,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Open,
    Waiting,
    Closed,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Waiting => "WAITING",
            Self::Closed => "CLOSED",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) id: String,
    pub(crate) customer_id: String,
    pub(crate) phase: Phase,
    pub(crate) status: Status,
    pub(crate) inbox_id: Option<String>,
    pub(crate) agent_id: Option<String>,
    pub(crate) topic_ids: Vec<String>,
    pub(crate) created_at: i64,
    pub(crate) closed_at: Option<i64>,
    pub(crate) last_line_at: i64,
    /// Every session there ever was in it.
    pub(crate) sessions: Vec<String>,
    /// Names of the visitors who wrote in it.
    pub(crate) visitors: BTreeSet<String>,
    /// The present contact with the agents, if there is one.
    pub(crate) contact: Option<Contact>,
}

#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub(crate) id: String,
    pub(crate) fulfilled: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) customer_id: String,
    pub(crate) conversation_id: String,
    pub(crate) state: SessionState,
    pub(crate) context: Value,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) closed_at: Option<i64>,
    /// When either side last wrote; typing does not count.
    pub(crate) last_message_at: i64,
    pub(crate) handoffs: Vec<String>,
    pub(crate) closes: Vec<String>,
    pub(crate) typing: u32,
    /// Places of its lines among all lines.
    pub(crate) lines: Vec<usize>,
}

/// The state of one method's rate limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    pub(crate) tokens: f64,
    pub(crate) filled_at: i64,
}

/// What happens at a later time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Looks whether a session has been silent for too long.
    Idle(String),
    /// An agent takes a conversation.
    Accept(String),
    /// The agent answers.
    Reply(String),
    /// The agent closes if nobody wrote.
    Close(String),
    /// A delivery joins its lane, after a delay.
    Enter(usize),
    /// A delivery that waited for a later one goes anyway.
    Overtaken(usize),
    /// The next attempt of a delivery.
    Retry(usize),
}

impl World {
    pub(crate) fn new(config: GladlyConfig) -> Self {
        let config = config.completed();
        Self {
            random: Random::new(config.seed),
            faults: Faults::default(),
            paused: false,
            names: BTreeMap::new(),
            customers: HashMap::new(),
            conversations: HashMap::new(),
            sessions: HashMap::new(),
            session_order: Vec::new(),
            lines: Vec::new(),
            webhooks: Vec::new(),
            events: Vec::new(),
            deliveries: Vec::new(),
            lanes: HashMap::new(),
            overtakable: BTreeSet::new(),
            ready: VecDeque::new(),
            held: None,
            in_flight: 0,
            timers: BTreeMap::new(),
            next_timer: 0,
            just_settled: false,
            calls: Vec::new(),
            call_counts: HashMap::new(),
            buckets: HashMap::new(),
            violations: Vec::new(),
            config,
        }
    }

    /// Sets a timer for `at`, in ms since the epoch.
    pub(crate) fn at(&mut self, at: i64, timer: Timer) {
        self.next_timer = self.next_timer.wrapping_add(1);
        self.timers.insert((at, self.next_timer), timer);
    }

    /// When the next timer is due.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.timers.keys().next().map(|(at, _)| *at)
    }

    /// Runs every timer that is due, the earliest first and each as of its own
    /// time, whenever it comes to be run.
    pub(crate) fn settle(&mut self, now: i64) {
        self.just_settled = false;
        while let Some(entry) = self.timers.first_entry() {
            let at = entry.key().0;
            if at > now {
                return;
            }
            self.just_settled = true;
            match entry.remove() {
                Timer::Idle(session) => self.close_if_idle(&session, at),
                Timer::Accept(conversation) => self.accept_unasked(&conversation, at),
                Timer::Reply(conversation) => self.reply_unasked(&conversation, at),
                Timer::Close(conversation) => self.close_unasked(&conversation, at),
                Timer::Enter(delivery) => self.enter_lane(delivery),
                Timer::Overtaken(delivery) => self.release_overtaken(delivery),
                Timer::Retry(delivery) => self.start_attempt(delivery),
            }
        }
    }

    /// Hands over the attempts that are to be started, counted as under way.
    pub(crate) fn launch(&mut self, started: &mut Vec<usize>) {
        self.in_flight += self.ready.len();
        started.extend(self.ready.drain(..));
    }

    /// Follows merges to the customer that `id` stands for now.
    pub(crate) fn surviving_customer(&self, id: &str) -> Option<String> {
        let mut id = id;
        // Merges make a chain without cycles: only an unmerged one is merged.
        while let Some(next) = self.customers.get(id)?.merged_into.as_deref() {
            id = next;
        }
        Some(id.to_owned())
    }

    /// An agent by id, e-mail address or name.
    pub(crate) fn agent(&self, named: &str) -> Option<&AgentConfig> {
        let agents = &self.config.agents;
        agents
            .iter()
            .find(|agent| agent.id == named || agent.email == named || agent.name == named)
    }

    /// Writes a line and returns its message id.
    pub(crate) fn write(&mut self, draft: Draft<'_>) -> String {
        let message_id = self.random.hex24();
        let conversation = self.conversations.get_mut(draft.conversation_id);
        let agents_see = draft.from != Speaker::Bot
            && conversation
                .as_ref()
                .is_some_and(|c| c.phase == Phase::People);
        let counts = !matches!(draft.said, Said::Note { .. } | Said::Event { .. });
        if let Some(conversation) = conversation.filter(|_| counts) {
            conversation.last_line_at = draft.at;
        }
        if let Some(session) = draft.session_id.and_then(|id| self.sessions.get_mut(id)) {
            session.lines.push(self.lines.len());
        }
        self.lines.push(Line {
            at: draft.at,
            message_id: message_id.clone(),
            session_id: draft.session_id.map(str::to_owned),
            conversation_id: draft.conversation_id.to_owned(),
            customer: draft.customer.to_owned(),
            from: draft.from,
            said: draft.said,
            agents_see,
        });
        message_id
    }

    /// Who looks at a conversation now: names and their sessions.
    pub(crate) fn screens(&self, conversation_id: &str) -> Vec<(String, Option<String>)> {
        let Some(conversation) = self.conversations.get(conversation_id) else {
            return Vec::new();
        };
        let visitors = conversation.visitors.iter();
        visitors
            .filter_map(|name| Some((name, self.names.get(name)?)))
            .filter(|(_, visitor)| visitor.conversation.as_deref() == Some(conversation_id))
            .map(|(name, visitor)| (name.clone(), visitor.session.clone()))
            .collect()
    }

    /// Writes down a change in every transcript of the conversation.
    pub(crate) fn remark(&mut self, conversation_id: &str, from: Speaker, at: i64, text: &str) {
        for (name, session) in self.screens(conversation_id) {
            self.write(Draft {
                at,
                conversation_id,
                session_id: session.as_deref(),
                customer: &name,
                from,
                said: Said::Event { text: text.into() },
            });
        }
    }

    /// The lines of a session, the oldest first.
    pub(crate) fn lines_of<'a>(
        &'a self,
        session: &'a Session,
    ) -> impl DoubleEndedIterator<Item = &'a Line> {
        session
            .lines
            .iter()
            .filter_map(|place| self.lines.get(*place))
    }

    /// Closes a session; its conversation is another matter.
    pub(crate) fn end_session(&mut self, id: &str, by: ClosedBy, at: i64) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.state = SessionState::Closed(by);
            session.closed_at = Some(at);
            session.updated_at = at;
        }
    }

    /// Whether a session of the conversation is still with the automation.
    pub(crate) fn in_automation(&self, conversation_id: &str) -> bool {
        let conversation = self.conversations.get(conversation_id);
        let mut sessions = conversation.into_iter().flat_map(|c| &c.sessions);
        sessions.any(|id| {
            self.sessions
                .get(id)
                .is_some_and(|session| session.state == SessionState::Automation)
        })
    }
}

/// A line to be written.
pub(crate) struct Draft<'a> {
    pub(crate) at: i64,
    pub(crate) conversation_id: &'a str,
    pub(crate) session_id: Option<&'a str>,
    pub(crate) customer: &'a str,
    pub(crate) from: Speaker,
    pub(crate) said: Said,
}

//! The customer's side of the glass: writing, choosing, being merged.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::GladlySim;
use super::delivery::Event;
use super::oracle::{Line, MenuItem, Said, SessionState, SessionTranscript, Speaker};
use super::state::{Conversation, Customer, Draft, Phase, Status, Timer, Visitor, World};

/// What became of a customer's message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// The automation session; none if the automation was paused from the start.
    pub session_id: Option<String>,
    /// The conversation.
    pub conversation_id: String,
    /// The customer.
    pub customer_id: String,
    /// The message.
    pub message_id: String,
}

/// A customer's whole view: both sides, and who serves now.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerView {
    /// The name in the control API.
    pub customer: String,
    /// The customer's id (after a merge: the surviving one).
    pub customer_id: String,
    /// The present conversation.
    pub conversation_id: Option<String>,
    /// Its inbox, once it is with the agents.
    pub inbox_id: Option<String>,
    /// Its agent.
    pub agent_id: Option<String>,
    /// `bot`, `queue`, `agent` or `nobody`.
    pub serves: &'static str,
    /// All sessions, the oldest first.
    pub sessions: Vec<SessionTranscript>,
    /// Every line this customer's screen could show, and the changes between.
    pub lines: Vec<Line>,
}

impl World {
    fn visitor(&mut self, name: &str, now: i64) -> Visitor {
        if let Some(visitor) = self.names.get(name) {
            return visitor.clone();
        }
        let visitor = Visitor {
            customer_id: self.random.slug(),
            session: None,
            conversation: None,
        };
        self.customers.insert(
            visitor.customer_id.clone(),
            Customer {
                name: name.to_owned(),
                merged_into: None,
                conversations: Vec::new(),
                created_at: now,
            },
        );
        self.names.insert(name.to_owned(), visitor.clone());
        visitor
    }

    /// The customer's open conversation; there is at most one.
    pub(crate) fn open_conversation(&self, customer_id: &str) -> Option<&Conversation> {
        let ids = &self.customers.get(customer_id)?.conversations;
        let mut open = ids.iter().filter_map(|id| self.conversations.get(id));
        open.find(|c| c.status != Status::Closed)
    }

    fn open_new_conversation(&mut self, customer_id: &str, now: i64) -> String {
        let id = self.random.slug();
        self.conversations.insert(
            id.clone(),
            Conversation {
                id: id.clone(),
                customer_id: customer_id.to_owned(),
                phase: Phase::Automation,
                status: Status::Open,
                inbox_id: None,
                agent_id: None,
                topic_ids: Vec::new(),
                created_at: now,
                closed_at: None,
                last_line_at: now,
                sessions: Vec::new(),
                visitors: BTreeSet::new(),
                contact: None,
            },
        );
        if let Some(customer) = self.customers.get_mut(customer_id) {
            customer.conversations.push(id.clone());
        }
        self.emit(
            now,
            Event {
                kind: "CONVERSATION/CREATED",
                initiator: ("CUSTOMER", customer_id),
                content: json!({"conversationId": id, "customerId": customer_id}),
                lane: &id,
            },
        );
        id
    }

    fn write_as_customer(
        &mut self,
        name: &str,
        text: &str,
        context: Option<Value>,
        now: i64,
    ) -> Result<Written, String> {
        if text.is_empty() {
            return Err("a message has at least one character".into());
        }
        let visitor = self.visitor(name, now);
        let customer_id = visitor.customer_id;
        let open = self
            .open_conversation(&customer_id)
            .map(|c| (c.id.clone(), c.phase));
        let (conversation_id, phase) = match open {
            Some(open) => open,
            None => {
                let id = self.open_new_conversation(&customer_id, now);
                if self.paused {
                    self.queue_for_people(&id, now);
                }
                (
                    id,
                    if self.paused {
                        Phase::People
                    } else {
                        Phase::Automation
                    },
                )
            }
        };
        let session_id = match phase {
            // The chat stays what it was, if it was part of this conversation.
            Phase::People => visitor.session.filter(|id| {
                self.sessions
                    .get(id)
                    .is_some_and(|session| session.conversation_id == conversation_id)
            }),
            Phase::Automation => {
                let going = visitor.session.filter(|id| {
                    self.sessions
                        .get(id)
                        .is_some_and(|session| session.state == SessionState::Automation)
                });
                Some(going.unwrap_or_else(|| {
                    let context = context.unwrap_or_else(
                        || json!({"URL": "https://shop.example/", "IsAuthenticated": "false"}),
                    );
                    self.open_session(name, &customer_id, &conversation_id, context, now)
                }))
            }
        };
        self.names.insert(
            name.to_owned(),
            Visitor {
                customer_id: customer_id.clone(),
                session: session_id.clone(),
                conversation: Some(conversation_id.clone()),
            },
        );
        if let Some(conversation) = self.conversations.get_mut(&conversation_id) {
            conversation.visitors.insert(name.to_owned());
        }
        let message_id = self.write(Draft {
            at: now,
            conversation_id: &conversation_id,
            session_id: session_id.as_deref(),
            customer: name,
            from: Speaker::Customer,
            said: Said::Text { text: text.into() },
        });
        let written = Written {
            session_id,
            conversation_id,
            customer_id,
            message_id,
        };
        match phase {
            Phase::Automation => self.tell_automation(&written, text, now),
            Phase::People => self.tell_people(&written, now),
        }
        Ok(written)
    }

    fn tell_automation(&mut self, written: &Written, text: &str, now: i64) {
        let session_id = written.session_id.clone().unwrap_or_default();
        let context = match self.sessions.get_mut(&session_id) {
            Some(session) => {
                session.last_message_at = now;
                session.updated_at = now;
                session.context.clone()
            }
            None => return,
        };
        self.emit(
            now,
            Event {
                kind: "AUTOMATION/MESSAGE_RECEIVED",
                initiator: ("CUSTOMER", &written.customer_id),
                content: json!({
                    "sessionId": session_id,
                    "channelType": "CHAT",
                    "customerId": written.customer_id,
                    "conversationId": written.conversation_id,
                    "companyAddress": self.config.app_address,
                    "context": context,
                    "message": {
                        "id": written.message_id,
                        "type": "TEXT",
                        "content": {"body": text},
                    },
                }),
                lane: &session_id,
            },
        );
    }

    fn tell_people(&mut self, written: &Written, now: i64) {
        let assigned = match self.conversations.get_mut(&written.conversation_id) {
            Some(conversation) => {
                conversation.status = Status::Open;
                conversation.agent_id.is_some()
            }
            None => return,
        };
        self.tell_contact(
            &written.conversation_id,
            "CONTACT/MESSAGE_RECEIVED",
            ("CUSTOMER", &written.customer_id),
            json!({"messageId": written.message_id}),
            now,
        );
        if let Some(after) = self.config.auto_agent.reply_after_ms.filter(|_| assigned) {
            self.at(now + after, Timer::Reply(written.conversation_id.clone()));
        }
    }

    /// The items of the last menu on a customer's screen.
    fn last_menu(&self, name: &str) -> Option<&[MenuItem]> {
        let session = self.names.get(name)?.session.as_ref()?;
        let mut lines = self.lines_of(self.sessions.get(session)?).rev();
        lines.find_map(|line| match &line.said {
            Said::Menu { items, .. } => Some(items.as_slice()),
            _ => None,
        })
    }

    fn choose(&mut self, name: &str, item: &str, now: i64) -> Result<Written, String> {
        let label = self
            .last_menu(name)
            .ok_or("this customer sees no menu")?
            .iter()
            .find(|choice| choice.id == item || choice.label == item)
            .map(|choice| choice.label.clone())
            .ok_or("the menu has no such item")?;
        self.write_as_customer(name, &label, None, now)
    }

    fn customer_view(&self, name: &str) -> Option<CustomerView> {
        let visitor = self.names.get(name)?;
        let conversation = visitor
            .conversation
            .as_ref()
            .and_then(|id| self.conversations.get(id));
        let serves = match conversation {
            Some(c) if c.status == Status::Closed => "nobody",
            Some(c) if c.phase == Phase::People && c.agent_id.is_some() => "agent",
            Some(c) if c.phase == Phase::People => "queue",
            Some(c) if self.in_automation(&c.id) => "bot",
            _ => "nobody",
        };
        let sessions = self.transcripts_of(name);
        let mut lines = self.lines.clone();
        lines.retain(|line| line.customer == name && !matches!(line.said, Said::Note { .. }));
        Some(CustomerView {
            customer: name.to_owned(),
            customer_id: visitor.customer_id.clone(),
            conversation_id: visitor.conversation.clone(),
            inbox_id: conversation.and_then(|c| c.inbox_id.clone()),
            agent_id: conversation.and_then(|c| c.agent_id.clone()),
            serves,
            sessions,
            lines,
        })
    }
}

impl GladlySim {
    /// A customer writes. The first message, and the first after a close, opens a
    /// session; until then the same session goes on.
    ///
    /// # Errors
    /// When the text is empty.
    pub fn customer_writes(&self, name: &str, text: &str) -> Result<Written, String> {
        self.act(|world, now| world.write_as_customer(name, text, None, now))
    }

    /// The same with the chat's context (`URL`, `IsAuthenticated`), which a session
    /// keeps from its first message on.
    ///
    /// # Errors
    /// When the text is empty.
    pub fn customer_writes_from(
        &self,
        name: &str,
        text: &str,
        context: Value,
    ) -> Result<Written, String> {
        self.act(|world, now| world.write_as_customer(name, text, Some(context), now))
    }

    /// A customer picks from the last menu, by id or label. The choice arrives as
    /// a TEXT whose body is the label.
    ///
    /// # Errors
    /// When there is no menu, or no such item in it.
    pub fn customer_chooses(&self, name: &str, item: &str) -> Result<Written, String> {
        self.act(|world, now| world.choose(name, item, now))
    }

    /// Merges the customer `source` into `into`: the old customer id answers 301,
    /// and of two open conversations the source's dies.
    ///
    /// # Errors
    /// When either is unknown, or both are one already.
    pub fn merge_customers(&self, source: &str, into: &str) -> Result<(), String> {
        self.act(|world, now| world.merge(source, into, now))
    }

    /// What a customer sees; `None` for one that never wrote.
    #[must_use]
    pub fn customer(&self, name: &str) -> Option<CustomerView> {
        self.read(|world| world.customer_view(name))
    }

    /// Pauses the automation, or resumes it: while paused, new conversations go
    /// straight to the default inbox.
    pub fn pause_automation(&self, paused: bool) {
        self.act(|world, _| world.paused = paused);
    }
}

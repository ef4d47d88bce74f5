//! The agents' side: accepting, replying, closing, by hand or by themselves.

use serde_json::{Value, json};

use super::GladlySim;
use super::delivery::Event;
use super::oracle::{ClosedBy, Said, SessionState, Speaker};
use super::refusal::put;
use super::state::{Contact, Conversation, Draft, Phase, Status, Timer, World};

/// Inbox and agent of a conversation.
type Assignee = (Option<String>, Option<String>);

fn assignee(of: &Assignee) -> Value {
    let mut value = json!({});
    put(&mut value, "inboxId", of.0.as_deref());
    put(&mut value, "agentId", of.1.as_deref());
    value
}

impl World {
    /// Tells of a change of inbox or agent; `before` is what it was.
    pub(crate) fn tell_assignee(
        &mut self,
        conversation_id: &str,
        before: Assignee,
        reason: &str,
        initiator: (&str, &str),
        now: i64,
    ) {
        let Some(conversation) = self.conversations.get(conversation_id) else {
            return;
        };
        let after = (conversation.inbox_id.clone(), conversation.agent_id.clone());
        let content = json!({
            "conversationId": conversation_id,
            "customerId": conversation.customer_id,
            "reason": reason,
            "assignee": assignee(&after),
            "context": {"assignee": assignee(&before)},
        });
        self.emit(
            now,
            Event {
                kind: "CONVERSATION_ASSIGNEE/UPDATED",
                initiator,
                content,
                lane: conversation_id,
            },
        );
    }

    /// A CONTACT event in the order of its conversation.
    pub(crate) fn tell_contact(
        &mut self,
        conversation_id: &str,
        kind: &str,
        initiator: (&str, &str),
        extra: Value,
        now: i64,
    ) {
        let Some(conversation) = self.conversations.get(conversation_id) else {
            return;
        };
        let Some(contact) = &conversation.contact else {
            return;
        };
        let held = (conversation.inbox_id.clone(), conversation.agent_id.clone());
        let mut content = json!({
            "channel": "CHAT",
            "contactId": contact.id,
            "conversationId": conversation_id,
            "customerId": conversation.customer_id,
            "context": {"assignee": assignee(&held)},
        });
        if let (Some(content), Value::Object(extra)) = (content.as_object_mut(), extra) {
            content.extend(extra);
        }
        self.emit(
            now,
            Event {
                kind,
                initiator,
                content,
                lane: conversation_id,
            },
        );
    }

    /// Begins a contact with the agents; there is none while the bot serves.
    pub(crate) fn begin_contact(&mut self, conversation_id: &str, now: i64) {
        let contact_id = self.random.slug();
        let Some(conversation) = self.conversations.get_mut(conversation_id) else {
            return;
        };
        let customer_id = conversation.customer_id.clone();
        conversation.contact = Some(Contact {
            id: contact_id,
            fulfilled: false,
        });
        let entry = json!({"entryPoint": self.config.app_address});
        let by = ("CUSTOMER", customer_id.as_str());
        self.tell_contact(conversation_id, "CONTACT/STARTED", by, entry, now);
    }

    fn accept(&mut self, id: &str, agent: Option<&str>, now: i64) -> Result<String, String> {
        let conversation = self.in_people_hands(id)?;
        let inbox = conversation.inbox_id.clone().unwrap_or_default();
        let before = (conversation.inbox_id.clone(), conversation.agent_id.clone());
        let agent = match agent {
            Some(named) => self.agent(named),
            None => self.config.agents.iter().find(|agent| agent.serves(&inbox)),
        };
        let agent = agent.ok_or("no such agent")?.clone();
        if let Some(conversation) = self.conversations.get_mut(id) {
            conversation.agent_id = Some(agent.id.clone());
        }
        let remark = format!("{} joined", agent.name);
        self.remark(id, Speaker::Agent, now, &remark);
        self.tell_assignee(id, before, "AGENT_ACCEPTED", ("AGENT", &agent.id), now);
        let auto = &self.config.auto_agent;
        if let Some(after) = auto.reply_after_ms {
            self.at(now + after, Timer::Reply(id.to_owned()));
        }
        if let Some(after) = self.config.auto_agent.close_after_ms {
            self.at(now + after, Timer::Close(id.to_owned()));
        }
        Ok(agent.id)
    }

    fn in_people_hands(&self, id: &str) -> Result<&Conversation, String> {
        let conversation = self.conversations.get(id).ok_or("no such conversation")?;
        if conversation.status == Status::Closed {
            return Err("the conversation is closed".into());
        }
        if conversation.phase == Phase::Automation {
            return Err("the conversation is with the automation".into());
        }
        Ok(conversation)
    }

    fn reply(&mut self, id: &str, text: &str, now: i64) -> Result<String, String> {
        let conversation = self.in_people_hands(id)?;
        let agent = conversation
            .agent_id
            .clone()
            .ok_or("nobody has accepted the conversation")?;
        let screens = self.screens(id);
        let mut message_id = String::new();
        for (name, session) in screens {
            message_id = self.write(Draft {
                at: now,
                conversation_id: id,
                session_id: session.as_deref(),
                customer: &name,
                from: Speaker::Agent,
                said: Said::Text { text: text.into() },
            });
        }
        let first = match self.conversations.get_mut(id) {
            Some(conversation) => {
                conversation.status = Status::Waiting;
                let contact = conversation.contact.as_mut();
                contact.is_some_and(|contact| !std::mem::replace(&mut contact.fulfilled, true))
            }
            None => false,
        };
        let by = ("AGENT", agent.as_str());
        self.tell_contact(
            id,
            "CONTACT/MESSAGE_SENT",
            by,
            json!({"messageId": message_id}),
            now,
        );
        if first {
            let how = json!({"fulfilledType": "RESPONDED"});
            self.tell_contact(id, "CONTACT/FULFILLED", by, how, now);
        }
        if let Some(after) = self.config.auto_agent.close_after_ms {
            self.at(now + after, Timer::Close(id.to_owned()));
        }
        Ok(message_id)
    }

    fn close_as_agent(&mut self, id: &str, now: i64) -> Result<(), String> {
        let agent = self.in_people_hands(id)?.agent_id.clone();
        let agent = agent.ok_or("nobody has accepted the conversation")?;
        self.remark(id, Speaker::Agent, now, "closed by the agent");
        self.close_conversation(id, ClosedBy::Agent, &agent, now);
        Ok(())
    }

    /// Closes a conversation with all that hangs on it. `initiator` is the agent's
    /// id where an agent closes, else the initiator's type.
    pub(crate) fn close_conversation(&mut self, id: &str, by: ClosedBy, initiator: &str, now: i64) {
        let reason = match by {
            ClosedBy::Agent => "AGENT_ENDED",
            _ => "CONVERSATION_CLOSED",
        };
        let initiator = match by {
            ClosedBy::Agent => ("AGENT", initiator),
            _ => (initiator, initiator),
        };
        let how = json!({"status": "ANSWERED", "reason": reason});
        self.tell_contact(id, "CONTACT/ENDED", initiator, how, now);
        let Some(conversation) = self.conversations.get_mut(id) else {
            return;
        };
        conversation.status = Status::Closed;
        conversation.closed_at = Some(now);
        conversation.contact = None;
        let customer_id = conversation.customer_id.clone();
        let ended = conversation.sessions.clone();
        for session in ended {
            let over = self
                .sessions
                .get(&session)
                .is_some_and(|s| matches!(s.state, SessionState::Closed(_)));
            if !over {
                self.end_session(&session, by, now);
            }
        }
        for kind in ["CONVERSATION/CLOSED", "CONVERSATION_STATUS/UPDATED"] {
            let content = json!({"conversationId": id, "customerId": customer_id});
            self.emit(
                now,
                Event {
                    kind,
                    initiator,
                    content,
                    lane: id,
                },
            );
        }
    }

    /// An agent's own accept; somebody may have been faster.
    pub(crate) fn accept_unasked(&mut self, id: &str, now: i64) {
        let waits = self
            .conversations
            .get(id)
            .is_some_and(|c| c.phase == Phase::People && c.agent_id.is_none());
        if waits {
            let _too_late = self.accept(id, None, now);
        }
    }

    pub(crate) fn reply_unasked(&mut self, id: &str, now: i64) {
        let text = self.config.auto_agent.reply.clone();
        let _too_late = self.reply(id, &text, now);
    }

    pub(crate) fn close_unasked(&mut self, id: &str, now: i64) {
        let Some(after) = self.config.auto_agent.close_after_ms else {
            return;
        };
        let silent = self
            .conversations
            .get(id)
            .is_some_and(|c| now - c.last_line_at >= after);
        if silent {
            let _too_late = self.close_as_agent(id, now);
        } else if self.in_people_hands(id).is_ok() {
            let last = self.conversations.get(id).map_or(now, |c| c.last_line_at);
            self.at(last + after, Timer::Close(id.to_owned()));
        }
    }

    fn conversation_of(&self, name: &str) -> Result<String, String> {
        let visitor = self.names.get(name).ok_or("no such customer")?;
        Ok(visitor.conversation.clone().ok_or("no conversation")?)
    }
}

impl GladlySim {
    /// An agent (id, e-mail address or name; else the first who serves the inbox)
    /// takes the conversation of the customer called `name`. Returns the agent's id.
    ///
    /// # Errors
    /// When it is not with the agents, or there is no such agent.
    pub fn agent_accepts(&self, name: &str, agent: Option<&str>) -> Result<String, String> {
        self.act(|world, now| {
            let id = world.conversation_of(name)?;
            world.accept(&id, agent, now)
        })
    }

    /// The agent who holds the conversation writes. Returns the message's id.
    ///
    /// # Errors
    /// When no agent holds it.
    pub fn agent_replies(&self, name: &str, text: &str) -> Result<String, String> {
        self.act(|world, now| {
            let id = world.conversation_of(name)?;
            world.reply(&id, text, now)
        })
    }

    /// The agent who holds the conversation closes it.
    ///
    /// # Errors
    /// When no agent holds it.
    pub fn agent_closes(&self, name: &str) -> Result<(), String> {
        self.act(|world, now| {
            let id = world.conversation_of(name)?;
            world.close_as_agent(&id, now)
        })
    }
}

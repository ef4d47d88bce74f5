//! Message Automation: the session calls that a bot makes, and the idle rule.
//!
//! Gladly API 1.0 (OpenAPI), Message Automation, below
//! `/api/v1/message-automation/sessions/{sessionId}`. An unknown session is 404
//! for messages, typing and the session itself, but 400 `not_exist` for handoff
//! and close.

use serde_json::{Map, Value, json};

use super::config::LateCall;
use super::content;
use super::delivery::Event;
use super::oracle::{ClosedBy, Line, Said, SessionState, Speaker, ViolationKind};
use super::refusal::{Answer, Outcome, Refusal, iso};
use super::state::{Draft, Phase, Session, Status, Timer, World};

/// The initiator that Gladly names for what an API user's automation does.
const API: &str = "API";

impl World {
    /// Opens a session in a conversation and starts its clock.
    pub(crate) fn open_session(
        &mut self,
        name: &str,
        customer_id: &str,
        conversation_id: &str,
        context: Value,
        now: i64,
    ) -> String {
        let id = self.random.slug();
        self.sessions.insert(
            id.clone(),
            Session {
                id: id.clone(),
                name: name.to_owned(),
                customer_id: customer_id.to_owned(),
                conversation_id: conversation_id.to_owned(),
                state: SessionState::Automation,
                context,
                created_at: now,
                updated_at: now,
                closed_at: None,
                last_message_at: now,
                handoffs: Vec::new(),
                closes: Vec::new(),
                typing: 0,
                lines: Vec::new(),
            },
        );
        self.session_order.push(id.clone());
        if let Some(conversation) = self.conversations.get_mut(conversation_id) {
            conversation.sessions.push(id.clone());
        }
        self.at(now + self.config.idle_close_ms, Timer::Idle(id.clone()));
        id
    }

    /// Closes a session that has been silent for the whole idle time, else looks
    /// again when it would be.
    pub(crate) fn close_if_idle(&mut self, id: &str, at: i64) {
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        if session.state != SessionState::Automation {
            return;
        }
        let due = session.last_message_at + self.config.idle_close_ms;
        if due > at {
            self.at(due, Timer::Idle(id.to_owned()));
        } else {
            self.end_automation(
                id,
                ClosedBy::Silence,
                at,
                "closed after five minutes of silence",
            );
        }
    }

    fn end_automation(&mut self, id: &str, by: ClosedBy, at: i64, remark: &str) {
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        let (conversation_id, name) = (session.conversation_id.clone(), session.name.clone());
        let from = if by == ClosedBy::Automation {
            Speaker::Bot
        } else {
            Speaker::System
        };
        self.write(Draft {
            at,
            conversation_id: &conversation_id,
            session_id: Some(id),
            customer: &name,
            from,
            said: Said::Event {
                text: remark.into(),
            },
        });
        self.end_session(id, by, at);
        let with_bot = self
            .conversations
            .get(&conversation_id)
            .is_some_and(|conversation| conversation.phase == Phase::Automation);
        // After a merge another session, or an agent, may still be in it.
        if with_bot && self.config.close_ends_conversation && !self.in_automation(&conversation_id)
        {
            let initiator = if by == ClosedBy::Automation {
                API
            } else {
                "SYSTEM"
            };
            self.close_conversation(&conversation_id, by, initiator, at);
        }
    }

    /// The session, if the automation may still act on it.
    fn live(&self, id: &str) -> Result<&Session, Refusal> {
        let session = self
            .sessions
            .get(id)
            .ok_or_else(|| Refusal::not_found().because(ViolationKind::UnknownId))?;
        let violation = match session.state {
            SessionState::Automation => return Ok(session),
            SessionState::HandedOff => ViolationKind::AfterHandoff,
            SessionState::Closed(_) => ViolationKind::AfterClose,
        };
        let refusal = match self.config.late_call {
            LateCall::InvalidState => Refusal::invalid_state("session is no longer automated"),
            LateCall::NotExist => Refusal::not_exist(),
        };
        Err(refusal.because(violation))
    }

    /// The same for the two calls that answer an unknown session with 400.
    fn live_or_400(&self, id: &str) -> Result<&Session, Refusal> {
        if self.sessions.contains_key(id) {
            self.live(id)
        } else {
            Err(Refusal::not_exist().because(ViolationKind::UnknownId))
        }
    }

    fn known(&self, id: &str) -> Result<&Session, Refusal> {
        self.sessions
            .get(id)
            .ok_or_else(|| Refusal::not_found().because(ViolationKind::UnknownId))
    }

    /// `POST .../messages`: 200 with the message.
    pub(crate) fn send(&mut self, id: &str, body: &Map<String, Value>, now: i64) -> Outcome {
        self.known(id)?;
        let said = content::message(body, self.config.zero_in_menu_ids)?;
        let session = self.live(id)?.clone();
        let message_id = self.write(Draft {
            at: now,
            conversation_id: &session.conversation_id,
            session_id: Some(id),
            customer: &session.name,
            from: Speaker::Bot,
            said: said.clone(),
        });
        if let Some(session) = self.sessions.get_mut(id) {
            session.last_message_at = now;
            session.updated_at = now;
        }
        self.emit(
            now,
            Event {
                kind: "AUTOMATION/MESSAGE_SENT",
                initiator: (API, &self.api_agent_id()),
                content: json!({
                    "sessionId": id,
                    "channelType": "CHAT",
                    "customerId": session.customer_id,
                    "conversationId": session.conversation_id,
                    "companyAddress": self.config.app_address,
                    "message": {"id": message_id, "type": content::wire(&said).0},
                }),
                lane: id,
            },
        );
        self.message(id, &message_id)
    }

    /// `GET .../messages`: the session's messages, the oldest first.
    pub(crate) fn messages(&self, id: &str) -> Outcome {
        let session = self.known(id)?;
        let lines = self.lines_of(session).filter(|line| in_session(line));
        Ok(Answer::ok(
            lines.map(|line| self.view(line, session)).collect(),
        ))
    }

    /// `GET .../messages/{messageId}`.
    pub(crate) fn message(&self, id: &str, message_id: &str) -> Outcome {
        let session = self.known(id)?;
        self.lines_of(session)
            .rev()
            .find(|line| line.message_id == message_id && in_session(line))
            .map(|line| Answer::ok(self.view(line, session)))
            .ok_or_else(|| Refusal::not_found().because(ViolationKind::UnknownId))
    }

    fn view(&self, line: &Line, session: &Session) -> Value {
        let (kind, content) = content::wire(&line.said);
        let from = match line.from {
            Speaker::Customer => json!({"type": "CUSTOMER", "id": session.customer_id}),
            _ => json!({"type": "AUTOMATION", "id": self.api_agent_id()}),
        };
        json!({
            "id": line.message_id,
            "sessionId": session.id,
            "type": kind,
            "content": content,
            "createdAt": iso(line.at),
            "from": from,
            "context": session.context,
        })
    }

    /// `POST .../handoff`: 204; the conversation waits in the default inbox.
    pub(crate) fn hand_off(&mut self, id: &str, body: &Map<String, Value>, now: i64) -> Outcome {
        let description = content::description(body)?;
        let session = self.live_or_400(id)?.clone();
        if let Some(session) = self.sessions.get_mut(id) {
            session.state = SessionState::HandedOff;
            session.updated_at = now;
            session.handoffs.push(description.clone());
        }
        self.write(Draft {
            at: now,
            conversation_id: &session.conversation_id,
            session_id: Some(id),
            customer: &session.name,
            from: Speaker::Bot,
            said: Said::Event {
                text: format!("handed off: {description}"),
            },
        });
        self.queue_for_people(&session.conversation_id, now);
        Ok(Answer::no_content())
    }

    /// `POST .../close`: 204.
    pub(crate) fn close(&mut self, id: &str, body: &Map<String, Value>, now: i64) -> Outcome {
        let description = content::description(body)?;
        self.live_or_400(id)?;
        if let Some(session) = self.sessions.get_mut(id) {
            session.closes.push(description.clone());
        }
        let remark = format!("closed by the bot: {description}");
        self.end_automation(id, ClosedBy::Automation, now, &remark);
        Ok(Answer::no_content())
    }

    /// `POST .../typing-indicators`: 204; does not count as activity.
    pub(crate) fn typing(&mut self, id: &str, body: &Map<String, Value>) -> Outcome {
        self.known(id)?;
        match body.get("state").and_then(Value::as_str) {
            Some("STARTED" | "STOPPED") => {}
            _ => {
                return Err(
                    Refusal::attr("state", "invalid", "must be STARTED or STOPPED")
                        .because(ViolationKind::InvalidValue),
                );
            }
        }
        self.live(id)?;
        if let Some(session) = self.sessions.get_mut(id) {
            session.typing += 1;
        }
        Ok(Answer::no_content())
    }

    /// `GET` of the session itself.
    pub(crate) fn show_session(&self, id: &str) -> Outcome {
        let session = self.known(id)?;
        let target = match session.state {
            SessionState::HandedOff => "AGENT",
            // Which target a closed session shows depends on whose it was last.
            SessionState::Closed(_) if !session.handoffs.is_empty() => "AGENT",
            SessionState::Automation | SessionState::Closed(_) => "AUTOMATION",
        };
        Ok(Answer::ok(json!({
            "id": session.id,
            "companyAddress": self.config.app_address,
            "conversationId": session.conversation_id,
            "customerAddress": format!("visitor-{}", session.name),
            "customerId": session.customer_id,
            "endpointType": "CHAT",
            "createdAt": iso(session.created_at),
            "updatedAt": iso(session.updated_at),
            "target": {"targetType": target},
        })))
    }

    /// Puts a conversation into the default inbox, as a handoff does.
    pub(crate) fn queue_for_people(&mut self, conversation_id: &str, now: i64) {
        let inbox_id = self.config.default_inbox.id.clone();
        if let Some(conversation) = self.conversations.get_mut(conversation_id) {
            conversation.phase = Phase::People;
            conversation.status = Status::Open;
            conversation.inbox_id = Some(inbox_id.clone());
            conversation.agent_id = None;
        }
        self.begin_contact(conversation_id, now);
        self.tell_assignee(
            conversation_id,
            (None, None),
            "AUTOMATION_HANDOFF",
            ("SYSTEM", "SYSTEM"),
            now,
        );
        if let Some(after) = self.config.auto_agent.accept_after_ms {
            self.at(now + after, Timer::Accept(conversation_id.to_owned()));
        }
    }

    pub(crate) fn api_agent_id(&self) -> String {
        self.agent(&self.config.agent_email)
            .map_or_else(String::new, |agent| agent.id.clone())
    }
}

/// Whether a line of a session is a message of the automation: what agents exchange
/// after the handoff is not.
fn in_session(line: &Line) -> bool {
    line.is_message() && !line.agents_see && matches!(line.from, Speaker::Customer | Speaker::Bot)
}

//! Conversations as the agents' API sees them.
//!
//! Gladly API 1.0 (OpenAPI), Conversations: GET, PATCH of assignee and status with
//! the `invalid_state` cases, items, notes and topics. That a PATCH fails while the
//! automation serves is this simulator's reading.

use axum::http::HeaderName;
use serde_json::{Map, Value, json};

use super::delivery::Event;
use super::oracle::{ClosedBy, Line, Said, Speaker, ViolationKind};
use super::refusal::{Answer, Outcome, Refusal, iso, put};
use super::state::{Conversation, Draft, Phase, Status, World};

/// The most items one answer holds (Gladly API 1.0).
const ITEMS_MAX: usize = 1_000;

/// A change of assignment that was checked.
struct Assignment {
    inbox_id: String,
    agent_id: Option<String>,
}

fn wrong_state(detail: &str) -> Refusal {
    Refusal::invalid_state(detail).because(ViolationKind::WrongState)
}

fn invalid(attr: &'static str, code: &'static str, detail: &str) -> Refusal {
    Refusal::attr(attr, code, detail).because(ViolationKind::InvalidValue)
}

impl World {
    fn conversation(&self, id: &str) -> Result<&Conversation, Refusal> {
        self.conversations
            .get(id)
            .ok_or_else(|| Refusal::not_found().because(ViolationKind::UnknownId))
    }

    /// `GET /conversations/{id}`.
    pub(crate) fn show_conversation(&self, id: &str) -> Outcome {
        let conversation = self.conversation(id)?;
        let mut view = json!({
            "id": conversation.id,
            "customerId": conversation.customer_id,
            "customAttributes": [],
            "topicIds": conversation.topic_ids,
            "createdAt": iso(conversation.created_at),
            "status": conversation.status.name(),
        });
        put(&mut view, "inboxId", conversation.inbox_id.as_deref());
        put(&mut view, "agentId", conversation.agent_id.as_deref());
        put(&mut view, "closedAt", conversation.closed_at.map(iso));
        Ok(Answer::ok(view))
    }

    /// `PATCH /conversations/{id}`: all or nothing.
    pub(crate) fn patch_conversation(
        &mut self,
        id: &str,
        body: &Map<String, Value>,
        now: i64,
    ) -> Outcome {
        let conversation = self.conversation(id)?.clone();
        let assignment = match body.get("assignee") {
            None | Some(Value::Null) => None,
            Some(assignee) => Some(self.check_assignee(&conversation, assignee)?),
        };
        let status = match body.get("status") {
            None | Some(Value::Null) => None,
            Some(status) => Some(self.check_status(&conversation, status)?),
        };
        if conversation.phase == Phase::Automation && self.in_automation(id) {
            return Err(wrong_state("conversation is with the automation"));
        }
        if let Some(assignment) = assignment {
            self.assign(&conversation, assignment, now);
        }
        match status {
            Some(Status::Closed) if conversation.status != Status::Closed => {
                self.remark(id, Speaker::Api, now, "closed by an API call");
                self.close_conversation(id, ClosedBy::Api, "API", now);
            }
            Some(Status::Open) if conversation.status == Status::Closed => self.reopen(id, now),
            _ => {}
        }
        Ok(Answer::no_content())
    }

    fn check_assignee(&self, of: &Conversation, assignee: &Value) -> Result<Assignment, Refusal> {
        let inbox_id = assignee
            .get("inboxId")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if inbox_id.is_empty() {
            return Err(invalid("assignee.inboxId", "blank", "can't be blank"));
        }
        if !self.config.inboxes.iter().any(|inbox| inbox.id == inbox_id) {
            return Err(invalid("assignee.inboxId", "invalid", "is not an inbox"));
        }
        if of.status == Status::Closed {
            return Err(wrong_state("closed conversation cannot be reassigned"));
        }
        let agent_id = match assignee.get("agentId").and_then(Value::as_str) {
            None => None,
            Some(wanted) => {
                let agent = self.config.agents.iter().find(|agent| agent.id == wanted);
                let agent = agent
                    .ok_or_else(|| invalid("assignee.agentId", "invalid", "is not an agent"))?;
                if !agent.serves(inbox_id) {
                    return Err(wrong_state("agent is not in inbox"));
                }
                Some(wanted.to_owned())
            }
        };
        Ok(Assignment {
            inbox_id: inbox_id.to_owned(),
            agent_id,
        })
    }

    fn check_status(&self, of: &Conversation, status: &Value) -> Result<Status, Refusal> {
        match status.get("value").and_then(Value::as_str) {
            None | Some("") => Err(invalid("status.value", "blank", "can't be blank")),
            Some("OPEN") => Ok(Status::Open),
            Some("CLOSED") => {
                let force = status
                    .get("force")
                    .and_then(Value::as_bool)
                    .unwrap_or(false);
                if self.config.topics_required && of.topic_ids.is_empty() {
                    return Err(wrong_state("topics are required before closing"));
                }
                if !force && of.status != Status::Closed && self.customer_waits(&of.id) {
                    return Err(wrong_state("customer is waiting for a reply"));
                }
                Ok(Status::Closed)
            }
            Some(_) => Err(invalid("status.value", "invalid", "must be OPEN or CLOSED")),
        }
    }

    /// Whether the last word is the customer's.
    fn customer_waits(&self, id: &str) -> bool {
        let mut messages = self.lines.iter().rev();
        messages
            .find(|line| line.conversation_id == id && line.is_message())
            .is_some_and(|line| line.from == Speaker::Customer)
    }

    fn assign(&mut self, before: &Conversation, to: Assignment, now: i64) {
        if let Some(conversation) = self.conversations.get_mut(&before.id) {
            conversation.phase = Phase::People;
            conversation.inbox_id = Some(to.inbox_id);
            conversation.agent_id = to.agent_id;
        }
        let agent = self.api_agent_id();
        let was = (before.inbox_id.clone(), before.agent_id.clone());
        self.tell_assignee(&before.id, was, "API", ("API", &agent), now);
    }

    fn reopen(&mut self, id: &str, now: i64) {
        let Some(conversation) = self.conversations.get_mut(id) else {
            return;
        };
        conversation.status = Status::Open;
        conversation.closed_at = None;
        let content = json!({"conversationId": id, "customerId": conversation.customer_id});
        let agent = self.api_agent_id();
        for kind in ["CONVERSATION/REOPENED", "CONVERSATION_STATUS/UPDATED"] {
            self.emit(
                now,
                Event {
                    kind,
                    initiator: ("API", &agent),
                    content: content.clone(),
                    lane: id,
                },
            );
        }
    }

    /// `GET /conversations/{id}/items`: ascending; nothing of the bot phase.
    pub(crate) fn items(&self, id: &str) -> Outcome {
        let conversation = self.conversation(id)?;
        let seen = |line: &&Line| {
            line.conversation_id == id
                && line.agents_see
                && !matches!(line.said, Said::Event { .. })
        };
        let total = self.lines.iter().filter(seen).count();
        let lines = self.lines.iter().filter(seen).take(ITEMS_MAX);
        let items: Value = lines.map(|line| item(line, conversation)).collect();
        let answer = Answer::ok(items);
        Ok(if total > ITEMS_MAX {
            answer.with_header(
                HeaderName::from_static("gladly-limited-data"),
                "true".into(),
            )
        } else {
            answer
        })
    }

    /// `POST /conversations/{id}/notes`: 201 with the note.
    pub(crate) fn add_note(
        &mut self,
        id: &str,
        body: &Map<String, Value>,
        prefix: &str,
        now: i64,
    ) -> Outcome {
        let conversation = self.conversation(id)?.clone();
        let text = body.get("body").and_then(Value::as_str).unwrap_or_default();
        if text.trim().is_empty() {
            return Err(invalid("body", "blank", "can't be blank"));
        }
        let screen = self.screens(id).into_iter().next();
        let (name, session) = screen.unwrap_or_default();
        let note_id = self.write(Draft {
            at: now,
            conversation_id: id,
            session_id: session.as_deref(),
            customer: &name,
            from: Speaker::Api,
            said: Said::Note { text: text.into() },
        });
        // Notes are for agents, whoever serves at the time.
        if let Some(line) = self.lines.last_mut() {
            line.agents_see = true;
        }
        let agent = self.api_agent_id();
        self.emit(
            now,
            Event {
                kind: "CONVERSATION/NOTE_CREATED",
                initiator: ("API", &agent),
                content: json!({
                    "conversationId": id,
                    "customerId": conversation.customer_id,
                    "noteId": note_id,
                }),
                lane: id,
            },
        );
        let view = self
            .lines
            .last()
            .map_or(Value::Null, |line| item(line, &conversation));
        Ok(
            Answer::created(format!("{prefix}/api/v1/conversation-items/{note_id}"))
                .with_body(view),
        )
    }

    /// `POST /conversations/{id}/topics`: 204.
    pub(crate) fn add_topics(&mut self, id: &str, body: &Map<String, Value>) -> Outcome {
        self.conversation(id)?;
        let named = body.get("topicIds").and_then(Value::as_array);
        let named = named.ok_or_else(|| invalid("topicIds", "blank", "can't be blank"))?;
        let known = self.topics();
        let mut added = Vec::new();
        for topic in named {
            match topic.as_str() {
                Some(topic) if known.iter().any(|(id, _)| id == topic) => {
                    added.push(topic.to_owned())
                }
                _ => return Err(invalid("topicIds", "invalid", "is not a topic")),
            }
        }
        if let Some(conversation) = self.conversations.get_mut(id) {
            conversation.topic_ids.extend(added);
            conversation.topic_ids.sort();
            conversation.topic_ids.dedup();
        }
        Ok(Answer::no_content())
    }
}

fn item(line: &Line, conversation: &Conversation) -> Value {
    let (initiator, id) = match line.from {
        Speaker::Customer => ("CUSTOMER", conversation.customer_id.as_str()),
        Speaker::Agent => (
            "AGENT",
            conversation.agent_id.as_deref().unwrap_or_default(),
        ),
        Speaker::Api | Speaker::Bot => ("API", ""),
        Speaker::System => ("SYSTEM", ""),
    };
    let content = match &line.said {
        Said::Note { text } => json!({"type": "CONVERSATION_NOTE", "body": text}),
        _ => json!({"type": "CHAT_MESSAGE", "content": line.text(), "sessionId": line.session_id}),
    };
    json!({
        "id": line.message_id,
        "conversationId": conversation.id,
        "customerId": conversation.customer_id,
        "timestamp": iso(line.at),
        "initiator": {"type": initiator, "id": id},
        "content": content,
    })
}

//! Two customers turn out to be one.
//!
//! Gladly API 1.0 (OpenAPI), CUSTOMER/MERGED: the old customer id answers 301; of
//! two open conversations the source's dies without a redirect.

use serde_json::json;

use super::delivery::Event;
use super::refusal::put;
use super::state::{Phase, World};

impl World {
    /// Merges the customer called `source` into the one called `into`.
    pub(crate) fn merge(&mut self, source: &str, into: &str, now: i64) -> Result<(), String> {
        let of = |name: &str| self.names.get(name).map(|v| v.customer_id.clone());
        let from = of(source).ok_or("no such customer")?;
        let to = of(into).ok_or("no such customer to merge into")?;
        if from == to {
            return Err("they are one customer already".into());
        }
        let open = |id: &str| self.open_conversation(id).map(|c| c.id.clone());
        let (source_open, target_open) = (open(&from), open(&to));
        let moved = match self.customers.get_mut(&from) {
            Some(customer) => {
                customer.merged_into = Some(to.clone());
                std::mem::take(&mut customer.conversations)
            }
            None => Vec::new(),
        };
        if let Some(customer) = self.customers.get_mut(&to) {
            customer.conversations.extend(moved);
        }
        for conversation in self.conversations.values_mut() {
            if conversation.customer_id == from {
                conversation.customer_id.clone_from(&to);
            }
        }
        for session in self.sessions.values_mut() {
            if session.customer_id == from {
                session.customer_id.clone_from(&to);
            }
        }
        for visitor in self.names.values_mut() {
            if visitor.customer_id == from {
                visitor.customer_id.clone_from(&to);
            }
        }
        if let (Some(gone), Some(kept)) = (&source_open, &target_open) {
            self.fold_conversation(gone, kept);
        }
        let mut content = json!({"sourceCustomerId": from, "destinationCustomerId": to});
        put(&mut content, "sourceConversationId", source_open.as_deref());
        // A conversation that had no counterpart moved along under its own id.
        let kept = target_open.as_deref().or(source_open.as_deref());
        put(&mut content, "destinationConversationId", kept);
        self.emit(
            now,
            Event {
                kind: "CUSTOMER/MERGED",
                initiator: ("SYSTEM", "SYSTEM"),
                content,
                lane: &to,
            },
        );
        Ok(())
    }

    /// Of two open conversations one dies without a redirect.
    fn fold_conversation(&mut self, gone: &str, kept: &str) {
        let dead = self.conversations.remove(gone);
        if let (Some(dead), Some(kept)) = (dead, self.conversations.get_mut(kept)) {
            kept.sessions.extend(dead.sessions);
            kept.visitors.extend(dead.visitors);
            if dead.phase == Phase::People && kept.phase == Phase::Automation {
                kept.phase = Phase::People;
                kept.inbox_id = dead.inbox_id;
                kept.agent_id = dead.agent_id;
                kept.contact = dead.contact;
            }
        }
        for session in self.sessions.values_mut() {
            if session.conversation_id == gone {
                kept.clone_into(&mut session.conversation_id);
            }
        }
        for line in &mut self.lines {
            if line.conversation_id == gone {
                kept.clone_into(&mut line.conversation_id);
            }
        }
        for visitor in self.names.values_mut() {
            if visitor.conversation.as_deref() == Some(gone) {
                visitor.conversation = Some(kept.to_owned());
            }
        }
    }
}

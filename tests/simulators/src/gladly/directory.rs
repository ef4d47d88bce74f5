//! The organization, its agents, inboxes, topics and customers.
//!
//! Gladly API 1.0 (OpenAPI): unpaginated arrays; a merged customer is 301.

use serde_json::{Value, json};

use super::config::{AgentConfig, InboxConfig};
use super::oracle::ViolationKind;
use super::refusal::{Answer, Outcome, Refusal, iso};
use super::state::World;
use crate::random::Random;

fn agent(agent: &AgentConfig) -> Value {
    json!({"id": agent.id, "name": agent.name, "emailAddress": agent.email})
}

fn inbox(inbox: &InboxConfig) -> Value {
    json!({"id": inbox.id, "name": inbox.name, "disabled": false})
}

fn one<T>(found: Option<&T>, view: impl Fn(&T) -> Value) -> Outcome {
    let found = found.ok_or_else(|| Refusal::not_found().because(ViolationKind::UnknownId))?;
    Ok(Answer::ok(view(found)))
}

impl World {
    /// `GET /organization`.
    pub(crate) fn organization(&self) -> Answer {
        let name = &self.config.organization;
        Answer::ok(json!({
            "id": Random::keyed(self.config.seed, "organization").slug(),
            "loginDomain": name,
            "name": name,
            "timezone": "UTC",
            "gladlyUrl": format!("https://{name}.gladly.com"),
        }))
    }

    /// `GET /agents`.
    pub(crate) fn agents(&self) -> Answer {
        Answer::ok(self.config.agents.iter().map(agent).collect())
    }

    /// `GET /agents/{id}`.
    pub(crate) fn show_agent(&self, id: &str) -> Outcome {
        one(
            self.config.agents.iter().find(|agent| agent.id == id),
            agent,
        )
    }

    /// `GET /inboxes`.
    pub(crate) fn inboxes(&self) -> Answer {
        Answer::ok(self.config.inboxes.iter().map(inbox).collect())
    }

    /// `GET /inboxes/{id}`.
    pub(crate) fn show_inbox(&self, id: &str) -> Outcome {
        one(
            self.config.inboxes.iter().find(|inbox| inbox.id == id),
            inbox,
        )
    }

    /// Ids and names of the topics.
    pub(crate) fn topics(&self) -> Vec<(String, &str)> {
        let id = |name: &str| Random::keyed(self.config.seed, &format!("topic {name}")).slug();
        let names = self.config.topics.iter();
        names.map(|name| (id(name), name.as_str())).collect()
    }

    /// `GET /topics`.
    pub(crate) fn list_topics(&self) -> Answer {
        let topics = self.topics().into_iter();
        let view = |(id, name): (String, &str)| json!({"id": id, "name": name, "disabled": false});
        Answer::ok(topics.map(view).collect())
    }

    /// `GET /customers/{id}`: 301 to the surviving customer after a merge.
    pub(crate) fn show_customer(&self, id: &str, prefix: &str) -> Outcome {
        let customer = self
            .customers
            .get(id)
            .ok_or_else(|| Refusal::not_found().because(ViolationKind::UnknownId))?;
        match self.surviving_customer(id) {
            Some(survivor) if survivor != id => Ok(Answer::moved(format!(
                "{prefix}/api/v1/customers/{survivor}"
            ))),
            _ => Ok(Answer::ok(json!({
                "id": id,
                "name": customer.name,
                "emails": [],
                "phones": [],
                "createdAt": iso(customer.created_at),
            }))),
        }
    }
}

//! Who holds and who acts.

use baton_domain::{Actor, Holder, HolderKind};
use serde::Serialize;
use utoipa::ToSchema;

/// Who holds a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"kind": "queue", "id": "inbox_1"}))]
pub struct HolderObject {
    /// The kind of holder.
    pub kind: HolderWord,
    /// The inbox of a queue (unless unknown), the agent, or the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The kinds of holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HolderWord {
    /// The connection's bot.
    Bot,
    /// Waiting for an agent in an inbox.
    Queue,
    /// An agent.
    Agent,
    /// A foreign app.
    App,
    /// No one.
    Nobody,
}

impl From<HolderKind> for HolderWord {
    fn from(kind: HolderKind) -> Self {
        match kind {
            HolderKind::Bot => Self::Bot,
            HolderKind::Queue => Self::Queue,
            HolderKind::Agent => Self::Agent,
            HolderKind::App => Self::App,
            HolderKind::Nobody => Self::Nobody,
        }
    }
}

impl From<&Holder> for HolderObject {
    fn from(holder: &Holder) -> Self {
        let id = match holder {
            Holder::Bot | Holder::Nobody => None,
            Holder::Queue(inbox) => inbox.clone(),
            Holder::Agent(id) | Holder::App(id) => Some(id.clone()),
        };
        Self {
            kind: holder.kind().into(),
            id,
        }
    }
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"kind": "agent", "id": "agent_1"}))]
pub struct ActorObject {
    /// `bot`, `agent`, `customer`, `platform`, `app`, `operator` (an admin's token) or
    /// `hub` (timers and automations).
    pub kind: &'static str,
    /// The agent or the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl From<&Actor> for ActorObject {
    fn from(actor: &Actor) -> Self {
        let (kind, id) = match actor {
            Actor::Bot => ("bot", None),
            Actor::Agent(id) => ("agent", Some(id.clone())),
            Actor::Customer => ("customer", None),
            Actor::Platform => ("platform", None),
            Actor::App(id) => ("app", Some(id.clone())),
            Actor::Operator => ("operator", None),
            Actor::Hub => ("hub", None),
        };
        Self { kind, id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_and_actors_are_spelled_as_in_events() {
        for holder in [
            Holder::Bot,
            Holder::Queue(Some("in".to_owned())),
            Holder::Agent("ag".to_owned()),
            Holder::App("ap".to_owned()),
            Holder::Nobody,
        ] {
            let object = serde_json::to_value(HolderObject::from(&holder)).expect("JSON");
            assert_eq!(object, serde_json::to_value(&holder).expect("JSON"));
        }
        for actor in [
            Actor::Bot,
            Actor::Agent("ag".to_owned()),
            Actor::Customer,
            Actor::Platform,
            Actor::App("ap".to_owned()),
            Actor::Operator,
            Actor::Hub,
        ] {
            let object = serde_json::to_value(ActorObject::from(&actor)).expect("JSON");
            assert_eq!(object, serde_json::to_value(&actor).expect("JSON"));
        }
    }
}

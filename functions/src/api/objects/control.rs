//! What became of a request for control.

use super::{FailureObject, HolderObject};
use baton_domain::MessageId;
use baton_hub::api::{ControlStatus, Delivery};
use serde::Serialize;
use utoipa::ToSchema;

/// How far a request for control got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ControlState {
    /// Control was passed.
    Passed,
    /// The conversation was closed.
    Closed,
    /// Control was released.
    Released,
    /// It waits for the messages before it, or for the platform.
    Requested,
    /// It may have come about; that is being found out.
    Unknown,
    /// It did not come about.
    Failed,
}

/// What became of a handoff, a close or another change of control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "msg_aaaaaaaaaaaaaaaaaaaaaaaaaa-5-0",
    "status": "passed",
    "holder": {"kind": "queue", "id": "inbox_1"},
    "epoch": 2,
    "closed": false
}))]
pub struct ControlObject {
    /// The request's id; events name it as `request`.
    #[schema(value_type = String)]
    pub id: MessageId,
    /// How far it got.
    pub status: ControlState,
    /// Who holds now.
    pub holder: HolderObject,
    /// The present epoch.
    pub epoch: u64,
    /// Whether the conversation is closed now.
    pub closed: bool,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureObject>,
}

impl ControlObject {
    /// What became of a request whose success is called `done`.
    #[must_use]
    pub fn new(status: ControlStatus, done: ControlState) -> Self {
        let (state, failure) = match &status.delivery {
            Delivery::Queued => (ControlState::Requested, None),
            Delivery::Unknown => (ControlState::Unknown, None),
            Delivery::Sent { .. } => (done, None),
            Delivery::Failed { why, detail } => {
                (ControlState::Failed, Some(FailureObject::new(*why, detail)))
            }
        };
        Self {
            id: status.id,
            status: state,
            holder: (&status.holder).into(),
            epoch: status.epoch,
            closed: status.closed,
            failure,
        }
    }

    /// Whether what becomes of it is known.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(self.status, ControlState::Requested | ControlState::Unknown)
    }
}

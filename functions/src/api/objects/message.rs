//! Messages, and how far they got.

use super::ActorObject;
use crate::api::content::MessageContent;
use baton_domain::{Actor, Failure, MessageId, Timestamp};
use baton_hub::api::{Delivery, MessageStatus, MessageView};
use baton_hub::facts::{failure_word, iso};
use serde::Serialize;
use utoipa::ToSchema;

/// How far a message got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// The customer wrote it.
    Received,
    /// It waits its turn, or for the platform.
    Queued,
    /// It may have reached the platform; that is being found out.
    Unknown,
    /// The platform has it.
    Sent,
    /// It will not reach the customer.
    Failed,
}

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"why": "superseded", "detail": "superseded: control changed before it left"}))]
pub struct FailureObject {
    /// `superseded` (control changed first), `refused` (by the platform), `gave_up`
    /// (60 s of failures), `not_ours` (the platform says somebody else holds) or
    /// `unknown` (whether it arrived could not be found out).
    pub why: &'static str,
    /// Why, in words.
    pub detail: String,
}

impl FailureObject {
    pub(super) fn new(why: Failure, detail: &str) -> Self {
        Self {
            why: failure_word(why),
            detail: detail.to_owned(),
        }
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "msg_aaaaaaaaaaaaaaaaaaaaaaaaaa-3-0",
    "from": {"kind": "bot"},
    "content": {"type": "text", "text": "Your parcel left today."},
    "at": "2026-11-20T08:15:30.250Z",
    "status": "sent",
    "platform_id": "5d8e2b9f0c4a7b1e2d3c4b5a",
    "settled_at": "2026-11-20T08:15:30.410Z"
}))]
pub struct MessageObject {
    /// The hub's id of it.
    #[schema(value_type = String)]
    pub id: MessageId,
    /// Who wrote it.
    pub from: ActorObject,
    /// What it says; `null` where it has expired or was erased.
    pub content: Option<MessageContent>,
    /// When the customer wrote it, by the platform's clock, or when the hub took it.
    #[schema(format = DateTime)]
    pub at: String,
    /// How far it got.
    pub status: MessageState,
    /// The platform's id of it, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_id: Option<String>,
    /// When the platform had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub settled_at: Option<String>,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureObject>,
}

impl MessageObject {
    fn new(
        id: MessageId,
        from: &Actor,
        content: Option<MessageContent>,
        at: Timestamp,
        delivery: Option<&Delivery>,
    ) -> Self {
        let mut object = Self {
            id,
            from: from.into(),
            content,
            at: iso(at),
            status: MessageState::Received,
            platform_id: None,
            settled_at: None,
            failure: None,
        };
        match delivery {
            None => {}
            Some(Delivery::Queued) => object.status = MessageState::Queued,
            Some(Delivery::Unknown) => object.status = MessageState::Unknown,
            Some(Delivery::Sent { platform_id, at }) => {
                object.status = MessageState::Sent;
                object.platform_id.clone_from(platform_id);
                object.settled_at = Some(iso(*at));
            }
            Some(Delivery::Failed { why, detail }) => {
                object.status = MessageState::Failed;
                object.failure = Some(FailureObject::new(*why, detail));
            }
        }
        object
    }

    /// A message that was just sent by this actor.
    #[must_use]
    pub fn of_status(status: MessageStatus, from: &Actor) -> Self {
        let MessageStatus {
            id,
            content,
            queued_at,
            delivery,
        } = status;
        Self::new(id, from, Some(content.into()), queued_at, Some(&delivery))
    }

    /// Whether what becomes of it is known.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(self.status, MessageState::Queued | MessageState::Unknown)
    }
}

impl From<MessageView> for MessageObject {
    fn from(view: MessageView) -> Self {
        let content = view.content.map(MessageContent::from);
        let mut object = Self::new(
            view.id,
            &view.from,
            content,
            view.at,
            view.delivery.as_ref(),
        );
        object.platform_id = view.platform_id;
        object
    }
}

//! `/api/v1/conversations/{id}`: by Gladly's own id of the conversation, or the hub's.

use super::{FaceAnswer, Refused, caller};
use crate::api::call::{self, MOVERS};
use crate::api::control::close_reason;
use crate::http::{HttpRequest, HttpResponse};
use baton_domain::{ControlAsk, ConversationId, Holder, Parcel, ThreadId};
use baton_hub::api::{Api, ApiError, ConversationView, Delivery, OutboundApi, Target};
use baton_hub::settings::Caller;
use baton_platforms::gladly::face::{self, Patch, Status, conversation_object, parse_patch};
use serde_json::Value;

/// The conversation.
///
/// # Errors
/// In Gladly's shape.
pub async fn one(api: Api, request: HttpRequest) -> FaceAnswer {
    let caller = caller(&api, &request, MOVERS).await?;
    let target = target(&api, &caller, call::id(&request)).await?;
    let view = api.conversation(&target).await?;
    Ok(HttpResponse::json(200, &object(&view)))
}

/// Assigns the conversation to an inbox or an agent in it, closes it, or both. 204, also
/// while that is still under way.
///
/// What is so already is no change. `force` has no effect: what agents have answered on
/// their own desk the hub cannot know, so it never refuses to close for that.
///
/// # Errors
/// In Gladly's shape; `invalid_state` for what cannot be now, such as opening again.
pub async fn patch(app: OutboundApi, request: HttpRequest) -> FaceAnswer {
    let caller = caller(&app.api, &request, MOVERS).await?;
    let patch = parse_patch(&call::bytes(&request)?)?;
    let present = target(&app.api, &caller, call::id(&request)).await?;
    let view = app.api.conversation(&present).await?;
    let asks = asks(&patch, &view, &caller)?;
    for ask in asks {
        // Each is a request of its own, with a key of its own, on what the one before
        // has left. A repeated call may have fewer of them, so they are not numbered.
        let step = match &ask {
            ControlAsk::Pass {
                to: Holder::Agent(_),
                ..
            } => " agent",
            ControlAsk::Pass { .. } => " inbox",
            ControlAsk::Close { .. } | ControlAsk::Release => " close",
        };
        let meta = call::meta(&request, None, step)?;
        let present = target(&app.api, &caller, call::id(&request)).await?;
        let asked = app.control(&caller, present, ask, &meta).await?;
        if let Delivery::Failed { detail, .. } = asked.status.delivery {
            return Err(Refused::invalid_state(detail));
        }
    }
    Ok(HttpResponse::empty(204))
}

/// The hub's own ids have a form that Gladly's do not have.
async fn target(api: &Api, caller: &Caller, id: &str) -> Result<Target, ApiError> {
    if ConversationId::parse(id).is_ok() || ThreadId::parse(id).is_ok() {
        api.target(caller, id).await
    } else {
        api.target_by_platform_conversation(caller, id).await
    }
}

/// What a patch asks for, in order.
fn asks(
    patch: &Patch,
    view: &ConversationView,
    caller: &Caller,
) -> Result<Vec<ControlAsk>, Refused> {
    let mut asks = Vec::new();
    let mut pass = |to: Holder| {
        let parcel = Parcel {
            reason: "Assigned by the bot".to_owned(),
            ..Parcel::default()
        };
        asks.push(ControlAsk::Pass { to, parcel });
    };
    if let Some(assignee) = &patch.assignee {
        let inbox = Holder::Queue(Some(assignee.inbox.clone()));
        let agent = assignee.agent.clone().map(Holder::Agent);
        let wanted = agent.as_ref().unwrap_or(&inbox);
        if view.holder != *wanted || view.closed.is_some() {
            if view.holder != inbox {
                pass(inbox.clone());
            }
            if let Some(agent) = agent {
                pass(agent);
            }
        }
    }
    match patch.status {
        Some(status) if status.closed => {
            asks.push(ControlAsk::Close {
                reason: close_reason(caller),
                description: String::new(),
            });
        }
        Some(_) if view.closed.is_some() => {
            return Err(Refused::invalid_state(
                "a closed conversation opens again when the customer writes",
            ));
        }
        Some(_) | None => {}
    }
    Ok(asks)
}

/// While the bot holds, status is `NEW` and there is no inbox.
fn object(view: &ConversationView) -> Value {
    let agent = match &view.holder {
        Holder::Agent(agent) => Some(agent.as_str()),
        _ => None,
    };
    let status = match &view.holder {
        _ if view.closed.is_some() => Status::Closed,
        Holder::Bot => Status::New,
        Holder::Queue(_) | Holder::Agent(_) | Holder::App(_) | Holder::Nobody => Status::Open,
    };
    conversation_object(&face::ConversationView {
        conversation: &view.id,
        identity: &view.identity,
        agent,
        inbox: view.inbox(),
        created_at: view.opened_at,
        closed_at: view.closed.as_ref().map(|closing| closing.at),
        status,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_domain::{Actor, CloseReason, Closing, Identity, Ledger, Timestamp};
    use baton_hub::store::records::Role;
    use serde_json::json;

    fn view(holder: Holder) -> ConversationView {
        let thread = ThreadId::parse(&format!("thr_{}", "a".repeat(26))).expect("an id");
        ConversationView {
            id: ConversationId::new(&thread, 1),
            connection: "shop-chat".to_owned(),
            platform: "gladly",
            holder,
            epoch: 1,
            holder_since: Timestamp(0),
            opened_at: Timestamp(0),
            closed: None,
            ledger: Ledger::default(),
            seq: 1,
            pending: 0,
            deadlines: Vec::new(),
            identity: Identity {
                conversation: Some("co_1".to_owned()),
                customer: Some("cu_1".to_owned()),
                ..Identity::default()
            },
        }
    }

    fn closed(mut view: ConversationView) -> ConversationView {
        view.closed = Some(Closing {
            at: Timestamp(1),
            reason: CloseReason::Bot,
            by: Actor::Bot,
        });
        view
    }

    fn asked(patch: Value, view: &ConversationView) -> Result<Vec<ControlAsk>, Refused> {
        let bot = Caller {
            role: Role::Bot,
            connections: None,
            agent: None,
            token_hash: String::new(),
            expires: None,
        };
        let patch = parse_patch(patch.to_string().as_bytes()).expect("it is a patch");
        asks(&patch, view, &bot)
    }

    fn targets(asks: &[ControlAsk]) -> Vec<String> {
        asks.iter()
            .map(|ask| match ask {
                ControlAsk::Pass { to, .. } => to.to_string(),
                ControlAsk::Close { .. } => "close".to_owned(),
                ControlAsk::Release => "release".to_owned(),
            })
            .collect()
    }

    #[test]
    fn a_patch_is_a_sequence_of_requests() {
        let queued = view(Holder::Queue(Some("in_1".to_owned())));
        let of = |patch| targets(&asked(patch, &queued).expect("it can be asked"));
        assert_eq!(
            of(json!({"assignee": {"inboxId": "in_2"}})),
            ["queue(in_2)"]
        );
        assert_eq!(
            of(json!({"assignee": {"inboxId": "in_1"}})),
            Vec::<String>::new()
        );
        assert_eq!(
            of(json!({"assignee": {"inboxId": "in_1", "agentId": "ag_1"}})),
            ["agent(ag_1)"]
        );
        assert_eq!(
            of(json!({"assignee": {"inboxId": "in_2", "agentId": "ag_1"}})),
            ["queue(in_2)", "agent(ag_1)"]
        );
        assert_eq!(
            of(json!({"status": {"value": "CLOSED"}, "assignee": {"inboxId": "in_2"}})),
            ["queue(in_2)", "close"]
        );
        assert_eq!(
            of(json!({"status": {"value": "OPEN"}})),
            Vec::<String>::new()
        );
        let reopened = asked(
            json!({"status": {"value": "OPEN"}}),
            &closed(queued.clone()),
        );
        assert_eq!(reopened.expect_err("it cannot").status(), 400);
        // The domain says that it is closed.
        assert_eq!(
            asked(
                json!({"assignee": {"inboxId": "in_2"}}),
                &closed(queued.clone())
            )
            .map(|asks| asks.len()),
            Ok(1)
        );
    }

    #[test]
    fn with_the_bot_it_is_new_and_in_no_inbox() {
        let shown = object(&view(Holder::Bot));
        assert_eq!(
            (&shown["status"], &shown["id"], &shown["customerId"]),
            (&json!("NEW"), &json!("co_1"), &json!("cu_1"))
        );
        assert!(shown.get("inboxId").is_none());
        let shown = object(&view(Holder::Queue(Some("in_1".to_owned()))));
        assert_eq!(
            (&shown["status"], &shown["inboxId"]),
            (&json!("OPEN"), &json!("in_1"))
        );
        let shown = object(&view(Holder::Agent("ag_1".to_owned())));
        assert_eq!(
            (&shown["status"], &shown["agentId"]),
            (&json!("OPEN"), &json!("ag_1"))
        );
        assert_eq!(
            object(&closed(view(Holder::Bot)))["status"],
            json!("CLOSED")
        );
    }
}

//! `/api/v1/message-automation/sessions/{id}` and what is below it.

use super::{FaceAnswer, Refused, caller};
use crate::api::call::{self, LIST_LIMIT, MOVERS, SPEAKERS};
use crate::api::control::close_reason;
use crate::http::{HttpRequest, HttpResponse};
use baton_domain::{
    Actor, Content, ControlAsk, ConversationId, Holder, Identity, Parcel, Timestamp,
};
use baton_hub::api::{Api, Delivery, MessageView, OutboundApi, Target};
use baton_hub::settings::Caller;
use baton_platforms::gladly::face::{
    self, From as Writer, SessionView, customer_name, message_object, parse_description,
    parse_message, parse_typing, session_object,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Sends a message. 200 with the message object, also while it waits to be delivered:
/// then its id is the hub's, and what becomes of it is an event.
///
/// # Errors
/// In Gladly's shape, see the module above.
pub async fn send(app: OutboundApi, request: HttpRequest) -> FaceAnswer {
    let caller = caller(&app.api, &request, SPEAKERS).await?;
    let meta = call::meta(&request, None, "")?;
    let content = parse_message(&meta.body)?;
    let target = app.api.target(&caller, call::id(&request)).await?;
    let (session, identity) = names(&target)?;
    let status = app.send(&caller, target, content, &meta).await?.status;
    let platform_id = match status.delivery {
        Delivery::Failed { detail, .. } => return Err(Refused::invalid_state(detail)),
        Delivery::Sent { platform_id, .. } => platform_id,
        Delivery::Queued | Delivery::Unknown => None,
    };
    let message = Said {
        id: platform_id.unwrap_or_else(|| status.id.to_string()),
        from: caller.agent.map_or(Actor::Bot, Actor::Agent),
        content: Some(status.content),
        at: status.queued_at,
    };
    Ok(HttpResponse::json(
        200,
        &message.object(&session, &identity),
    ))
}

/// Shows or hides that the bot types. 204.
///
/// # Errors
/// In Gladly's shape.
pub async fn typing(app: OutboundApi, request: HttpRequest) -> FaceAnswer {
    let caller = caller(&app.api, &request, SPEAKERS).await?;
    let started = parse_typing(&call::bytes(&request)?)?;
    let target = app.api.target(&caller, call::id(&request)).await?;
    app.typing(&caller, &target, started).await?;
    Ok(HttpResponse::empty(204))
}

/// Hands the session to the agents of the default inbox. 204, also while that is still
/// under way. The call has no inbox: a field `inboxId` is ignored, as Gladly ignores it.
///
/// # Errors
/// In Gladly's shape; an unknown session is 400.
pub async fn handoff(app: OutboundApi, request: HttpRequest) -> FaceAnswer {
    let caller = caller(&app.api, &request, MOVERS).await?;
    let reason = parse_description(&call::bytes(&request)?)?;
    let ask = ControlAsk::Pass {
        to: Holder::Queue(None),
        parcel: Parcel {
            reason,
            ..Parcel::default()
        },
    };
    run(&app, &caller, &request, ask).await
}

/// Closes the session. 204, also while that is still under way.
///
/// # Errors
/// In Gladly's shape; an unknown session is 400.
pub async fn close(app: OutboundApi, request: HttpRequest) -> FaceAnswer {
    let caller = caller(&app.api, &request, MOVERS).await?;
    let description = parse_description(&call::bytes(&request)?)?;
    let ask = ControlAsk::Close {
        reason: close_reason(&caller),
        description,
    };
    run(&app, &caller, &request, ask).await
}

async fn run(
    app: &OutboundApi,
    caller: &Caller,
    request: &HttpRequest,
    ask: ControlAsk,
) -> FaceAnswer {
    let meta = call::meta(request, None, "")?;
    let target = app
        .api
        .target(caller, call::id(request))
        .await
        .map_err(|error| Refused::from(error).on_handoff_or_close())?;
    let asked = app
        .control(caller, target, ask, &meta)
        .await
        .map_err(|error| Refused::from(error).on_handoff_or_close())?;
    match asked.status.delivery {
        Delivery::Failed { detail, .. } => Err(Refused::invalid_state(detail)),
        Delivery::Sent { .. } | Delivery::Queued | Delivery::Unknown => {
            Ok(HttpResponse::empty(204))
        }
    }
}

/// The session; `target.targetType` says whether it is the bot's.
///
/// # Errors
/// In Gladly's shape.
pub async fn one(api: Api, request: HttpRequest) -> FaceAnswer {
    let caller = caller(&api, &request, MOVERS).await?;
    let target = api.target(&caller, call::id(&request)).await?;
    let view = api.conversation(&target).await?;
    let bots = view.closed.is_none() && view.holder == Holder::Bot;
    let session = SessionView {
        conversation: &view.id,
        identity: &view.identity,
        created_at: view.opened_at,
        updated_at: view
            .closed
            .as_ref()
            .map_or(target.loaded.thread.last_at, |closing| closing.at),
        target: if bots {
            face::Target::Automation
        } else {
            face::Target::Agent
        },
    };
    Ok(HttpResponse::json(200, &session_object(&session)))
}

/// All messages of the session, in order.
///
/// # Errors
/// In Gladly's shape.
pub async fn messages(api: Api, request: HttpRequest) -> FaceAnswer {
    let caller = caller(&api, &request, MOVERS).await?;
    let target = api.target(&caller, call::id(&request)).await?;
    let (session, identity) = names(&target)?;
    let views = all(&api, &target).await?;
    let objects: Vec<Value> = views
        .into_iter()
        .map(|view| Said::of(view).object(&session, &identity))
        .collect();
    Ok(HttpResponse::json(200, &objects))
}

/// One message, by Gladly's id of it or the hub's.
///
/// # Errors
/// In Gladly's shape.
pub async fn message(api: Api, request: HttpRequest) -> FaceAnswer {
    let caller = caller(&api, &request, MOVERS).await?;
    let wanted = request.path_parameter("message").unwrap_or_default();
    let target = api.target(&caller, call::id(&request)).await?;
    let (session, identity) = names(&target)?;
    let found = all(&api, &target)
        .await?
        .into_iter()
        .find(|view| view.id.to_string() == wanted || view.platform_id.as_deref() == Some(wanted))
        .ok_or_else(Refused::not_exist)?;
    Ok(HttpResponse::json(
        200,
        &Said::of(found).object(&session, &identity),
    ))
}

/// Gladly's list has no pages.
async fn all(api: &Api, target: &Target) -> Result<Vec<MessageView>, Refused> {
    let mut views = Vec::new();
    let mut after = None;
    loop {
        let page = api.messages(target, LIST_LIMIT, after.as_deref()).await?;
        views.extend(page.messages);
        after = page.after;
        if after.is_none() {
            return Ok(views);
        }
    }
}

/// The session's id, and the platform's names of its customer.
fn names(target: &Target) -> Result<(ConversationId, Identity), Refused> {
    let present = target.loaded.thread.conversation.as_ref();
    let session = match (&target.conversation, present) {
        (Some(named), _) => named.clone(),
        (None, Some(present)) => ConversationId::new(&target.loaded.id, present.first_seq),
        (None, None) => return Err(Refused::not_exist()),
    };
    Ok((session, target.loaded.thread.identity.clone()))
}

/// A message, as the face shows it.
struct Said {
    id: String,
    from: Actor,
    content: Option<Content>,
    at: Timestamp,
}

impl Said {
    /// A customer's message keeps the id that the event told the bot, which is the
    /// hub's; what was sent has the platform's once there is one, as the answer to
    /// sending it has.
    fn of(view: MessageView) -> Self {
        let own = view.id.to_string();
        let id = match view.from {
            Actor::Customer => own,
            _ => view.platform_id.unwrap_or(own),
        };
        Self {
            id,
            from: view.from,
            content: view.content,
            at: view.at,
        }
    }

    fn object(&self, session: &ConversationId, identity: &Identity) -> Value {
        // What has expired or was erased is an empty text: the face has no word for it.
        let gone = Content::text("");
        message_object(&face::MessageView {
            id: &self.id,
            conversation: session,
            content: self.content.as_ref().unwrap_or(&gone),
            at: self.at,
            from: match &self.from {
                Actor::Customer => Writer::Customer(customer_name(identity, session)),
                Actor::Bot => Writer::Automation,
                Actor::Agent(agent) => Writer::Agent(agent.clone()),
                Actor::Platform | Actor::App(_) | Actor::Operator | Actor::Hub => Writer::Internal,
            },
            context: &BTreeMap::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_domain::{MessageId, Place, ThreadId};

    #[test]
    fn ids_are_those_that_the_bot_was_told() {
        let thread = ThreadId::parse(&format!("thr_{}", "a".repeat(26))).expect("an id");
        let view = |from| MessageView {
            id: MessageId::new(&thread, Place(2, 0)),
            from,
            content: Some(Content::text("Hi")),
            at: Timestamp(0),
            platform_id: Some("gladlys".to_owned()),
            delivery: None,
        };
        let own = MessageId::new(&thread, Place(2, 0)).to_string();
        assert_eq!(Said::of(view(Actor::Customer)).id, own);
        assert_eq!(Said::of(view(Actor::Bot)).id, "gladlys");

        let session = ConversationId::new(&thread, 1);
        let object = Said::of(view(Actor::Customer)).object(&session, &Identity::default());
        assert_eq!(object["from"]["id"], thread.as_str());
        assert_eq!(object["sessionId"], session.to_string());
    }
}

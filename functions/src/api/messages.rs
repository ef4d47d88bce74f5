//! Messages: send, list; and the typing indicator.

use super::Answer;
use super::call::{self, LIST_DEFAULT, LIST_LIMIT, READERS, SPEAKERS};
use super::content::{self, MessageContent};
use super::objects::MessageObject;
use crate::http::{HttpRequest, HttpResponse};
use crate::problem::{Kind, Problem};
use baton_domain::{Actor, Content};
use baton_hub::api::{Api, OutboundApi};
use baton_hub::settings::Caller;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A message to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"content": {"type": "text", "text": "Your parcel left today."}, "epoch": 1}))]
pub struct SendRequest {
    /// What to say.
    #[schema(value_type = MessageContent)]
    pub content: serde_json::Value,
    /// The holding you believe in: refused with 409 when it is not the present one.
    #[serde(default)]
    pub epoch: Option<u64>,
}

/// A page of a conversation's messages, in order.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageList {
    /// The messages.
    pub messages: Vec<MessageObject>,
    /// Where to go on; missing on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Whether the holder types.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"state": "started"}))]
pub struct TypingRequest {
    /// What to show.
    pub state: TypingState,
}

/// What to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TypingState {
    /// The holder types.
    Started,
    /// The holder stopped.
    Stopped,
}

/// Send a message
///
/// As the holder: the bot, or the agent who has the conversation. Answered within 8 s:
/// 200 when it is settled (`status` is `sent` or `failed`), 202 while it waits
/// (`queued`) or while it is being found out whether it arrived (`unknown`); the rest
/// is an event. With an `Idempotency-Key` a repeated call has one effect and one id for
/// 24 h, and is answered with the present status and `Idempotent-Replayed: true`.
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/messages",
    tag = "messages",
    operation_id = "sendMessage",
    params(
        ("id" = String, Path, description = "Id of a conversation (`cnv_...`) or thread (`thr_...`)"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters of your choice, new for each message", min_length = 1, max_length = 255),
    ),
    request_body = SendRequest,
    responses(
        (status = 200, description = "Settled: `sent` or `failed`", body = MessageObject),
        (status = 202, description = "Taken: `queued` or `unknown`", body = MessageObject),
        super::openapi::SendRefusals,
    )
)]
pub async fn send(app: OutboundApi, request: HttpRequest) -> Answer {
    let caller = call::caller(&app.api, &request, SPEAKERS).await?;
    let body: SendRequest = call::body(&request)?;
    let content = content::read("content", body.content)?;
    let meta = call::meta(&request, body.epoch, "")?;
    let target = app.api.target(&caller, call::id(&request)).await?;
    let spelled = content.clone();
    let asked = app
        .send(&caller, target, content, &meta)
        .await
        .map_err(|error| in_own_words(error.into(), &spelled))?;
    let message = MessageObject::of_status(asked.status, &speaker(&caller));
    let response = HttpResponse::json(if message.is_settled() { 200 } else { 202 }, &message);
    Ok(replayed(response, asked.repeated))
}

/// Marks the answer to a repeated call.
pub(super) fn replayed(response: HttpResponse, repeated: bool) -> HttpResponse {
    if repeated {
        response.with_header("idempotent-replayed", "true")
    } else {
        response
    }
}

/// Who speaks with this token.
fn speaker(caller: &Caller) -> Actor {
    caller.agent.clone().map_or(Actor::Bot, Actor::Agent)
}

/// Gladly's limits call the text of a message `content.value`, whatever its type.
fn in_own_words(mut problem: Problem, content: &Content) -> Problem {
    let name = match content {
        Content::Text { .. } => "content.text",
        Content::Html { .. } => "content.html",
        _ => "content",
    };
    if problem.kind == Kind::ContentLimits {
        for error in problem
            .errors
            .iter_mut()
            .filter(|error| error.field == "content.value")
        {
            error.field = name.to_owned();
        }
    }
    problem
}

/// Show that the holder types
///
/// Or that it stopped. A courtesy: nothing is kept, and nothing says whether the
/// customer saw it.
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/typing",
    tag = "messages",
    operation_id = "showTyping",
    params(("id" = String, Path, description = "Id of a conversation (`cnv_...`) or thread (`thr_...`)")),
    request_body = TypingRequest,
    responses(
        (status = 204, description = "Passed on"),
        super::openapi::TypingRefusals,
    )
)]
pub async fn typing(app: OutboundApi, request: HttpRequest) -> Answer {
    let caller = call::caller(&app.api, &request, SPEAKERS).await?;
    let body: TypingRequest = call::body(&request)?;
    let target = app.api.target(&caller, call::id(&request)).await?;
    app.typing(&caller, &target, body.state == TypingState::Started)
        .await?;
    Ok(HttpResponse::empty(204))
}

/// List a conversation's messages
///
/// In the log's order, inbound and outbound.
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/messages",
    tag = "messages",
    operation_id = "listMessages",
    params(
        ("id" = String, Path, description = "Id of a conversation (`cnv_...`), or of a thread for its present one"),
        ("limit" = Option<u8>, Query, description = "At most so many, 1 to 100; 50 by default", minimum = 1, maximum = 100),
        ("after" = Option<String>, Query, description = "The `after` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = MessageList),
        super::openapi::ReadRefusals,
    )
)]
pub async fn list(api: Api, request: HttpRequest) -> Answer {
    let caller = call::caller(&api, &request, READERS).await?;
    call::only_query(&request, &["limit", "after"])?;
    let limit = call::number(&request, "limit", 1, LIST_LIMIT, LIST_DEFAULT)?;
    let target = api.target(&caller, call::id(&request)).await?;
    let page = api
        .messages(&target, limit, request.query("after").as_deref())
        .await?;
    let messages = page.messages.into_iter().map(MessageObject::from).collect();
    Ok(HttpResponse::json(
        200,
        &MessageList {
            messages,
            after: page.after,
        },
    ))
}

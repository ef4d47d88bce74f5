//! Who holds: handoff, close, control.

use super::Answer;
use super::call::{self, ADMINS, MOVERS};
use super::messages::replayed;
use super::objects::{ControlObject, ControlState};
use crate::http::{HttpRequest, HttpResponse};
use crate::problem::{Kind, Problem};
use baton_domain::{CloseReason, ControlAsk, Holder, Parcel};
use baton_hub::api::OutboundApi;
use baton_hub::settings::Caller;
use baton_hub::store::records::Role;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A handoff to people.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "reason": "wants to change the delivery address",
    "fields": {"order": "A-17"},
    "summary": "The parcel has not left yet.",
    "to": {"inbox": "inbox_1"},
    "epoch": 1
}))]
pub struct HandoffRequest {
    /// Why, in words for whoever takes over. Must not be blank.
    #[schema(min_length = 1)]
    pub reason: String,
    /// What the bot found out, by name.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// The bot's summary, if it made one.
    #[serde(default)]
    pub summary: Option<String>,
    /// Where to; the connection's default inbox if missing.
    #[serde(default)]
    pub to: Option<HandoffTarget>,
    /// The holding you believe in: refused with 409 when it is not the present one.
    #[serde(default)]
    pub epoch: Option<u64>,
}

/// Who is to take over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = json!({"inbox": "inbox_1"}))]
pub enum HandoffTarget {
    /// Whoever works in this inbox.
    Inbox(String),
    /// This agent.
    Agent(String),
}

/// A close.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"description": "answered by the bot", "epoch": 1}))]
pub struct CloseRequest {
    /// Words for the platform's record.
    #[serde(default)]
    pub description: Option<String>,
    /// The holding you believe in: refused with 409 when it is not the present one.
    #[serde(default)]
    pub epoch: Option<u64>,
}

/// A change of control.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"ask": "pass", "to": {"agent": "agent_1"}, "reason": "knows the case", "epoch": 2}))]
pub struct ControlRequest {
    /// What is asked.
    pub ask: Ask,
    /// Who shall hold: with `pass`, and only then.
    #[serde(default)]
    pub to: Option<ControlTarget>,
    /// Why, in words for the next holder.
    #[serde(default)]
    pub reason: Option<String>,
    /// The holding you believe in: refused with 409 when it is not the present one.
    #[serde(default)]
    pub epoch: Option<u64>,
}

/// What is asked of control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Give it to somebody.
    Pass,
    /// Take it yourself: an agent from the bot, a queue or nobody.
    Take,
    /// Hold no longer, name nobody.
    Release,
}

/// Who shall hold: `"bot"`, or an object with one field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = json!({"agent": "agent_1"}))]
pub enum ControlTarget {
    /// The connection's bot.
    Bot,
    /// Whoever works in this inbox.
    Inbox(String),
    /// This agent.
    Agent(String),
    /// This foreign app.
    App(String),
}

impl From<HandoffTarget> for Holder {
    fn from(target: HandoffTarget) -> Self {
        match target {
            HandoffTarget::Inbox(inbox) => Self::Queue(Some(inbox)),
            HandoffTarget::Agent(agent) => Self::Agent(agent),
        }
    }
}

impl From<ControlTarget> for Holder {
    fn from(target: ControlTarget) -> Self {
        match target {
            ControlTarget::Bot => Self::Bot,
            ControlTarget::Inbox(inbox) => Self::Queue(Some(inbox)),
            ControlTarget::Agent(agent) => Self::Agent(agent),
            ControlTarget::App(app) => Self::App(app),
        }
    }
}

/// Hand off to people
///
/// To the inbox or agent named, or else to the connection's default inbox, with a
/// reason and what the bot found out. Answered within 8 s: 200 when it is settled
/// (`passed` or `failed`), 202 while it waits (`requested`) or is being found out
/// (`unknown`); the rest is an event. Where the platform hands over to an inbox of its
/// own choice, `holder` tells which.
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/handoff",
    tag = "control",
    operation_id = "handOff",
    params(
        ("id" = String, Path, description = "Id of a conversation (`cnv_...`) or thread (`thr_...`)"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters of your choice, new for each handoff", min_length = 1, max_length = 255),
    ),
    request_body = HandoffRequest,
    responses(
        (status = 200, description = "Settled: `passed` or `failed`", body = ControlObject),
        (status = 202, description = "Taken: `requested` or `unknown`", body = ControlObject),
        super::openapi::ControlRefusals,
    )
)]
pub async fn handoff(app: OutboundApi, request: HttpRequest) -> Answer {
    let caller = call::caller(&app.api, &request, MOVERS).await?;
    let body: HandoffRequest = call::body(&request)?;
    let HandoffRequest {
        reason,
        fields,
        summary,
        to,
        epoch,
    } = body;
    if reason.trim().is_empty() {
        return Err(Problem::field(
            "reason",
            "must not be blank: say why you hand off",
        ));
    }
    let to = named(to.map_or(Holder::Queue(None), Holder::from))?;
    let ask = ControlAsk::Pass {
        to,
        parcel: Parcel {
            reason,
            fields,
            summary,
        },
    };
    run(&app, &caller, &request, ask, epoch).await
}

/// Close a conversation
///
/// The reason that is recorded tells who closed: the bot, or a person with an agent's
/// or an admin's token. Answered like a handoff, with `closed` where that says `passed`.
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/close",
    tag = "control",
    operation_id = "closeConversation",
    params(
        ("id" = String, Path, description = "Id of a conversation (`cnv_...`) or thread (`thr_...`)"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters of your choice, new for each close", min_length = 1, max_length = 255),
    ),
    request_body = CloseRequest,
    responses(
        (status = 200, description = "Settled: `closed` or `failed`", body = ControlObject),
        (status = 202, description = "Taken: `requested` or `unknown`", body = ControlObject),
        super::openapi::ControlRefusals,
    )
)]
pub async fn close(app: OutboundApi, request: HttpRequest) -> Answer {
    let caller = call::caller(&app.api, &request, MOVERS).await?;
    let body: CloseRequest = call::body(&request)?;
    let ask = ControlAsk::Close {
        reason: close_reason(&caller),
        description: body.description.unwrap_or_default(),
    };
    run(&app, &caller, &request, ask, body.epoch).await
}

/// Erase a customer's words
///
/// Of the whole thread: all its conversations, everything that was said in them, and the
/// platform's names of the customer. Only an admin may. What is open is closed, what has not
/// left will not. `erasing`: it is recorded, cannot be undone, and is carried out within
/// seconds. `erased`: it was before, and nothing has come since. A new message of the
/// customer opens a new conversation.
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/erase",
    tag = "control",
    operation_id = "eraseConversation",
    params(("id" = String, Path, description = "Id of a conversation (`cnv_...`) or thread (`thr_...`)")),
    responses(
        (status = 200, description = "It was erased before", body = ErasureObject),
        (status = 202, description = "It is being erased", body = ErasureObject),
        super::openapi::EraseRefusals,
    )
)]
pub async fn erase(app: OutboundApi, request: HttpRequest) -> Answer {
    let caller = call::caller(&app.api, &request, ADMINS).await?;
    let target = app.api.target(&caller, call::id(&request)).await?;
    let erasing = app.api.erase(target).await?;
    let (status, state) = match erasing {
        true => (202, ErasureState::Erasing),
        false => (200, ErasureState::Erased),
    };
    Ok(HttpResponse::json(status, &ErasureObject { state }))
}

/// How far an erasure is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErasureObject {
    /// `erasing`, or `erased`.
    pub state: ErasureState,
}

/// Whether there is still something to erase.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// It is recorded, and will be done within seconds.
    Erasing,
    /// Nothing is left.
    Erased,
}

/// Pass, take or release control
///
/// The holder may pass and release. An agent may take what the bot, a queue or nobody
/// holds. An admin may pass anything to anybody. Answered like a handoff.
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/control",
    tag = "control",
    operation_id = "changeControl",
    params(
        ("id" = String, Path, description = "Id of a conversation (`cnv_...`) or thread (`thr_...`)"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters of your choice, new for each change", min_length = 1, max_length = 255),
    ),
    request_body = ControlRequest,
    responses(
        (status = 200, description = "Settled: `passed`, `released` or `failed`", body = ControlObject),
        (status = 202, description = "Taken: `requested` or `unknown`", body = ControlObject),
        super::openapi::ControlRefusals,
    )
)]
pub async fn control(app: OutboundApi, request: HttpRequest) -> Answer {
    let caller = call::caller(&app.api, &request, MOVERS).await?;
    let body: ControlRequest = call::body(&request)?;
    let epoch = body.epoch;
    let ask = asked(&caller, body)?;
    run(&app, &caller, &request, ask, epoch).await
}

/// What a request for control comes to.
fn asked(caller: &Caller, body: ControlRequest) -> Result<ControlAsk, Problem> {
    let ControlRequest {
        ask, to, reason, ..
    } = body;
    let to = match (ask, to) {
        (Ask::Pass, Some(to)) => named(to.into())?,
        (Ask::Pass, None) => {
            return Err(Problem::field(
                "to",
                "name who shall hold, e.g. {\"inbox\": \"inbox_1\"} or \"bot\"",
            ));
        }
        (Ask::Take | Ask::Release, Some(_)) => {
            return Err(Problem::field("to", "only the ask `pass` takes it"));
        }
        (Ask::Release, None) => return Ok(ControlAsk::Release),
        (Ask::Take, None) => match (caller.role, &caller.agent) {
            (Role::Agent, Some(agent)) => Holder::Agent(agent.clone()),
            (Role::Bot, _) => Holder::Bot,
            _ => {
                let detail = "This token speaks for nobody, so it cannot take. Use the ask `pass` and name who shall hold.";
                return Err(Problem::new(Kind::Forbidden, detail));
            }
        },
    };
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    let parcel = Parcel {
        reason: reason.unwrap_or_else(|| match ask {
            Ask::Take => "Taken over".to_owned(),
            Ask::Pass | Ask::Release => "Passed on".to_owned(),
        }),
        ..Parcel::default()
    };
    Ok(ControlAsk::Pass { to, parcel })
}

/// A holder whose name is not blank.
fn named(holder: Holder) -> Result<Holder, Problem> {
    match &holder {
        Holder::Queue(Some(id)) | Holder::Agent(id) | Holder::App(id) if id.trim().is_empty() => {
            Err(Problem::field("to", "the id must not be blank"))
        }
        _ => Ok(holder),
    }
}

/// The reason that a close with this token records. An admin's is a person's, too: who
/// it was stands beside it.
pub(crate) fn close_reason(caller: &Caller) -> CloseReason {
    match caller.role {
        Role::Bot => CloseReason::Bot,
        Role::Agent | Role::Admin | Role::Reader => CloseReason::Agent,
    }
}

async fn run(
    app: &OutboundApi,
    caller: &Caller,
    request: &HttpRequest,
    ask: ControlAsk,
    epoch: Option<u64>,
) -> Answer {
    let meta = call::meta(request, epoch, "")?;
    let target = app.api.target(caller, call::id(request)).await?;
    let done = match &ask {
        ControlAsk::Pass { .. } => ControlState::Passed,
        ControlAsk::Close { .. } => ControlState::Closed,
        ControlAsk::Release => ControlState::Released,
    };
    let asked = app.control(caller, target, ask, &meta).await?;
    let object = ControlObject::new(asked.status, done);
    let response = HttpResponse::json(if object.is_settled() { 200 } else { 202 }, &object);
    Ok(replayed(response, asked.repeated))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn caller(role: Role) -> Caller {
        Caller {
            role,
            connections: None,
            agent: (role == Role::Agent).then(|| "agent_1".to_owned()),
            token_hash: String::new(),
            expires: None,
        }
    }

    fn of(role: Role, body: Value) -> Result<ControlAsk, Problem> {
        let body = serde_json::from_value(body).expect("it is a request");
        asked(&caller(role), body)
    }

    fn passed_to(ask: Result<ControlAsk, Problem>) -> (Holder, String) {
        match ask {
            Ok(ControlAsk::Pass { to, parcel }) => (to, parcel.reason),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn taking_is_passing_to_oneself() {
        let agent = Holder::Agent("agent_1".to_owned());
        assert_eq!(
            passed_to(of(Role::Agent, json!({"ask": "take"}))),
            (agent, "Taken over".to_owned())
        );
        assert_eq!(
            passed_to(of(Role::Bot, json!({"ask": "take"}))).0,
            Holder::Bot
        );
        assert_eq!(
            of(Role::Admin, json!({"ask": "take"}))
                .expect_err("nobody")
                .kind,
            Kind::Forbidden
        );
    }

    #[test]
    fn passing_names_a_holder_and_nothing_else_does() {
        let inbox = json!({"ask": "pass", "to": {"inbox": "inbox_1"}, "reason": "full"});
        assert_eq!(
            passed_to(of(Role::Admin, inbox)),
            (Holder::Queue(Some("inbox_1".to_owned())), "full".to_owned())
        );
        assert_eq!(
            passed_to(of(Role::Admin, json!({"ask": "pass", "to": "bot"}))).0,
            Holder::Bot
        );
        assert_eq!(
            of(Role::Bot, json!({"ask": "release"})),
            Ok(ControlAsk::Release)
        );
        for wrong in [
            json!({"ask": "pass"}),
            json!({"ask": "pass", "to": {"agent": " "}}),
            json!({"ask": "take", "to": "bot"}),
            json!({"ask": "release", "to": "bot"}),
        ] {
            assert_eq!(
                of(Role::Agent, wrong)
                    .expect_err("wrong")
                    .errors
                    .first()
                    .map(|it| it.field.clone()),
                Some("to".to_owned())
            );
        }
    }

    #[test]
    fn a_close_records_who_closed() {
        assert_eq!(close_reason(&caller(Role::Bot)), CloseReason::Bot);
        assert_eq!(close_reason(&caller(Role::Agent)), CloseReason::Agent);
        assert_eq!(close_reason(&caller(Role::Admin)), CloseReason::Agent);
    }
}

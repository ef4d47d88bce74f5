//! Questions: one conversation, lists, the event feed.

use super::Answer;
use super::call::{self, LIST_DEFAULT, LIST_LIMIT, READERS};
use super::objects::{ConversationObject, ConversationRow, HolderWord};
use crate::http::{HttpRequest, HttpResponse};
use crate::problem::Problem;
use baton_domain::HolderKind;
use baton_domain::time::SECOND;
use baton_hub::api::{Api, ListQuery};
use baton_hub::facts::Fact;
use baton_hub::store::records::Role;
use serde::Serialize;
use utoipa::ToSchema;

/// The longest the feed waits for an event, in seconds.
const WAIT_LIMIT_S: usize = 20;

/// A page of conversations.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversationList {
    /// Open ones, the longest held first; closed ones by opening.
    pub conversations: Vec<ConversationRow>,
    /// Where to go on; missing on the last page. A page may hold fewer than `limit`
    /// and still not be the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A piece of the event feed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "events": [{
        "version": "1",
        "id": "evt_aaaaaaaaaaaaaaaaaaaaaaaaaa-2-0",
        "event": "message.received",
        "connection": "shop-chat",
        "thread": "thr_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "conversation": "cnv_aaaaaaaaaaaaaaaaaaaaaaaaaa-1",
        "seq": 2,
        "index": 0,
        "epoch": 1,
        "at": "2026-11-20T08:15:00.000Z",
        "data": {
            "message": "msg_aaaaaaaaaaaaaaaaaaaaaaaaaa-2-0",
            "from": {"kind": "customer"},
            "written_at": "2026-11-20T08:14:59.900Z",
            "content": {"type": "text", "text": "Where is my order?"}
        }
    }],
    "after": "3.0"
}))]
pub struct EventFeed {
    /// The events of the thread, in order, of the same shape as on the bus and in hooks.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<serde_json::Value>,
    /// Where to go on, also when there was nothing.
    pub after: String,
}

/// Read a conversation
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}",
    tag = "conversations",
    operation_id = "readConversation",
    params(("id" = String, Path, description = "Id of a conversation (`cnv_...`), or of a thread for its present one")),
    responses(
        (status = 200, description = "The conversation", body = ConversationObject),
        super::openapi::ReadRefusals,
    )
)]
pub async fn one(api: Api, request: HttpRequest) -> Answer {
    let caller = call::caller(&api, &request, READERS).await?;
    call::only_query(&request, &[])?;
    let target = api.target(&caller, call::id(&request)).await?;
    let view = api.conversation(&target).await?;
    let object = ConversationObject::new(view, caller.role != Role::Reader);
    Ok(HttpResponse::json(200, &object))
}

/// List conversations
///
/// Those that are not closed, or with `state=closed` those that opened on the `day` and
/// have ended. Up to two seconds behind.
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    get,
    path = "/v1/conversations",
    tag = "conversations",
    operation_id = "listConversations",
    params(
        ("connection" = Option<String>, Query, description = "Only of this connection"),
        ("state" = Option<String>, Query, description = "`new` (with the bot), `queued`, `open` (with an agent, an app or nobody) or `closed`; all but closed ones by default", pattern = "^(new|queued|open|closed)$"),
        ("holder" = Option<HolderWord>, Query, description = "Only held by a `bot`, `queue`, `agent`, `app` or `nobody`"),
        ("day" = Option<String>, Query, description = "The day of opening in UTC, `2026-11-20`; with `state=closed`, and only then", pattern = r"^\d{4}-\d{2}-\d{2}$"),
        ("limit" = Option<u8>, Query, description = "At most so many, 1 to 100; 50 by default", minimum = 1, maximum = 100),
        ("after" = Option<String>, Query, description = "The `after` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = ConversationList),
        super::openapi::ReadRefusals,
    )
)]
pub async fn list(api: Api, request: HttpRequest) -> Answer {
    let caller = call::caller(&api, &request, READERS).await?;
    let Question { query, kinds } = question(&request)?;
    if kinds.is_empty() {
        return Ok(HttpResponse::json(
            200,
            &ConversationList {
                conversations: Vec::new(),
                after: None,
            },
        ));
    }
    let mut listing = api.list(&caller, &query).await?;
    listing
        .rows
        .retain(|row| kinds.contains(&row.holder.kind()));
    let conversations = listing
        .rows
        .into_iter()
        .map(ConversationRow::from)
        .collect();
    Ok(HttpResponse::json(
        200,
        &ConversationList {
            conversations,
            after: listing.after,
        },
    ))
}

/// What is listed, and the kinds of holder that are shown of it.
#[derive(Debug)]
struct Question {
    query: ListQuery,
    kinds: Vec<HolderKind>,
}

fn question(request: &HttpRequest) -> Result<Question, Problem> {
    call::only_query(
        request,
        &["connection", "state", "holder", "day", "limit", "after"],
    )?;
    let state = request.query("state");
    let of_state: &[HolderKind] = match state.as_deref() {
        None | Some("closed") => &HolderKind::ALL,
        Some("new") => &[HolderKind::Bot],
        Some("queued") => &[HolderKind::Queue],
        Some("open") => &[HolderKind::Agent, HolderKind::App, HolderKind::Nobody],
        Some(_) => {
            return Err(Problem::field(
                "state",
                "must be new, queued, open or closed",
            ));
        }
    };
    let holder =
        match request.query("holder") {
            None => None,
            Some(word) => Some(HolderKind::parse(&word).ok_or_else(|| {
                Problem::field("holder", "must be bot, queue, agent, app or nobody")
            })?),
        };
    let kinds: Vec<HolderKind> = of_state
        .iter()
        .copied()
        .filter(|kind| holder.is_none_or(|only| only == *kind))
        .collect();
    let closed = state.as_deref() == Some("closed");
    let day = request.query("day");
    match &day {
        Some(_) if !closed => return Err(Problem::field("day", "goes with state=closed only")),
        Some(day) if !is_day(day) => {
            return Err(Problem::field("day", "must be a day such as 2026-11-20"));
        }
        None if closed => {
            return Err(Problem::field(
                "day",
                "closed conversations are listed by the day they opened: add day=2026-11-20",
            ));
        }
        _ => {}
    }
    let only = match kinds.as_slice() {
        [only] => Some(*only),
        _ => None,
    };
    let query = ListQuery {
        connection: request.query("connection"),
        closed,
        holder: only,
        day,
        limit: call::number(request, "limit", 1, LIST_LIMIT, LIST_DEFAULT)?,
        after: request.query("after"),
    };
    Ok(Question { query, kinds })
}

/// Whether this is a day as `2026-11-20`.
fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |part: &str, digits: usize| {
        let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| plain)
    };
    match parts.as_slice() {
        [year, month, day] => {
            number(year, 4).is_some()
                && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
                && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
        }
        _ => false,
    }
}

/// Read the events of a thread
///
/// From after a cursor, or from the conversation's beginning; waits up to `wait`
/// seconds for the first one. The feed goes on over the end of a conversation.
///
/// # Errors
/// See [`crate::problem::Kind`].
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/events",
    tag = "conversations",
    operation_id = "readEvents",
    params(
        ("id" = String, Path, description = "Id of a conversation (`cnv_...`) or thread (`thr_...`)"),
        ("after" = Option<String>, Query, description = "The `after` of the answer before"),
        ("wait" = Option<u8>, Query, description = "Seconds to wait for the first event, 0 to 20; 0 by default", minimum = 0, maximum = 20),
    ),
    responses(
        (status = 200, description = "The events so far", body = EventFeed),
        super::openapi::ReadRefusals,
    )
)]
pub async fn events(api: Api, request: HttpRequest) -> Answer {
    let caller = call::caller(&api, &request, READERS).await?;
    call::only_query(&request, &["after", "wait"])?;
    let wait = call::number(&request, "wait", 0, WAIT_LIMIT_S, 0)?;
    let target = api.target(&caller, call::id(&request)).await?;
    let wait_ms = i64::try_from(wait).unwrap_or_default() * SECOND;
    let feed = api
        .feed(&target, request.query("after").as_deref(), wait_ms)
        .await?;
    let events = feed.events.iter().map(Fact::to_json).collect();
    Ok(HttpResponse::json(
        200,
        &EventFeed {
            events,
            after: feed.after,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Question, Problem> {
        let event = serde_json::json!({"rawQueryString": query});
        question(&serde_json::from_value(event).expect("it is an event"))
    }

    #[test]
    fn states_are_holders() {
        let all = asked("").expect("it lists all");
        assert!(!all.query.closed && all.query.holder.is_none() && all.kinds.len() == 5);
        assert_eq!(all.query.limit, LIST_DEFAULT);
        let new = asked("state=new&connection=shop&limit=3&after=x").expect("it lists some");
        assert_eq!(
            (new.query.holder, new.query.limit),
            (Some(HolderKind::Bot), 3)
        );
        assert_eq!(new.query.connection.as_deref(), Some("shop"));
        let open = asked("state=open").expect("it lists some");
        assert_eq!((open.query.holder, open.kinds.len()), (None, 3));
        assert_eq!(
            asked("state=open&holder=agent").expect("some").query.holder,
            Some(HolderKind::Agent)
        );
        assert!(
            asked("state=new&holder=agent")
                .expect("none")
                .kinds
                .is_empty()
        );
        let closed = asked("state=closed&day=2026-11-20").expect("it lists some");
        assert!(closed.query.closed && closed.query.day.as_deref() == Some("2026-11-20"));
    }

    #[test]
    fn odd_questions_are_refused_by_name() {
        for (query, field) in [
            ("state=waiting", "state"),
            ("holder=robot", "holder"),
            ("day=2026-11-20", "day"),
            ("state=closed", "day"),
            ("state=closed&day=2026-13-20", "day"),
            ("state=closed&day=20-11-2026", "day"),
            ("state=closed&day=%2B026-11-20", "day"),
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("page=2", "page"),
        ] {
            let problem = asked(query).expect_err(query);
            assert_eq!(
                problem.errors.first().map(|error| error.field.as_str()),
                Some(field),
                "{query}"
            );
        }
    }
}

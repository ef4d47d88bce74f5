//! The Events API: what happened, for those whose webhook did not hear it.
//!
//! Gladly API 1.0 (OpenAPI), Events: `startAt`, `endAt` and one `entities` or more;
//! JSON lines in the shape of webhooks, ascending by `timestamp`, of the last 24 hours
//! and up to 15 s behind. That an unknown entity and a start further back are refused with
//! 400 is this simulator's reading, as is that an entity covers all event names that begin
//! with it.

use jiff::Timestamp;

use super::oracle::ViolationKind;
use super::refusal::Refusal;
use super::state::World;

/// The answer's content type.
pub(crate) const JSON_LINES: &str = "application/x-jsonlines";
/// How far it reaches back, in ms.
const REACHES_BACK: i64 = 24 * 3_600_000;
/// The entities that may be asked for.
const ENTITIES: [&str; 7] = [
    "AGENT_AVAILABILITY",
    "AGENT_STATUS",
    "CONTACT",
    "CONVERSATION",
    "CUSTOMER",
    "PAYMENT_REQUEST",
    "TASK",
];

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) struct Happened {
    /// In ms since the epoch.
    pub(crate) at: i64,
    /// The event's name.
    pub(crate) kind: String,
    /// The body that webhooks carry.
    pub(crate) body: String,
}

/// What is asked for.
struct Question {
    start: i64,
    end: i64,
    entities: Vec<String>,
}

impl World {
    /// `GET /events`: JSON lines.
    pub(crate) fn list_events(&self, query: &str, now: i64) -> Result<String, Refusal> {
        let asked = self.read_question(query)?;
        if asked.start < now - REACHES_BACK {
            return Err(bad("startAt", "must be within the last 24 hours"));
        }
        if asked.end < asked.start {
            return Err(bad("endAt", "must not be before startAt"));
        }
        let told_until = asked.end.min(now - self.config.events_behind_ms);
        let of_kind = |event: &&Happened| {
            let mut entities = asked.entities.iter();
            entities.any(|entity| covers(entity, &event.kind))
        };
        let mut events: Vec<&Happened> = self
            .events
            .iter()
            .filter(|event| (asked.start..=told_until).contains(&event.at))
            .filter(of_kind)
            .collect();
        events.sort_by_key(|event| event.at);
        Ok(events
            .iter()
            .map(|event| format!("{}\n", event.body))
            .collect())
    }

    fn read_question(&self, query: &str) -> Result<Question, Refusal> {
        let Ok(url) = reqwest::Url::parse(&format!("http://gladly.test/?{query}")) else {
            return Err(bad("query", "is not a query"));
        };
        let (mut start, mut end, mut entities) = (None, None, Vec::new());
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "startAt" => start = Some(moment("startAt", &value)?),
                "endAt" => end = Some(moment("endAt", &value)?),
                "entities" if ENTITIES.contains(&value.as_ref()) => {
                    entities.push(value.into_owned());
                }
                "entities" if value == "AUTOMATION" => {
                    if !self.config.automation_events {
                        // Not a client's mistake: the documents leave it open.
                        return Err(Refusal::attr("entities", "invalid", "is not an entity"));
                    }
                    entities.push(value.into_owned());
                }
                "entities" => return Err(bad("entities", "is not an entity")),
                _ => return Err(bad("query", "has an unknown parameter")),
            }
        }
        match (start, end) {
            (Some(start), Some(end)) if !entities.is_empty() => Ok(Question {
                start,
                end,
                entities,
            }),
            (None, _) => Err(bad("startAt", "can't be blank")),
            (_, None) => Err(bad("endAt", "can't be blank")),
            _ => Err(bad("entities", "can't be blank")),
        }
    }
}

/// `CONVERSATION` covers `CONVERSATION/CLOSED` and `CONVERSATION_ASSIGNEE/UPDATED`.
fn covers(entity: &str, kind: &str) -> bool {
    let rest = kind.strip_prefix(entity);
    rest.is_some_and(|rest| rest.starts_with(['/', '_']))
}

fn moment(attr: &'static str, text: &str) -> Result<i64, Refusal> {
    text.parse::<Timestamp>()
        .map(|moment| moment.as_millisecond())
        .map_err(|_| bad(attr, "is not a time"))
}

fn bad(attr: &'static str, detail: &str) -> Refusal {
    Refusal::attr(attr, "invalid", detail).because(ViolationKind::InvalidValue)
}

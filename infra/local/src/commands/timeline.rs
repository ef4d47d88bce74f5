//! `baton timeline`: one conversation, readable.

use super::reach::{PlaceArguments, Refusal};
use crate::place::Operator;
use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::routing::get;
use baton_domain::{
    Actor, ControlAsk, ConversationId, Deadline, Entry, Event, Holder, Place, ThreadId, Timestamp,
};
use baton_hub::Core;
use baton_hub::facts::{failure_word, iso};
use baton_hub::store::Mechanism;

/// How much of a message a line shows.
const SHOWN: usize = 72;

pub(super) fn routes() -> Router<Operator> {
    Router::new().route("/timelines/{id}", get(timeline))
}

async fn timeline(
    State(core): State<Core>,
    UrlPath(id): UrlPath<String>,
) -> Result<String, Refusal> {
    timeline_of(&core, &id)
        .await
        .map_err(|words| (StatusCode::NOT_FOUND, words))
}

/// The command.
pub(super) async fn run(id: &str, place: &PlaceArguments) -> Result<(), String> {
    // It becomes a path: nothing else may get into that.
    named(id)?;
    let hub = place.reach(false).await?;
    let text = hub.text("GET", &format!("/timelines/{id}"), None).await?;
    super::say(&text);
    Ok(())
}

/// The thread of an id, and where in it the conversation begins if it names one.
pub(super) fn named(id: &str) -> Result<(ThreadId, Option<u64>), String> {
    if let Ok(conversation) = ConversationId::parse(id) {
        let first = conversation.first_seq();
        return Ok((conversation.thread().clone(), Some(first)));
    }
    let thread = ThreadId::parse(id).map_err(|_| {
        format!("`{id}` is neither a conversation (`cnv_...`) nor a thread (`thr_...`)")
    })?;
    Ok((thread, None))
}

/// The timeline of a conversation or thread, as text.
pub(super) async fn timeline_of(core: &Core, id: &str) -> Result<String, String> {
    let (thread, first) = named(id)?;
    let entries = core
        .store
        .entries(&thread, first.unwrap_or(1), 5_000, Mechanism::Read)
        .await
        .map_err(|error| error.to_string())?;
    let entries: Vec<_> = entries
        .into_iter()
        .take_while(|entry| first.is_none_or(|first| entry.conversation <= first))
        .collect();
    if entries.is_empty() {
        return Err(format!("there is no conversation {id}"));
    }
    let loaded = core
        .store
        .load(&thread)
        .await
        .map_err(|error| error.to_string())?;
    let settings = core.settings().await.map_err(|error| error.to_string())?;
    let policy = settings
        .connections
        .get(&loaded.thread.identity.connection)
        .map(|connection| connection.policy.clone());
    let present = first.is_none_or(|first| {
        loaded
            .thread
            .conversation
            .as_ref()
            .is_some_and(|conversation| conversation.first_seq == first)
    });
    let Some(policy) = policy else {
        let text = render(&thread, &entries, &[]);
        let hint = "its connection is not configured here: what is due is not shown";
        return Ok(format!("{text}{:>9}  ({hint})\n", ""));
    };
    let due = match present {
        true => baton_domain::deadlines(&loaded.thread, &policy),
        false => Vec::new(),
    };
    Ok(render(&thread, &entries, &due))
}

/// One conversation as text: what happened, who held, what is due.
pub(super) fn render(thread: &ThreadId, entries: &[Entry], due: &[Deadline]) -> String {
    let start = entries.first().map_or(Timestamp(0), |entry| entry.at);
    let connection = entries
        .iter()
        .rev()
        .map(|entry| entry.connection.as_str())
        .next()
        .unwrap_or_default();
    let mut text = format!("{thread} on {connection}, from {}\n", iso(start));
    for entry in entries {
        for (index, event) in entry.events.iter().enumerate() {
            let place = Place(entry.seq, u32::try_from(index).unwrap_or(u32::MAX));
            if let Some(words) = words(place, event) {
                let after = entry.at.since(start);
                text.push_str(&format!("{:>9}  {words}\n", span(after)));
            }
        }
    }
    let last = entries.last().map_or(start, |entry| entry.at);
    for deadline in due {
        let kind = deadline_word(deadline.kind);
        text.push_str(&format!(
            "{:>9}  due: {kind}, {} after the last entry\n",
            "...",
            span(deadline.at.since(last))
        ));
    }
    text
}

fn deadline_word(kind: baton_domain::DeadlineKind) -> &'static str {
    use baton_domain::DeadlineKind;
    match kind {
        DeadlineKind::CustomerSilent => "the customer is silent",
        DeadlineKind::BotOwes => "the bot owes an answer",
        DeadlineKind::CustomerWaits => "the customer waits for an agent",
        DeadlineKind::CustomerSilentAgent => "the customer is silent with an agent",
        DeadlineKind::AgentSilent => "the agent is silent",
        DeadlineKind::QueueLimit => "the queue's limit",
        DeadlineKind::PlatformCheck => "a look at the platform",
    }
}

/// `12.3 s`, `4 min 05 s`, `3 h 10 min`.
fn span(millis: i64) -> String {
    let tenths = millis.max(0) / 100;
    let seconds = tenths / 10;
    match seconds {
        0..60 => format!("{seconds}.{} s", tenths % 10),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
    }
}

fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHOWN {
        return line;
    }
    line.chars().take(SHOWN - 1).chain(['…']).collect()
}

fn name(by: &Actor) -> String {
    match by {
        Actor::Agent(agent) => format!("agent {agent}"),
        Actor::App(app) => format!("app {app}"),
        Actor::Bot => "bot".to_owned(),
        Actor::Customer => "customer".to_owned(),
        Actor::Platform => "platform".to_owned(),
        Actor::Operator => "operator".to_owned(),
        Actor::Hub => "hub".to_owned(),
    }
}

fn holds(holder: &Holder, epoch: u64) -> String {
    format!("== {holder} holds (epoch {epoch})")
}

fn words(place: Place, event: &Event) -> Option<String> {
    let number = |place: &Place| format!("#{}.{}", place.0, place.1);
    Some(match event {
        Event::Opened { holder, epoch, .. } => {
            format!("opened\n{:>9}  {}", "", holds(holder, *epoch))
        }
        Event::Reopened { holder, epoch } => {
            format!("reopened\n{:>9}  {}", "", holds(holder, *epoch))
        }
        Event::Received { content, .. } => format!("customer: {}", cut(&content.gist())),
        Event::Queued { by, content, .. } => {
            format!("{} {}: {}", name(by), number(&place), cut(&content.gist()))
        }
        Event::Sent { work, .. } => format!("   {} delivered", number(work)),
        Event::Failed { work, why, detail } => {
            format!(
                "   {} failed ({}): {detail}",
                number(work),
                failure_word(*why)
            )
        }
        Event::Unknown { work, .. } => {
            format!("   {} outcome unknown, will be read back", number(work))
        }
        Event::Delayed { work, detail, .. } => {
            format!("   {} will be tried again: {detail}", number(work))
        }
        Event::ControlRequested { by, ask, .. } => match ask {
            ControlAsk::Pass { to, parcel } => {
                format!(
                    "{} {} hands over to {to}: {}",
                    name(by),
                    number(&place),
                    cut(&parcel.reason)
                )
            }
            ControlAsk::Close { .. } => format!("{} {} asks to close", name(by), number(&place)),
            ControlAsk::Release => format!("{} {} lets go", name(by), number(&place)),
        },
        Event::Passed { holder, epoch, .. }
        | Event::Taken { holder, epoch }
        | Event::Released { holder, epoch, .. } => holds(holder, *epoch),
        Event::ControlFailed { work, detail } => {
            format!("   {} did not come about: {detail}", number(work))
        }
        Event::DeadlineFired { kind, .. } => format!("! deadline: {}", deadline_word(*kind)),
        Event::Closed { reason, by, .. } => {
            let reason = serde_json::to_value(reason).ok();
            let reason = reason
                .as_ref()
                .and_then(|value| value.as_str())
                .unwrap_or_default();
            format!("== closed: {reason} (by {})", name(by))
        }
        Event::TellFailed { attempts, .. } => {
            format!("   the bot could not be told ({attempts} failed)")
        }
        Event::TellSucceeded { .. } => "   the bot was told after all".to_owned(),
        Event::ReminderSent => "   reminder".to_owned(),
        Event::SurveySent => "   survey".to_owned(),
        Event::SurveyAnswered { answer } => format!("customer answers the survey: {}", cut(answer)),
        Event::Assigned { agent } => format!("   seat of {agent} taken"),
        Event::Unassigned { agent, .. } => format!("   seat of {agent} free"),
        Event::Renamed { .. } => "   the platform gave it other ids".to_owned(),
        Event::Asked { by } => format!("app {by} asks for control"),
        Event::QueueLimit { to } => format!("   the queue's limit: {to}"),
        Event::Erased => "erased".to_owned(),
        Event::Heard { .. }
        | Event::CareOwed { .. }
        | Event::Settled { .. }
        | Event::Claimed { .. }
        | Event::ClaimEnded => return None,
    })
}

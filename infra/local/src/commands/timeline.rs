//! `baton timeline`: one conversation, readable.

use super::{operator, private};
use crate::hub::{TABLE, open_engine};
use crate::template::Template;
use baton_domain::{Actor, ControlAsk, Deadline, Entry, Event, Holder, Place, ThreadId, Timestamp};
use baton_hub::config::from_document;
use baton_hub::facts::{failure_word, iso};
use baton_hub::source::{FixedSettings, SettingsCache};
use baton_hub::store::Store;
use baton_hub::{Clock, Core};
use std::path::Path;
use std::sync::Arc;

/// How much of a message a line shows.
const SHOWN: usize = 72;

/// The command.
pub(super) async fn run(id: &str, folder: &Path) -> Result<(), String> {
    // It becomes a path: nothing else may get into that.
    operator::named(id)?;
    let text = match operator::ask(folder, "GET", &format!("/timelines/{id}"), None).await {
        Some(Ok((200, text))) => text,
        Some(Ok((404, _))) => return Err(format!("there is no conversation {id}")),
        Some(Ok((status, _))) => return Err(format!("the running hub answered {status}")),
        Some(Err(error)) => return Err(error),
        None => {
            let text = from_folder(id, folder).await?;
            eprintln!(
                "No hub runs on {}: what is due is not shown.",
                folder.display()
            );
            text
        }
    };
    super::say(&text);
    Ok(())
}

/// Reads the data folder of a hub that does not run.
async fn from_folder(id: &str, folder: &Path) -> Result<String, String> {
    if !folder.exists() {
        return Err(format!(
            "there is no data folder {}; name another with --data",
            folder.display()
        ));
    }
    let engine = open_engine(Some(folder)).map_err(|error| error.to_string())?;
    let template = Template::builtin().map_err(|error| error.to_string())?;
    engine
        .create_table(&template.table, TABLE)
        .await
        .map_err(|error| error.to_string())?;
    let nothing = from_document("{}", "{}").unwrap_or_default();
    let core = Core {
        store: Store::new(engine.client(), TABLE),
        clock: Clock::real(),
        id_key: private::id_key(folder)?.into(),
        settings: SettingsCache::new(Arc::new(FixedSettings(nothing))),
    };
    operator::timeline_of(&core, id).await
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

//! Questions: one conversation, lists, messages, the event feed.

use super::requests::delivery_of;
use super::{Api, ApiError, Delivery, Target};
use crate::core::LAST_SEQ;
use crate::facts::{Fact, facts};
use crate::settings::Caller;
use crate::store::rows::{After, Row};
use crate::store::{Loaded, Mechanism};
use baton_domain::time::SECOND;
use baton_domain::{
    Actor, Closing, Content, ConversationId, Deadline, Entry, Event, Holder, HolderKind, Ledger,
    MessageId, Place, Timestamp, deadlines,
};

/// The most items of a list.
pub(crate) const LIST_LIMIT: usize = 100;
/// The longest a feed may be waited on.
pub(crate) const FEED_WAITS_AT_MOST: i64 = 20 * SECOND;
/// How many entries a page of messages or events is made from.
const PAGE: usize = 200;

/// One conversation.
#[derive(Clone, Debug)]
pub struct ConversationView {
    /// Its id.
    pub id: ConversationId,
    /// Its connection.
    pub connection: String,
    /// The platform's word.
    pub platform: &'static str,
    /// Who holds, or held when it closed.
    pub holder: Holder,
    /// The present epoch.
    pub epoch: u64,
    /// Since when this holder.
    pub holder_since: Timestamp,
    /// When it opened.
    pub opened_at: Timestamp,
    /// How it ended.
    pub closed: Option<Closing>,
    /// Milliseconds by kind of holder up to now.
    pub ledger: Ledger,
    /// The seq of the thread's last entry.
    pub seq: u64,
    /// How much outbound work waits.
    pub pending: usize,
    /// What is due, the earliest first.
    pub deadlines: Vec<Deadline>,
    /// The platform's names, for callers who may see them.
    pub identity: baton_domain::Identity,
}

impl ConversationView {
    /// The state as one word: `new` while the bot holds, `queued`, `open`, `closed`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        state(&self.holder, self.closed.is_some())
    }

    /// The inbox, where a queue holds; empty while the bot does.
    #[must_use]
    pub fn inbox(&self) -> Option<&str> {
        match &self.holder {
            Holder::Queue(Some(inbox)) => Some(inbox),
            _ => None,
        }
    }
}

/// The state of a conversation as one word.
#[must_use]
pub fn state(holder: &Holder, closed: bool) -> &'static str {
    match holder {
        _ if closed => "closed",
        Holder::Bot => "new",
        Holder::Queue(_) => "queued",
        Holder::Agent(_) | Holder::App(_) | Holder::Nobody => "open",
    }
}

/// One message.
#[derive(Clone, Debug)]
pub struct MessageView {
    /// Its id.
    pub id: MessageId,
    /// Who wrote it.
    pub from: Actor,
    /// What it says; `None` where it has expired or was erased.
    pub content: Option<Content>,
    /// When the customer wrote it, by the platform's clock, or when it was accepted.
    pub at: Timestamp,
    /// The platform's id of it.
    pub platform_id: Option<String>,
    /// How far it got, for outbound ones.
    pub delivery: Option<Delivery>,
}

/// A page of messages.
#[derive(Clone, Debug)]
pub struct MessagesPage {
    /// The messages, in the log's order.
    pub messages: Vec<MessageView>,
    /// Where to go on, if there may be more.
    pub after: Option<String>,
}

/// A piece of the event feed.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The events, in order.
    pub events: Vec<Fact>,
    /// Where to go on; also when there is nothing yet.
    pub after: String,
}

/// What is listed.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Only this connection.
    pub connection: Option<String>,
    /// Closed ones, of the day in `day`; else open ones.
    pub closed: bool,
    /// Only those held by this kind.
    pub holder: Option<HolderKind>,
    /// The day of opening, `2026-11-20`, UTC; required for closed ones.
    pub day: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Where to go on.
    pub after: Option<String>,
}

/// A list of conversations.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The rows: open ones by since when they are held so, others by opening.
    pub rows: Vec<Row>,
    /// Where to go on, if there may be more.
    pub after: Option<String>,
}

impl Api {
    /// One conversation.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn conversation(&self, target: &Target) -> Result<ConversationView, ApiError> {
        let connection = target.connection()?;
        let now = self.core.clock.now();
        let loaded = match &target.conversation {
            Some(named) => self.as_of(target, named).await?,
            None => target.loaded.clone(),
        };
        let conversation = loaded
            .thread
            .conversation
            .as_ref()
            .ok_or(ApiError::NotFound)?;
        let mut due = deadlines(&loaded.thread, &connection.policy);
        due.sort_by_key(|deadline| deadline.at);
        Ok(ConversationView {
            id: ConversationId::new(&loaded.id, conversation.first_seq),
            connection: connection.id.clone(),
            platform: connection.platform.as_str(),
            holder: conversation.holder.clone(),
            epoch: loaded.thread.epoch,
            holder_since: conversation.holder_since,
            opened_at: conversation.opened_at,
            closed: conversation.closed.clone(),
            ledger: conversation.time_held(now),
            seq: loaded.thread.seq,
            pending: loaded.thread.outbox.len(),
            deadlines: due,
            identity: loaded.thread.identity.clone(),
        })
    }

    /// The thread as it was at the end of an earlier conversation; as it is for the
    /// present one.
    async fn as_of(&self, target: &Target, named: &ConversationId) -> Result<Loaded, ApiError> {
        let present = target
            .loaded
            .thread
            .conversation
            .as_ref()
            .map_or(0, |conversation| conversation.first_seq);
        if named.first_seq() == present {
            return Ok(target.loaded.clone());
        }
        let past = self.core.as_of(named.thread(), named.first_seq()).await?;
        past.ok_or(ApiError::NotFound)
    }

    /// The messages of a conversation, from after a cursor.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn messages(
        &self,
        target: &Target,
        limit: usize,
        after: Option<&str>,
    ) -> Result<MessagesPage, ApiError> {
        let first = match (&target.conversation, &target.loaded.thread.conversation) {
            (Some(named), _) => named.first_seq(),
            (None, Some(present)) => present.first_seq,
            (None, None) => return Err(ApiError::NotFound),
        };
        let limit = limit.clamp(1, LIST_LIMIT);
        let mut from = match after {
            Some(after) => cursor(after)?,
            None => Place(first, 0),
        };
        let mut messages: Vec<MessageView> = Vec::new();
        loop {
            let entries = self
                .core
                .store
                .entries(&target.loaded.id, from.0, PAGE, Mechanism::Read)
                .await?;
            let full = entries.len() >= PAGE;
            for entry in &entries {
                if entry.conversation > first {
                    return Ok(MessagesPage {
                        messages,
                        after: None,
                    });
                }
                if entry.conversation < first {
                    continue;
                }
                for (index, event) in entry.events.iter().enumerate() {
                    let place = Place(entry.seq, u32::try_from(index).unwrap_or(u32::MAX));
                    if place < from {
                        continue;
                    }
                    let Some(mut view) =
                        message_view(&target.loaded, &entries, entry, place, event)
                    else {
                        continue;
                    };
                    if messages.len() == limit {
                        let after = Some(format!("{}.{}", place.0, place.1));
                        return Ok(MessagesPage { messages, after });
                    }
                    if full && view.delivery == Some(Delivery::Queued) {
                        self.look_further(target, place, &mut view).await?;
                    }
                    messages.push(view);
                }
            }
            let Some(last) = entries.last().filter(|_| full) else {
                return Ok(MessagesPage {
                    messages,
                    after: None,
                });
            };
            from = Place(last.seq + 1, 0);
        }
    }

    /// What became of a message may be told beyond the page that it is on.
    async fn look_further(
        &self,
        target: &Target,
        place: Place,
        view: &mut MessageView,
    ) -> Result<(), ApiError> {
        let loaded = &target.loaded;
        if loaded.thread.work(place).is_some() {
            return Ok(());
        }
        let later = self
            .core
            .store
            .entries(&loaded.id, place.0, PAGE, Mechanism::Read)
            .await?;
        settle(view, delivery_of(loaded, &later, place));
        Ok(())
    }

    /// The events of a thread after a cursor; waits up to `wait` milliseconds for the
    /// first one.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn feed(
        &self,
        target: &Target,
        after: Option<&str>,
        wait: i64,
    ) -> Result<Feed, ApiError> {
        let clock = &self.core.clock;
        let end = clock.now().plus(wait.clamp(0, FEED_WAITS_AT_MOST));
        let from = match after {
            Some(after) => cursor(after)?.0,
            None => target
                .conversation
                .as_ref()
                .map_or(1, ConversationId::first_seq),
        };
        let mut every = 250;
        loop {
            let entries = self
                .core
                .store
                .entries(&target.loaded.id, from, PAGE, Mechanism::Read)
                .await?;
            let next = entries.last().map_or(from, |entry| entry.seq + 1);
            let events: Vec<Fact> = entries
                .iter()
                .flat_map(|entry| facts(&target.loaded.id, entry, true))
                .collect();
            let again = clock.now().plus(every);
            if !events.is_empty() || again > end {
                return Ok(Feed {
                    events,
                    after: format!("{next}.0"),
                });
            }
            clock.sleep_until(again).await;
            every = (every * 2).min(SECOND);
        }
    }

    /// A list of conversations.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn list(&self, caller: &Caller, query: &ListQuery) -> Result<Listing, ApiError> {
        let settings = self.settings().await?;
        let connections: Vec<&str> = settings
            .connections
            .keys()
            .map(String::as_str)
            .filter(|id| {
                caller.may_touch(id) && query.connection.as_ref().is_none_or(|only| only == id)
            })
            .collect();
        if connections.is_empty() && query.connection.is_some() {
            return Err(ApiError::NotFound);
        }
        let limit = query.limit.clamp(1, LIST_LIMIT);
        let after = query.after.as_deref().map(list_cursor).transpose()?;
        let mut rows = Vec::new();
        for connection in connections {
            if query.closed {
                let day = query.day.as_deref().ok_or_else(|| ApiError::Invalid {
                    field: "day",
                    problem: "closed conversations are listed by the day they opened: add `day=2026-11-20`".to_owned(),
                })?;
                let page = self.closed_rows(connection, day, query.holder, limit + 1, &after);
                rows.extend(page.await?);
            } else {
                for kind in HolderKind::ALL {
                    if query.holder.is_none_or(|only| only == kind) {
                        rows.extend(
                            self.core
                                .store
                                .open_rows(connection, kind, limit + 1, after.as_ref())
                                .await?,
                        );
                    }
                }
            }
        }
        let key = |row: &Row| {
            (
                if query.closed {
                    row.opened_at
                } else {
                    row.since
                },
                row.conversation.to_string(),
            )
        };
        rows.sort_by_key(key);
        if let Some(after) = &after {
            rows.retain(|row| key(row) > (after.at, after.conversation.clone()));
        }
        let more = rows.len() > limit;
        rows.truncate(limit);
        let after = rows.last().filter(|_| more).map(|row| {
            let (at, id) = key(row);
            format!("{}~{id}", at.0)
        });
        Ok(Listing { rows, after })
    }

    /// At most `limit` closed conversations of a day: pages are read until there are so
    /// many, since open ones stand between them.
    async fn closed_rows(
        &self,
        connection: &str,
        day: &str,
        holder: Option<HolderKind>,
        limit: usize,
        after: &Option<After>,
    ) -> Result<Vec<Row>, ApiError> {
        let mut rows = Vec::new();
        let mut after = after.clone();
        loop {
            let page = self
                .core
                .store
                .rows_opened(connection, day, limit, after.as_ref())
                .await?;
            let full = page.len() >= limit;
            after = page.last().map(|row| After {
                at: row.opened_at,
                conversation: row.conversation.to_string(),
            });
            rows.extend(page.into_iter().filter(|row| {
                row.closed_at.is_some() && holder.is_none_or(|only| only == row.holder.kind())
            }));
            if !full || rows.len() >= limit {
                return Ok(rows);
            }
        }
    }
}

fn message_view(
    loaded: &Loaded,
    entries: &[Entry],
    entry: &Entry,
    place: Place,
    event: &Event,
) -> Option<MessageView> {
    let id = MessageId::new(&loaded.id, place);
    match event {
        Event::Received {
            id: platform_id,
            at,
            content,
            ..
        } => Some(MessageView {
            id,
            from: Actor::Customer,
            content: Some(content.clone()),
            at: *at,
            platform_id: Some(platform_id.clone()),
            delivery: None,
        }),
        Event::Queued { by, content, .. } => {
            let later = entries
                .iter()
                .chain(&loaded.tail)
                .filter(|later| later.seq >= entry.seq);
            let mut view = MessageView {
                id,
                from: by.clone(),
                content: Some(content.clone()),
                at: entry.at,
                platform_id: None,
                delivery: None,
            };
            settle(&mut view, delivery_of(loaded, later, place));
            Some(view)
        }
        _ => None,
    }
}

fn settle(view: &mut MessageView, delivery: Delivery) {
    view.platform_id = match &delivery {
        Delivery::Sent { platform_id, .. } => platform_id.clone(),
        _ => None,
    };
    view.delivery = Some(delivery);
}

fn bad_cursor() -> ApiError {
    ApiError::Invalid {
        field: "after",
        problem: "it is not a cursor of this list; use the `after` of the answer before".to_owned(),
    }
}

fn cursor(text: &str) -> Result<Place, ApiError> {
    let (seq, index) = text.split_once('.').ok_or_else(bad_cursor)?;
    let seq = seq.parse().map_err(|_| bad_cursor())?;
    if seq > LAST_SEQ {
        return Err(bad_cursor());
    }
    Ok(Place(seq, index.parse().map_err(|_| bad_cursor())?))
}

fn list_cursor(text: &str) -> Result<After, ApiError> {
    let (at, conversation) = text.split_once('~').ok_or_else(bad_cursor)?;
    Ok(After {
        at: Timestamp(at.parse().map_err(|_| bad_cursor())?),
        conversation: ConversationId::parse(conversation)
            .map_err(|_| bad_cursor())?
            .to_string(),
    })
}

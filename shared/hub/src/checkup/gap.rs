//! Fetching what a webhook did not bring.
//!
//! First what customers said, then what became of their conversations, so that a close
//! finds what was said before it. Everything goes the way of a webhook: what came, too, has
//! no effect. A gap is gone through in parts, and three times: the Events API is behind,
//! and a session that nobody knew of may speak after the webhook is on again.

use super::state::{Gap, State, Step};
use super::{Checkup, FILL_TAKES};
use crate::inbound::Missed;
use crate::settings::{Connection, Settings};
use crate::store::rows::{After, Row, day_of};
use crate::store::{Mechanism, StoreError};
use baton_domain::time::{DAY, SECOND};
use baton_domain::{Event, HolderKind, PlatformEvent, Timestamp};
use baton_platforms::gladly::history::{self, AUTOMATION, ENTITIES};
use baton_platforms::gladly::{outbound, webhooks};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How long to wait after the platform did not answer.
const WAITS: i64 = 30 * SECOND;
/// Rows that are read at once.
const PAGE: usize = 500;
/// Entries that are read at once.
const ENTRIES: usize = 200;

/// What a part came to.
enum Part {
    /// It is done.
    Done,
    /// Time is up; go on here.
    More(Step),
    /// The platform did not answer, or the table was down.
    Failed(Step),
}

impl Checkup {
    /// Goes on with the gap for a while.
    ///
    /// # Errors
    /// When the table fails; the same part is tried again.
    pub(super) async fn fill(
        &self,
        settings: &Arc<Settings>,
        connection: &Connection,
        state: &mut State,
    ) -> Result<(), StoreError> {
        let Some(mut gap) = state.gap.take() else {
            return Ok(());
        };
        let clock = &self.doctor.core.clock;
        let deadline = clock.now().plus(FILL_TAKES);
        loop {
            let part = match gap.step.clone() {
                Step::Said(from) => {
                    let step = (Step::Said as fn(_) -> _, from);
                    self.told(settings, connection, &gap, step, deadline)
                        .await?
                }
                Step::Sessions(after) => {
                    self.sessions(settings, connection, &gap, after, deadline)
                        .await?
                }
                Step::Served(from) => {
                    let step = (Step::Served as fn(_) -> _, from);
                    self.told(settings, connection, &gap, step, deadline)
                        .await?
                }
            };
            let step = match part {
                Part::Done => match gap.step {
                    Step::Said(_) => Step::Sessions(None),
                    Step::Sessions(_) => Step::Served(gap.from),
                    Step::Served(_) => {
                        tracing::info!(connection = %connection.id, pass = gap.passes + 1, "what the webhook did not bring was fetched");
                        state.gap = gap.after_pass();
                        return Ok(());
                    }
                },
                Part::More(step) => {
                    state.gap = Some(gap.at(step, clock.now()));
                    return Ok(());
                }
                Part::Failed(step) => {
                    state.gap = Some(gap.at(step, clock.now().plus(WAITS)));
                    return Ok(());
                }
            };
            gap.step = step;
        }
    }

    /// What the Events API tells from `from` on, as this step of a pass.
    async fn told(
        &self,
        settings: &Arc<Settings>,
        connection: &Connection,
        gap: &Gap,
        (step, from): (fn(Timestamp) -> Step, Timestamp),
        deadline: Timestamp,
    ) -> Result<Part, StoreError> {
        let is_said = matches!(step(from), Step::Said(_));
        let entities: &[&str] = if is_said { &[AUTOMATION] } else { &ENTITIES };
        let part = self.events(settings, connection, gap, from, entities, deadline);
        Ok(match part.await? {
            Told::Done => Part::Done,
            Told::From(from) => Part::More(step(from)),
            Told::Refused => {
                // What customers said, their sessions tell, too.
                if !is_said {
                    tracing::error!(connection = %connection.id, "the Events API refuses the question: who serves may be known only later");
                }
                Part::Done
            }
            Told::Failed(from) => Part::Failed(step(from)),
        })
    }

    /// Takes in the events of these kinds from `from` until now.
    async fn events(
        &self,
        settings: &Arc<Settings>,
        connection: &Connection,
        gap: &Gap,
        mut from: Timestamp,
        entities: &[&str],
        deadline: Timestamp,
    ) -> Result<Told, StoreError> {
        let core = &self.doctor.core;
        // Those of the last moments come by the webhook; a later pass makes sure.
        let until = core.clock.now().max(gap.until);
        loop {
            let call = history::events(from, until, entities);
            let Ok(answered) = self.doctor.ask(connection, &call).await else {
                return Ok(Told::Failed(from));
            };
            match answered.status {
                200..=299 => {}
                400 | 404 => return Ok(Told::Refused),
                _ => return Ok(Told::Failed(from)),
            }
            let mut last = from;
            for told in history::lines(&answered.body, &webhooks::EVENTS) {
                if core.clock.now() >= deadline {
                    return Ok(Told::From(last));
                }
                match core
                    .take_in_told(settings, &connection.endpoint, told.body)
                    .await
                {
                    Missed::TakenIn | Missed::NotOurs => last = last.max(told.at),
                    Missed::Unavailable => return Ok(Told::Failed(last)),
                }
            }
            if !answered.is_cut() {
                return Ok(Told::Done);
            }
            // What was cut off follows; never the same question again.
            from = last.max(from.plus(1));
        }
    }

    /// What customers said, by the sessions of the conversations that the gap concerns: of
    /// every connection that this webhook serves.
    async fn sessions(
        &self,
        settings: &Arc<Settings>,
        connection: &Connection,
        gap: &Gap,
        after: Option<(Timestamp, String)>,
        deadline: Timestamp,
    ) -> Result<Part, StoreError> {
        let clock = &self.doctor.core.clock;
        let mut rows = Vec::new();
        for sibling in settings.connections.values() {
            if sibling.endpoint == connection.endpoint && sibling.base_url == connection.base_url {
                rows.extend(self.concerned(sibling, gap).await?);
            }
        }
        let key = |row: &Row| (row.opened_at, row.conversation.to_string());
        rows.sort_by_key(key);
        rows.dedup_by_key(|row| row.conversation.to_string());
        let mut done = after;
        for row in rows {
            if done.as_ref().is_some_and(|done| key(&row) <= *done) {
                continue;
            }
            if clock.now() >= deadline {
                return Ok(Part::More(Step::Sessions(done)));
            }
            let Some(own) = settings.connections.get(&row.connection) else {
                continue;
            };
            if !self.session(own, &row, gap).await? {
                return Ok(Part::Failed(Step::Sessions(done)));
            }
            done = Some(key(&row));
        }
        Ok(Part::Done)
    }

    /// The conversations with the bot in the gap: those that it has, and those that went
    /// on or ended since.
    async fn concerned(&self, connection: &Connection, gap: &Gap) -> Result<Vec<Row>, StoreError> {
        let since = gap.of_interest_since();
        let mut rows = Vec::new();
        for kind in [
            HolderKind::Bot,
            HolderKind::Queue,
            HolderKind::Agent,
            HolderKind::App,
            HolderKind::Nobody,
        ] {
            // By since when they are held so.
            let mut after = (kind != HolderKind::Bot || gap.passes > 0).then(|| After {
                at: since,
                conversation: String::new(),
            });
            loop {
                let page = self
                    .doctor
                    .core
                    .store
                    .open_rows(&connection.id, kind, PAGE, after.as_ref())
                    .await?;
                after = page.last().filter(|_| page.len() == PAGE).map(|row| After {
                    at: row.since,
                    conversation: row.conversation.to_string(),
                });
                rows.extend(page);
                if after.is_none() {
                    break;
                }
            }
        }
        // Closed ones are found by the day of their opening; they ended in the gap, so they
        // began in it or not long before.
        let now = self.doctor.core.clock.now();
        let mut day = since.plus(-DAY);
        while day_of(day) <= day_of(now) {
            let store = &self.doctor.core.store;
            let closed = store.rows_of_day(&connection.id, &day_of(day)).await?;
            rows.extend(
                closed
                    .into_iter()
                    .filter(|row| row.closed_at.is_some_and(|at| at >= since)),
            );
            day = day.plus(DAY);
        }
        Ok(rows)
    }

    /// Takes in what the customer said in one session. `false`: the platform did not
    /// answer.
    async fn session(
        &self,
        connection: &Connection,
        row: &Row,
        gap: &Gap,
    ) -> Result<bool, StoreError> {
        let core = &self.doctor.core;
        let thread = row.conversation.thread();
        let loaded = core.store.load(thread).await?;
        let session = &loaded.thread.identity.name;
        if session.is_empty() || loaded.thread.erased_at.is_some() {
            return Ok(true);
        }
        let call = outbound::list_messages(session);
        let Ok(answered) = self.doctor.ask(connection, &call).await else {
            return Ok(false);
        };
        match answered.status {
            200..=299 => {}
            // The platform has forgotten it, and there is nothing to fetch.
            400 | 404 => return Ok(true),
            _ => return Ok(false),
        }
        let Some(messages) = history::customer_messages(&answered.body) else {
            tracing::error!(connection = %connection.id, "a session's messages cannot be read");
            return Ok(true);
        };
        let recent = |event: &PlatformEvent| event.at >= gap.from;
        let messages: Vec<PlatformEvent> = messages.into_iter().filter(recent).collect();
        if messages.is_empty() {
            return Ok(true);
        }
        let known = self.received(row).await?;
        for event in messages {
            let is_new = event.message().is_some_and(|(id, _)| !known.contains(id));
            if is_new {
                core.take_in_read_back(thread, connection, &loaded.thread.identity, event)
                    .await?;
            }
        }
        Ok(true)
    }

    /// The platform's ids of the messages that are in the log. Not the last word: each
    /// message is looked up again before it is taken in.
    async fn received(&self, row: &Row) -> Result<BTreeSet<String>, StoreError> {
        let mut known = BTreeSet::new();
        let mut from = row.conversation.first_seq();
        loop {
            let entries = self
                .doctor
                .core
                .store
                .entries(row.conversation.thread(), from, ENTRIES, Mechanism::Checkup)
                .await?;
            let events = entries.iter().flat_map(|entry| &entry.events);
            known.extend(events.filter_map(|event| match event {
                Event::Received { id, .. } => Some(id.clone()),
                _ => None,
            }));
            match entries.last().filter(|_| entries.len() == ENTRIES) {
                Some(last) => from = last.seq + 1,
                None => return Ok(known),
            }
        }
    }
}

/// How far the Events API was read.
enum Told {
    /// All of it.
    Done,
    /// Until this time.
    From(Timestamp),
    /// It does not answer such a question.
    Refused,
    /// Until this time, and then there was no answer.
    Failed(Timestamp),
}

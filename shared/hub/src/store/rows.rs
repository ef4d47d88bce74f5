//! Reading across threads: one row per conversation, kept by `publish`, and the
//! sparse index of those that are open. Never a Scan.

use super::Store;
use super::direct::shapes::{Read, Request};
use super::error::StoreError;
use super::item::{DATA, Item, OPEN, OPEN_INDEX, OPEN_SINCE, PK, SHARDS, SK, TTL, n, s, text};
use super::units::Mechanism;
use baton_domain::time::DAY;
use baton_domain::{CloseReason, ConversationId, Holder, HolderKind, Ledger, Timestamp};
use serde::{Deserialize, Serialize};

/// How long rows are kept.
pub const ROWS_KEPT: i64 = 400 * DAY;

/// A conversation as lists and boards show it. Nothing personal: who the customer
/// is stands in the thread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The conversation.
    pub conversation: ConversationId,
    /// The connection.
    pub connection: String,
    /// The seq that this row was made from.
    pub seq: u64,
    /// When it opened.
    pub opened_at: Timestamp,
    /// Who holds, or held when it closed.
    pub holder: Holder,
    /// Since when.
    pub since: Timestamp,
    /// The number of this holding.
    pub epoch: u64,
    /// When it closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Why it closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CloseReason>,
    /// Milliseconds by kind of holder, up to `since`.
    pub ledger: Ledger,
}

/// The day of a moment, as `2026-11-20`, in UTC.
#[must_use]
pub fn day_of(at: Timestamp) -> String {
    civil(at.0.div_euclid(DAY))
}

/// Days since 1970-01-01 as a date of the proleptic Gregorian calendar. The usual
/// arithmetic on eras of 400 years, shifted so that years begin in March.
fn civil(days: i64) -> String {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

pub(super) fn row_pk(connection: &str, day: &str, shard: u32) -> String {
    format!("row#{connection}#{day}#{shard}")
}

fn open_pk(connection: &str, kind: HolderKind, shard: u32) -> String {
    format!("{connection}#{}#{shard}", kind.as_str())
}

/// Sorts conversations by a moment: their opening, or since when they are held so.
pub(super) fn moment_sk(at: Timestamp, conversation: &str) -> String {
    format!("{:014}#{conversation}", at.0.max(0))
}

/// Where a list goes on: after this conversation of this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// Since when that conversation was held so, or opened.
    pub at: Timestamp,
    /// Its id.
    pub conversation: String,
}

impl Store {
    /// Writes a row, if it is newer than the one there.
    ///
    /// # Errors
    /// When the table cannot be written. That the row there is newer is no error.
    pub async fn put_row(&self, row: &Row) -> Result<bool, StoreError> {
        let id = row.conversation.to_string();
        let shard = row.conversation.thread().shard(SHARDS);
        let data = serde_json::to_string(row).unwrap_or_default();
        let pk = row_pk(&row.connection, &day_of(row.opened_at), shard);
        let mut item = Item::from([
            (PK.to_owned(), s(pk)),
            (SK.to_owned(), s(moment_sk(row.opened_at, &id))),
            ("s".to_owned(), n(row.seq)),
            (DATA.to_owned(), s(data)),
            (
                TTL.to_owned(),
                n(row.opened_at.plus(ROWS_KEPT).seconds_up()),
            ),
        ]);
        if row.closed_at.is_none() {
            let open = open_pk(&row.connection, row.holder.kind(), shard);
            item.insert(OPEN.to_owned(), s(open));
            item.insert(OPEN_SINCE.to_owned(), s(moment_sk(row.since, &id)));
        }
        let request = Request::put(&self.table, &item)
            .only_if("attribute_not_exists(pk) OR #s < :s")
            .name("#s", "s")
            .value(":s", n(row.seq));
        self.done(Mechanism::Row, &request).await
    }

    /// A conversation's row, as it was some milliseconds ago.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn row(
        &self,
        connection: &str,
        conversation: &ConversationId,
        opened_at: Timestamp,
    ) -> Result<Option<Row>, StoreError> {
        let shard = conversation.thread().shard(SHARDS);
        let pk = row_pk(connection, &day_of(opened_at), shard);
        let sk = moment_sk(opened_at, &conversation.to_string());
        let got = self.item(Mechanism::Read, (&pk, &sk), false).await?;
        Ok(got.as_ref().and_then(read_row))
    }

    /// Open conversations of a connection held by this kind, the longest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn open_rows(
        &self,
        connection: &str,
        kind: HolderKind,
        limit: usize,
        after: Option<&After>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        for shard in 0..SHARDS {
            let from = after.map_or_else(
                || "0".to_owned(),
                |after| moment_sk(after.at, &after.conversation),
            );
            let request = Request::query(&self.table, "#op = :op AND #os > :from")
                .index(OPEN_INDEX)
                .name("#op", OPEN)
                .name("#os", OPEN_SINCE)
                .value(":op", s(open_pk(connection, kind, shard)))
                .value(":from", s(from))
                .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX));
            let page = self.ask(Mechanism::Read, &request).await?;
            rows.extend(read_rows(&page.items));
        }
        rows.sort_by(|a, b| {
            (a.since, a.conversation.to_string()).cmp(&(b.since, b.conversation.to_string()))
        });
        rows.truncate(limit);
        Ok(rows)
    }

    /// All conversations of a connection that opened on this day (`2026-11-20`, UTC),
    /// by opening: for exports. A list takes [`Store::rows_opened`].
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn rows_of_day(&self, connection: &str, day: &str) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        for shard in 0..SHARDS {
            let mut pages = self.pages(Mechanism::Read, || {
                Request::query(&self.table, "pk = :pk")
                    .value(":pk", s(row_pk(connection, day, shard)))
            });
            while let Some(page) = pages.next().await? {
                rows.extend(read_rows(&page));
            }
        }
        sort_by_opening(&mut rows);
        Ok(rows)
    }

    /// At most `limit` conversations of a connection that opened on this day
    /// (`2026-11-20`, UTC), by opening, from after `after` on.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn rows_opened(
        &self,
        connection: &str,
        day: &str,
        limit: usize,
        after: Option<&After>,
    ) -> Result<Vec<Row>, StoreError> {
        let from = after.map_or_else(
            || "0".to_owned(),
            |after| moment_sk(after.at, &after.conversation),
        );
        let mut rows = Vec::new();
        for shard in 0..SHARDS {
            let request = Request::query(&self.table, "pk = :pk AND sk > :from")
                .value(":pk", s(row_pk(connection, day, shard)))
                .value(":from", s(from.clone()))
                .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX));
            let page = self.ask(Mechanism::Read, &request).await?;
            rows.extend(read_rows(&page.items));
        }
        sort_by_opening(&mut rows);
        rows.truncate(limit);
        Ok(rows)
    }
}

fn sort_by_opening(rows: &mut [Row]) {
    rows.sort_by(|a, b| {
        (a.opened_at, a.conversation.to_string()).cmp(&(b.opened_at, b.conversation.to_string()))
    });
}

fn read_rows(page: &[Read]) -> impl Iterator<Item = Row> {
    page.iter().filter_map(|Read(item)| read_row(item))
}

fn read_row(item: &Item) -> Option<Row> {
    serde_json::from_str(text(item, DATA)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        assert_eq!(day_of(Timestamp(0)), "1970-01-01");
        assert_eq!(day_of(Timestamp(951_782_400_000)), "2000-02-29");
        assert_eq!(day_of(Timestamp(1_795_132_800_000 - 1)), "2026-11-19");
        assert_eq!(day_of(Timestamp(-1)), "1969-12-31");
    }
}

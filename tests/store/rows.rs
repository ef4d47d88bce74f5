//! Conversation rows, and the index of those that are open.

use crate::engines::Table;
use crate::material::{START, row, thread};
use baton_domain::time::{DAY, SECOND};
use baton_domain::{CloseReason, ConversationId, Holder, HolderKind};
use baton_hub::store::item::{TTL, number};
use baton_hub::store::rows::{After, ROWS_KEPT, Row, day_of};

fn inbox() -> Holder {
    Holder::Queue(Some("tEstInb0x-Slug01234567".to_owned()))
}

async fn put(table: &Table, row: &Row) -> bool {
    table.store.put_row(row).await.expect("a row")
}

async fn open(table: &Table, kind: HolderKind) -> Vec<Row> {
    table
        .store
        .open_rows("shop-chat", kind, 100, None)
        .await
        .expect("open rows")
}

fn after(row: &Row, at: baton_domain::Timestamp) -> After {
    After {
        at,
        conversation: row.conversation.to_string(),
    }
}

pub(crate) async fn a_row_is_replaced_by_a_newer_only(table: &Table) {
    let (first, second) = (row(1, 1, Holder::Bot, 1), row(1, 5, inbox(), 30));
    assert!(put(table, &second).await);
    assert!(!put(table, &first).await, "the stream came out of order");
    assert!(
        !put(table, &second).await,
        "a repeated batch changes nothing"
    );
    let day = day_of(START);
    assert_eq!(
        table
            .store
            .rows_of_day("shop-chat", &day)
            .await
            .expect("rows"),
        std::slice::from_ref(&second)
    );
    assert_eq!(open(table, HolderKind::Bot).await, []);
    assert_eq!(open(table, HolderKind::Queue).await, [second]);
    // The next conversation of the thread has a row of its own.
    let mut next = row(1, 9, Holder::Bot, 60);
    next.conversation = ConversationId::new(&thread(1), 9);
    assert!(put(table, &next).await);
    assert_eq!(
        table
            .store
            .rows_of_day("shop-chat", &day)
            .await
            .expect("rows")
            .len(),
        2
    );
    assert_eq!(
        table.store.rows_of_day("other", &day).await.expect("rows"),
        []
    );
}

pub(crate) async fn an_open_row_moves_with_its_holder(table: &Table) {
    let mut now = row(1, 1, Holder::Bot, 1);
    assert!(put(table, &now).await);
    assert_eq!(open(table, HolderKind::Bot).await, [now.clone()]);
    let steps = [
        inbox(),
        Holder::Agent("tEstAgent-Slug01234567".to_owned()),
        Holder::App("app".to_owned()),
        Holder::Bot,
    ];
    for (step, holder) in (2..).zip(steps) {
        let kind = holder.kind();
        now = row(1, step, holder, 10);
        assert!(put(table, &now).await);
        for other in HolderKind::ALL {
            let found = open(table, other).await;
            assert_eq!(found.len(), usize::from(other == kind));
        }
    }
    now.seq += 1;
    now.closed_at = Some(START.plus(90 * SECOND));
    now.reason = Some(CloseReason::Bot);
    assert!(put(table, &now).await);
    for kind in HolderKind::ALL {
        assert_eq!(
            open(table, kind).await,
            [],
            "a closed one is in no list of open ones"
        );
    }
    let day = day_of(START);
    assert_eq!(
        table
            .store
            .rows_of_day("shop-chat", &day)
            .await
            .expect("rows"),
        [now.clone()]
    );
    // A reopened one is back.
    now.seq += 1;
    (now.closed_at, now.reason, now.since) = (None, None, START.plus(120 * SECOND));
    assert!(put(table, &now).await);
    assert_eq!(open(table, HolderKind::Bot).await, [now.clone()]);
    let rows = table
        .store
        .rows_of_day("shop-chat", &day)
        .await
        .expect("rows");
    assert_eq!(rows, [now.clone()], "still one row");
    let pk = format!("row#shop-chat#{day}#{}", thread(1).shard(8));
    let items = table.partition(&pk).await;
    assert_eq!(items.len(), 1);
    assert_eq!(
        number(&items[0], TTL),
        Some(now.opened_at.plus(ROWS_KEPT).seconds_up())
    );
}

pub(crate) async fn open_rows_come_the_longest_first_and_in_pages(table: &Table) {
    // Two of each moment, so that ties are paged through as well.
    let mut rows: Vec<Row> = (1..=40)
        .map(|n| row(n, 1, Holder::Bot, 1_000 - i64::from(n / 2)))
        .collect();
    for row in &rows {
        put(table, row).await;
    }
    put(
        table,
        &Row {
            connection: "other".to_owned(),
            ..row(90, 1, Holder::Bot, 1)
        },
    )
    .await;
    rows.sort_by_key(|row| (row.since, row.conversation.to_string()));
    assert_eq!(open(table, HolderKind::Bot).await, rows);
    let mut paged: Vec<Row> = Vec::new();
    loop {
        let from = paged.last().map(|row| after(row, row.since));
        let page = table
            .store
            .open_rows("shop-chat", HolderKind::Bot, 7, from.as_ref())
            .await
            .expect("open rows");
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 7);
        paged.extend(page);
    }
    assert_eq!(paged, rows);
}

pub(crate) async fn rows_of_a_day_come_by_opening_and_in_pages(table: &Table) {
    let mut rows: Vec<Row> = (1..=40).map(|n| row(n, 1, Holder::Bot, 0)).collect();
    rows[7].closed_at = Some(START.plus(DAY));
    for row in &rows {
        put(table, row).await;
    }
    put(
        table,
        &Row {
            opened_at: START.plus(DAY),
            ..row(90, 1, Holder::Bot, 0)
        },
    )
    .await;
    rows.sort_by_key(|row| (row.opened_at, row.conversation.to_string()));
    let day = day_of(START);
    assert_eq!(
        table
            .store
            .rows_of_day("shop-chat", &day)
            .await
            .expect("rows"),
        rows
    );
    let mut paged: Vec<Row> = Vec::new();
    loop {
        let from = paged.last().map(|row| after(row, row.opened_at));
        let page = table
            .store
            .rows_opened("shop-chat", &day, 7, from.as_ref())
            .await
            .expect("rows");
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 7);
        paged.extend(page);
    }
    assert_eq!(paged, rows);
    let next = table
        .store
        .rows_opened("shop-chat", &day_of(START.plus(DAY)), 7, None)
        .await
        .expect("rows");
    assert_eq!(next.len(), 1);
}

use super::tests::{TABLE, index, keyed, memory, put, put_new, query_index, text};
use super::*;
use std::sync::Mutex;
use std::time::Duration;

/// Plays a script: what comes before and after each attempt of `PutItem`.
#[derive(Default)]
struct Script {
    before: Mutex<Vec<Before>>,
    after: Mutex<Vec<After>>,
    lag: Option<Duration>,
    seen: Mutex<Vec<String>>,
}

impl Faults for Script {
    fn before(&self, call: &Call<'_>) -> Before {
        assert_eq!(call.table().unwrap_or(TABLE), TABLE);
        let mut seen = self.seen.lock().expect("a lock");
        seen.push(format!(
            "{} {}",
            call.operation,
            call.key("sk").unwrap_or("-")
        ));
        self.before
            .lock()
            .expect("a lock")
            .pop()
            .unwrap_or(Before::Proceed)
    }

    fn after(&self, _call: &Call<'_>, _applied: bool) -> After {
        self.after
            .lock()
            .expect("a lock")
            .pop()
            .unwrap_or(After::Proceed)
    }

    fn index_lag(&self, call: &Call<'_>) -> Option<Duration> {
        assert_eq!(call.index(), Some(index().0.as_str()));
        self.lag
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_sent_again_and_meets_its_own_write() {
    let (engine, _) = memory().await;
    let script = Arc::new(Script {
        after: Mutex::new(vec![After::LoseAnswer]),
        ..Script::default()
    });
    let client = engine.with_faults(script.clone()).client();
    let error = put_new(&client, "a", "1")
        .item("c", text("mine"))
        .send()
        .await
        .expect_err("it is there already")
        .into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(
        failed,
    ) = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(failed.item().expect("the item")["c"], text("mine"));
    assert_eq!(
        *script.seen.lock().expect("a lock"),
        ["PutItem 1", "PutItem 1"]
    );
}

#[tokio::test(start_paused = true)]
async fn throttling_and_errors_are_retried_and_apply_once() {
    let (engine, _) = memory().await;
    let script = Arc::new(Script {
        before: Mutex::new(vec![Before::InternalError, Before::Throttle]),
        ..Script::default()
    });
    let client = engine.with_faults(script.clone()).client();
    put_new(&client, "a", "1")
        .send()
        .await
        .expect("the third attempt");
    assert_eq!(script.seen.lock().expect("a lock").len(), 3);
    let page = engine.stream_records(TABLE, None, 10).await.expect("read");
    assert_eq!(page.records.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_cancels_a_transaction_by_its_first_action() {
    use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
    use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
    let (engine, _) = memory().await;
    let script = Script {
        before: Mutex::new(vec![Before::Conflict; 9]),
        ..Script::default()
    };
    let client = engine.with_faults(Arc::new(script)).client();
    let action = |sk| {
        let put = Put::builder()
            .table_name(TABLE)
            .item("pk", text("a"))
            .item("sk", text(sk))
            .build()
            .expect("a put");
        TransactWriteItem::builder().put(put).build()
    };
    let error = client
        .transact_write_items()
        .transact_items(action("1"))
        .transact_items(action("2"))
        .send()
        .await
        .expect_err("cancelled")
        .into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        panic!("{error:?}");
    };
    let codes: Vec<_> = cancelled
        .cancellation_reasons()
        .iter()
        .map(|reason| reason.code())
        .collect();
    assert_eq!(codes, [Some("TransactionConflict"), Some("None")]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_takes_its_time() {
    let (engine, _) = memory().await;
    let script = Script {
        before: Mutex::new(vec![Before::Delay(Duration::from_secs(1))]),
        after: Mutex::new(vec![After::Delay(Duration::from_secs(2))]),
        ..Script::default()
    };
    let client = engine.with_faults(Arc::new(script)).client();
    let start = tokio::time::Instant::now();
    put(&client, "a", "1").send().await.expect("put");
    assert_eq!(start.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_lagging_index_shows_the_past_and_catches_up() {
    let (engine, whole) = memory().await;
    keyed(put(&whole, "a", "before"), 7)
        .send()
        .await
        .expect("put");
    let lagging = engine
        .with_faults(Arc::new(Script {
            lag: Some(Duration::from_millis(500)),
            ..Script::default()
        }))
        .client();
    assert_eq!(query_index(&lagging).await, ["before"]);

    keyed(put(&lagging, "b", "after"), 7)
        .send()
        .await
        .expect("put");
    whole
        .delete_item()
        .table_name(TABLE)
        .key("pk", text("a"))
        .key("sk", text("before"))
        .send()
        .await
        .expect("deleted");
    assert_eq!(query_index(&whole).await, ["after"]);
    tokio::time::advance(Duration::from_millis(499)).await;
    assert_eq!(query_index(&lagging).await, ["before"]);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(query_index(&lagging).await, ["after"]);
}

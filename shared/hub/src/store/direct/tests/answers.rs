//! What comes of answers, and of none.

use super::*;

#[tokio::test]
async fn a_refused_change_is_no_error_and_costs() {
    let refused =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#;
    let (store, _, script) = table(&[Answer::Says(400, refused)]);
    assert!(!store.disarm(&thread(), 7).await.unwrap());
    assert!(!store.take_lease("test", EXPIRES).await.unwrap());
    assert_eq!(script.arrived().len(), 2);
    let tallies = store.units().tallies();
    let written = tallies.values().map(|tally| tally.write);
    assert_eq!(written.sum::<f64>(), 2.0);
}

#[tokio::test(start_paused = true)]
async fn it_fails_and_tries_again_as_the_sdk_does() {
    use Answer::{Breaks, Hangs, Says};
    let throttled = Says(
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow"}"#,
    );
    let invalid = Says(
        400,
        r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"no"}"#,
    );
    let late = Says(400, r#"{"__type":"RequestTimeout","Message":"late"}"#);
    let internal = Says(500, r#"{"__type":"InternalServerError"}"#);
    let denied = Says(400, r#"{"__type":"AccessDeniedException","Message":"no"}"#);
    let skewed = Answer::SaysAt(3_600, 400, r#"{"__type":"InvalidSignatureException"}"#);
    let scripts: [&[Answer]; 16] = [
        &[FINE],
        &[throttled, FINE],
        &[internal, Says(503, ""), FINE],
        &[internal],
        &[throttled],
        &[late, FINE],
        &[Breaks, FINE],
        &[Breaks],
        &[Hangs, FINE],
        &[Hangs],
        &[invalid],
        &[denied],
        &[Says(501, "not JSON")],
        &[Says(400, "not JSON")],
        &[skewed, FINE],
        &[skewed],
    ];
    for script in scripts {
        let (store, _, ours) = table(script);
        let (_, client, theirs) = table(script);
        let begun = Instant::now();
        let result = store.append(&thread(), &entry(), EXPIRES).await.map(|_| ());
        let took = begun.elapsed();
        let expected = append_by_sdk(&client).await;
        let said = |result: Result<(), StoreError>| result.map_err(|error| error.to_string());
        // What was read is put into words of its own by each.
        let out_of_time =
            |it: &Result<(), String>| it.as_ref().is_err_and(|error| error.contains("timeout"));
        // Two waits, each of its own chance, may leave one of both no time.
        let waits_twice = script.len() > 2 || !matches!(script.last(), Some(Says(200, _)));
        match (said(result), said(expected)) {
            (ours, theirs) if waits_twice && out_of_time(&ours) != out_of_time(&theirs) => continue,
            (Ok(()), Ok(())) => {}
            (Err(ours), Err(theirs)) => assert_eq!(ours, theirs, "{script:?}"),
            other => panic!("{script:?}: {other:?}"),
        }
        let numbers = |script: &Script| {
            let arrived = script.arrived().into_iter();
            let of = |one: Arrived| one.headers["amz-sdk-request"].clone();
            arrived.map(of).collect::<Vec<_>>()
        };
        // Whether there is time for another try may depend on the waits' chance.
        if took < Duration::from_millis(2_000) {
            assert_eq!(numbers(&ours), numbers(&theirs), "{script:?}");
        }
        let mut invocations: Vec<_> = ours.arrived();
        invocations.dedup_by_key(|one| one.headers["amz-sdk-invocation-id"].clone());
        assert_eq!(invocations.len(), 1);
        assert!(took <= Duration::from_millis(2_501), "{script:?}: {took:?}");
    }
}

#[tokio::test]
async fn a_refused_put_brings_the_standing_entry() {
    let mut standing = entry();
    standing.command = CommandId("cmd_other".to_owned());
    let item = entry_item(&thread(), &standing, 1).unwrap();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "Message": "The conditional request failed",
        "Item": attributes::Attributes(&item),
    });
    let body: &'static str = body.to_string().leak();
    let (store, _, script) = table(&[Answer::Says(400, body)]);
    let appended = store.append(&thread(), &entry(), EXPIRES).await.unwrap();
    let Appended::Lost(found) = appended else {
        panic!("{appended:?}");
    };
    assert_eq!(*found, standing);
    assert_eq!(script.arrived().len(), 1);
    assert_eq!(
        store
            .units()
            .tallies()
            .values()
            .map(|tally| tally.write)
            .sum::<f64>(),
        1.0
    );
}

#[tokio::test(start_paused = true)]
async fn a_skewed_clock_is_corrected_for_good() {
    let skewed = Answer::SaysAt(3_600, 400, r#"{"__type":"InvalidSignatureException"}"#);
    let (store, _, script) = table(&[skewed, FINE]);
    store.append(&thread(), &entry(), EXPIRES).await.unwrap();
    store.append(&thread(), &entry(), EXPIRES).await.unwrap();
    let arrived = script.arrived().into_iter();
    let dates = arrived.map(|one| {
        let date = one.headers["x-amz-date"].clone();
        let hour = date[9..11].parse::<i64>().unwrap();
        let minute = date[11..13].parse::<i64>().unwrap();
        hour * 60 + minute
    });
    let dates: Vec<i64> = dates.collect();
    assert_eq!(dates.len(), 3);
    for date in &dates[1..] {
        let ahead = (date - dates[0]).rem_euclid(24 * 60);
        assert!((59..=61).contains(&ahead), "{dates:?}");
    }
}

#[tokio::test]
async fn units_are_counted() {
    let page =
        r#"{"ConsumedCapacity":{"TableName":"hub","CapacityUnits":1.5},"Count":0,"Items":[]}"#;
    let put = r#"{"ConsumedCapacity":{"CapacityUnits":2.0,"Table":{"CapacityUnits":1.0}}}"#;
    let (store, ..) = table(&[Answer::Says(200, page), Answer::Says(200, put)]);
    store.load(&thread()).await.unwrap();
    store.append(&thread(), &entry(), EXPIRES).await.unwrap();
    let tallies = store.units().tallies();
    let tallies = tallies
        .into_iter()
        .map(|(of, tally)| (of.as_str(), tally.read, tally.write));
    let expected = [("load", 1.5, 0.0), ("append", 0.0, 1.0), ("arm", 0.0, 1.0)];
    assert_eq!(tallies.collect::<Vec<_>>(), expected);
}

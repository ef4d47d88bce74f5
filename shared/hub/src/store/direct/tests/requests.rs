//! What is sent.

use super::*;
use crate::store::due::Due;
use crate::store::item::{n, s};

#[tokio::test]
async fn it_sends_what_the_sdk_sends() {
    let (store, client, script) = table(&[FINE]);
    store.append(&thread(), &entry(), EXPIRES).await.unwrap();
    append_by_sdk(&client).await.unwrap();
    let page = r#"{"Items":[],"LastEvaluatedKey":{"pk":{"S":"thr_test"},"sk":{"S":"e#1"}}}"#;
    let (reading, reader, reads) = table(&[Answer::Says(200, page), FINE]);
    reading.load(&thread()).await.unwrap();
    for start in [None, Some(())] {
        let key = [("pk", "thr_test"), ("sk", "e#1")];
        let key = key.map(|(name, text)| (name.to_owned(), s(text)));
        let query = reader
            .query()
            .table_name("hub")
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(thread().as_str()))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(if start.is_none() { 9 } else { 50 })
            .set_exclusive_start_key(start.map(|()| key.into_iter().collect()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        query.send().await.unwrap();
    }
    let (puts, queries) = (script.arrived(), reads.arrived());
    let pairs = [
        (&puts[0], &puts[1]),
        (&queries[0], &queries[2]),
        (&queries[1], &queries[3]),
    ];
    for (ours, theirs) in pairs {
        assert_eq!(ours.body, theirs.body);
        for header in [
            "content-type",
            "x-amz-target",
            "amz-sdk-request",
            "x-amz-security-token",
        ] {
            assert_eq!(
                ours.headers.get(header),
                theirs.headers.get(header),
                "{header}"
            );
        }
        for header in ["amz-sdk-invocation-id", "user-agent", "x-amz-date"] {
            assert!(ours.headers.contains_key(header), "{header}");
        }
        let authorization = &ours.headers["authorization"];
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=test-id/"));
        assert!(authorization.contains("/eu-central-1/dynamodb/aws4_request, SignedHeaders="));
    }
}

#[tokio::test]
async fn it_changes_removes_and_asks_an_index_as_the_sdk_does() {
    let (store, client, script) = table(&[FINE]);
    let id = thread();
    let due = Due {
        at: 1_763_637_060,
        pk: "wait#test".to_owned(),
        sk: "w".to_owned(),
    };
    let key = |pk: &str, sk: &str| {
        let key = [("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))];
        Some(Item::from(key))
    };

    assert!(store.disarm(&id, 7).await.unwrap());
    let update = client.update_item().table_name("hub");
    update
        .set_key(key(id.as_str(), "e#0000000007"))
        .update_expression("REMOVE #due, #ds")
        .condition_expression("attribute_exists(#due)")
        .expression_attribute_names("#due", "due")
        .expression_attribute_names("#ds", "ds")
        .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
        .send()
        .await
        .unwrap();

    store.remove_due(&due).await.unwrap();
    let delete = client.delete_item().table_name("hub");
    delete
        .set_key(key("wait#test", "w"))
        .condition_expression("#due = :read")
        .expression_attribute_names("#due", "due")
        .expression_attribute_values(":read", n(due.at))
        .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
        .send()
        .await
        .unwrap();

    store.due(3, 0, due.at, 100, Some(&due)).await.unwrap();
    let query = client.query().table_name("hub").index_name("due");
    query
        .key_condition_expression("#ds = :ds AND #due BETWEEN :from AND :until")
        .expression_attribute_names("#ds", "ds")
        .expression_attribute_names("#due", "due")
        .expression_attribute_values(":ds", s("3"))
        .expression_attribute_values(":from", n(0))
        .expression_attribute_values(":until", n(due.at))
        .limit(100)
        .set_exclusive_start_key(key("wait#test", "w"))
        .exclusive_start_key("ds", s("3"))
        .exclusive_start_key("due", n(due.at))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await
        .unwrap();

    let arrived = script.arrived();
    assert_eq!(arrived.len(), 6);
    for pair in arrived.chunks(2) {
        assert_eq!(pair[0].body, pair[1].body);
        let target = |one: &Arrived| one.headers["x-amz-target"].clone();
        assert_eq!(target(&pair[0]), target(&pair[1]));
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_no_client_goes_the_same_way() {
    let throttled = Answer::Says(400, r#"{"__type":"ThrottlingException"}"#);
    let answers = [FINE, throttled, Answer::Hangs];
    let (by_client, _, theirs) = table(&answers);
    let (_, _, ours) = table(&answers);
    let token = Some("test-token".to_owned());
    let credentials = Credentials::new("test-id", "test-secret", token, None, "test");
    let endpoint = Endpoint {
        url: "https://dynamodb.eu-central-1.amazonaws.com".to_owned(),
        region: "eu-central-1".to_owned(),
        credentials: SharedCredentialsProvider::new(credentials),
        connector: SharedHttpConnector::new(ours.clone()),
        timeouts: TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_secs(1))
            .operation_timeout(Duration::from_millis(2_500))
            .build(),
        retries: RetryConfig::standard().with_max_attempts(3),
    };
    let by_endpoint = Store::at(endpoint, "hub");
    let begun = Instant::now();
    for store in [&by_client, &by_endpoint] {
        store.append(&thread(), &entry(), EXPIRES).await.unwrap();
        let failed = store.append(&thread(), &entry(), EXPIRES).await;
        assert!(failed.is_err_and(|error| error.to_string().contains("timeout")));
    }
    assert!(begun.elapsed() <= Duration::from_millis(5_010));
    let first = |script: &Script| {
        let mut first = script.arrived().swap_remove(0);
        let scope = first.headers["authorization"].split_once("Signature=");
        let scope = scope.map(|(scope, _)| scope.to_owned());
        for differs in ["amz-sdk-invocation-id", "x-amz-date", "authorization"] {
            assert!(first.headers.remove(differs).is_some());
        }
        (scope, first.headers, first.body)
    };
    assert_eq!(first(&ours), first(&theirs));

    let nowhere = Endpoint {
        url: "nowhere".to_owned(),
        region: String::new(),
        credentials: SharedCredentialsProvider::new(Credentials::new(
            "test-id",
            "test-secret",
            None,
            None,
            "test",
        )),
        connector: SharedHttpConnector::new(ours),
        timeouts: TimeoutConfig::disabled(),
        retries: RetryConfig::disabled(),
    };
    let error = Store::at(nowhere, "hub").load(&thread()).await.unwrap_err();
    assert!(error.to_string().contains("nowhere is no URL"), "{error}");
}

#[test]
fn items_are_read_as_they_were_written_and_foreign_ones_too() {
    let item = entry_item(&thread(), &entry(), 1).unwrap();
    let written = serde_json::to_string(&attributes::Attributes(&item)).unwrap();
    let shapes::Read(read) = serde_json::from_str(&written).unwrap();
    assert_eq!(read, item);
    assert_eq!(read_entry(&read).unwrap(), entry());
    let foreign = json!({
        "b": {"B": "AP8="}, "l": {"L": [{"BOOL": true}, {"NULL": true}]},
        "m": {"M": {"n": {"NS": ["1"]}, "s": {"SS": ["x"]}, "bs": {"BS": ["AA=="]}}},
    });
    let shapes::Read(read) = serde_json::from_value(foreign).unwrap();
    assert_eq!(
        crate::store::item::bytes(&read, "b"),
        Some([0, 255].as_slice())
    );
    assert_eq!(read.len(), 3);
}

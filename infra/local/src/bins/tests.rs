use super::*;
use crate::engine::ManualClock;
use serde_json::Value;

fn bins() -> Bins {
    Bins::new(ManualClock::new(1_767_323_045).arc())
}

async fn send(
    bins: &Bins,
    name: &str,
    request: axum::http::request::Builder,
    body: &str,
) -> (StatusCode, String) {
    let request = request
        .uri(format!("/bin/{name}?a=1"))
        .body(Body::from(body.to_owned()))
        .expect("a request");
    let response = answer(State(bins.clone()), Path(name.to_owned()), request).await;
    let status = response.status();
    let (body, _) = read(response.into_body()).await;
    (status, String::from_utf8(body).expect("text"))
}

fn post() -> axum::http::request::Builder {
    axum::http::Request::builder().method(Method::POST)
}

fn get() -> axum::http::request::Builder {
    axum::http::Request::builder().method(Method::GET)
}

#[tokio::test]
async fn what_is_sent_is_shown_without_credentials() {
    let bins = bins();
    let request = post()
        .header("Authorization", "Bearer test-token")
        .header("X-Gladly-Token", "test-token")
        .header("Webhook-Signature", "v1,test")
        .header("Content-Type", "application/json");
    let (status, body) = send(&bins, "hook", request, r#"{"type":"PING"}"#).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "{}"));

    let (status, shown) = send(&bins, "hook", get(), "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(!shown.contains("test-token"), "{shown}");
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(
        shown.as_array().expect("a list").len(),
        1,
        "showing is not recorded"
    );
    let request = &shown[0];
    assert_eq!(request["method"], "POST");
    assert_eq!(request["query"], "a=1");
    assert_eq!(request["time"], "2026-01-02T03:04:05Z");
    assert_eq!(request["body"], r#"{"type":"PING"}"#);
    assert_eq!(request["headers"]["authorization"], "(not kept)");
    assert_eq!(request["headers"]["webhook-signature"], "v1,test");
    assert_eq!(request["cut"], false);
}

#[tokio::test]
async fn a_browser_gets_a_page_in_which_nothing_runs() {
    let bins = bins();
    let hostile = r#"<script>alert("x")</script>"#;
    send(&bins, "hook", post().header("X-Odd", "<b>'"), hostile).await;
    let browser = get().header("Accept", "text/html,application/xhtml+xml");
    let (_, page) = send(&bins, "hook", browser, "").await;
    assert!(page.starts_with("<!doctype html>"), "{page}");
    assert!(!page.contains("<script"), "{page}");
    assert!(
        page.contains("&lt;script&gt;alert(&quot;x&quot;)"),
        "{page}"
    );
    assert!(page.contains("&lt;b&gt;&#39;"), "{page}");
}

#[tokio::test]
async fn bins_are_bounded() {
    let bins = bins();
    for number in 0..(MOST_REQUESTS + 1) {
        send(&bins, "full", post(), &number.to_string()).await;
    }
    let kept = bins.received("full");
    assert_eq!(kept.len(), MOST_REQUESTS);
    assert_eq!(kept[0].body, "1");

    send(&bins, "long", post(), &"x".repeat(MOST_BYTES + 1)).await;
    let long = bins.received("long");
    assert_eq!(long[0].body.len(), MOST_BYTES);
    assert!(long[0].cut);
    send(&bins, "exact", post(), &"x".repeat(MOST_BYTES)).await;
    assert!(!bins.received("exact")[0].cut);

    for number in 0..(MOST_BINS - 2) {
        send(&bins, &format!("bin-{number}"), post(), "").await;
    }
    assert!(bins.received("full").is_empty(), "quiet longest");
    assert_eq!(bins.received("long").len(), 1);
}

#[tokio::test]
async fn all_bins_together_are_bounded() {
    let bins = bins();
    let body = "x".repeat(MOST_BYTES);
    let each = MOST_REQUESTS * MOST_BYTES;
    let fit = MOST_IN_ALL / each;
    for bin in 0..=fit {
        for _ in 0..MOST_REQUESTS {
            send(&bins, &format!("bin-{bin}"), post(), &body).await;
        }
    }
    assert!(bins.received("bin-0").is_empty(), "quiet longest");
    assert_eq!(bins.received(&format!("bin-{fit}")).len(), MOST_REQUESTS);
    let shelf = bins.shelf.lock().expect("nobody panics");
    let kept = shelf.bins.values().flat_map(|bin| &bin.requests);
    assert_eq!(shelf.bytes, kept.map(|kept| kept.body.len()).sum::<usize>());
    assert!(shelf.bytes <= MOST_IN_ALL);
}

#[tokio::test]
async fn odd_names_are_not_there() {
    let bins = bins();
    for name in ["", "a b", "a/b", "é", &"x".repeat(65)] {
        let request = post().body(Body::empty()).expect("a request");
        let response = answer(State(bins.clone()), Path(name.to_owned()), request).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{name}");
    }
    assert!(bins.received("other").is_empty());
}

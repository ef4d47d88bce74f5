use super::*;
use crate::engine::ManualClock;
use crate::invoke::BoxFuture;
use axum::http::{Method, header};
use serde_json::{Value, json};
use std::sync::Mutex;

type Answer = dyn Fn() -> Result<Value, InvokeError> + Send + Sync;

/// A function that keeps its events; `wait` before it answers.
struct Echo {
    events: Mutex<Vec<(String, Value)>>,
    answer: Box<Answer>,
    wait: Duration,
}

impl Functions for Echo {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let event = serde_json::from_slice(&payload).expect("JSON");
        self.events
            .lock()
            .expect("a lock")
            .push((function.to_owned(), event));
        let (answer, wait) = ((self.answer)(), self.wait);
        Box::pin(async move {
            tokio::time::sleep(wait).await;
            answer.map(|answer| answer.to_string().into_bytes())
        })
    }
}

struct Stage {
    echo: Arc<Echo>,
    gateway: Gateway,
}

impl Stage {
    fn new(answer: impl Fn() -> Result<Value, InvokeError> + Send + Sync + 'static) -> Self {
        Self::slow(Duration::ZERO, answer)
    }

    fn slow(
        wait: Duration,
        answer: impl Fn() -> Result<Value, InvokeError> + Send + Sync + 'static,
    ) -> Self {
        let echo = Arc::new(Echo {
            events: Mutex::default(),
            answer: Box::new(answer),
            wait,
        });
        let gateway = Gateway {
            template: Arc::new(Template::builtin().expect("the template")),
            functions: echo.clone(),
            clock: ManualClock::new(1_767_323_045).arc(),
        };
        Self { echo, gateway }
    }

    async fn send(&self, request: Request) -> (StatusCode, axum::http::HeaderMap, Vec<u8>) {
        let response = answer(State(self.gateway.clone()), request).await;
        let (head, body) = response.into_parts();
        let body = read(body).await.expect("a body");
        (head.status, head.headers, body.to_vec())
    }

    /// The only event there was.
    fn event(&self) -> Value {
        let events = self.echo.events.lock().expect("a lock");
        assert_eq!(events.len(), 1);
        events[0].1.clone()
    }
}

fn post(path: &str, kind: &str, body: impl Into<Body>) -> Request {
    axum::http::Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::CONTENT_TYPE, kind)
        .body(body.into())
        .expect("a request")
}

fn fine() -> Result<Value, InvokeError> {
    Ok(json!({"statusCode": 204}))
}

#[tokio::test(start_paused = true)]
async fn an_event_is_what_api_gateway_would_send() {
    let stage = Stage::new(fine);
    let sample: Value =
        serde_json::from_str(include_str!("../../../../events/gladly.json")).expect("JSON");
    let mut request = axum::http::Request::builder()
        .method(Method::POST)
        .uri("/webhooks/gladly/gladly-main?b=1&a=x%20y&b=2+3&c")
        .header("Host", "hub.example:8080")
        .header("User-Agent", "sample-client/1.0")
        .header("Content-Type", "application/json")
        .header("X-Twice", "1")
        .header("X-Twice", "2")
        .header("Cookie", "a=1; b=2")
        .body(Body::from(r#"{"a":"é"}"#))
        .expect("a request");
    let peer: SocketAddr = "192.0.2.10:5000".parse().expect("an address");
    request.extensions_mut().insert(ConnectInfo(peer));
    let (status, headers, _) = stage.send(request).await;
    assert_eq!(status, StatusCode::NO_CONTENT);

    let event = stage.event();
    for field in [
        "version",
        "routeKey",
        "rawPath",
        "pathParameters",
        "isBase64Encoded",
    ] {
        assert_eq!(event[field], sample[field], "{field}");
    }
    assert_eq!(event["rawQueryString"], "b=1&a=x%20y&b=2+3&c");
    assert_eq!(
        event["queryStringParameters"],
        json!({"a": "x y", "b": "1,2 3", "c": ""})
    );
    assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(event["headers"]["x-twice"], "1,2");
    assert_eq!(event["headers"]["x-forwarded-for"], "192.0.2.10");
    assert_eq!(event["headers"]["x-forwarded-port"], "8080");
    assert_eq!(event["headers"]["x-forwarded-proto"], "http");
    assert!(event["headers"].get("cookie").is_none());
    assert_eq!(event["body"], r#"{"a":"é"}"#);

    let context = &event["requestContext"];
    let fields = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(fields(context), fields(&sample["requestContext"]));
    assert_eq!(context["http"], sample["requestContext"]["http"]);
    for field in ["routeKey", "stage", "time", "timeEpoch"] {
        assert_eq!(context[field], sample["requestContext"][field], "{field}");
    }
    assert_eq!(context["domainName"], "hub.example:8080");
    assert_eq!(context["domainPrefix"], "hub");
    assert_eq!(
        context["requestId"].as_str(),
        headers["apigw-requestid"].to_str().ok()
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_text_is_base64() {
    let path = "/webhooks/gladly/gladly-main";
    for (kind, body, encoded) in [
        ("application/json; charset=utf-8", b"{}".as_slice(), false),
        ("text/plain", b"x", false),
        ("application/cloudevents+json", b"{}", true),
        ("application/x-www-form-urlencoded", b"a=1", true),
        ("application/octet-stream", b"x", true),
        ("text/plain", b"\xff", true),
    ] {
        let stage = Stage::new(fine);
        stage.send(post(path, kind, body)).await;
        let event = stage.event();
        assert_eq!(event["isBase64Encoded"], encoded, "{kind}");
        let text = event["body"].as_str().expect("a body");
        match encoded {
            true => {
                use base64::Engine as _;
                let decoded = base64::engine::general_purpose::STANDARD.decode(text);
                assert_eq!(decoded.expect("base64"), body);
            }
            false => assert_eq!(text.as_bytes(), body),
        }
    }
    let stage = Stage::new(fine);
    stage.send(post(path, "application/json", "")).await;
    let event = stage.event();
    assert_eq!(event.get("body"), None);
    assert_eq!(event["isBase64Encoded"], false);
}

async fn refused(stage: &Stage, request: Request) -> (u16, String) {
    let (status, headers, body) = stage.send(request).await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    (status.as_u16(), String::from_utf8(body).expect("text"))
}

#[tokio::test(start_paused = true)]
async fn the_gateway_refuses_in_its_own_words() {
    let path = "/webhooks/gladly/gladly-main";
    let small = || post(path, "text/plain", "x");
    let stage = Stage::new(fine);
    let (status, body) = refused(&stage, post("/nowhere", "text/plain", "x")).await;
    assert_eq!((status, body.as_str()), (404, r#"{"message":"Not Found"}"#));
    for size in [BODY_LIMIT + 1, PAYLOAD_LIMIT] {
        let (status, body) = refused(&stage, post(path, "text/plain", "x".repeat(size))).await;
        assert_eq!(
            (status, body.as_str()),
            (413, r#"{"message":"Request Entity Too Large"}"#)
        );
    }
    assert!(stage.echo.events.lock().expect("a lock").is_empty());

    for (error, expected) in [
        (InvokeError::Failed("a panic".to_owned()), 500),
        (InvokeError::Unknown("gladly".to_owned()), 500),
        (InvokeError::Throttled, 503),
        (InvokeError::TimedOut(Duration::from_secs(10)), 503),
    ] {
        let stage = Stage::new(move || Err(error.clone()));
        let (status, body) = refused(&stage, small()).await;
        assert_eq!(status, expected, "{body}");
    }
    let slow = Stage::slow(Duration::from_secs(31), fine);
    let (status, body) = refused(&slow, small()).await;
    assert_eq!(
        (status, body.as_str()),
        (503, r#"{"message":"Service Unavailable"}"#)
    );
    for bad in [
        json!({"statusCode": "x"}),
        json!({"statusCode": 99}),
        json!({"statusCode": 200, "headers": {"a b": "c"}}),
        json!({"statusCode": 200, "headers": {"a": "b\n"}}),
        json!({"statusCode": 200, "body": "%", "isBase64Encoded": true}),
    ] {
        let stage = Stage::new(move || Ok(bad.clone()));
        let (status, body) = refused(&stage, small()).await;
        assert_eq!(
            (status, body.as_str()),
            (500, r#"{"message":"Internal Server Error"}"#)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn answers_become_responses() {
    let send = async |answer: Value| {
        let stage = Stage::new(move || Ok(answer.clone()));
        stage
            .send(post("/webhooks/gladly/gladly-main", "text/plain", "x"))
            .await
    };
    let (status, headers, body) = send(json!({
        "statusCode": 201,
        "headers": {"Content-Type": "application/problem+json", "X-Number": 5, "Content-Length": "9"},
        "multiValueHeaders": {"x-many": ["a", "b"]},
        "cookies": ["a=1", "b=2"],
        "body": "eyJhIjoxfQ==",
        "isBase64Encoded": true,
    }))
    .await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(body, br#"{"a":1}"#);
    assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(headers["x-number"], "5");
    assert!(!headers.contains_key(header::CONTENT_LENGTH));
    let all = |name: &str| -> Vec<_> { headers.get_all(name).iter().cloned().collect() };
    assert_eq!(all("x-many"), ["a", "b"]);
    assert_eq!(all("set-cookie"), ["a=1", "b=2"]);

    let (status, headers, body) = send(json!({"hello": "world"})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(body, br#"{"hello":"world"}"#);
    let (_, _, body) = send(json!("hello")).await;
    assert_eq!(body, b"hello");
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_on_when_its_caller_has_left() {
    /// Counts the calls that came to their end.
    struct Slow(Arc<Mutex<u32>>);
    impl Functions for Slow {
        fn invoke(
            &self,
            _function: &str,
            _payload: Vec<u8>,
        ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
            let ended = Arc::clone(&self.0);
            Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(2)).await;
                *ended.lock().expect("a lock") += 1;
                Ok(b"{}".to_vec())
            })
        }
    }
    let ended = Arc::new(Mutex::new(0));
    let gateway = Gateway {
        template: Arc::new(Template::builtin().expect("the template")),
        functions: Arc::new(Slow(Arc::clone(&ended))),
        clock: ManualClock::new(0).arc(),
    };
    let request = post("/webhooks/gladly/gladly-main", "text/plain", "x");
    let left = tokio::time::timeout(Duration::from_secs(1), answer(State(gateway), request)).await;
    assert!(left.is_err());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(*ended.lock().expect("a lock"), 1);
}

#[tokio::test]
async fn it_serves_over_a_socket() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let stage = Stage::new(|| Ok(json!({"statusCode": 200, "body": "hello"})));
    let Gateway {
        template,
        functions,
        clock,
    } = stage.gateway.clone();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = router(template, functions, clock);
    let server = tokio::spawn(async move {
        axum::serve(
            listener,
            app.into_make_service_with_connect_info::<SocketAddr>(),
        )
        .await
    });
    let mut socket = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    let request = "POST /webhooks/gladly/gladly-main HTTP/1.1\r\nHost: localhost\r\n\
                   Content-Length: 2\r\nConnection: close\r\n\r\n{}";
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut response = String::new();
    socket
        .read_to_string(&mut response)
        .await
        .expect("an answer");
    server.abort();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\nhello"), "{response}");
    let context = &stage.event()["requestContext"];
    assert_eq!(context["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(context["http"]["protocol"], "HTTP/1.1");
}

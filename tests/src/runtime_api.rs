//! Lambda's Runtime API (version 2018-06-01), for one function at a time: hands it
//! events and takes its answers, with nothing in between that could distort a
//! measurement. Source: Lambda developer guide, "Using the Lambda runtime API for
//! custom runtimes".

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use baton_simulators::serving::{Served, serve};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};

/// What a function answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its answer.
    Response(Vec<u8>),
    /// Its error document.
    Error(Vec<u8>),
}

/// The API. Dropping it closes the port.
#[derive(Debug)]
pub struct RuntimeApi {
    served: Served,
    events: mpsc::UnboundedSender<Event>,
    asked: watch::Receiver<u64>,
}

#[derive(Debug)]
struct Event {
    payload: Vec<u8>,
    answer: oneshot::Sender<Answer>,
}

#[derive(Debug)]
struct Shared {
    waiting: AsyncMutex<mpsc::UnboundedReceiver<Event>>,
    running: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    number: AtomicU64,
    asked: watch::Sender<u64>,
}

impl RuntimeApi {
    /// Serves the API on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn serve() -> io::Result<Self> {
        let (events, waiting) = mpsc::unbounded_channel();
        let (ask, asked) = watch::channel(0);
        let shared = Arc::new(Shared {
            waiting: AsyncMutex::new(waiting),
            running: Mutex::default(),
            number: AtomicU64::new(0),
            asked: ask,
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(respond),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(fail))
            .route("/2018-06-01/runtime/init/error", post(async || accepted()))
            .layer(DefaultBodyLimit::disable())
            .with_state(shared);
        let served = serve(router).await?;
        Ok(Self {
            served,
            events,
            asked,
        })
    }

    /// What `AWS_LAMBDA_RUNTIME_API` is set to: host and port.
    #[must_use]
    pub fn address(&self) -> String {
        self.served.address.to_string()
    }

    /// How often a function asked for an event: the first time ends its start.
    #[must_use]
    pub fn asked(&self) -> watch::Receiver<u64> {
        self.asked.clone()
    }

    /// Hands the next event to the function and waits for its answer; `None` where the
    /// API is closed.
    pub async fn invoke(&self, payload: Vec<u8>) -> Option<Answer> {
        let (answer, answered) = oneshot::channel();
        self.events.send(Event { payload, answer }).ok()?;
        answered.await.ok()
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    shared.asked.send_modify(|count| *count += 1);
    let Some(event) = shared.waiting.lock().await.recv().await else {
        return Response::default();
    };
    let number = shared.number.fetch_add(1, Ordering::Relaxed);
    let id = format!("00000000-0000-4000-8000-{number:012}");
    shared.running().insert(id.clone(), event.answer);
    let deadline = std::time::SystemTime::now() + std::time::Duration::from_secs(900);
    let deadline = deadline
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", id)
        .header(
            "lambda-runtime-deadline-ms",
            deadline.as_millis().to_string(),
        )
        .header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:000000000000:function:test",
        )
        .body(Body::from(event.payload))
        .unwrap_or_default()
}

async fn respond(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    shared.answered(&id, Answer::Response(body.to_vec()))
}

async fn fail(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response {
    shared.answered(&id, Answer::Error(body.to_vec()))
}

impl Shared {
    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Answer>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, id: &str, answer: Answer) -> Response {
        let waiting = self.running().remove(id);
        if let Some(waiting) = waiting {
            // Whoever asked may have gone.
            let _gone = waiting.send(answer);
        }
        accepted()
    }
}

fn accepted() -> Response {
    Response::builder()
        .status(202)
        .body(Body::empty())
        .unwrap_or_default()
}

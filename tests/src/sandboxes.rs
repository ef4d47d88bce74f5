//! The functions as Lambda runs them: each call in a sandbox, which is a process of its
//! own that takes one call at a time over the Runtime API. A call that finds no idle
//! sandbox gets a new one. A sandbox that is killed, or ends by itself, fails the call
//! it had in hand; nothing is tried again here, that is its caller's affair.
//!
//! Source: Lambda developer guide, "Understanding the Lambda execution environment
//! lifecycle" and "Using the Lambda runtime API for custom runtimes".

use crate::built::function_command;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use baton_local::invoke::{BoxFuture, Functions, InvokeError};
use baton_simulators::serving::{Served, serve};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

/// Sandboxes that one function may have at once. Lambda would start more; here calls
/// wait, so that a small machine is not drowned in processes.
const SANDBOXES: usize = 40;

/// All sandboxes; clones share them. The last one ends their processes.
#[derive(Clone, Debug)]
pub struct Sandboxes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    binaries: PathBuf,
    log: PathBuf,
    served: OnceLock<Served>,
    functions: Mutex<HashMap<String, Function>>,
    calls: watch::Sender<u64>,
    state: Mutex<Population>,
}

#[derive(Clone, Debug)]
struct Function {
    environment: Arc<BTreeMap<String, String>>,
    timeout: Duration,
    places: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Population {
    /// Also the number of the last sandbox.
    started: u64,
    called: u64,
    live: BTreeMap<u64, Sandbox>,
}

#[derive(Debug)]
struct Sandbox {
    function: String,
    process: Option<u32>,
    events: mpsc::UnboundedSender<Event>,
    waiting: Arc<AsyncMutex<mpsc::UnboundedReceiver<Event>>>,
    call: Option<Call>,
    kill: Option<oneshot::Sender<oneshot::Sender<Kill>>>,
}

/// The call that a sandbox has in hand. Its place is free again when this is dropped.
#[derive(Debug)]
struct Call {
    id: String,
    answer: oneshot::Sender<Answer>,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Event {
    id: String,
    payload: Vec<u8>,
    deadline: SystemTime,
}

#[derive(Debug)]
enum Answer {
    Response(Vec<u8>),
    Error(Vec<u8>),
}

/// A sandbox as somebody sees it who means to kill it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Its number; no two have the same.
    pub number: u64,
    /// Its function.
    pub function: String,
    /// Its process, as the operating system knows it.
    pub process: Option<u32>,
    /// Whether it has a call in hand.
    pub busy: bool,
}

/// What a kill met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// A call in hand: it has failed.
    Call,
    /// An idle sandbox, or one that answered before the signal came.
    Idle,
}

impl Sandboxes {
    /// Serves the Runtime API on a free port of 127.0.0.1, for the functions of this
    /// folder of binaries. What they write goes to the file `log`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn serve(binaries: &Path, log: &Path) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            binaries: binaries.to_owned(),
            log: log.to_owned(),
            served: OnceLock::new(),
            functions: Mutex::default(),
            calls: watch::channel(0).0,
            state: Mutex::default(),
        });
        let router = Router::new()
            .route("/{sandbox}/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/{sandbox}/2018-06-01/runtime/invocation/{id}/response",
                post(respond),
            )
            .route(
                "/{sandbox}/2018-06-01/runtime/invocation/{id}/error",
                post(fail),
            )
            .route(
                "/{sandbox}/2018-06-01/runtime/init/error",
                post(async || StatusCode::ACCEPTED),
            )
            .layer(DefaultBodyLimit::disable())
            // Weak: the server must not keep alive what owns it.
            .with_state(Arc::downgrade(&shared));
        let served = serve(router).await?;
        // Just made, so nobody was faster.
        let _first = shared.served.set(served);
        Ok(Self(shared))
    }

    /// Makes a function known: its environment and how long a call may take.
    pub fn add(&self, function: &str, environment: BTreeMap<String, String>, timeout: Duration) {
        let known = Function {
            environment: Arc::new(environment),
            timeout,
            places: Arc::new(Semaphore::new(SANDBOXES)),
        };
        locked(&self.0.functions).insert(function.to_owned(), known);
    }

    /// The live sandboxes, the oldest first.
    #[must_use]
    pub fn live(&self) -> Vec<Live> {
        let state = locked(&self.0.state);
        let all = state.live.iter();
        all.map(|(number, sandbox)| Live {
            number: *number,
            function: sandbox.function.clone(),
            process: sandbox.process,
            busy: sandbox.call.is_some(),
        })
        .collect()
    }

    /// How many calls were handed to a sandbox so far; changes with each.
    #[must_use]
    pub fn calls(&self) -> watch::Receiver<u64> {
        self.0.calls.subscribe()
    }

    /// How many sandboxes were started so far.
    #[must_use]
    pub fn started(&self) -> u64 {
        locked(&self.0.state).started
    }

    /// `kill -9`. `None` where it has ended already, or is being killed.
    pub async fn kill(&self, number: u64) -> Option<Kill> {
        let killer = {
            let mut state = locked(&self.0.state);
            state.live.get_mut(&number)?.kill.take()?
        };
        let (met, meets) = oneshot::channel();
        killer.send(met).ok()?;
        meets.await.ok()
    }

    async fn call(&self, function: String, payload: Vec<u8>) -> Result<Vec<u8>, InvokeError> {
        let known = locked(&self.0.functions).get(&function).cloned();
        let known = known.ok_or_else(|| InvokeError::Unknown(function.clone()))?;
        let place = Arc::clone(&known.places).acquire_owned().await;
        let place = place.map_err(|_| InvokeError::Throttled)?;
        let (answer, answered) = oneshot::channel();
        let number = self
            .hand_over(&function, &known, payload, answer, place)
            .map_err(|error| InvokeError::Failed(error.to_string()))?;
        match tokio::time::timeout(known.timeout, answered).await {
            Ok(Ok(Answer::Response(bytes))) => Ok(bytes),
            Ok(Ok(Answer::Error(bytes))) => Err(InvokeError::Failed(
                String::from_utf8_lossy(&bytes).into_owned(),
            )),
            Ok(Err(_)) => Err(InvokeError::Failed(
                "Runtime exited without providing a reason".to_owned(),
            )),
            Err(_) => {
                // As Lambda does with a function that is out of its time.
                self.kill(number).await;
                Err(InvokeError::TimedOut(known.timeout))
            }
        }
    }

    /// Gives the call to an idle sandbox, or to a new one; which.
    fn hand_over(
        &self,
        function: &str,
        known: &Function,
        payload: Vec<u8>,
        answer: oneshot::Sender<Answer>,
        place: OwnedSemaphorePermit,
    ) -> io::Result<u64> {
        let mut state = locked(&self.0.state);
        state.called += 1;
        let called = state.called;
        let idle = state.live.iter().find(|(_, sandbox)| {
            sandbox.function == function && sandbox.call.is_none() && sandbox.kill.is_some()
        });
        let number = match idle {
            Some((number, _)) => *number,
            None => self.start(&mut state, function, known)?,
        };
        let gone = || io::Error::other("the sandbox is gone");
        let sandbox = state.live.get_mut(&number).ok_or_else(gone)?;
        let id = format!("00000000-0000-4000-8000-{called:012}");
        let event = Event {
            id: id.clone(),
            payload,
            deadline: SystemTime::now() + known.timeout,
        };
        sandbox.call = Some(Call {
            id,
            answer,
            _place: place,
        });
        sandbox.events.send(event).map_err(|_| gone())?;
        self.0.calls.send_replace(called);
        Ok(number)
    }

    fn start(&self, state: &mut Population, function: &str, known: &Function) -> io::Result<u64> {
        let shared = &self.0;
        let not_served = || io::Error::other("the Runtime API is not served");
        let base = &shared.served.get().ok_or_else(not_served)?.base_url;
        state.started += 1;
        let number = state.started;
        let log = File::options()
            .create(true)
            .append(true)
            .open(&shared.log)?;
        let mut command = function_command(
            &shared.binaries.join(function),
            function,
            &format!("{base}/{number}"),
            &known.environment,
        );
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut process = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()?;
        let (events, waiting) = mpsc::unbounded_channel();
        let (kill, killed) = oneshot::channel::<oneshot::Sender<Kill>>();
        let sandbox = Sandbox {
            function: function.to_owned(),
            process: process.id(),
            events,
            waiting: Arc::new(AsyncMutex::new(waiting)),
            call: None,
            kill: Some(kill),
        };
        state.live.insert(number, sandbox);
        let shared = Arc::downgrade(shared);
        tokio::spawn(async move {
            let killer = tokio::select! {
                _ended = process.wait() => None,
                // The sender goes with the sandboxes: then the process goes, too.
                killer = killed => {
                    // SIGKILL: nothing in the process gets to run any more.
                    let _ended = process.kill().await;
                    killer.ok()
                }
            };
            let gone = shared
                .upgrade()
                .and_then(|shared| locked(&shared.state).live.remove(&number));
            let met = match gone.and_then(|sandbox| sandbox.call) {
                Some(_call) => Kill::Call,
                None => Kill::Idle,
            };
            if let Some(killer) = killer {
                let _asked = killer.send(met);
            }
        });
        Ok(number)
    }
}

impl Functions for Sandboxes {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let (sandboxes, function) = (self.clone(), function.to_owned());
        Box::pin(async move { sandboxes.call(function, payload).await })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn next(
    State(shared): State<Weak<Shared>>,
    UrlPath(number): UrlPath<u64>,
) -> Result<Response, StatusCode> {
    let waiting = {
        let shared = shared.upgrade().ok_or(StatusCode::GONE)?;
        let state = locked(&shared.state);
        let sandbox = state.live.get(&number).ok_or(StatusCode::GONE)?;
        Arc::clone(&sandbox.waiting)
    };
    let event = waiting.lock().await.recv().await.ok_or(StatusCode::GONE)?;
    let deadline = event
        .deadline
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", event.id)
        .header(
            "lambda-runtime-deadline-ms",
            deadline.as_millis().to_string(),
        )
        .header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:000000000000:function:test",
        )
        .body(Body::from(event.payload))
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn respond(
    State(shared): State<Weak<Shared>>,
    UrlPath((number, id)): UrlPath<(u64, String)>,
    body: Bytes,
) -> StatusCode {
    answered(&shared, number, &id, Answer::Response(body.to_vec()))
}

async fn fail(
    State(shared): State<Weak<Shared>>,
    UrlPath((number, id)): UrlPath<(u64, String)>,
    body: Bytes,
) -> StatusCode {
    answered(&shared, number, &id, Answer::Error(body.to_vec()))
}

fn answered(shared: &Weak<Shared>, number: u64, id: &str, answer: Answer) -> StatusCode {
    let Some(shared) = shared.upgrade() else {
        return StatusCode::GONE;
    };
    let call = {
        let mut state = locked(&shared.state);
        let sandbox = state.live.get_mut(&number);
        sandbox.and_then(|sandbox| sandbox.call.take_if(|call| call.id == id))
    };
    let Some(call) = call else {
        return StatusCode::BAD_REQUEST;
    };
    // Whoever asked may have gone.
    let _gone = call.answer.send(answer);
    StatusCode::ACCEPTED
}

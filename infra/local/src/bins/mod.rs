//! Request bins: addresses that take whatever is sent to them and show it, for
//! hooks and bots that have no home yet.
//!
//! `GET /bin/{name}` shows what arrived, as a page to a browser (`Accept` with
//! `text/html`) and as JSON otherwise; any other method is recorded and answered
//! 200 with `{}`. A bin is made by its first use.

mod page;

#[cfg(test)]
mod tests;

use crate::engine::Clock;
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::any;
use http_body::Body as _;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// Bins there are at most; one more pushes out the one that was quiet longest.
const MOST_BINS: usize = 200;
/// Requests kept of a bin.
const MOST_REQUESTS: usize = 100;
/// Bytes kept of a body.
const MOST_BYTES: usize = 64 * 1_024;
/// Bytes of bodies kept in all bins; more pushes out whole bins, as above.
const MOST_IN_ALL: usize = 32 * 1_024 * 1_024;

/// A page is text alone; nothing on it may ever run or be fetched, nor is it kept.
const PAGE_HEADERS: [(header::HeaderName, &str); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
];

/// The bins; clones share them.
#[derive(Clone)]
pub struct Bins {
    clock: Arc<dyn Clock>,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    bins: HashMap<String, Bin>,
    /// Counts the requests, to tell which bin was quiet longest.
    turn: u64,
    /// Bytes of all bodies that are kept.
    bytes: usize,
}

#[derive(Default)]
struct Bin {
    requests: VecDeque<Received>,
    used: u64,
}

/// A request that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Received {
    /// When, in RFC 3339.
    pub time: String,
    /// The HTTP method.
    pub method: String,
    /// The query, as it was sent.
    pub query: String,
    /// Names in lower case, values of one name joined by commas. Credentials
    /// are replaced by `(not kept)`.
    pub headers: BTreeMap<String, String>,
    /// The body as text, what is not UTF-8 replaced, at most 64 KB.
    pub body: String,
    /// Whether the body went on.
    pub cut: bool,
}

impl std::fmt::Debug for Bins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bins").finish_non_exhaustive()
    }
}

impl Bins {
    /// Empty bins, on this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            shelf: Arc::default(),
        }
    }

    /// Serves `/bin/{name}`. Names are up to 64 letters, digits, `-`, `_` and
    /// `.`; others are 404.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/bin/{name}", any(answer))
            .with_state(self.clone())
    }

    /// What a bin holds, oldest first.
    #[must_use]
    pub fn received(&self, name: &str) -> Vec<Received> {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf
            .bins
            .get(name)
            .map(|bin| bin.requests.iter().cloned().collect())
            .unwrap_or_default()
    }

    fn record(&self, name: &str, received: Received) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.turn += 1;
        let turn = shelf.turn;
        if shelf.bins.len() >= MOST_BINS && !shelf.bins.contains_key(name) {
            shelf.push_out(name);
        }
        shelf.bytes += received.body.len();
        let bin = shelf.bins.entry(name.to_owned()).or_default();
        bin.used = turn;
        let oldest = match bin.requests.len() >= MOST_REQUESTS {
            true => bin.requests.pop_front(),
            false => None,
        };
        bin.requests.push_back(received);
        shelf.bytes -= oldest.map_or(0, |oldest| oldest.body.len());
        while shelf.bytes > MOST_IN_ALL && shelf.push_out(name) {}
    }
}

impl Shelf {
    /// Removes the bin that was quiet longest, other than this one; false if there is none.
    fn push_out(&mut self, but: &str) -> bool {
        let quiet = self
            .bins
            .iter()
            .filter(|(name, _)| *name != but)
            .min_by_key(|(_, bin)| bin.used)
            .map(|(name, _)| name.clone());
        let Some(bin) = quiet.and_then(|quiet| self.bins.remove(&quiet)) else {
            return false;
        };
        let freed: usize = bin.requests.iter().map(|kept| kept.body.len()).sum();
        self.bytes -= freed;
        true
    }
}

async fn answer(State(bins): State<Bins>, Path(name): Path<String>, request: Request) -> Response {
    if !is_name(&name) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (head, body) = request.into_parts();
    if head.method == Method::GET || head.method == Method::HEAD {
        let received = bins.received(&name);
        return match wants_page(&head.headers) {
            true => (PAGE_HEADERS, Html(page::write(&name, &received))).into_response(),
            false => Json(received).into_response(),
        };
    }
    let (body, cut) = read(body).await;
    let time = i64::try_from(bins.clock.now_unix_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or_default();
    bins.record(
        &name,
        Received {
            time: time.to_string(),
            method: head.method.to_string(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: headers(&head.headers),
            body: String::from_utf8_lossy(&body).into_owned(),
            cut,
        },
    );
    Json(serde_json::json!({})).into_response()
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/html"))
}

/// Reads what is kept of a body. The rest is not read: the connection closes.
async fn read(mut body: Body) -> (Vec<u8>, bool) {
    let mut kept = Vec::new();
    loop {
        match std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            None => return (kept, false),
            Some(Err(_)) => return (kept, true),
            Some(Ok(frame)) => {
                let Some(data) = frame.data_ref() else {
                    continue;
                };
                let room = MOST_BYTES - kept.len();
                kept.extend(data.iter().take(room));
                if data.len() > room {
                    return (kept, true);
                }
            }
        }
    }
}

fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = match is_credential(name.as_str()) {
            true => "(not kept)".into(),
            false => String::from_utf8_lossy(value.as_bytes()),
        };
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|all| {
                all.push(',');
                all.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    joined
}

/// Signatures are no credentials: they fit one body only.
fn is_credential(name: &str) -> bool {
    name.contains("authorization")
        || name.contains("cookie")
        || name.contains("token")
        || name.contains("secret")
        || name.contains("api-key")
}

//! A gate between a platform and the hub: open, or answering 503 as a hub does whose
//! storage is down.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use baton_simulators::serving::{Served, serve};
use std::sync::{Arc, Mutex, PoisonError};

/// What the gate does with requests.
#[derive(Clone, Debug, Default)]
struct Way {
    hub: String,
    is_closed: bool,
}

/// The gate.
pub(crate) struct Gate {
    way: Arc<Mutex<Way>>,
    served: Served,
}

impl Gate {
    /// One that leads nowhere yet.
    pub(crate) async fn new() -> Self {
        let way = Arc::<Mutex<Way>>::default();
        let router = Router::new().fallback(pass).with_state(way.clone());
        let served = serve(router).await.expect("the gate is served");
        Self { way, served }
    }

    pub(crate) fn url(&self) -> &str {
        &self.served.base_url
    }

    pub(crate) fn lead_to(&self, hub: &str) {
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        way.hub = hub.to_owned();
    }

    pub(crate) fn close(&self, is_closed: bool) {
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        way.is_closed = is_closed;
    }
}

async fn pass(
    State(way): State<Arc<Mutex<Way>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let way = way.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if way.is_closed {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let url = format!("{}{}", way.hub, uri.path());
    let mut request = reqwest::Client::new().post(url).body(body);
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    match request.send().await {
        Ok(answer) => answer.status(),
        Err(_) => StatusCode::BAD_GATEWAY,
    }
}

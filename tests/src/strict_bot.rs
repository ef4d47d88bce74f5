//! A bot of format `baton` that believes one signing key, checked by the library of
//! Standard Webhooks and not by the hub's own code.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use baton_simulators::serving::{Served, serve};
use standardwebhooks::Webhook;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The bot. It hears, and says nothing.
#[derive(Debug)]
pub struct StrictBot {
    key: Mutex<String>,
    told: Mutex<Vec<bool>>,
}

impl StrictBot {
    /// Serves one that believes this key (`whsec_...`).
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn serve(key: &str) -> std::io::Result<(Arc<Self>, Served)> {
        let bot = Arc::new(Self {
            key: Mutex::new(key.to_owned()),
            told: Mutex::default(),
        });
        let ears = Arc::clone(&bot);
        let hear = async move |headers: HeaderMap, body: Bytes| ears.hear(&headers, &body);
        let served = serve(Router::new().route("/", post(hear))).await?;
        Ok((bot, served))
    }

    /// From now on it believes this key alone.
    pub fn believe(&self, key: &str) {
        key.clone_into(&mut self.key.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn hear(&self, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        let key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Webhook::new(&key);
        let good = key.is_ok_and(|key| key.verify(body, headers).is_ok());
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(good);
        match good {
            true => StatusCode::OK,
            false => StatusCode::UNAUTHORIZED,
        }
    }

    /// All calls so far, by whether they were signed with its key.
    #[must_use]
    pub fn told(&self) -> Vec<bool> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    }

    /// Waits until it was called so often; false if not within `limit`.
    pub async fn is_told(&self, least: usize, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while self.told().len() < least {
            if Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        true
    }
}

//! A sandbox's way to the platform and to bots.

use super::bot::SimulatedBot;
use super::sandbox::Sandbox;
use super::stage::BEGINS;
use super::weather::Fault;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use baton_hub::calls::{Carried, Carrier, NoAnswer};
use std::sync::Arc;
use std::time::Duration;
use tower_service::Service;

/// Where the platform is.
pub(super) const GLADLY: &str = "http://gladly.test";
/// Where the bot is.
pub(super) const BOT: &str = "http://bot.test";

/// The outside as one sandbox reaches it.
#[derive(Clone)]
pub(super) struct Outside {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) gladly: Router,
    pub(super) bot: SimulatedBot,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outside")
    }
}

impl Carrier for Outside {
    fn carry(&self, request: reqwest::Request) -> Carried {
        let outside = self.clone();
        Box::pin(async move { outside.exchange(request).await })
    }
}

/// What an answer consists of.
type Parts = (u16, Vec<(String, String)>, Vec<u8>);

impl Outside {
    async fn exchange(&self, request: reqwest::Request) -> Result<reqwest::Response, NoAnswer> {
        let sandbox = &self.sandbox;
        sandbox.runs().await;
        let stage = &sandbox.stage;
        let now = || stage.clock.now() - BEGINS;
        let method = request.method().clone();
        let url = request.url().clone();
        let is_bot = url.host_str() == Some("bot.test");
        let body = request
            .body()
            .and_then(reqwest::Body::as_bytes)
            .unwrap_or_default()
            .to_vec();
        let about = || format!("{method} {}", url.path());
        stage.story.digest(now(), &sandbox.name, &body);
        sandbox
            .may_die(Fault::KilledBefore, || format!("before {}", about()))
            .await;
        tokio::time::sleep(Duration::from_millis(5 + sandbox.below(40))).await;
        let (status, headers, answer) = if is_bot {
            let signature = |name: &str| {
                let value = request.headers().get(name)?;
                value.to_str().ok().map(str::to_owned)
            };
            let id = signature("webhook-id").unwrap_or_default();
            let status = self.bot.take(&id, &body).await.ok_or(NoAnswer::Unknown)?;
            (status, Vec::new(), Vec::new())
        } else {
            match self.refusal() {
                Some(0) => {
                    stage.note(&sandbox.name, || format!("platform hangs: {}", about()));
                    std::future::pending::<()>().await;
                    return Err(NoAnswer::Unknown);
                }
                Some(status) => (status, Vec::new(), Vec::new()),
                None => self.platform(request, body).await?,
            }
        };
        stage.note(&sandbox.name, || format!("{} -> {status}", about()));
        stage.story.digest(now(), &sandbox.name, &answer);
        sandbox
            .may_die(Fault::KilledAfter, || format!("after {}", about()))
            .await;
        let slow = !is_bot && sandbox.is_struck(Fault::PlatformSlow);
        let took = if slow {
            500 + sandbox.below(9_000)
        } else {
            5 + sandbox.below(40)
        };
        tokio::time::sleep(Duration::from_millis(took)).await;
        sandbox.runs().await;
        if !is_bot && sandbox.is_struck(Fault::PlatformAnswerLost) {
            stage.note(&sandbox.name, || {
                format!("platform's answer lost: {}", about())
            });
            return Err(NoAnswer::Unknown);
        }
        respond((status, headers, answer))
    }

    /// The status that the platform refuses a call with; 0 where it hangs.
    fn refusal(&self) -> Option<u16> {
        let sandbox = &self.sandbox;
        if sandbox.is_struck(Fault::PlatformHangs) {
            return Some(0);
        }
        if sandbox.is_struck(Fault::PlatformLimits) {
            return Some(429);
        }
        sandbox
            .is_struck(Fault::PlatformFails)
            .then(|| if sandbox.below(2) == 0 { 500 } else { 503 })
    }

    async fn platform(&self, from: reqwest::Request, body: Vec<u8>) -> Result<Parts, NoAnswer> {
        let length = body.len();
        let mut request = Request::builder()
            .method(from.method().clone())
            .uri(from.url().as_str())
            .body(Body::from(body))
            .map_err(|_| NoAnswer::NotSent)?;
        request.headers_mut().clone_from(from.headers());
        request
            .headers_mut()
            .insert("content-length", length.into());
        let answered = self.gladly.clone().call(request).await;
        let answered: Response<Body> = answered.map_err(|_| NoAnswer::Unknown)?;
        let (head, body) = answered.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX)
            .await
            .map_err(|_| NoAnswer::Unknown)?;
        let headers = head.headers.iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        Ok((head.status.as_u16(), headers.collect(), body.to_vec()))
    }
}

fn respond((status, headers, body): Parts) -> Result<reqwest::Response, NoAnswer> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response
        .body(body)
        .map(reqwest::Response::from)
        .map_err(|_| NoAnswer::Unknown)
}

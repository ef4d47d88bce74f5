//! The one outbound HTTP client: platforms and bots are called through it.

use crate::clock::Clock;
use crate::rates::Rates;
use baton_platforms::http::{Credentials, HttpCall, Method, Reply};
use std::time::Duration;

/// How much of an answer is read. Gladly's list of a long session's messages is the
/// largest one that is of use.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// The outbound HTTP client.
#[derive(Clone, Debug)]
pub struct Calls {
    client: reqwest::Client,
    pub(crate) rates: Rates,
    pub(crate) clock: Clock,
}

/// An answer of a platform or bot.
#[derive(Clone)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// The body, cut to what is of use.
    pub body: Vec<u8>,
    location: Option<String>,
    retry_after: Option<String>,
}

impl Answered {
    /// What classifying it needs.
    #[must_use]
    pub fn reply(&self) -> Reply<'_> {
        Reply {
            status: self.status,
            body: &self.body,
            location: self.location.as_deref(),
            retry_after: self.retry_after.as_deref(),
        }
    }
}

/// A call without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// It certainly never reached the other side.
    #[error("no connection")]
    NotSent,
    /// It may have had its effect.
    #[error("no answer")]
    Unknown,
}

impl Calls {
    /// A client whose idle connections are dropped before a frozen sandbox could
    /// find them dead, and that never follows redirects.
    ///
    /// # Errors
    /// When the TLS set-up fails.
    pub fn new(clock: Clock, concurrency: u32) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(Duration::from_secs(10))
            .connect_timeout(Duration::from_secs(3))
            .user_agent(concat!("baton/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            rates: Rates::new(concurrency),
            clock,
        })
    }

    /// Makes a call to `base` and waits at most `timeout` for its answer.
    ///
    /// # Errors
    /// [`NoAnswer`] when none came.
    pub async fn call(
        &self,
        base: &str,
        call: &HttpCall,
        credentials: Option<&Credentials>,
        timeout: Duration,
    ) -> Result<Answered, NoAnswer> {
        let method = match call.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut request = self
            .client
            .request(method, format!("{base}{}", call.path))
            .timeout(timeout);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some(credentials) = credentials {
            let (name, value) = credentials.header();
            request = request.header(name, value);
        }
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let mut response = request.send().await.map_err(|error| {
            if error.is_connect() || error.is_builder() {
                NoAnswer::NotSent
            } else {
                NoAnswer::Unknown
            }
        })?;
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let (location, retry_after) = (header("location"), header("retry-after"));
        let remaining =
            header("ratelimit-remaining-second").and_then(|text| text.trim().parse().ok());
        let status = response.status().as_u16();
        self.rates
            .learn(base, call.method, status, remaining, self.clock.now());
        let mut body = Vec::new();
        // Half a body of an accepted call: it happened, but what came of it is lost.
        while let Some(chunk) = response.chunk().await.map_err(|_| NoAnswer::Unknown)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_LIMIT {
                body.truncate(ANSWER_LIMIT);
                break;
            }
        }
        Ok(Answered {
            status,
            body,
            location,
            retry_after,
        })
    }
}

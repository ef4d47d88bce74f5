//! The one outbound HTTP client: platforms and bots are called through it.

use crate::clock::Clock;
use crate::metrics;
use crate::rates::{CHANCES, Rates, Sign};
use baton_domain::Timestamp;
use baton_domain::time::SECOND;
use baton_platforms::http::{Credentials, HttpCall, Method, Reply};
use baton_platforms::moment::parse_http_date;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How much of an answer is read. Gladly's list of a long session's messages is the
/// largest one that is of use.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// The outbound HTTP client.
#[derive(Clone, Debug)]
pub struct Calls {
    transport: Transport,
    rates: Rates,
    sandboxes: u32,
    pub(crate) clock: Clock,
    speeds: Speeds,
    /// As whose its calls are counted.
    party: &'static str,
}

/// What carries a request to its receiver in place of a socket. Whatever it fails with is
/// one of the ways in which a call has no answer; its time ends by itself.
pub trait Carrier: Send + Sync + fmt::Debug {
    /// Carries one request and brings its answer back.
    fn carry(&self, request: reqwest::Request) -> Carried;
}

/// What a [`Carrier`] brings back, later.
pub type Carried = Pin<Box<dyn Future<Output = Result<reqwest::Response, NoAnswer>> + Send>>;

/// How requests leave.
#[derive(Clone, Debug)]
enum Transport {
    /// Through sockets.
    Network(reqwest::Client),
    /// Within the process.
    Given(Arc<dyn Carrier>),
}

impl Transport {
    async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, NoAnswer> {
        match self {
            Self::Network(client) => client.execute(request).await.map_err(|error| {
                if error.is_connect() || error.is_builder() {
                    NoAnswer::NotSent
                } else {
                    NoAnswer::Unknown
                }
            }),
            Self::Given(carrier) => {
                let ends = request.timeout().copied().unwrap_or(Duration::MAX);
                let carried = tokio::time::timeout(ends, carrier.carry(request));
                carried.await.unwrap_or(Err(NoAnswer::Unknown))
            }
        }
    }
}

/// A receiver whose last call from this sandbox took longer is slow: the stream does
/// not wait for it.
const SLOW: i64 = 2 * SECOND;
/// How long it counts as slow. A sandbox that leaves a receiver's work to the sweep
/// learns nothing new of it, so what it knows ends.
const SLOW_FOR: i64 = 30 * SECOND;

/// What is slow still when it is tried again counts so for twice as long, up to this
/// many times: each try holds up whoever waits behind it.
const SLOW_DOUBLES: u32 = 4;
/// How long a receiver that was slow is given when the stream tries it again.
const TRIED_AGAIN_FOR: Duration = Duration::from_secs(1);

/// Receivers that were slow at their last call.
#[derive(Clone, Debug, Default)]
struct Speeds(Arc<Mutex<BTreeMap<String, Slow>>>);

#[derive(Clone, Copy, Debug)]
struct Slow {
    /// Until when it is not tried again.
    until: Timestamp,
    /// How often it was tried again in vain.
    tried: u32,
}

impl Speeds {
    fn is_slow(&self, base: &str, now: Timestamp) -> bool {
        let slow = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slow.get(base).is_some_and(|slow| now < slow.until)
    }

    fn was_slow(&self, base: &str) -> bool {
        let slow = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slow.contains_key(base)
    }

    /// Remembers how a call went that ended `now` and might take `patience`.
    fn note(&self, base: &str, took: i64, patience: Duration, now: Timestamp) {
        let patience = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
        let mut slow = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if took <= SLOW && took < patience {
            slow.remove(base);
            return;
        }
        // Calls that were made at once have learned the same thing.
        let tried = match slow.get(base) {
            None => 0,
            Some(known) if now < known.until => known.tried,
            Some(known) => (known.tried + 1).min(SLOW_DOUBLES),
        };
        let until = now.plus(SLOW_FOR << tried);
        slow.insert(base.to_owned(), Slow { until, tried });
    }
}

/// An answer of a platform or bot.
#[derive(Clone)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// The body, cut to what is of use.
    pub body: Vec<u8>,
    /// The answer's `Date`, in whole seconds.
    pub date: Option<Timestamp>,
    location: Option<String>,
    retry_after: Option<String>,
}

impl Answered {
    /// Whether the body was longer than what was read of it.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.body.len() >= ANSWER_LIMIT
    }

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
    /// It was not made: there was no time left for it.
    #[error("no time left")]
    NoTime,
    /// It may have had its effect.
    #[error("no answer")]
    Unknown,
}

fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .pool_idle_timeout(Duration::from_secs(10))
        .connect_timeout(Duration::from_secs(3))
        .user_agent(concat!("baton/", env!("CARGO_PKG_VERSION")))
}

impl Calls {
    /// A client that trusts whom the system trusts. Idle connections are dropped
    /// before a frozen sandbox could find them dead; redirects are never followed.
    ///
    /// # Errors
    /// When the TLS set-up fails.
    pub fn new(clock: Clock, concurrency: u32) -> Result<Self, reqwest::Error> {
        Ok(Self::over(
            Transport::Network(client().build()?),
            clock,
            concurrency,
        ))
    }

    /// The same with a TLS configuration of the caller's: a `rustls::ClientConfig` of
    /// the version of rustls that reqwest is built with.
    ///
    /// # Errors
    /// When it is something else.
    pub fn with_tls(
        tls: impl std::any::Any,
        clock: Clock,
        concurrency: u32,
    ) -> Result<Self, reqwest::Error> {
        let client = client().tls_backend_preconfigured(tls).build()?;
        Ok(Self::over(Transport::Network(client), clock, concurrency))
    }

    /// A client whose requests never leave the process.
    #[must_use]
    pub fn carried(carrier: Arc<dyn Carrier>, clock: Clock, concurrency: u32) -> Self {
        Self::over(Transport::Given(carrier), clock, concurrency)
    }

    fn over(transport: Transport, clock: Clock, concurrency: u32) -> Self {
        Self {
            transport,
            rates: Rates::new(concurrency),
            sandboxes: concurrency,
            clock,
            speeds: Speeds::default(),
            party: "other",
        }
    }

    /// The same client, its calls counted as such to this kind of party: a platform's
    /// name, or `bot`.
    #[must_use]
    pub fn to(&self, party: &'static str) -> Self {
        Self {
            party,
            ..self.clone()
        }
    }

    /// How many sandboxes call platforms at most, all together; 0 where nothing bounds
    /// them.
    #[must_use]
    pub fn sandboxes(&self) -> u32 {
        self.sandboxes
    }

    /// Whether what is at `base` is known to be slow.
    #[must_use]
    pub fn is_slow(&self, base: &str) -> bool {
        self.speeds.is_slow(base, self.clock.now())
    }

    /// How long the stream may wait for what is at `base`, at most as long as `usually`;
    /// not at all where it is known to be slow.
    pub(crate) fn patience(&self, base: &str, usually: Duration) -> Option<Duration> {
        if self.is_slow(base) {
            None
        } else if self.speeds.was_slow(base) {
            Some(usually.min(TRIED_AGAIN_FOR))
        } else {
            Some(usually)
        }
    }

    /// Waits until the platform's rate limit allows a call that must begin by then.
    ///
    /// # Errors
    /// [`NoAnswer::NoTime`] where it does not in time.
    pub(crate) async fn wait_turn(
        &self,
        base: &str,
        method: Method,
        begins_by: Timestamp,
    ) -> Result<(), NoAnswer> {
        loop {
            let now = self.clock.now();
            let slot = self
                .rates
                .take(base, method, now, begins_by.since(now))
                .ok_or(NoAnswer::NoTime)?;
            if slot.wait > 0 {
                self.clock.sleep_until(now.plus(slot.wait)).await;
            }
            if self.rates.holds(base, method, slot) {
                return Ok(());
            }
        }
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
        let began = self.clock.now();
        let answered = self.make(base, call, credentials, timeout).await;
        let ended = self.clock.now();
        let took = ended.since(began);
        self.speeds.note(base, took, timeout, ended);
        let status = answered.as_ref().ok().map(|answer| answer.status);
        metrics::called(self.party, status, took, took > SLOW);
        answered
    }

    async fn make(
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
        let url = format!("{base}{}", call.path)
            .parse()
            .map_err(|_| NoAnswer::NotSent)?;
        let mut request = reqwest::Request::new(method, url);
        *request.timeout_mut() = Some(timeout);
        for (name, value) in &call.headers {
            add_header(&mut request, name, value)?;
        }
        if let Some(credentials) = credentials {
            let (name, value) = credentials.header();
            add_header(&mut request, &name, &value)?;
        }
        if let Some(body) = &call.body {
            *request.body_mut() = Some(body.clone().into());
        }
        let mut response = self.transport.send(request).await?;
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let (location, retry_after) = (header("location"), header("retry-after"));
        let number = |name| header(name).and_then(|text| text.trim().parse().ok());
        let date = header("date").and_then(|date| parse_http_date(&date));
        let status = response.status().as_u16();
        let sign = Sign {
            status,
            limit: number("ratelimit-limit-second"),
            remaining: number("ratelimit-remaining-second"),
        };
        let chance = i64::try_from(self.clock.below(CHANCES.unsigned_abs())).unwrap_or_default();
        self.rates
            .learn(base, call.method, &sign, self.clock.now(), chance);
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
            date,
            location,
            retry_after,
        })
    }
}

/// # Errors
/// When it cannot stand in a request, which then is not sent.
fn add_header(request: &mut reqwest::Request, name: &str, value: &str) -> Result<(), NoAnswer> {
    use reqwest::header::{HeaderName, HeaderValue};
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| NoAnswer::NotSent)?;
    let value = HeaderValue::from_str(value).map_err(|_| NoAnswer::NotSent)?;
    request.headers_mut().append(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(15);

    #[test]
    fn a_receiver_is_slow_after_a_slow_call_and_not_for_ever() {
        let speeds = Speeds::default();
        speeds.note("bot", SLOW + 1, PATIENCE, Timestamp(0));
        assert!(speeds.is_slow("bot", Timestamp(SLOW_FOR - 1)));
        // bites: remembering a slow call without an end.
        assert!(!speeds.is_slow("bot", Timestamp(SLOW_FOR)));
        assert!(speeds.was_slow("bot"));
        speeds.note("bot", 20, PATIENCE, Timestamp(0));
        assert!(!speeds.is_slow("bot", Timestamp(1)) && !speeds.was_slow("bot"));
    }

    #[test]
    fn a_receiver_that_stays_slow_is_tried_again_ever_more_rarely() {
        let speeds = Speeds::default();
        let mut now = Timestamp(0);
        let mut waits = Vec::new();
        for _ in 0..7 {
            // Two at once are one try. bites: taking a call that was cut off for a fast one.
            for _ in 0..2 {
                speeds.note("bot", 1_000, TRIED_AGAIN_FOR, now);
            }
            let began = now;
            while speeds.is_slow("bot", now) {
                now = now.plus(SECOND);
            }
            waits.push(now.since(began) / SLOW_FOR);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 16, 16]);
    }
}

//! What every API call passes: faults, credentials, the rate limit, the records.
//!
//! Gladly API 1.0 (OpenAPI): Basic auth with an agent's e-mail address and an API
//! token; 10 calls a second for each method and organization, told by
//! `Ratelimit-Limit-Second` and `Ratelimit-Remaining-Second`, and no `Retry-After`.

use axum::extract::{OriginalUri, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::GladlySim;
use super::faults::ApiFault;
use super::oracle::{Call, Violation, ViolationKind};
use super::refusal::Refusal;
use super::state::{Bucket, World};
use crate::broken;
use crate::random::Random;

/// Where the API begins, wherever the router is mounted.
pub(crate) const ROOT: &str = "/api/v1";

/// What stands before [`ROOT`] in the URL that the caller used.
pub(crate) fn prefix(uri: &OriginalUri) -> String {
    let path = uri.path();
    path.find(ROOT)
        .and_then(|at| path.get(..at))
        .unwrap_or_default()
        .to_owned()
}

/// What a call meets before its handler.
struct Admission {
    number: usize,
    fault: Option<ApiFault>,
    limit: Option<(u32, u32)>,
    refusal: Option<Refusal>,
    hang_until: i64,
}

/// The middleware of all of `/api/v1`.
pub(crate) async fn gate(
    State(sim): State<GladlySim>,
    uri: OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let path = uri
        .path()
        .find(ROOT)
        .and_then(|at| uri.path().get(at..))
        .unwrap_or_default()
        .to_owned();
    let admission = sim.act(|world, now| world.admit(&method, &path, request.headers(), now));
    let mut answer = match (admission.refusal, admission.fault) {
        (Some(refusal), _) => refusal.into_response(),
        (None, Some(ApiFault::Status(status))) => Refusal::bare(status).into_response(),
        (None, Some(ApiFault::Hang)) => {
            sim.clock().sleep_until(admission.hang_until).await;
            Refusal::bare(503).into_response()
        }
        (None, _) => next.run(request).await,
    };
    if let Some((limit, left)) = admission.limit {
        let headers = answer.headers_mut();
        headers.insert(
            HeaderName::from_static("ratelimit-limit-second"),
            limit.into(),
        );
        headers.insert(
            HeaderName::from_static("ratelimit-remaining-second"),
            left.into(),
        );
    }
    if answer.status() == 401 {
        let scheme = HeaderValue::from_static("Basic realm=\"Gladly\"");
        answer.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    }
    let violation = answer.extensions_mut().remove::<ViolationKind>();
    let status = answer.status().as_u16();
    sim.act(|world, now| {
        if let Some(call) = world.calls.get_mut(admission.number) {
            call.status = status;
        }
        if let Some(kind) = violation {
            world.violations.push(Violation {
                at: now,
                kind,
                method: method.to_string(),
                path,
            });
        }
    });
    match admission.fault {
        Some(ApiFault::LoseAnswer) => broken::cut(),
        Some(ApiFault::HalfBody) => broken::halve(answer).await,
        _ => answer,
    }
}

impl World {
    fn admit(&mut self, method: &Method, path: &str, headers: &HeaderMap, now: i64) -> Admission {
        let number = self.calls.len();
        let count = self
            .call_counts
            .entry(format!("{method} {path}"))
            .or_default();
        *count += 1;
        let key = format!("{method} {path} {count}");
        let mut random = Random::keyed(self.config.seed, &key);
        let (refusal, limit) = match self.authenticate(headers) {
            Err(refusal) => (Some(refusal), None),
            Ok(()) => {
                let limit = self.take_token(method, now);
                let over = limit.is_some_and(|(_, left)| left.is_none());
                let refusal = if over {
                    Some(Refusal::bare(429))
                } else {
                    wrong_type(headers).err()
                };
                (
                    refusal,
                    limit.map(|(limit, left)| (limit, left.unwrap_or(0))),
                )
            }
        };
        // A fault strikes only calls that would have come through.
        let fault = match refusal {
            Some(_) => None,
            None => self.faults.strike(method.as_str(), path, &mut random),
        };
        self.calls.push(Call {
            at: now,
            method: method.to_string(),
            path: path.to_owned(),
            status: 0,
            fault,
        });
        Admission {
            number,
            fault,
            limit,
            refusal,
            hang_until: now.saturating_add(self.config.hang_ms),
        }
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let unauthorized = || Refusal::bare(401).because(ViolationKind::Unauthorized);
        let credentials = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
            .and_then(|decoded| String::from_utf8(decoded).ok())
            .ok_or_else(unauthorized)?;
        let (email, token) = credentials.split_once(':').ok_or_else(unauthorized)?;
        let agents = &self.config.agents;
        let agent = agents.iter().find(|agent| agent.email == email);
        match agent {
            Some(agent) if token == self.config.api_token => {
                if agent.api_user || email == self.config.agent_email {
                    Ok(())
                } else {
                    Err(Refusal::bare(403).because(ViolationKind::Forbidden))
                }
            }
            _ => Err(unauthorized()),
        }
    }

    /// Takes one token of the method's bucket. The limit and what is left, `None`
    /// for nothing to take; the whole is `None` if there is no limit.
    fn take_token(&mut self, method: &Method, now: i64) -> Option<(u32, Option<u32>)> {
        let limit = self.config.rate_limit?;
        let most = f64::from(limit);
        let bucket = self.buckets.entry(method.to_string()).or_insert(Bucket {
            tokens: most,
            filled_at: now,
        });
        // Ages of a bucket in ms are far below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let elapsed = now.saturating_sub(bucket.filled_at).max(0) as f64;
        bucket.tokens = (bucket.tokens + elapsed * most / 1_000.0).min(most);
        bucket.filled_at = now;
        if bucket.tokens < 1.0 {
            return Some((limit, None));
        }
        bucket.tokens -= 1.0;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let left = bucket.tokens as u32;
        Some((limit, Some(left)))
    }
}

/// A body must be declared as JSON.
fn wrong_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    if matches!(length, None | Some("0")) {
        return Ok(());
    }
    let declared = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    if declared.trim().eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(
            Refusal::general("invalid", "content type must be application/json")
                .because(ViolationKind::ContentType),
        )
    }
}

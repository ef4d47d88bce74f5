//! The requests to the table, without the SDK's layers: as the SDK would make them, over
//! the same connections, for a third of its processor time.
//!
//! | module | subject |
//! |---|---|
//! | [`shapes`] | requests and answers |
//! | `attributes` | the items in them |
//! | `signer` | their signature |
//! | `tries` | which failures are tried again |
//! | [`way`] | where the table is and how it is asked, told or from the SDK's client |

mod attributes;
pub(super) mod shapes;
mod signer;
mod tries;
pub(super) mod way;

use super::error::StoreError;
use super::item::Item;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::{AggregatedBytes, ByteStream};
use aws_smithy_types::date_time::Format;
use serde::de::DeserializeOwned;
use shapes::{Answer, Operation, Refused, Request};
use signer::Signed;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};
use tries::Again;
use way::{Guide, Way};

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
const USER_AGENT: &str = concat!("baton/", env!("CARGO_PKG_VERSION"));
/// The code of a write whose condition did not hold.
const CONDITION: &str = "ConditionalCheckFailedException";
/// Codes that a clock gone wrong may be behind.
const SKEWED: [&str; 5] = [
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "RequestTimeTooSkewed",
    "AccessDeniedException",
];
/// Only clocks that differ by more are: AWS takes five minutes.
const SKEW: Duration = Duration::from_secs(4 * 60);

/// The direct way to the table. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Direct(Arc<Found>);

#[derive(Debug)]
struct Found {
    guide: Box<dyn Guide>,
    way: OnceCell<Way>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The condition does not hold, for this item.
    Condition(Option<Item>),
    /// Anything else.
    Failed(StoreError),
}

impl Refusal {
    /// What it is for who asked for this, on no condition.
    pub(super) fn error(self, operation: Operation) -> StoreError {
        match self {
            Self::Failed(error) => error,
            Self::Condition(_) => {
                StoreError::failed(operation.name(), CONDITION.to_owned(), String::new())
            }
        }
    }
}

/// How a try failed.
#[derive(Debug)]
struct Failure {
    /// DynamoDB's code, or the kind of failure on the way.
    code: String,
    message: String,
    item: Option<Item>,
    again: Option<Again>,
    /// How long DynamoDB wants to be left alone.
    wait: Option<Duration>,
}

impl Failure {
    fn on_the_way(code: &str, again: Option<Again>) -> Self {
        Self {
            code: code.to_owned(),
            message: String::new(),
            item: None,
            again,
            wait: None,
        }
    }

    fn refusal(self, operation: &'static str) -> Refusal {
        if self.code == CONDITION {
            return Refusal::Condition(self.item);
        }
        Refusal::Failed(StoreError::failed(operation, self.code, self.message))
    }
}

/// A request, as all of its tries have it.
struct Written {
    target: &'static str,
    /// Tells DynamoDB which tries belong together.
    invocation: String,
    body: Vec<u8>,
}

impl Direct {
    /// By whom the way is known.
    pub(super) fn by(guide: impl Guide + 'static) -> Self {
        Self(Arc::new(Found {
            guide: Box::new(guide),
            way: OnceCell::new(),
        }))
    }

    /// Asks the table about items.
    ///
    /// # Errors
    /// When the condition does not hold, or no try succeeds in time.
    pub(super) async fn ask(&self, request: &Request<'_>) -> Result<Answer, Refusal> {
        let operation = request.operation;
        let answer = self.send(operation, serde_json::to_vec(request)).await?;
        read_as(operation, answer)
    }

    /// Sends a request's JSON, if it could be written.
    ///
    /// # Errors
    /// When the condition does not hold, or no try succeeds in time.
    pub(super) async fn send(
        &self,
        operation: Operation,
        json: serde_json::Result<Vec<u8>>,
    ) -> Result<AggregatedBytes, Refusal> {
        let failed = |kind| failed(operation, kind);
        let way = self.0.way.get_or_try_init(|| self.0.guide.way());
        let way = way.await.map_err(Refusal::Failed)?;
        let written = Written {
            target: operation.target(),
            invocation: format!("{:032x}", fastrand::u128(..)),
            body: json.map_err(|_| failed("construction"))?,
        };
        let answer = match way.within {
            None => way.tries(&written).await,
            Some(within) => match timeout(within, way.tries(&written)).await {
                Ok(answer) => answer,
                Err(_) => return Err(failed("timeout")),
            },
        };
        answer.map_err(|failure| failure.refusal(operation.name()))
    }
}

/// Reads an answer.
///
/// # Errors
/// When it is something else.
pub(super) fn read_as<T: DeserializeOwned>(
    operation: Operation,
    answer: AggregatedBytes,
) -> Result<T, Refusal> {
    serde_json::from_slice(&answer.into_bytes()).map_err(|_| failed(operation, "response"))
}

fn failed(operation: Operation, kind: &str) -> Refusal {
    Failure::on_the_way(kind, None).refusal(operation.name())
}

impl Way {
    async fn tries(&self, request: &Written) -> Result<AggregatedBytes, Failure> {
        let mut number = 1;
        let mut cost = None;
        loop {
            let attempt = self.attempt(request, number);
            let answer = match self.try_within {
                None => attempt.await,
                Some(within) => timeout(within, attempt)
                    .await
                    .unwrap_or_else(|_| Err(Failure::on_the_way("timeout", Some(Again::Passing)))),
            };
            let failure = match answer {
                Ok(answer) => {
                    self.tries.succeeded(cost);
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            let repeat = failure
                .again
                .and_then(|again| self.tries.repeat(number, again, failure.wait));
            let Some((wait, taken)) = repeat else {
                return Err(failure);
            };
            sleep(wait).await;
            number += 1;
            cost = Some(taken);
        }
    }

    async fn attempt(&self, request: &Written, number: u32) -> Result<AggregatedBytes, Failure> {
        let construction = |_| Failure::on_the_way("construction", None);
        let sent = self.time.now();
        let http = self.request(request, number, sent).await;
        let http = http.map_err(construction)?;
        let response = self.connector.call(http).await.map_err(|error| {
            let passes = error.is_io() || error.is_timeout() || error.as_other().is_some();
            Failure::on_the_way("dispatch", passes.then_some(Again::Passing))
        })?;
        if !response.status().is_success() {
            return Err(self.refused(response, sent).await);
        }
        read(response).await
    }

    async fn request(
        &self,
        request: &Written,
        number: u32,
        now: SystemTime,
    ) -> Result<HttpRequest, aws_smithy_runtime_api::box_error::BoxError> {
        let mut http = HttpRequest::new(SdkBody::from(request.body.clone()));
        http.set_method("POST")?;
        http.set_uri(self.url.as_str())?;
        let headers = http.headers_mut();
        headers.try_insert("content-type", CONTENT_TYPE)?;
        headers.try_insert("x-amz-target", request.target)?;
        headers.try_insert("user-agent", USER_AGENT)?;
        headers.try_insert("amz-sdk-invocation-id", request.invocation.clone())?;
        let most = self.tries.most;
        headers.try_insert("amz-sdk-request", format!("attempt={number}; max={most}"))?;
        if let Some(signer) = &self.signer {
            let signed = Signed {
                path: &self.path,
                host: &self.host,
                content_type: CONTENT_TYPE,
                target: request.target,
                body: &request.body,
            };
            let signature = signer.sign(signed, self.corrected(now)).await?;
            headers.try_insert("x-amz-date", signature.date)?;
            headers.try_insert("authorization", signature.authorization)?;
            if let Some(token) = signature.token {
                headers.try_insert("x-amz-security-token", token)?;
            }
        }
        Ok(http)
    }

    /// The time by DynamoDB's clock, as far as it is known.
    fn corrected(&self, now: SystemTime) -> SystemTime {
        let skew = self.skew.load(Ordering::Relaxed);
        let by = Duration::from_millis(skew.unsigned_abs());
        let corrected = if skew < 0 {
            now.checked_sub(by)
        } else {
            now.checked_add(by)
        };
        corrected.unwrap_or(now)
    }

    async fn refused(&self, response: HttpResponse, sent: SystemTime) -> Failure {
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).map(str::to_owned);
        let (kind, date) = (header("x-amzn-errortype"), header("date"));
        let wait = header("x-amz-retry-after").and_then(|wait| wait.parse().ok());
        let body = match read(response).await {
            Ok(body) => body.into_bytes(),
            Err(failure) => return failure,
        };
        let refused: Refused = serde_json::from_slice(&body).unwrap_or_default();
        let kind = kind.unwrap_or(refused.kind);
        // `com.amazonaws.dynamodb.v20120810#ThrottlingException:http://...`
        let code = kind.split(':').next().unwrap_or_default();
        let code = code.rsplit('#').next().unwrap_or_default();
        let mut again = Again::of(status, code);
        if SKEWED.contains(&code)
            && let Some(skew) = date.and_then(|date| self.skew(&date, sent))
        {
            self.skew.store(skew, Ordering::Relaxed);
            again = Some(Again::Skewed);
        }
        Failure {
            code: if code.is_empty() { "service" } else { code }.to_owned(),
            message: refused.message,
            item: refused.item.map(|item| item.0),
            again,
            wait: wait.map(Duration::from_millis),
        }
    }

    /// How far DynamoDB's clock is ahead of the time that a request was signed for, by
    /// its answer's date, if that may be why it was refused.
    fn skew(&self, date: &str, sent: SystemTime) -> Option<i64> {
        let theirs = DateTime::from_str(date, Format::HttpDate).ok()?;
        let millis = |at: SystemTime| DateTime::from(at).to_millis().ok();
        let (sent, received) = (millis(sent)?, millis(self.time.now())?);
        let ahead = theirs.to_millis().ok()? - (sent + received) / 2;
        (u128::from(ahead.unsigned_abs()) > SKEW.as_millis()).then_some(ahead)
    }
}

async fn read(response: HttpResponse) -> Result<AggregatedBytes, Failure> {
    let body = ByteStream::new(response.into_body()).collect().await;
    body.map_err(|_| Failure::on_the_way("response", Some(Again::Passing)))
}

#[cfg(test)]
mod tests;

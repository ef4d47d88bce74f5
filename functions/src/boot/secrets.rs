//! Secrets Manager's one operation that the functions need, `GetSecretValue` (API
//! reference, protocol AWS JSON 1.1), signed by AWS's own code. Its whole SDK would make
//! every function a sixth of a megabyte larger.

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use baton_hub::Clock;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// One try may take so long.
const TRY: Duration = Duration::from_millis(1_000);
/// It is tried this often.
const TRIES: u32 = 3;
/// Before the nth repetition it waits a random time up to this times 2^n.
const WAITS: u64 = 50;

/// A client of Secrets Manager.
#[derive(Clone, Debug)]
pub(super) struct Secrets {
    pub(super) http: SharedHttpConnector,
    pub(super) region: String,
    pub(super) credentials: SharedCredentialsProvider,
    /// Where it is: `https://secretsmanager.eu-central-1.amazonaws.com`.
    pub(super) url: String,
}

/// Why a secret could not be had. Never holds its value.
#[derive(Debug, thiserror::Error)]
#[error("Secrets Manager: {what}")]
pub(super) struct SecretError {
    /// AWS's code, or the kind of failure on the way.
    what: String,
    /// Whether another try may help.
    passing: bool,
}

impl SecretError {
    fn passing(what: &str) -> Self {
        Self {
            what: what.to_owned(),
            passing: true,
        }
    }

    fn lasting(what: impl ToString) -> Self {
        Self {
            what: what.to_string(),
            passing: false,
        }
    }
}

#[derive(Serialize)]
struct Question<'a> {
    #[serde(rename = "SecretId")]
    id: &'a str,
    /// The default, said for stand-ins that forget it when the label moves.
    #[serde(rename = "VersionStage")]
    stage: &'static str,
}

/// The label of the version in force.
const CURRENT: &str = "AWSCURRENT";

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "SecretString")]
    text: Option<String>,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    kind: String,
}

impl Secrets {
    /// The text of a secret; `None` where it holds bytes.
    ///
    /// # Errors
    /// When it is refused, or AWS cannot be reached in three tries.
    pub(super) async fn text(&self, arn: &str) -> Result<Option<String>, SecretError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let got = tokio::time::timeout(TRY, self.ask(arn)).await;
            match got.unwrap_or_else(|_| Err(SecretError::passing("timeout"))) {
                Err(error) if error.passing && tries < TRIES => {
                    let wait = Clock::real().below(WAITS << tries);
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
                answer => return answer,
            }
        }
    }

    async fn ask(&self, arn: &str) -> Result<Option<String>, SecretError> {
        let request = self.request(arn).await?;
        let response = self
            .http
            .call(request)
            .await
            .map_err(|_| SecretError::passing("transport"))?;
        let status = response.status();
        let body = ByteStream::new(response.into_body())
            .collect()
            .await
            .map_err(|_| SecretError::passing("transport"))?
            .into_bytes();
        if status.is_success() {
            let answer: Answer =
                serde_json::from_slice(&body).map_err(|_| SecretError::lasting("no JSON"))?;
            return Ok(answer.text);
        }
        let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
        // `com.amazonaws...#ThrottlingException` or the last part alone.
        let code = refusal.kind.rsplit('#').next().unwrap_or_default();
        Err(SecretError {
            passing: status.is_server_error() || code.contains("Throttl"),
            what: format!("{} {code}", status.as_u16()),
        })
    }

    async fn request(&self, arn: &str) -> Result<HttpRequest, SecretError> {
        let body = serde_json::to_vec(&Question {
            id: arn,
            stage: CURRENT,
        })
        .map_err(SecretError::lasting)?;
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "secretsmanager.GetSecretValue"),
        ];
        let credentials = self.credentials.provide_credentials().await;
        let identity = credentials.map_err(SecretError::lasting)?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("secretsmanager")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(SecretError::lasting)?
            .into();
        let url = format!("{}/", self.url.trim_end_matches('/'));
        let signable = SignableRequest::new(
            "POST",
            &url,
            headers.into_iter(),
            SignableBody::Bytes(&body),
        )
        .map_err(SecretError::lasting)?;
        let (signature, _) = sign(signable, &params)
            .map_err(SecretError::lasting)?
            .into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(SecretError::lasting)?;
        request
            .set_uri(url.as_str())
            .map_err(SecretError::lasting)?;
        for (name, value) in headers.into_iter().chain(signature.headers()) {
            request
                .headers_mut()
                .try_insert(name.to_owned(), value.to_owned())
                .map_err(SecretError::lasting)?;
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;
    use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use std::sync::{Arc, Mutex};

    /// Answers these, the last one first, and keeps what it was asked with.
    #[derive(Clone, Debug)]
    struct Script {
        answers: Arc<Mutex<Vec<(u16, &'static str)>>>,
        asked: Arc<Mutex<Vec<String>>>,
    }

    impl HttpConnector for Script {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
            let asked = format!("{} {}", header("x-amz-target"), header("authorization"));
            self.asked.lock().unwrap().push(asked);
            let (status, body) = self.answers.lock().unwrap().pop().unwrap();
            let status = aws_smithy_runtime_api::http::StatusCode::try_from(status).unwrap();
            HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
        }
    }

    fn client(answers: &[(u16, &'static str)]) -> (Secrets, Script) {
        let script = Script {
            answers: Arc::new(Mutex::new(answers.iter().rev().copied().collect())),
            asked: Arc::default(),
        };
        let credentials = Credentials::new("test-key", "test-secret", None, None, "test");
        let secrets = Secrets {
            http: SharedHttpConnector::new(script.clone()),
            region: "eu-central-1".to_owned(),
            credentials: SharedCredentialsProvider::new(credentials),
            url: "https://secretsmanager.eu-central-1.amazonaws.com".to_owned(),
        };
        (secrets, script)
    }

    #[tokio::test]
    async fn what_passes_is_asked_again_signed_and_what_lasts_is_not() {
        let busy = (400, r#"{"__type":"ThrottlingException"}"#);
        let (secrets, script) = client(&[busy, (503, ""), (200, r#"{"SecretString":"s"}"#)]);
        assert_eq!(secrets.text("arn").await.unwrap().as_deref(), Some("s"));
        let asked = script.asked.lock().unwrap().clone();
        assert_eq!(asked.len(), 3);
        for asked in asked {
            assert!(asked.starts_with("secretsmanager.GetSecretValue AWS4-HMAC-SHA256 "));
            assert!(asked.contains("/eu-central-1/secretsmanager/aws4_request"));
            assert!(asked.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target"));
        }
        let gone = (400, r#"{"__type":"a#ResourceNotFoundException"}"#);
        let (secrets, script) = client(&[gone]);
        let error = secrets.text("arn").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Secrets Manager: 400 ResourceNotFoundException"
        );
        assert_eq!(script.asked.lock().unwrap().len(), 1);
        let (secrets, script) = client(&[(500, ""), (500, ""), (500, "")]);
        assert!(secrets.text("arn").await.is_err());
        assert_eq!(script.asked.lock().unwrap().len(), 3);
    }
}

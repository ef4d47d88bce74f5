//! AWS Signature Version 4 of a DynamoDB request (IAM user guide, "Create a signed AWS
//! API request"). The key that signs is the same all day, and derived once; the SDK
//! derives it for each request.

use super::super::rows::day_of;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use aws_smithy_runtime_api::box_error::BoxError;
use baton_domain::Timestamp;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The service's name in signatures.
const SERVICE: &str = "dynamodb";
/// Credentials are asked for again this long before they expire, as the SDK does.
const BEFORE_EXPIRY: Duration = Duration::from_secs(10);
/// Credentials without an expiry are asked for again after this, as by the SDK.
const KEPT: Duration = Duration::from_secs(15 * 60);

/// Signs requests.
#[derive(Debug)]
pub(super) struct Signer {
    credentials: SharedCredentialsProvider,
    region: String,
    kept: Mutex<Option<Arc<Key>>>,
}

/// What of a request is signed beside its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    pub(super) path: &'a str,
    pub(super) host: &'a str,
    pub(super) content_type: &'a str,
    pub(super) target: &'a str,
    pub(super) body: &'a [u8],
}

/// The headers of a signature.
#[derive(Debug)]
pub(super) struct Signature {
    /// `X-Amz-Date`.
    pub(super) date: String,
    /// `X-Amz-Security-Token`, of credentials that have one.
    pub(super) token: Option<String>,
    /// `Authorization`.
    pub(super) authorization: String,
}

/// A day's key of some credentials.
pub(super) struct Key {
    id: String,
    token: Option<String>,
    /// `20261120`.
    day: String,
    /// `20261120/eu-central-1/dynamodb/aws4_request`.
    scope: String,
    key: Vec<u8>,
    until: SystemTime,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Key").finish_non_exhaustive()
    }
}

impl Signer {
    pub(super) fn of(credentials: SharedCredentialsProvider, region: String) -> Self {
        Self {
            credentials,
            region,
            kept: Mutex::default(),
        }
    }

    /// Signs a request for this moment, which AWS takes for a quarter of an hour.
    ///
    /// # Errors
    /// When there are no credentials.
    pub(super) async fn sign(
        &self,
        request: Signed<'_>,
        now: SystemTime,
    ) -> Result<Signature, BoxError> {
        let moment = Moment::of(now);
        let kept = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.clone()
        };
        let key = match kept {
            Some(key) if key.day == moment.day && now < key.until => key,
            _ => {
                let key = Arc::new(self.derive(&moment, now).await?);
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                *kept = Some(Arc::clone(&key));
                key
            }
        };
        Ok(key.sign(request, moment))
    }

    async fn derive(&self, moment: &Moment, now: SystemTime) -> Result<Key, BoxError> {
        let credentials = self.credentials.provide_credentials().await?;
        let expires = credentials.expiry();
        let until = expires.and_then(|expires| expires.checked_sub(BEFORE_EXPIRY));
        Ok(Key::of(
            &credentials,
            &self.region,
            moment,
            now,
            until.unwrap_or(now + KEPT),
        ))
    }
}

impl Key {
    fn of(
        credentials: &Credentials,
        region: &str,
        moment: &Moment,
        now: SystemTime,
        until: SystemTime,
    ) -> Self {
        let secret = credentials.secret_access_key();
        let key = generate_signing_key(secret, now, region, SERVICE);
        Self {
            id: credentials.access_key_id().to_owned(),
            token: credentials.session_token().map(str::to_owned),
            day: moment.day.clone(),
            scope: format!("{}/{region}/{SERVICE}/aws4_request", moment.day),
            key: key.as_ref().to_vec(),
            until,
        }
    }

    fn sign(&self, request: Signed<'_>, moment: Moment) -> Signature {
        let Signed {
            path,
            host,
            content_type,
            target,
            body,
        } = request;
        let date = moment.date;
        let (token, signed) = match &self.token {
            Some(token) => (
                format!("x-amz-security-token:{token}\n"),
                "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
            ),
            None => (String::new(), "content-type;host;x-amz-date;x-amz-target"),
        };
        let body = HEXLOWER.encode(&Sha256::digest(body));
        let canonical = format!(
            "POST\n{path}\n\ncontent-type:{content_type}\nhost:{host}\nx-amz-date:{date}\n\
             {token}x-amz-target:{target}\n\n{signed}\n{body}"
        );
        let canonical = HEXLOWER.encode(&Sha256::digest(canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{}\n{canonical}", self.scope);
        let signature = calculate_signature(&self.key, to_sign.as_bytes());
        Signature {
            token: self.token.clone(),
            authorization: format!(
                "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={signed}, Signature={signature}",
                self.id, self.scope
            ),
            date,
        }
    }
}

/// A moment as signatures write it.
#[derive(Debug)]
struct Moment {
    /// `20261120`.
    day: String,
    /// `20261120T121314Z`.
    date: String,
}

impl Moment {
    fn of(now: SystemTime) -> Self {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let day = day_of(Timestamp(
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        ));
        let day = day.replace('-', "");
        let second = since.as_secs() % 86_400;
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        Self {
            date: format!("{day}T{hour:02}{minute:02}{:02}Z", second % 60),
            day,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4::SigningParams;

    /// The headers by AWS's own code, of the same request.
    fn by_aws(
        request: Signed<'_>,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Vec<(String, String)> {
        let identity = credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region("eu-central-1")
            .name(SERVICE)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let url = format!("https://{}{}", request.host, request.path);
        let headers = [
            ("content-type", request.content_type),
            ("x-amz-target", request.target),
        ];
        let body = SignableBody::Bytes(request.body);
        let request = SignableRequest::new("POST", url, headers.into_iter(), body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let headers = instructions.headers();
        let owned = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        owned.collect()
    }

    #[test]
    fn it_signs_as_aws_does() {
        for (host, token, second) in [
            ("dynamodb.eu-central-1.amazonaws.com", None, 1_795_132_799),
            ("127.0.0.1:8000", Some("test-token"), 951_782_400),
        ] {
            let now = UNIX_EPOCH + Duration::from_millis(second * 1_000 + 999);
            let token: Option<String> = token.map(str::to_owned);
            let credentials = Credentials::new("test-id", "test-secret", token, None, "test");
            let request = Signed {
                path: "/",
                host,
                content_type: "application/x-amz-json-1.0",
                target: "DynamoDB_20120810.Query",
                body: br#"{"TableName":"hub"}"#,
            };
            let moment = Moment::of(now);
            let key = Key::of(&credentials, "eu-central-1", &moment, now, now);
            let ours = key.sign(request, moment);
            let theirs = by_aws(request, &credentials, now);
            let header = |wanted: &str| {
                let found = theirs.iter().find(|(name, _)| name == wanted);
                found.map(|(_, value)| value.as_str())
            };
            assert_eq!(Some(ours.date.as_str()), header("x-amz-date"));
            assert_eq!(ours.token.as_deref(), header("x-amz-security-token"));
            assert_eq!(Some(ours.authorization.as_str()), header("authorization"));
        }
    }
}

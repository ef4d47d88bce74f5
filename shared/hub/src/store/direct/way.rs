//! The way to the table: where it is, over which connections, with which credentials,
//! limits and tries. Functions are told; everybody else has a client of the SDK, and goes
//! as it would.

use super::super::error::StoreError;
use super::signer::Signer;
use super::tries::Tries;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Region;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_smithy_runtime_api::client::http::{
    HttpClient as _, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::identity::{ResolveIdentity as _, SharedIdentityResolver};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::runtime_components::{
    GetIdentityResolver as _, RuntimeComponents,
};
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How signed requests are called among the SDK's schemes.
const SIGNED: AuthSchemeId = AuthSchemeId::new("sigv4");

/// Everything that a request needs.
#[derive(Debug)]
pub(in crate::store) struct Way {
    pub(super) connector: SharedHttpConnector,
    /// `https://dynamodb.eu-central-1.amazonaws.com/`.
    pub(super) url: String,
    /// The header `Host`.
    pub(super) host: String,
    pub(super) path: String,
    /// Signs requests, unless the client does not.
    pub(super) signer: Option<Signer>,
    pub(super) time: SharedTimeSource,
    /// How far DynamoDB's clock is ahead, in milliseconds, where it matters.
    pub(super) skew: AtomicI64,
    pub(super) tries: Tries,
    /// A try may take so long.
    pub(super) try_within: Option<Duration>,
    /// And all of them together.
    pub(super) within: Option<Duration>,
}

/// Knows the way.
pub(in crate::store) trait Guide: Send + Sync + fmt::Debug {
    /// Tells it.
    fn way(&self) -> Telling<'_>;
}

/// A way that is about to be told.
type Telling<'a> = Pin<Box<dyn Future<Output = Result<Way, StoreError>> + Send + 'a>>;

/// Where DynamoDB is and how it is asked, for who has no client of the SDK.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `https://dynamodb.eu-central-1.amazonaws.com`.
    pub url: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Who signs.
    pub credentials: SharedCredentialsProvider,
    /// Over which connections. Their limits of time are their own.
    pub connector: SharedHttpConnector,
    /// How long a try, and all tries of a request, may take.
    pub timeouts: TimeoutConfig,
    /// How often a request is tried.
    pub retries: RetryConfig,
}

impl Guide for Endpoint {
    fn way(&self) -> Telling<'_> {
        Box::pin(async {
            let signer = Signer::of(self.credentials.clone(), self.region.clone());
            let way = Way::to(&self.url, self.connector.clone(), Some(signer));
            let way = way.ok_or_else(|| unbuilt(format!("{} is no URL", self.url)))?;
            Ok(way.limited(&self.timeouts, &self.retries))
        })
    }
}

fn unbuilt(message: String) -> StoreError {
    StoreError::failed("DynamoDB", "construction".to_owned(), message)
}

impl Way {
    /// To this URL; `None` if it is none.
    fn to(url: &str, connector: SharedHttpConnector, signer: Option<Signer>) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let usual = if scheme == "https" { ":443" } else { ":80" };
        Some(Self {
            connector,
            url: format!("{scheme}://{host}/{path}"),
            host: host.strip_suffix(usual).unwrap_or(host).to_owned(),
            path: format!("/{path}"),
            signer,
            time: SharedTimeSource::default(),
            skew: AtomicI64::new(0),
            tries: Tries::of(&RetryConfig::standard()),
            try_within: None,
            within: None,
        })
    }

    fn limited(self, timeouts: &TimeoutConfig, retries: &RetryConfig) -> Self {
        Self {
            tries: Tries::of(retries),
            try_within: timeouts.operation_attempt_timeout(),
            within: timeouts.operation_timeout(),
            ..self
        }
    }

    /// As a client would go, when it is about to sign a request.
    fn read(
        url: &str,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<Self, BoxError> {
        let timeouts = config.load::<TimeoutConfig>().cloned();
        let timeouts = timeouts.unwrap_or_else(TimeoutConfig::disabled);
        let retries = config.load::<RetryConfig>().ok_or("no retries")?;
        let mut settings = HttpConnectorSettings::builder();
        settings.set_connect_timeout(timeouts.connect_timeout());
        settings.set_read_timeout(timeouts.read_timeout());
        let http = components.http_client().ok_or("no HTTP client")?;
        let connector = http.http_connector(&settings.build(), components);
        let region = config.load::<Region>().map(ToString::to_string);
        let signer = components.identity_resolver(SIGNED).map(|resolver| {
            let credentials = SharedCredentialsProvider::new(OfClient {
                resolver,
                components: components.clone(),
            });
            Signer::of(credentials, region.unwrap_or_default())
        });
        let way = Self::to(url, connector, signer).ok_or("no URL")?;
        let way = way.limited(&timeouts, retries);
        Ok(Self {
            time: components.time_source().unwrap_or_default(),
            ..way
        })
    }
}

/// The SDK's client goes as it was configured.
impl Guide for Client {
    /// Finds out by a request that is never sent: only the client itself knows. It is
    /// the one use of the SDK's operations, which functions do not link.
    fn way(&self) -> Telling<'_> {
        Box::pin(async {
            let finder = Finder::default();
            let stopped = self
                .get_item()
                .table_name("any")
                .key("pk", AttributeValue::S(String::new()))
                .customize()
                .interceptor(finder.clone())
                .send()
                .await;
            let found = {
                let mut found = finder.0.lock().unwrap_or_else(PoisonError::into_inner);
                found.take()
            };
            match (found, stopped) {
                (Some(way), _) => Ok(way),
                (None, Err(error)) => Err(StoreError::of("DynamoDB", &error)),
                (None, Ok(_)) => Err(unbuilt(String::new())),
            }
        })
    }
}

/// The credentials of a client.
#[derive(Debug)]
struct OfClient {
    resolver: SharedIdentityResolver,
    components: RuntimeComponents,
}

impl ProvideCredentials for OfClient {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let nothing = ConfigBag::base();
            let identity = self.resolver.resolve_identity(&self.components, &nothing);
            let identity = identity.await.map_err(CredentialsError::provider_error)?;
            let credentials = identity.data::<Credentials>();
            credentials
                .cloned()
                .ok_or_else(|| CredentialsError::unhandled("an identity without an access key"))
        })
    }
}

/// Looks at a request when it is about to be signed, and ends it.
#[derive(Clone, Debug, Default)]
struct Finder(Arc<Mutex<Option<Way>>>);

impl Intercept for Finder {
    fn name(&self) -> &'static str {
        "Finder"
    }

    fn read_before_signing(
        &self,
        request: &BeforeTransmitInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let way = Way::read(request.request().uri(), components, config)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(way);
        Err("found".into())
    }
}

//! The way to the table, as a client of the SDK would take it: where it is, over which
//! connections, with which credentials, limits and tries.

use super::super::error::StoreError;
use super::signer::Signer;
use super::tries::Tries;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Region;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_smithy_runtime_api::client::http::{
    HttpClient as _, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::runtime_components::{
    GetIdentityResolver as _, RuntimeComponents,
};
use aws_smithy_types::config_bag::ConfigBag;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How signed requests are called among the SDK's schemes.
const SIGNED: AuthSchemeId = AuthSchemeId::new("sigv4");

/// Everything that a request needs.
#[derive(Debug)]
pub(super) struct Way {
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

impl Way {
    /// Finds out how this client would go, by a request that is never sent: only the
    /// client itself knows.
    ///
    /// # Errors
    /// When it could send none; it has no credentials, say.
    pub(super) async fn of(client: &Client, table: &str) -> Result<Self, StoreError> {
        let finder = Finder::default();
        let stopped = client
            .update_item()
            .table_name(table)
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
            (None, Err(error)) => Err(StoreError::of("UpdateItem", &error)),
            (None, Ok(_)) => Err(StoreError::Failed {
                operation: "UpdateItem",
                code: "construction".to_owned(),
                message: String::new(),
            }),
        }
    }

    fn read(
        url: &str,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<Self, BoxError> {
        let (scheme, rest) = url.split_once("://").ok_or("no URL")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let timeouts = config.load::<TimeoutConfig>();
        let retries = config.load::<RetryConfig>().ok_or("no retries")?;
        let mut settings = HttpConnectorSettings::builder();
        settings.set_connect_timeout(timeouts.and_then(TimeoutConfig::connect_timeout));
        settings.set_read_timeout(timeouts.and_then(TimeoutConfig::read_timeout));
        let http = components.http_client().ok_or("no HTTP client")?;
        let credentials = components.identity_resolver(SIGNED);
        let region = config.load::<Region>().map(ToString::to_string);
        Ok(Self {
            connector: http.http_connector(&settings.build(), components),
            url: url.to_owned(),
            host: host.strip_suffix(usual).unwrap_or(host).to_owned(),
            path: format!("/{path}"),
            signer: credentials.map(|credentials| Signer {
                credentials,
                components: components.clone(),
                region: region.unwrap_or_default(),
                kept: Mutex::default(),
            }),
            time: components.time_source().unwrap_or_default(),
            skew: AtomicI64::new(0),
            tries: Tries::new(
                retries.max_attempts(),
                retries.initial_backoff(),
                retries.max_backoff(),
            ),
            try_within: timeouts.and_then(TimeoutConfig::operation_attempt_timeout),
            within: timeouts.and_then(TimeoutConfig::operation_timeout),
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

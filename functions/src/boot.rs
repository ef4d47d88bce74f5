//! Start-up of a Lambda function: clients from the environment, made once, and the
//! loop around a handler.

use crate::http::{HttpRequest, HttpResponse};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use baton_hub::api::{Api, OutboundApi};
use baton_hub::bus::Bus;
use baton_hub::calls::Calls;
use baton_hub::checkup::Armed;
use baton_hub::deliver::Deliverer;
use baton_hub::id_key::KeptIdKey;
use baton_hub::metrics::{self, Count};
use baton_hub::publish::Publisher;
use baton_hub::relay::Relay;
use baton_hub::source::{SettingsCache, TokenCache};
use baton_hub::store::{Endpoint, Store};
use baton_hub::sweep::Sweep;
use baton_hub::telling::Teller;
use baton_hub::{Clock, Core};
use invocation::Invocation;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use secrets::Secrets;
use std::sync::Arc;
use std::time::Duration;

mod connector;
mod credentials;
mod invocation;
mod logs;
mod secrets;
mod settings;
mod trust;

/// A DynamoDB request may take so long, its tries included. Webhooks are answered
/// within 3 s on the strictest platform.
const STORE_TAKES_AT_MOST: Duration = Duration::from_millis(2_500);
/// One try of a DynamoDB request.
const STORE_TRY: Duration = Duration::from_millis(1_000);
/// Requests are tried this often, with full jitter.
const STORE_TRIES: u32 = 3;

/// A required environment variable.
///
/// # Errors
/// When it is not set; the template sets it.
pub(crate) fn required(name: &'static str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| {
        Error::from(format!(
            "the environment variable {name} is not set; the template sets it"
        ))
    })
}

/// Where a region's service is. Source: AWS General Reference, "Service endpoints and
/// quotas"; China's and Europe's sovereign regions have domains of their own.
fn of_service(service: &str, region: &str) -> String {
    let domain = match region.split('-').next() {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    format!("https://{service}.{region}.{domain}")
}

/// An AWS client's configuration, from what Lambda puts in the environment: no
/// profiles, SSO or instance metadata are ever needed there.
struct Aws {
    region: String,
    credentials: SharedCredentialsProvider,
    http: SharedHttpClient,
    connector: SharedHttpConnector,
    timeouts: TimeoutConfig,
}

impl Aws {
    fn from_environment() -> Result<Self, Error> {
        let (http, connector) = connector::https(trust::of_aws()?);
        Ok(Self {
            region: required("AWS_REGION").or_else(|_| required("AWS_DEFAULT_REGION"))?,
            credentials: SharedCredentialsProvider::new(credentials::FromEnvironment),
            http,
            connector,
            timeouts: TimeoutConfig::builder()
                .operation_attempt_timeout(STORE_TRY)
                .operation_timeout(STORE_TAKES_AT_MOST)
                .build(),
        })
    }

    fn dynamodb(&self) -> Endpoint {
        let url = std::env::var("AWS_ENDPOINT_URL_DYNAMODB").ok();
        Endpoint {
            url: url.unwrap_or_else(|| of_service("dynamodb", &self.region)),
            region: self.region.clone(),
            credentials: self.credentials.clone(),
            connector: self.connector.clone(),
            timeouts: self.timeouts.clone(),
            retries: RetryConfig::standard().with_max_attempts(STORE_TRIES),
        }
    }

    fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        use aws_sdk_eventbridge::config::{BehaviorVersion, Region};
        let mut config = aws_sdk_eventbridge::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            .http_client(self.http.clone())
            .timeout_config(self.timeouts.clone());
        if let Ok(url) = std::env::var("AWS_ENDPOINT_URL_EVENTBRIDGE") {
            config = config.endpoint_url(url);
        }
        aws_sdk_eventbridge::Client::from_conf(config.build())
    }

    fn secrets(&self) -> Secrets {
        let url = std::env::var("AWS_ENDPOINT_URL_SECRETS_MANAGER").ok();
        Secrets {
            http: self.connector.clone(),
            region: self.region.clone(),
            credentials: self.credentials.clone(),
            url: url.unwrap_or_else(|| of_service("secretsmanager", &self.region)),
        }
    }
}

/// The core, from the environment.
///
/// # Errors
/// When a variable is missing.
fn core(aws: &Aws) -> Result<Core, Error> {
    let store = Store::at(aws.dynamodb(), required("BATON_TABLE")?);
    invocation::meter(store.units());
    let secrets = aws.secrets();
    let id_key = settings::IdKeySecret {
        secrets: secrets.clone(),
        arn: required("BATON_ID_KEY_ARN")?,
    };
    let source = settings::FromTable {
        store: store.clone(),
        secrets,
        secret_arn: required("BATON_SECRET_ARN")?,
    };
    Ok(Core {
        store,
        clock: Clock::real(),
        id_key: KeptIdKey::from_source(Arc::new(id_key)),
        settings: SettingsCache::new(Arc::new(source)),
    })
}

fn calls() -> Result<Calls, Error> {
    // The reserved concurrency of every function that calls a platform.
    let concurrency = std::env::var("BATON_PLATFORM_CONCURRENCY").unwrap_or_default();
    let sandboxes = concurrency
        .split(',')
        .filter_map(|part| part.trim().parse::<u32>().ok())
        .sum();
    Ok(Calls::with_tls(
        trust::of_the_web()?,
        Clock::real(),
        sandboxes,
    )?)
}

/// Logs as JSON on standard output, at the level of `RUST_LOG`; and a panic hook
/// that says where, but not what: a panic's words may quote a message.
pub fn telemetry() {
    let level = std::env::var("RUST_LOG")
        .ok()
        .and_then(|level| level.parse().ok());
    let lines = logs::JsonLines::of(level.unwrap_or(tracing::Level::INFO));
    if tracing::subscriber::set_global_default(lines.clone()).is_ok() {
        invocation::begin(lines);
        std::panic::set_hook(Box::new(|panic| {
            metrics::count(Count::Panics);
            let place = panic
                .location()
                .map(ToString::to_string)
                .unwrap_or_default();
            tracing::error!(place, "a panic");
        }));
    }
}

fn from_environment() -> Result<Core, Error> {
    telemetry();
    core(&Aws::from_environment()?)
}

/// What webhooks need.
///
/// # Errors
/// When the environment is incomplete, or the id key cannot be read.
pub async fn inbound() -> Result<Core, Error> {
    let core = from_environment()?;
    // Each of them wants it, and a start has more of the processor than a call.
    core.id_key.get().await?;
    Ok(core)
}

/// What questions need.
///
/// # Errors
/// When the environment is incomplete.
pub fn api() -> Result<Api, Error> {
    Ok(Api {
        core: from_environment()?,
        tokens: TokenCache::default(),
    })
}

/// What outbound commands need.
///
/// # Errors
/// When the environment is incomplete.
pub fn outbound_api() -> Result<OutboundApi, Error> {
    let api = api()?;
    let deliverer = Deliverer {
        core: api.core.clone(),
        calls: calls()?,
    };
    Ok(OutboundApi { api, deliverer })
}

/// What relaying needs.
///
/// # Errors
/// When the environment is incomplete.
pub fn relay() -> Result<Relay, Error> {
    let core = from_environment()?;
    let calls = calls()?;
    Ok(Relay {
        teller: Teller::new(calls.clone()),
        deliverer: Deliverer { core, calls },
    })
}

/// What publishing needs.
///
/// # Errors
/// When the environment is incomplete.
pub fn publisher() -> Result<Publisher, Error> {
    telemetry();
    let aws = Aws::from_environment()?;
    Ok(Publisher {
        core: core(&aws)?,
        bus: Bus::new(aws.eventbridge(), required("BATON_BUS")?),
    })
}

/// What sweeping needs.
///
/// # Errors
/// When the environment is incomplete.
pub fn sweep() -> Result<Sweep, Error> {
    telemetry();
    let aws = Aws::from_environment()?;
    let calls = calls()?;
    Ok(Sweep {
        relay: Relay {
            teller: Teller::new(calls.clone()),
            deliverer: Deliverer {
                core: core(&aws)?,
                calls,
            },
        },
        bus: Bus::new(aws.eventbridge(), required("BATON_BUS")?),
        armed: Armed::default(),
    })
}

/// Runs a function behind HTTP. Its handler never fails: an error would become a
/// gateway's 5xx with a body of its own.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_http<App, Handled>(
    app: App,
    handler: impl Fn(App, HttpRequest) -> Handled,
) -> Result<(), Error>
where
    App: Clone,
    Handled: Future<Output = HttpResponse>,
{
    invocation::ready();
    lambda_runtime::run(service_fn(|event: LambdaEvent<HttpRequest>| {
        let invocation = Invocation::begins(event.context.request_id);
        let handled = handler(app.clone(), event.payload);
        async move {
            let _line = invocation;
            Ok::<_, Error>(handled.await)
        }
    }))
    .await
}

/// Runs a function behind events.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_events<App, Event, Answer, Handled>(
    app: App,
    handler: impl Fn(App, Event) -> Handled,
) -> Result<(), Error>
where
    App: Clone,
    Event: for<'de> serde::Deserialize<'de>,
    Answer: serde::Serialize,
    Handled: Future<Output = Result<Answer, Error>>,
{
    invocation::ready();
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| {
        let invocation = Invocation::begins(event.context.request_id);
        let handled = handler(app.clone(), event.payload);
        async move {
            let _line = invocation;
            handled.await
        }
    }))
    .await
}

#[cfg(test)]
mod tests {
    use super::of_service;
    use aws_sdk_dynamodb::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};

    #[tokio::test]
    async fn a_service_is_where_the_sdk_says() {
        for region in [
            "eu-central-1",
            "us-gov-west-1",
            "cn-north-1",
            "eusc-de-east-1",
        ] {
            let params = Params::builder().region(region).build().unwrap();
            let resolver = DefaultResolver::new();
            let endpoint = resolver.resolve_endpoint(&params);
            let endpoint = endpoint.await.unwrap();
            assert_eq!(of_service("dynamodb", region), endpoint.url());
        }
    }
}

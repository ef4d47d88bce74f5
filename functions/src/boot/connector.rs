//! The SDK's HTTP client: HTTP/1.1 over rustls. The SDK's own one links HTTP/2, which
//! DynamoDB, EventBridge and Secrets Manager do not speak, and would make every function
//! half a megabyte larger.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use std::time::Duration;

/// A TCP connection is given up after this; a try of a request then has time for another.
const CONNECTS_WITHIN: Duration = Duration::from_millis(800);
/// AWS's endpoints close connections that idle for a minute or so; one that is reused
/// just then costs a try.
const IDLES_AT_MOST: Duration = Duration::from_secs(50);

/// The client. Connections are kept and shared by its clones.
#[derive(Clone, Debug)]
struct Http1(Client<HttpsConnector<connect::HttpConnector>, SdkBody>);

/// An HTTP client for the SDK that believes whom `tls` believes. Plain HTTP is spoken
/// where an endpoint's URL says so. Requests have no timeout here: the SDK's are set
/// for each client. Beside it the same connections for who needs no SDK.
pub(super) fn https(tls: ClientConfig) -> (SharedHttpClient, SharedHttpConnector) {
    let mut tcp = connect::HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECTS_WITHIN));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLES_AT_MOST)
        .build(connector);
    let client = Http1(client);
    (
        SharedHttpClient::new(client.clone()),
        SharedHttpConnector::new(client),
    )
}

impl HttpClient for Http1 {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http1 {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            // Whatever went wrong below HTTP, the SDK may try again: every write of the
            // hub is conditional, or harmless twice.
            let response = client
                .request(request)
                .await
                .map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

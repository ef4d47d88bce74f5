//! The AWS SDK's HTTP client that ends at this bus.

use super::Bus;
use super::entry::Refusal;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::json;

impl HttpClient for Bus {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Bus {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let bus = self.clone();
        // Within the future: rules' calls are spawned on its runtime.
        HttpConnectorFuture::new(async move {
            let answer = match request.headers().get("x-amz-target") {
                Some("AWSEvents.PutEvents") => {
                    bus.put_events(request.body().bytes().unwrap_or_default())
                }
                _ => Err(Refusal(
                    "UnknownOperationException",
                    "the local bus takes PutEvents".to_owned(),
                )),
            };
            let (status, body) = match answer {
                Ok(body) => (200, body),
                Err(Refusal(kind, message)) => (400, json!({"__type": kind, "message": message})),
            };
            let status = StatusCode::try_from(status)
                .map_err(|error| ConnectorError::other(error.into(), None))?;
            let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
            response
                .headers_mut()
                .insert("content-type", "application/x-amz-json-1.1");
            Ok(response)
        })
    }
}

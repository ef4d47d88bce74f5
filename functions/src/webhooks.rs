//! Inbound webhooks.

use crate::http::{HttpRequest, HttpResponse};
use baton_hub::Core;
use baton_hub::inbound::{Reception, Webhook};
use baton_hub::metrics::{self, Count, INVOCATION};
use baton_hub::settings::Platform;

/// Takes in a webhook of this platform.
pub async fn receive(core: &Core, platform: Platform, request: &HttpRequest) -> HttpResponse {
    let webhook = Webhook {
        endpoint: request
            .path_parameter("endpoint")
            .unwrap_or_default()
            .to_owned(),
        headers: request.headers(),
        body: match request.body() {
            Ok(body) | Err(body) => body,
        },
    };
    let reception = core.receive(platform, &webhook).await;
    match reception {
        Reception::Accepted(what) => {
            metrics::count(Count::Webhooks);
            tracing::info!(target: INVOCATION, endpoint = %webhook.endpoint, what, "a webhook was taken in");
            HttpResponse::empty(200)
        }
        Reception::Unauthorized => {
            metrics::count(Count::WebhooksRefused);
            tracing::info!(target: INVOCATION, "a webhook was refused");
            HttpResponse::empty(401).with_header("www-authenticate", "Basic realm=\"baton\"")
        }
        Reception::Unavailable => {
            metrics::count(Count::WebhooksUnavailable);
            tracing::info!(target: INVOCATION, endpoint = %webhook.endpoint, "a webhook was put off");
            HttpResponse::empty(503).with_header("retry-after", "5")
        }
    }
}

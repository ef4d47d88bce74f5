//! Inbound webhooks.

use crate::http::{HttpRequest, HttpResponse};
use baton_hub::Core;
use baton_hub::inbound::{Reception, Webhook};
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
            tracing::info!(endpoint = %webhook.endpoint, what, "a webhook was taken in");
            HttpResponse::empty(200)
        }
        Reception::Unauthorized => {
            HttpResponse::empty(401).with_header("www-authenticate", "Basic realm=\"baton\"")
        }
        Reception::Unavailable => HttpResponse::empty(503).with_header("retry-after", "5"),
    }
}

//! Inbound webhooks: authenticate the raw bytes, parse, append, 2xx.
//!
//! An authentic webhook is always answered 2xx, whatever is in it: platforms switch
//! a webhook off after a few failures. Only a bad signature and the hub's own
//! storage being down are not.

mod gladly;

use crate::core::{Core, RunError};
use crate::settings::Platform;
use crate::store::StoreError;
use crate::store::records::{POISON_LIMIT, Poison};
use baton_domain::Rejection;

/// A webhook as it came in.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The endpoint's id, from the URL.
    pub endpoint: String,
    /// Header names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body's bytes, decoded from the transport and otherwise untouched.
    pub body: Vec<u8>,
}

impl Webhook {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }
}

/// How a webhook is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// 2xx: what mattered of it is durable. The word says what it was, for counting.
    Accepted(&'static str),
    /// 401: the credentials are not the endpoint's. Nothing was read or written.
    Unauthorized,
    /// 503: the hub's own storage is down; the platform shall send it again.
    Unavailable,
}

impl Core {
    /// Takes in a webhook of this platform.
    pub async fn receive(&self, platform: Platform, webhook: &Webhook) -> Reception {
        let settings = match self.settings().await {
            Ok(settings) => settings,
            Err(error) => {
                tracing::error!(error = %error, "a webhook cannot be authenticated");
                return Reception::Unavailable;
            }
        };
        // An endpoint may have been added since the settings were read.
        let settings = match settings.endpoints.contains_key(&webhook.endpoint) {
            true => settings,
            false => self.newer_settings(settings).await,
        };
        let endpoint = settings
            .endpoints
            .get(&webhook.endpoint)
            .filter(|endpoint| endpoint.platform == platform);
        let Some(endpoint) = endpoint else {
            return Reception::Unauthorized;
        };
        match platform {
            Platform::Gladly => {
                if gladly::is_authentic(endpoint, webhook) {
                    self.receive_gladly(&settings, webhook).await
                } else {
                    Reception::Unauthorized
                }
            }
        }
    }

    /// Keeps what could not be used, and accepts it all the same.
    pub async fn poison(&self, webhook: &Webhook, problem: &str) -> Reception {
        let poison = Poison {
            endpoint: webhook.endpoint.clone(),
            at: self.clock.now(),
            problem: problem.to_owned(),
            body: webhook
                .body
                .get(..POISON_LIMIT)
                .unwrap_or(&webhook.body)
                .to_vec(),
            length: webhook.body.len(),
        };
        let nonce = self.clock.token(5);
        match self.store.put_poison(&poison, &nonce).await {
            Ok(()) => {
                tracing::warn!(endpoint = %webhook.endpoint, bytes = poison.length, problem, "a webhook was kept as poison");
                Reception::Accepted("poison")
            }
            Err(error) => unavailable(&error),
        }
    }

    /// What a failed run means for the webhook.
    async fn after(&self, webhook: &Webhook, result: Result<&'static str, RunError>) -> Reception {
        match result {
            Ok(word) => Reception::Accepted(word),
            Err(RunError::Rejected(Rejection::TooOld, _)) => {
                self.poison(webhook, "older than the log reaches back")
                    .await
            }
            // Nothing else turns news down; were it so, it must not come again.
            Err(RunError::Rejected(rejection, _)) => {
                self.poison(webhook, &rejection.to_string()).await
            }
            Err(RunError::Store(StoreError::TooLarge(_))) => {
                self.poison(webhook, "a message above 300 KB").await
            }
            Err(RunError::Store(error)) => unavailable(&error),
        }
    }
}

fn unavailable(error: &StoreError) -> Reception {
    tracing::error!(error = %error, "a webhook could not be stored");
    Reception::Unavailable
}

/// The key of a directory item: another name of a thread, within one endpoint.
#[must_use]
pub(crate) fn directory_digest(core: &Core, endpoint: &str, kind: &str, name: &str) -> String {
    core.id_key.digest(&["directory", endpoint, kind, name])
}

//! Inbound webhooks: authenticate the raw bytes, parse, append, 2xx.
//!
//! An authentic webhook is always answered 2xx, whatever is in it: platforms switch
//! a webhook off after a few failures. Only a bad signature and the hub's own
//! storage being down are not.

mod gladly;

use crate::core::{Core, RunError};
use crate::metrics::{self, Count};
use crate::settings::{Platform, Settings};
use crate::store::StoreError;
use crate::store::poison::{POISON_LIMIT, Poison};
use baton_domain::Rejection;
use std::borrow::Cow;
use std::sync::Arc;

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
        let authentic = match platform {
            Platform::Gladly => gladly::is_authentic(endpoint, webhook, self.clock.now()),
        };
        if !authentic {
            return Reception::Unauthorized;
        }
        match self.intake(platform, &settings, webhook).await {
            Intake::Accepted(what) => Reception::Accepted(what),
            Intake::Poison(problem) => self.keep_poison(webhook, &problem).await,
            Intake::Unavailable => Reception::Unavailable,
        }
    }

    /// Takes in what is authentic. In a task of its own: a panic makes it poison, and
    /// the process goes on.
    pub(crate) async fn intake(
        &self,
        platform: Platform,
        settings: &Arc<Settings>,
        webhook: &Webhook,
    ) -> Intake {
        let task = tokio::spawn({
            let (core, settings, webhook) = (self.clone(), settings.clone(), webhook.clone());
            async move {
                #[cfg(debug_assertions)]
                panic_where_a_test_wants_it(&webhook.body);
                match platform {
                    Platform::Gladly => core.intake_gladly(&settings, &webhook).await,
                }
            }
        });
        // A panic's words may quote what a customer wrote; the hook says where it was.
        task.await.unwrap_or_else(|_panic| {
            tracing::error!("a webhook made its handler panic");
            Intake::poison("it made the handler panic")
        })
    }

    /// Keeps what could not be used, and accepts it all the same.
    async fn keep_poison(&self, webhook: &Webhook, problem: &str) -> Reception {
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
            Ok(id) => {
                metrics::count(Count::Poison);
                tracing::warn!(endpoint = %webhook.endpoint, bytes = poison.length, problem, %id, "a webhook was kept as poison");
                Reception::Accepted("poison")
            }
            Err(error) => {
                unavailable(&error);
                Reception::Unavailable
            }
        }
    }
}

/// What became of an event that the platform was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// It is in the log, or was already.
    TakenIn,
    /// It is about nothing that the hub has.
    NotOurs,
    /// The hub's own storage is down.
    Unavailable,
}

/// What became of a webhook's content.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Intake {
    /// What mattered of it is durable. The word says what it was.
    Accepted(&'static str),
    /// It cannot be used; why, with nothing of the content.
    Poison(Cow<'static, str>),
    /// The hub's own storage is down.
    Unavailable,
}

impl Intake {
    fn poison(problem: &'static str) -> Self {
        Self::Poison(Cow::Borrowed(problem))
    }

    /// What a failed run means for the webhook.
    fn after(result: Result<&'static str, RunError>) -> Self {
        match result {
            Ok(word) => Self::Accepted(word),
            Err(RunError::Rejected(Rejection::TooOld, _)) => {
                Self::poison("older than the log reaches back")
            }
            // Nothing else turns news down; were it so, it must not come again.
            Err(RunError::Rejected(rejection, _)) => {
                Self::Poison(Cow::Owned(rejection.to_string()))
            }
            Err(RunError::Store(StoreError::TooLarge(_))) => Self::poison("a message above 300 KB"),
            Err(RunError::Store(error)) => unavailable(&error),
        }
    }
}

/// The variable whose text, in a body, makes the handler panic: what a fault in it would
/// do, for tests. No release has it.
#[cfg(debug_assertions)]
fn panic_where_a_test_wants_it(body: &[u8]) {
    let Ok(text) = std::env::var("BATON_TEST_PANIC_ON") else {
        return;
    };
    let found = body
        .windows(text.len().max(1))
        .any(|part| part == text.as_bytes());
    assert!(!found, "the test wants it");
}

fn unavailable(error: &StoreError) -> Intake {
    tracing::error!(error = %error, "a webhook could not be stored");
    Intake::Unavailable
}

/// A name in the directory: the platform's id of the conversation. It leads to one thread.
pub(crate) const CONVERSATION: &str = "conversation";
/// A name in the directory: the platform's id of the customer. It leads to many threads.
pub(crate) const CUSTOMER: &str = "customer";

/// The key of a directory item: another name of a thread, within one endpoint.
///
/// # Errors
/// When the id key cannot be read.
pub(crate) async fn directory_digest(
    core: &Core,
    endpoint: &str,
    kind: &str,
    name: &str,
) -> Result<String, StoreError> {
    let key = core.id_key.get().await?;
    Ok(key.digest(&["directory", endpoint, kind, name]))
}

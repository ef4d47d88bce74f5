//! What bots, desks and tools ask of the hub: the use cases behind the Baton API and
//! the compatible faces. Shapes and status codes are the faces' own.

mod configure;
mod reads;
mod requests;

pub use configure::{ConfigureError, ConnectionSettings};
pub use reads::{ConversationView, Feed, ListQuery, Listing, MessageView, MessagesPage, state};
pub use requests::{Asked, ControlStatus, Delivery, MessageStatus, RequestMeta};

use crate::core::{Core, RunError};
use crate::deliver::Deliverer;
use crate::inbound::CONVERSATION;
use crate::settings::{Caller, Connection, Settings};
use crate::source::{SourceError, TokenCache};
use crate::store::records::Role;
use crate::store::{Loaded, StoreError};
use baton_domain::{Actor, ConversationId, Rejection, ThreadId};
use std::sync::Arc;

/// The use cases.
#[derive(Clone, Debug)]
pub struct Api {
    /// Store, clock, settings.
    pub core: Core,
    /// Who calls.
    pub tokens: TokenCache,
}

/// The use cases that reach a platform.
#[derive(Clone, Debug)]
pub struct OutboundApi {
    /// The others.
    pub api: Api,
    /// Delivers.
    pub deliverer: Deliverer,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No token, an unknown one, or an expired one.
    #[error("the token is missing, unknown or expired")]
    Unauthorized,
    /// The role may not do this.
    #[error("the token's role may not do this")]
    Forbidden,
    /// There is no such thing, or the caller may not know of it: both look the same.
    #[error("there is no such thing")]
    NotFound,
    /// The domain turned it down.
    #[error("{0}")]
    Rejected(Rejection),
    /// The content breaks limits of the platform, or cannot be said there.
    #[error("{0}")]
    Content(baton_platforms::convert::NotConvertible),
    /// Something in the request is wrong.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// The content is larger than a message may be: 300 KB as it is kept.
    #[error("a message of more than 300 KB cannot be kept; send a link instead")]
    TooLarge,
    /// The table or the settings cannot be had now.
    #[error("the hub's storage cannot be reached")]
    Unavailable,
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooLarge(_) => Self::TooLarge,
            error => {
                tracing::error!(error = %error, "an API call failed on the store");
                Self::Unavailable
            }
        }
    }
}

impl From<RunError> for ApiError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Rejected(rejection, _) => Self::Rejected(rejection),
            RunError::Store(error) => error.into(),
        }
    }
}

/// A thread that the caller may touch.
#[derive(Debug)]
pub struct Target {
    /// The settings it was found with.
    pub settings: Arc<Settings>,
    /// Its connection's id.
    pub connection: String,
    /// The thread as read.
    pub loaded: Loaded,
    /// The conversation that was named; `None` where the thread was.
    pub conversation: Option<ConversationId>,
}

impl Target {
    /// Whether the conversation that was named has been erased.
    fn named_is_erased(&self) -> bool {
        self.conversation
            .as_ref()
            .is_some_and(|named| named.first_seq() <= self.loaded.thread.erased_by)
    }

    /// Its connection.
    ///
    /// # Errors
    /// Never in practice: the target was found by it.
    pub fn connection(&self) -> Result<&Connection, ApiError> {
        self.settings
            .connections
            .get(&self.connection)
            .ok_or(ApiError::NotFound)
    }
}

impl Api {
    /// Who bears this token.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`] for nobody.
    pub async fn caller(&self, token: Option<&str>) -> Result<Caller, ApiError> {
        let token = token
            .filter(|token| !token.is_empty())
            .ok_or(ApiError::Unauthorized)?;
        self.tokens
            .caller(token, &self.core.store, &self.core.clock)
            .await?
            .ok_or(ApiError::Unauthorized)
    }

    /// The thread that an id of the API names: a conversation's or a thread's.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] for an unknown one and for one of a connection that
    /// the caller may not touch.
    pub async fn target(&self, caller: &Caller, id: &str) -> Result<Target, ApiError> {
        let (thread, conversation) = match ConversationId::parse(id) {
            Ok(conversation) => (conversation.thread().clone(), Some(conversation)),
            Err(_) => (ThreadId::parse(id).map_err(|_| ApiError::NotFound)?, None),
        };
        self.target_thread(caller, &thread, conversation).await
    }

    async fn target_thread(
        &self,
        caller: &Caller,
        thread: &ThreadId,
        conversation: Option<ConversationId>,
    ) -> Result<Target, ApiError> {
        let loaded = self.core.store.load(thread).await?;
        let connection = loaded.thread.identity.connection.clone();
        let settings = self.core.settings_with(&connection).await;
        let settings = settings.map_err(settings_failed)?;
        let known = settings.connections.contains_key(&connection) && caller.may_touch(&connection);
        let Some(present) = loaded.thread.conversation.as_ref().filter(|_| known) else {
            return Err(ApiError::NotFound);
        };
        if let Some(named) = &conversation
            && named.first_seq() != present.first_seq
            && !self.began(named, present.first_seq).await?
        {
            return Err(ApiError::NotFound);
        }
        Ok(Target {
            settings,
            connection,
            loaded,
            conversation,
        })
    }

    /// Whether this earlier conversation ever was: its opening is in the log.
    async fn began(&self, named: &ConversationId, present: u64) -> Result<bool, ApiError> {
        let seq = named.first_seq();
        if seq == 0 || seq > present {
            return Ok(false);
        }
        let entry = self.core.store.entry(named.thread(), seq).await?;
        Ok(entry.is_some_and(|entry| entry.conversation == seq))
    }

    /// The thread that a platform's own id of the conversation leads to, for faces
    /// that speak in the platform's ids.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] like [`Api::target`].
    pub async fn target_by_platform_conversation(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<Target, ApiError> {
        let settings = self.settings().await?;
        let mut endpoints: Vec<&str> = settings
            .connections
            .values()
            .filter(|connection| caller.may_touch(&connection.id))
            .map(|connection| connection.endpoint.as_str())
            .collect();
        endpoints.sort_unstable();
        endpoints.dedup();
        for endpoint in endpoints {
            let digest =
                crate::inbound::directory_digest(&self.core, endpoint, CONVERSATION, name).await?;
            if let Some(listed) = self.core.store.listed(&digest).await? {
                return self.target_thread(caller, &listed.thread, None).await;
            }
        }
        Err(ApiError::NotFound)
    }

    /// Erases a thread: the append, and what it leaves to do is the sweep's. `false` where
    /// it was done before and nothing has come since.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] when the table fails.
    pub async fn erase(&self, target: Target) -> Result<bool, ApiError> {
        let ran = self.core.append_erasure(target.loaded).await?;
        Ok(ran.loaded.thread.forgetting.is_some())
    }

    /// The settings.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] when they cannot be had.
    pub async fn settings(&self) -> Result<Arc<Settings>, ApiError> {
        self.core.settings().await.map_err(settings_failed)
    }
}

fn settings_failed(error: SourceError) -> ApiError {
    tracing::error!(error = %error, "an API call failed on the settings");
    ApiError::Unavailable
}

/// Who a caller acts as.
///
/// # Errors
/// [`ApiError::Forbidden`] for a reader, and for an agent's token without an agent.
pub(crate) fn actor(caller: &Caller) -> Result<Actor, ApiError> {
    match caller.role {
        Role::Bot => Ok(Actor::Bot),
        Role::Agent => caller
            .agent
            .clone()
            .map(Actor::Agent)
            .ok_or(ApiError::Forbidden),
        Role::Admin => Ok(Actor::Operator),
        Role::Reader => Err(ApiError::Forbidden),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_table_has_no_room_for_is_the_callers_to_shorten() {
        let error = ApiError::from(StoreError::TooLarge(400_000));
        // bites: 503, which would be repeated for ever.
        assert!(matches!(error, ApiError::TooLarge));
    }
}

//! The hub's id key, read when it is first wanted: most functions never compute a name,
//! and a secret that is read at the start costs every one of them a TLS handshake.

use baton_domain::IdKey;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The id key could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the id key cannot be read: {0}")]
pub struct IdKeyError(pub String);

/// What reading gives, later.
pub type ReadingIdKey<'a> = Pin<Box<dyn Future<Output = Result<IdKey, IdKeyError>> + Send + 'a>>;

/// Where the id key is kept: the data folder on one machine, a secret on AWS.
pub trait IdKeySource: Send + Sync + fmt::Debug {
    /// Reads it. It never changes.
    fn read(&self) -> ReadingIdKey<'_>;
}

/// The id key, read once.
#[derive(Clone, Debug)]
pub struct KeptIdKey {
    source: Option<Arc<dyn IdKeySource>>,
    held: Arc<OnceCell<IdKey>>,
}

impl From<IdKey> for KeptIdKey {
    fn from(key: IdKey) -> Self {
        Self {
            source: None,
            held: Arc::new(OnceCell::new_with(Some(key))),
        }
    }
}

impl KeptIdKey {
    /// One that is read from this source when it is first wanted.
    #[must_use]
    pub fn from_source(source: Arc<dyn IdKeySource>) -> Self {
        Self {
            source: Some(source),
            held: Arc::default(),
        }
    }

    /// The key. Callers that want it at once share one reading.
    ///
    /// # Errors
    /// When it was not read before and cannot be; the next call tries again.
    pub async fn get(&self) -> Result<&IdKey, IdKeyError> {
        let read = || async {
            match &self.source {
                Some(source) => source.read().await,
                None => Err(IdKeyError("there is nowhere to read it from".to_owned())),
            }
        };
        self.held.get_or_try_init(read).await
    }

    /// The key, where it is known already.
    #[must_use]
    pub fn held(&self) -> Option<&IdKey> {
        self.held.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Debug, Default)]
    struct FailsFirst(AtomicUsize);

    impl IdKeySource for FailsFirst {
        fn read(&self) -> ReadingIdKey<'_> {
            let reads = self.0.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                tokio::task::yield_now().await;
                match reads {
                    0 => Err(IdKeyError("down".to_owned())),
                    _ => Ok(IdKey::new(*b"test-secret-id-key-0123456789abc")),
                }
            })
        }
    }

    #[tokio::test]
    async fn it_is_read_once_and_again_where_that_failed() {
        let source = Arc::new(FailsFirst::default());
        let kept = KeptIdKey::from_source(source.clone());
        assert!(kept.held().is_none());
        assert!(kept.get().await.is_err());
        let (one, other) = tokio::join!(kept.get(), kept.get());
        assert_eq!(
            one.unwrap().thread("shop-chat", "s"),
            other.unwrap().thread("shop-chat", "s")
        );
        assert!(kept.held().is_some());
        assert_eq!(source.0.load(Ordering::SeqCst), 2);
    }
}

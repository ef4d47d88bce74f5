//! Where settings, secrets and tokens come from, cached for at most 60 s and
//! refreshed behind: a call waits for them only the first time.

use crate::clock::Clock;
use crate::settings::{Caller, Settings};
use crate::store::Store;
use baton_domain::Timestamp;
use baton_domain::time::SECOND;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// How old settings, secrets and tokens may be.
pub const CACHED_FOR: i64 = 60 * SECOND;
/// So long after a change every function goes by it: the last that had read what was there
/// before has read again, and three slow tries of the secrets are allowed for.
pub const FOLLOWED_AFTER: i64 = CACHED_FOR + 10 * SECOND;
/// From this age on they are refreshed behind a call that uses them.
const REFRESH_AFTER: i64 = 45 * SECOND;
/// The source is not asked more often than this, whatever is missing or failing.
const ASKED_AT_MOST_EVERY: i64 = 5 * SECOND;
/// Tokens that are unknown are remembered, too, but not without limit, and apart from
/// those that are known: a flood of guesses must not make the hub forget its callers.
const TOKENS_CACHED: usize = 1_000;

/// Settings could not be loaded.
#[derive(Debug, thiserror::Error)]
#[error("the settings cannot be loaded: {0}")]
pub struct SourceError(pub String);

/// What loading gives, later.
pub type Loading<'a> = Pin<Box<dyn Future<Output = Result<Settings, SourceError>> + Send + 'a>>;

/// Where settings are kept: a file on one machine, the table and the stack's secret
/// on AWS.
pub trait SettingsSource: Send + Sync + fmt::Debug {
    /// Loads them as they are now.
    fn load(&self) -> Loading<'_>;
}

/// Settings that never change.
#[derive(Debug, Clone)]
pub struct FixedSettings(pub Settings);

impl SettingsSource for FixedSettings {
    fn load(&self) -> Loading<'_> {
        let settings = self.0.clone();
        Box::pin(async move { Ok(settings) })
    }
}

/// Settings, at most 60 s old.
#[derive(Clone, Debug)]
pub struct SettingsCache {
    source: Arc<dyn SettingsSource>,
    held: Arc<Mutex<Option<Held>>>,
}

#[derive(Clone, Debug)]
struct Held {
    /// When they were read.
    at: Timestamp,
    /// When they were last asked for again. Many calls at once need one answer.
    asked: Timestamp,
    /// When they could not be had.
    failed: Option<Timestamp>,
    settings: Arc<Settings>,
}

impl SettingsCache {
    /// A cache in front of this source.
    #[must_use]
    pub fn new(source: Arc<dyn SettingsSource>) -> Self {
        Self {
            source,
            held: Arc::default(),
        }
    }

    /// The settings.
    ///
    /// # Errors
    /// When there are none young enough and none can be loaded.
    pub async fn get(&self, clock: &Clock) -> Result<Arc<Settings>, SourceError> {
        let now = clock.now();
        if let Some((at, settings)) = self.held() {
            let age = now.since(at);
            if age < REFRESH_AFTER {
                return Ok(settings);
            }
            if age < CACHED_FOR {
                if !self.may_ask(now) {
                    return Ok(settings);
                }
                let behind = self.clone();
                let clock = clock.clone();
                tokio::spawn(async move {
                    if let Err(error) = behind.refresh(&clock).await {
                        tracing::warn!(error = %error, "settings were not refreshed");
                    }
                });
                return Ok(settings);
            }
            if self.failed_lately(now) {
                return Ok(settings);
            }
            // Too old, and there may be no newer ones to be had: a hub that goes on
            // with what it knew is better than one that stops.
            return match self.refresh(clock).await {
                Ok(settings) => Ok(settings),
                Err(error) => {
                    tracing::error!(error = %error, age_ms = age, "going on with old settings");
                    Ok(settings)
                }
            };
        }
        self.refresh(clock).await
    }

    /// Settings newer than these, where there are and they were not asked for just now;
    /// else these.
    pub async fn newer(&self, clock: &Clock, than: Arc<Settings>) -> Arc<Settings> {
        match self.held() {
            // Somebody else has refreshed them meanwhile.
            Some((_, held)) if !Arc::ptr_eq(&held, &than) => held,
            Some(_) if !self.may_ask(clock.now()) => than,
            _ => match self.refresh(clock).await {
                Ok(newer) => newer,
                Err(error) => {
                    tracing::warn!(error = %error, "settings were not refreshed");
                    than
                }
            },
        }
    }

    /// Reads them now, for whoever has just changed them.
    ///
    /// # Errors
    /// When they cannot be loaded; then those that were known stay.
    pub async fn reload(&self, clock: &Clock) -> Result<Arc<Settings>, SourceError> {
        self.refresh(clock).await
    }

    fn held(&self) -> Option<(Timestamp, Arc<Settings>)> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|held| (held.at, held.settings.clone()))
    }

    fn failed_lately(&self, now: Timestamp) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref()
            .and_then(|held| held.failed)
            .is_some_and(|failed| now.since(failed) < ASKED_AT_MOST_EVERY)
    }

    /// Whether the source may be asked again; then it counts as asked.
    fn may_ask(&self, now: Timestamp) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut() {
            Some(held) if now.since(held.asked) < ASKED_AT_MOST_EVERY => false,
            Some(held) => {
                held.asked = now;
                true
            }
            None => true,
        }
    }

    async fn refresh(&self, clock: &Clock) -> Result<Arc<Settings>, SourceError> {
        // What was read may be as old as the question: from then on its age counts.
        let began = clock.now();
        let loaded = self.source.load().await;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = match loaded {
            Ok(settings) => Arc::new(settings),
            Err(error) => {
                if let Some(held) = held.as_mut() {
                    held.failed = Some(clock.now());
                }
                return Err(error);
            }
        };
        *held = Some(Held {
            at: began,
            asked: clock.now(),
            failed: None,
            settings: settings.clone(),
        });
        Ok(settings)
    }
}

/// Tokens, found by their hash, at most 60 s old.
#[derive(Clone, Debug, Default)]
pub struct TokenCache(Arc<Mutex<LookedUp>>);

/// Tokens by their hash: when they were looked up, and who bears them.
#[derive(Debug, Default)]
struct LookedUp {
    known: BTreeMap<String, (Timestamp, Caller)>,
    unknown: BTreeMap<String, Timestamp>,
}

impl LookedUp {
    /// Who bears the token, as far as that was looked up not long ago.
    fn held(&self, hash: &str, now: Timestamp) -> Option<Option<Caller>> {
        let fresh = |at: &Timestamp| now.since(*at) < CACHED_FOR;
        if let Some((_, caller)) = self.known.get(hash).filter(|(at, _)| fresh(at)) {
            return Some(Some(caller.clone()));
        }
        self.unknown.get(hash).filter(|at| fresh(at)).map(|_| None)
    }

    fn note(&mut self, hash: String, now: Timestamp, found: Option<Caller>) {
        self.known.remove(&hash);
        self.unknown.remove(&hash);
        match found {
            Some(caller) => {
                if self.known.len() >= TOKENS_CACHED {
                    self.known.clear();
                }
                self.known.insert(hash, (now, caller));
            }
            None => {
                if self.unknown.len() >= TOKENS_CACHED {
                    self.unknown.clear();
                }
                self.unknown.insert(hash, now);
            }
        }
    }
}

/// The hash under which a token is kept: hex of SHA-256. Tokens have 160 random
/// bits, so neither salt nor stretching adds anything.
#[must_use]
pub fn token_hash(token: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(token.as_bytes()))
}

impl TokenCache {
    /// Who bears this token; `None` for an unknown or expired one.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn caller(
        &self,
        token: &str,
        store: &Store,
        clock: &Clock,
    ) -> Result<Option<Caller>, crate::store::StoreError> {
        let now = clock.now();
        let hash = token_hash(token);
        let held = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .held(&hash, now);
        let caller = match held {
            Some(caller) => caller,
            None => {
                let found = store.token(&hash).await?.map(|record| Caller {
                    role: record.role,
                    connections: record.connections,
                    agent: record.agent,
                    token_hash: hash.clone(),
                    expires: record.expires,
                });
                let mut looked_up = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                looked_up.note(hash, now, found.clone());
                found
            }
        };
        Ok(caller.filter(|caller| caller.expires.is_none_or(|end| now < end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::World;
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    #[derive(Debug, Default)]
    struct Counted(AtomicUsize);

    impl SettingsSource for Counted {
        fn load(&self) -> Loading<'_> {
            let loads = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            Box::pin(async move {
                if loads == 3 {
                    return Err(SourceError("down".to_owned()));
                }
                let revision = loads.to_string();
                Ok(Settings {
                    revision,
                    ..Settings::default()
                })
            })
        }
    }

    #[derive(Debug, Default)]
    struct Hands(AtomicI64);

    impl World for Hands {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
        fn random(&self, _: &mut [u8]) {}
    }

    #[test]
    fn a_flood_of_guesses_makes_nobody_forgotten() {
        let caller = Caller {
            role: crate::store::records::Role::Bot,
            connections: None,
            agent: None,
            token_hash: "hash".to_owned(),
            expires: None,
        };
        let mut looked_up = LookedUp::default();
        let now = Timestamp(1_000);
        looked_up.note("hash".to_owned(), now, Some(caller.clone()));
        for guess in 0..5 * TOKENS_CACHED {
            looked_up.note(format!("guess-{guess}"), now, None);
        }
        // bites: one map for both, cleared when it is full.
        assert_eq!(looked_up.held("hash", now), Some(Some(caller)));
        assert!(looked_up.unknown.len() <= TOKENS_CACHED);
        let guess = format!("guess-{}", 5 * TOKENS_CACHED - 1);
        assert_eq!(looked_up.held(&guess, now), Some(None));
        assert_eq!(looked_up.held(&guess, now.plus(CACHED_FOR)), None);
        looked_up.note("hash".to_owned(), now, None);
        assert_eq!(looked_up.held("hash", now), Some(None), "it was removed");
    }

    #[tokio::test]
    async fn the_source_is_asked_once_for_many_and_seldom_for_what_is_missing() {
        let (source, hands) = (Arc::new(Counted::default()), Arc::new(Hands::default()));
        let cache = SettingsCache::new(source.clone());
        let clock = Clock::of(hands.clone());
        let loads = || source.0.load(Ordering::SeqCst);
        let first = cache.get(&clock).await.unwrap();
        // Just read: what they do not know, nobody knows.
        assert_eq!(cache.newer(&clock, first.clone()).await.revision, "1");
        hands.0.store(6 * SECOND, Ordering::SeqCst);
        assert_eq!(cache.newer(&clock, first.clone()).await.revision, "2");
        assert_eq!(cache.newer(&clock, first).await.revision, "2");
        assert_eq!(loads(), 2);
        // Too old, and the source is down: the old ones go on, and it is not asked by
        // every call.
        hands.0.store(90 * SECOND, Ordering::SeqCst);
        for _ in 0..10 {
            assert_eq!(cache.get(&clock).await.unwrap().revision, "2");
        }
        assert_eq!(loads(), 3);
    }
}

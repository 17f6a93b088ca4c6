//! The keys of tokens, kept up to date without a restart.

use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::auth::jwk::{self, PublicKey};
use crate::auth::key_source::KeySource;

/// The minimum time between two reads for unknown keys. A new key may have signed a token, so the set is read again,
/// but invented keys must not load the source.
const FOR_UNKNOWN: Duration = Duration::from_secs(2);

/// A read may be late by the time of two.
const LATE: Duration = Duration::from_secs(15);

/// The keys of one read.
#[derive(Debug, Clone)]
pub(crate) struct ReadKeys {
    pub(crate) keys: Arc<[PublicKey]>,
    at: Instant,
}

/// The last read's keys stay valid while the source is unavailable.
#[derive(Debug)]
pub(crate) struct KeySet {
    source: KeySource,
    last: RwLock<Option<ReadKeys>>,
    last_try: Mutex<Option<Instant>>,
}

impl KeySet {
    pub(crate) fn new(source: KeySource) -> Self {
        Self { source, last: RwLock::default(), last_try: Mutex::default() }
    }

    pub(crate) async fn read(&self) -> Result<(), String> {
        let mut last_try = self.last_try.lock().await;
        self.read_now(&mut last_try).await
    }

    async fn read_now(&self, last_try: &mut Option<Instant>) -> Result<(), String> {
        *last_try = Some(Instant::now());
        let read = self.source.load().await.and_then(|text| jwk::parse(&text));
        // Callers that waited do not read again.
        *last_try = Some(Instant::now());
        let read = read?;
        let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
        // The tokens that unchanged keys have verified need no new check.
        let same = last.take().filter(|last| *last.keys == *read);
        let keys = same.map_or_else(|| read.into(), |same| same.keys);
        *last = Some(ReadKeys { keys, at: Instant::now() });
        Ok(())
    }

    /// `None` if none was read yet.
    pub(crate) fn last(&self) -> Option<ReadKeys> {
        self.last.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Two consecutive reads failed or did not take place, so newer keys are refused.
    pub(crate) fn is_old(&self, every: Duration) -> bool {
        let limit = every.saturating_mul(2).saturating_add(LATE);
        self.last().is_some_and(|last| last.at.elapsed() > limit)
    }

    fn has(&self, kid: Option<&str>) -> bool {
        self.last().is_some_and(|last| jwk::of_token(&last.keys, kid).is_some())
    }

    /// Reads the set again if it lacks the key of a token that names this one, or none.
    pub(crate) async fn read_for(&self, kid: Option<&str>) {
        if self.has(kid) {
            return;
        }
        let mut last_try = self.last_try.lock().await;
        // The lock's previous holder may have read the set.
        if !self.has(kid)
            && last_try.is_none_or(|last| last.elapsed() >= FOR_UNKNOWN)
            && let Err(why) = self.read_now(&mut last_try).await
        {
            tracing::warn!("the key set was not read again for an unknown key: {why}");
        }
    }

    /// Reads the set regularly until its last owner drops it.
    pub(crate) async fn keep(set: Weak<Self>, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            let Some(set) = set.upgrade() else { return };
            if let Err(why) = set.read().await {
                tracing::warn!("the key set is as it was, because it cannot be read: {why}");
            }
        }
    }
}

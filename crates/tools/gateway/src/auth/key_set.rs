//! The keys of tokens, kept up to date without a restart.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::auth::jwk::{self, PublicKey};
use crate::auth::key_source::KeySource;

/// The minimum time between two reads for unknown keys. A new key may have signed a token, so the set is read again,
/// but invented keys must not load the source.
const FOR_UNKNOWN: Duration = Duration::from_secs(2);

/// A read may be late by the time of two.
const LATE: Duration = Duration::from_secs(15);

type Keys = Vec<Arc<PublicKey>>;

/// The last read's keys stay valid while the source is unavailable, but no longer than `max_age`.
#[derive(Debug)]
pub(crate) struct KeySet {
    source: KeySource,
    max_age: Duration,
    last: RwLock<Option<(Keys, Instant)>>,
    last_try: Mutex<Option<Instant>>,
}

#[derive(Debug)]
pub(crate) enum KeyLookup {
    Key(Arc<PublicKey>),
    Unknown,
    /// None was read, or the last one is too old.
    NoSet,
}

impl KeySet {
    pub(crate) fn new(source: KeySource, max_age: Duration) -> Self {
        Self { source, max_age, last: RwLock::default(), last_try: Mutex::default() }
    }

    pub(crate) async fn read(&self) -> Result<(), String> {
        let mut last_try = self.last_try.lock().await;
        self.read_now(&mut last_try).await
    }

    async fn read_now(&self, last_try: &mut Option<Instant>) -> Result<(), String> {
        *last_try = Some(Instant::now());
        let keys = self.source.load().await.and_then(|text| jwk::parse(&text));
        // Callers that waited do not read again.
        *last_try = Some(Instant::now());
        metrics::counter!("gateway_key_set_reads_total",
            "outcome" => if keys.is_ok() { "ok" } else { "failed" })
        .increment(1);
        let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
        let keys = keys?.into_iter().map(|key| {
            // A key that stays keeps its `Arc`, so its tokens need no new check.
            let mut known = last.iter().flat_map(|(known, _)| known);
            known.find(|old| ***old == key).cloned().unwrap_or_else(|| Arc::new(key))
        });
        let keys = keys.collect();
        *last = Some((keys, Instant::now()));
        Ok(())
    }

    fn last(&self) -> RwLockReadGuard<'_, Option<(Keys, Instant)>> {
        self.last.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Two consecutive reads failed or did not take place, so newer keys are refused.
    pub(crate) fn is_old(&self, every: Duration) -> bool {
        let limit = every.saturating_mul(2).saturating_add(LATE);
        self.last().as_ref().is_some_and(|(_, at)| at.elapsed() > limit)
    }

    pub(crate) fn is_read(&self) -> bool {
        self.last().is_some()
    }

    /// The keys could not be read for so long that they count no more.
    pub(crate) fn is_too_old(&self) -> bool {
        self.last().as_ref().is_some_and(|(_, at)| at.elapsed() > self.max_age)
    }

    fn known(&self, kid: Option<&str>) -> KeyLookup {
        if self.is_too_old() {
            return KeyLookup::NoSet;
        }
        match &*self.last() {
            None => KeyLookup::NoSet,
            Some((keys, _)) => jwk::of_token(keys, kid)
                .map_or(KeyLookup::Unknown, |key| KeyLookup::Key(Arc::clone(key))),
        }
    }

    /// Whether the key still counts.
    pub(crate) fn has(&self, key: &Arc<PublicKey>) -> bool {
        let has = |(keys, _): &(Keys, Instant)| keys.iter().any(|known| Arc::ptr_eq(known, key));
        !self.is_too_old() && self.last().as_ref().is_some_and(has)
    }

    /// Finds the key of a token that names this one, or none.
    pub(crate) async fn find(&self, kid: Option<&str>) -> KeyLookup {
        if let found @ KeyLookup::Key(_) = self.known(kid) {
            return found;
        }
        let mut last_try = self.last_try.lock().await;
        // The lock's previous holder may have read the set.
        if let found @ KeyLookup::Key(_) = self.known(kid) {
            return found;
        }
        if last_try.is_none_or(|last| last.elapsed() >= FOR_UNKNOWN)
            && let Err(why) = self.read_now(&mut last_try).await
        {
            tracing::warn!("the key set was not read again for an unknown key: {why}");
        }
        self.known(kid)
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

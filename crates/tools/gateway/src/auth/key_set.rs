//! The keys of tokens, kept up to date without a restart.

use std::collections::HashMap;
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

type Keys = HashMap<String, Arc<PublicKey>>;

/// The last read's keys stay valid while the source is unavailable.
#[derive(Debug)]
pub(crate) struct KeySet {
    source: KeySource,
    last: RwLock<Option<(Keys, Instant)>>,
    last_try: Mutex<Option<Instant>>,
}

#[derive(Debug)]
pub(crate) enum KeyLookup {
    Key(Arc<PublicKey>),
    Unknown,
    NoSet,
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
        let keys = self.source.load().await.and_then(|text| jwk::parse(&text));
        // Callers that waited do not read again.
        *last_try = Some(Instant::now());
        metrics::counter!("gateway_key_set_reads_total",
            "outcome" => if keys.is_ok() { "ok" } else { "failed" })
        .increment(1);
        let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
        let keys = keys?.into_iter().map(|(id, key)| {
            // A key that stays keeps its `Arc`, so its tokens need no new check.
            let same =
                last.as_ref().and_then(|(known, _)| known.get(&id)).filter(|old| ***old == key);
            let key = same.cloned().unwrap_or_else(|| Arc::new(key));
            (id, key)
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

    fn known(&self, kid: &str) -> KeyLookup {
        match &*self.last() {
            None => KeyLookup::NoSet,
            Some((keys, _)) => {
                keys.get(kid).map_or(KeyLookup::Unknown, |key| KeyLookup::Key(Arc::clone(key)))
            }
        }
    }

    pub(crate) fn has(&self, kid: &str, key: &Arc<PublicKey>) -> bool {
        let last = self.last();
        let known = last.as_ref().and_then(|(keys, _)| keys.get(kid));
        known.is_some_and(|known| Arc::ptr_eq(known, key))
    }

    pub(crate) async fn find(&self, kid: &str) -> KeyLookup {
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

//! How many there are of each at the same time: connections of an address, requests of a client.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// The number of each.
#[derive(Debug, Clone)]
pub(crate) struct Counts<K>(Arc<Mutex<HashMap<K, usize>>>);

/// One that counts, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted<K: Eq + Hash> {
    all: Counts<K>,
    of: K,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash + Clone> Counts<K> {
    /// Counts one more. `None` if there are as many as may be.
    pub(crate) fn count(&self, of: K, most: usize) -> Option<Counted<K>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(of.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(all);
        Some(Counted { all: Self(Arc::clone(&self.0)), of })
    }
}

impl<K: Eq + Hash> Drop for Counted<K> {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.of);
            }
        }
    }
}

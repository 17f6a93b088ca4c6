//! Counts of things that exist at the same time, like the connections of an address or the requests of a client.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// The count of each key.
#[derive(Debug, Clone)]
pub struct LiveCounts<K>(Arc<Mutex<HashMap<K, usize>>>);

/// One counted thing, until it is dropped.
#[derive(Debug)]
pub struct CountGuard<K: Eq + Hash> {
    all: LiveCounts<K>,
    of: K,
}

impl<K> Default for LiveCounts<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash + Clone> LiveCounts<K> {
    /// Counts one more. `None` if `most` is reached.
    pub fn count(&self, of: K, most: usize) -> Option<CountGuard<K>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(of.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(all);
        Some(CountGuard { all: Self(Arc::clone(&self.0)), of })
    }
}

impl<K: Eq + Hash> Drop for CountGuard<K> {
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

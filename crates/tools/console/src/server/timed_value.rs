//! A value that is slow to find, stored for a time: one request finds it, and the others wait for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

/// The last value, and the time at which it was found.
#[derive(Debug)]
pub(crate) struct TimedValue<T> {
    lasts: Duration,
    found: Mutex<Option<(Instant, Arc<T>)>>,
}

impl<T> TimedValue<T> {
    /// Creates an empty value. A found one is shown for `lasts`.
    pub(crate) fn new(lasts: Duration) -> Self {
        Self { lasts, found: Mutex::new(None) }
    }

    /// Returns the stored value, or finds a new one if it is too old.
    pub(crate) async fn or_find(&self, find: impl Future<Output = T>) -> Arc<T> {
        let mut found = self.found.lock().await;
        if let Some((at, found)) = &*found
            && at.elapsed() < self.lasts
        {
            return Arc::clone(found);
        }
        let new = Arc::new(find.await);
        *found = Some((Instant::now(), Arc::clone(&new)));
        new
    }

    /// Keeps others from finding a value until the guard is dropped. A holder that changes something clears the value.
    pub(crate) async fn hold(&self) -> MutexGuard<'_, Option<(Instant, Arc<T>)>> {
        self.found.lock().await
    }
}

//! A slow value, stored for a time: one request finds it, and others wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

#[derive(Debug)]
pub(crate) struct TimedValue<T> {
    lasts: Duration,
    found: Mutex<Option<(Instant, Arc<T>)>>,
}

impl<T> TimedValue<T> {
    /// A found value is shown for `lasts`.
    pub(crate) fn new(lasts: Duration) -> Self {
        Self { lasts, found: Mutex::new(None) }
    }

    /// A stored value, unless it is too old.
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

    /// Others do not find a value meanwhile. A holder that changes something clears it.
    pub(crate) async fn hold(&self) -> MutexGuard<'_, Option<(Instant, Arc<T>)>> {
        self.found.lock().await
    }
}

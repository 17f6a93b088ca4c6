//! What takes a while to find, kept for a time: one request finds it, and the others wait for that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

/// What was found last, and when.
#[derive(Debug)]
pub(crate) struct TimedValue<T> {
    lasts: Duration,
    found: Mutex<Option<(Instant, Arc<T>)>>,
}

impl<T> TimedValue<T> {
    /// What is found is shown for this long.
    pub(crate) fn new(lasts: Duration) -> Self {
        Self { lasts, found: Mutex::new(None) }
    }

    /// What was found, or what is found now if that is too old.
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

    /// While this is held, nobody finds anything. Who changes something leaves nothing in it.
    pub(crate) async fn hold(&self) -> MutexGuard<'_, Option<(Instant, Arc<T>)>> {
        self.found.lock().await
    }
}

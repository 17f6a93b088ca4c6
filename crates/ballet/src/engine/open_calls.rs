//! Which calls this process makes, and how many at a time.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::declare::call_step::CallKey;
use crate::tables::calls::NewCall;

/// The calls that this process makes.
#[derive(Debug)]
pub(crate) struct OpenCalls {
    in_memory: Mutex<HashSet<CallKey>>,
    pub(crate) permits: Semaphore,
}

impl OpenCalls {
    /// `most`: how many are out at a time.
    pub(crate) fn new(most: u16) -> Self {
        Self { in_memory: Mutex::default(), permits: Semaphore::new(usize::from(most)) }
    }

    fn in_memory(&self) -> MutexGuard<'_, HashSet<CallKey>> {
        self.in_memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In memory before the commit is sent, so that the sweeper does not take them for left behind.
    pub(crate) fn remember(&self, calls: &[NewCall]) {
        if !calls.is_empty() {
            self.in_memory().extend(calls.iter().map(|call| call.key));
        }
    }

    pub(crate) fn forget<'a>(&self, calls: impl IntoIterator<Item = &'a NewCall>) {
        let mut in_memory = self.in_memory();
        for call in calls {
            in_memory.remove(&call.key);
        }
    }

    /// Whether the call was not yet in memory, and now is.
    pub(crate) fn adopt(&self, key: CallKey) -> bool {
        self.in_memory().insert(key)
    }

    pub(crate) fn keys(&self) -> Vec<Uuid> {
        self.in_memory().iter().map(|key| key.0).collect()
    }
}

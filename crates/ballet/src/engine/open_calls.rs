//! The calls that this process is making, and how many at a time.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::declare::call_step::CallKey;
use crate::tables::calls::NewCall;

/// The calls that this process is making.
#[derive(Debug)]
pub(crate) struct OpenCalls {
    in_memory: Mutex<HashSet<CallKey>>,
    pub(crate) permits: Semaphore,
}

impl OpenCalls {
    /// At most `most` calls are out at a time.
    pub(crate) fn new(most: u16) -> Self {
        Self { in_memory: Mutex::default(), permits: Semaphore::new(usize::from(most)) }
    }

    fn in_memory(&self) -> MutexGuard<'_, HashSet<CallKey>> {
        self.in_memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes calls into memory. Before the commit is sent: the sweeper makes calls that it finds in
    /// the table and not here.
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

    /// Takes a call into memory. Returns false if it was there.
    pub(crate) fn adopt(&self, key: CallKey) -> bool {
        self.in_memory().insert(key)
    }

    pub(crate) fn keys(&self) -> Vec<Uuid> {
        self.in_memory().iter().map(|key| key.0).collect()
    }
}

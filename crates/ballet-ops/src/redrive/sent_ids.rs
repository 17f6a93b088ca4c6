//! The ids of what a run has sent, shared by who sends and who watches.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ballet_core::MessageId;

/// The ids under which the service knows what a run has sent so far. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct SentIds(Arc<Mutex<HashSet<MessageId>>>);

impl SentIds {
    /// Call it before the message is sent: its outcome may come at once.
    pub(crate) fn add(&self, id: MessageId) {
        self.lock().insert(id);
    }

    /// The broker did not take it.
    pub(crate) fn remove(&self, id: MessageId) {
        self.lock().remove(&id);
    }

    pub(crate) fn has(&self, id: MessageId) -> bool {
        self.lock().contains(&id)
    }

    pub(crate) fn all(&self) -> HashSet<MessageId> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<MessageId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

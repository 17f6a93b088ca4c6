//! The ids of the messages that a run has sent, shared by sender and watcher.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ballet_core::MessageId;

/// The ids under which the service knows the messages that a run has sent so far, each with a count: there may be
/// copies of one message. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct SentIds(Arc<Mutex<HashMap<MessageId, u32>>>);

impl SentIds {
    /// Adds an id. Call this before the message is sent: its outcome may come at once.
    pub(crate) fn add(&self, id: MessageId) {
        *self.lock().entry(id).or_default() += 1;
    }

    /// Removes the id of a message that the broker did not take.
    pub(crate) fn remove(&self, id: MessageId) {
        let mut sent = self.lock();
        match sent.get_mut(&id) {
            Some(times) if *times > 1 => *times -= 1,
            Some(_) => drop(sent.remove(&id)),
            None => {}
        }
    }

    pub(crate) fn has(&self, id: MessageId) -> bool {
        self.lock().contains_key(&id)
    }

    pub(crate) fn all(&self) -> HashSet<MessageId> {
        self.lock().keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MessageId, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_is_not_taken_leaves_the_other_one() {
        let (sent, id) = (SentIds::default(), MessageId::derived_from_text("twice"));
        sent.add(id);
        sent.add(id);
        sent.remove(id);
        assert!(sent.has(id) && sent.all().len() == 1);
        sent.remove(id);
        sent.remove(id);
        assert!(!sent.has(id) && sent.all().is_empty());
    }
}

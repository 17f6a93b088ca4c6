//! The sagas that customers have begun, with their expected ends.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::customers::begun_saga::{BegunSaga, End};

/// A saga that a customer has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CustomerSaga {
    /// The name of its case.
    pub(crate) case: &'static str,
    /// The expected end.
    pub(crate) end: End,
}

/// All sagas that customers have begun, by id. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct CustomerSagas(Arc<Mutex<KnownSagas>>);

#[derive(Debug, Default)]
struct KnownSagas {
    all: HashMap<Uuid, CustomerSaga>,
    /// The sagas that had not ended at the last count.
    open: HashSet<Uuid>,
}

impl CustomerSagas {
    /// Adds a saga of this case. Adding it again replaces its expected end.
    pub(crate) fn add(&self, case: &'static str, begun: BegunSaga) {
        let BegunSaga { saga, end } = begun;
        let mut known = self.lock();
        known.all.insert(saga, CustomerSaga { case, end });
        known.open.insert(saga);
    }

    /// Returns all sagas.
    pub(crate) fn all(&self) -> HashMap<Uuid, CustomerSaga> {
        self.lock().all.clone()
    }

    /// The number of sagas that have not ended, and of all sagas. `has_ended` is asked only about those that were open
    /// at the last count.
    pub(crate) fn open(&self, has_ended: impl Fn(Uuid) -> bool) -> (usize, usize) {
        let mut known = self.lock();
        known.open.retain(|id| !has_ended(*id));
        (known.open.len(), known.all.len())
    }

    fn lock(&self) -> MutexGuard<'_, KnownSagas> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

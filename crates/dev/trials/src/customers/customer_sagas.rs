//! The sagas that customers have begun, with their expected ends.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::customers::begun_saga::{BegunSaga, End};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CustomerSaga {
    pub(crate) case: &'static str,
    pub(crate) end: End,
}

/// All sagas that customers have begun, by id. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct CustomerSagas(Arc<Mutex<KnownSagas>>);

#[derive(Debug, Default)]
struct KnownSagas {
    all: HashMap<Uuid, CustomerSaga>,
    open: HashSet<Uuid>,
}

impl CustomerSagas {
    /// A second one replaces the expected end.
    pub(crate) fn add(&self, case: &'static str, begun: BegunSaga) {
        let BegunSaga { saga, end } = begun;
        let mut known = self.lock();
        known.all.insert(saga, CustomerSaga { case, end });
        known.open.insert(saga);
    }

    pub(crate) fn all(&self) -> HashMap<Uuid, CustomerSaga> {
        self.lock().all.clone()
    }

    /// Open sagas, and all. `has_ended` is asked only about those open at the last count.
    pub(crate) fn open(&self, has_ended: impl Fn(Uuid) -> bool) -> (usize, usize) {
        let mut known = self.lock();
        known.open.retain(|id| !has_ended(*id));
        (known.open.len(), known.all.len())
    }

    fn lock(&self) -> MutexGuard<'_, KnownSagas> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

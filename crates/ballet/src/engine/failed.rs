//! Why a batch or a run rolled back, and which message made it fail.

use crate::declare::failure::Failure;

/// Why a batch rolled back.
#[derive(Debug)]
pub(crate) struct BatchFailure {
    /// The index of the message whose handler failed; `None` if no single one is known.
    pub(crate) poison: Option<usize>,
    /// The handler that failed.
    pub(crate) handler: Option<&'static str>,
    pub(crate) failure: Failure,
}

impl BatchFailure {
    pub(crate) fn of_work(at: usize, failure: Failure) -> Self {
        Self { poison: Some(at), handler: None, failure }
    }

    pub(crate) fn of_step(step: &'static str, failure: Failure) -> Self {
        Self { poison: None, handler: Some(step), failure }
    }
}

impl From<Failure> for BatchFailure {
    fn from(failure: Failure) -> Self {
        Self { poison: None, handler: None, failure }
    }
}

/// Why a run failed, and by which of its items, if that is known.
pub(crate) struct RunFailure {
    item: Option<usize>,
    failure: Failure,
}

impl RunFailure {
    pub(crate) fn of(item: usize, failure: Failure) -> Self {
        Self { item: Some(item), failure }
    }

    pub(crate) fn in_batch(self, run: &[usize], handler: Option<&'static str>) -> BatchFailure {
        // With one item there is only one candidate.
        let item = self.item.or((run.len() == 1).then_some(0));
        BatchFailure { poison: item.map(|item| run[item]), handler, failure: self.failure }
    }
}

impl<F: Into<Failure>> From<F> for RunFailure {
    fn from(failure: F) -> Self {
        Self { item: None, failure: failure.into() }
    }
}

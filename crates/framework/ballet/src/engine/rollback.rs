//! Why a batch or a run rolled back, and which message made it fail.

use ballet_core::Reason;

use crate::declare::handler::failure::Failure;

/// Why a batch rolled back.
#[derive(Debug)]
pub(crate) struct BatchFailure {
    /// The index of the message whose handler failed; `None` if no single one is known.
    pub(crate) poison: Option<usize>,
    /// The handler that failed.
    pub(crate) handler: Option<&'static str>,
    pub(crate) failure: Failure,
    /// The reason of the dead letter, if it is not the one that follows from the failure's kind.
    pub(crate) reason: Option<Reason>,
    /// Whether all handlers had run, and the commit failed.
    pub(crate) is_of_commit: bool,
}

impl BatchFailure {
    pub(crate) fn of_work(at: usize, failure: Failure) -> Self {
        Self { poison: Some(at), ..failure.into() }
    }

    pub(crate) fn of_step(step: &'static str, failure: Failure) -> Self {
        Self { handler: Some(step), ..failure.into() }
    }

    pub(crate) fn of_commit(failure: Failure) -> Self {
        Self { is_of_commit: true, ..failure.into() }
    }
}

/// Why a batch did not commit.
#[derive(Debug)]
pub(crate) enum NotCommitted {
    /// There was no connection on which it could begin.
    NotBegun(Failure),
    /// Another server of the database takes writes now. If the batch was committed, the inbox knows.
    ServerReplaced(Failure),
    RolledBack(BatchFailure),
}

impl NotCommitted {
    pub(crate) fn failure(&self) -> &Failure {
        match self {
            Self::NotBegun(failure)
            | Self::ServerReplaced(failure)
            | Self::RolledBack(BatchFailure { failure, .. }) => failure,
        }
    }
}

impl From<BatchFailure> for NotCommitted {
    fn from(failure: BatchFailure) -> Self {
        Self::RolledBack(failure)
    }
}

impl From<Failure> for NotCommitted {
    fn from(failure: Failure) -> Self {
        Self::RolledBack(failure.into())
    }
}

impl From<Failure> for BatchFailure {
    fn from(failure: Failure) -> Self {
        Self { poison: None, handler: None, failure, reason: None, is_of_commit: false }
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
        let poison = item.map(|item| run[item]);
        BatchFailure { poison, handler, ..self.failure.into() }
    }
}

impl<F: Into<Failure>> From<F> for RunFailure {
    fn from(failure: F) -> Self {
        Self { item: None, failure: failure.into() }
    }
}

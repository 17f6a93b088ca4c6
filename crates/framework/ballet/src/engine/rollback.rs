//! Why a batch or a run rolled back, and which message made it fail.

use ballet_core::{Reason, SagaId};

use crate::declare::handler::failure::Failure;

#[derive(Debug)]
pub(crate) struct BatchFailure {
    /// Which of the works failed, in the order in which they come back; `None` if that is not
    /// known.
    pub(crate) poison: Option<usize>,
    pub(crate) handler: Option<&'static str>,
    pub(crate) failure: Failure,
    /// The reason of the dead letter, if the failure's kind does not give it.
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

    /// The failure of works that come back behind this many others.
    pub(crate) fn after(self, others: usize) -> Self {
        Self { poison: self.poison.map(|at| at + others), ..self }
    }

    pub(crate) fn of_commit(failure: Failure) -> Self {
        Self { is_of_commit: true, ..failure.into() }
    }
}

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

/// Why a run failed, and in which of its sagas, if that is known.
pub(crate) struct RunFailure {
    pub(crate) saga_id: Option<SagaId>,
    pub(crate) failure: Failure,
}

impl RunFailure {
    pub(crate) fn of(saga_id: SagaId, failure: Failure) -> Self {
        Self { saga_id: Some(saga_id), failure }
    }
}

impl<F: Into<Failure>> From<F> for RunFailure {
    fn from(failure: F) -> Self {
        Self { saga_id: None, failure: failure.into() }
    }
}

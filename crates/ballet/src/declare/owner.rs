//! The owner of a saga: the service whose own row decides how it ends.

use std::future::Future;

use ballet_core::Saga;

use crate::declare::failure::Failure;
use crate::declare::tx::Tx;

/// The owner's part in an abort.
///
/// Of the pivot's outcome, a refusal, a cancel and the deadline, the one that the owner commits
/// first wins. The framework sees to that, under the saga's lock; the owner writes its own row.
pub trait Owner: Send + Sync + 'static {
    /// The saga that is owned.
    type Saga: Saga;

    /// Writes the abort into the owner's own rows. It runs at most once for a saga, never after
    /// the pivot's outcome was recorded, and in the transaction that publishes the fact.
    fn abort(
        &self,
        tx: &mut Tx<'_>,
        fact: &<Self::Saga as Saga>::Abort,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What became of the wish to abort a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abort {
    /// It is aborted: every participant will undo its part.
    Aborted,
    /// It was aborted before.
    AlreadyAborted,
    /// The pivot's outcome is recorded: it goes on to its end.
    TooLate,
}

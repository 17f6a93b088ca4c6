//! The owner of a saga: the service whose own row decides how the saga ends.

use std::future::Future;

use ballet_core::Saga;

use crate::declare::handler::failure::Failure;
use crate::declare::handler::tx::Tx;

/// The owner's part in an abort.
///
/// The pivot's outcome, a refusal, a cancel and the deadline compete: the first one that the owner
/// commits wins. The framework ensures that under the saga's lock. The owner writes its own row.
pub trait Owner: Send + Sync + 'static {
    /// The saga that the service owns.
    type Saga: Saga;

    /// Writes the abort to the owner's own rows. It takes effect at most once per saga, never after
    /// the pivot's outcome was recorded, and in the transaction that publishes the abort event.
    fn abort(
        &self,
        tx: &mut Tx<'_>,
        abort_event: &<Self::Saga as Saga>::Abort,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// The result of a request to abort a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abort {
    /// The saga is aborted. Every participant will undo its part.
    Aborted,
    /// The saga was aborted before.
    AlreadyAborted,
    /// The pivot's outcome is recorded. The saga goes on to its end.
    TooLate,
}

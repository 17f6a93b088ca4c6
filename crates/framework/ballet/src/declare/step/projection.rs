//! Projections: rows that follow from other services' events, outside of sagas.

use std::future::Future;

use ballet_core::Event;

use crate::declare::handler::failure::Failure;
use crate::declare::handler::tx::Tx;
use crate::declare::step::retry::Retry;

/// Follows an event and stores the data that the service needs from it.
///
/// Each message is applied once. Order is not guaranteed. For a copy of another service's entities
/// use [`Participant::copies`](crate::Participant::copies), which knows their versions.
pub trait Projection: Send + Sync + 'static {
    /// The projection's name in metrics and on pages, for example `points`.
    const NAME: &'static str;
    /// The event to follow.
    type On: Event;
    /// How often a failed message is retried.
    const RETRY: Retry = Retry::DEFAULT;

    /// Applies one event.
    fn apply(
        &self,
        tx: &mut Tx<'_>,
        event: Self::On,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

//! Projections: a service's own copy of other services' data, outside of sagas.

use std::future::Future;

use ballet_core::Event;

use crate::declare::failure::Failure;
use crate::declare::retry::Retry;
use crate::declare::tx::Tx;

/// Follows an event and stores the data that the service needs from it.
///
/// Each message is applied once. Order is not guaranteed: a copy should store the version of its
/// source, and apply only newer versions.
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

//! Projections: a service's own copy of what others tell, outside of sagas.

use std::future::Future;

use ballet_core::Event;

use crate::declare::failure::Failure;
use crate::declare::retry::Retry;
use crate::declare::tx::Tx;

/// Follows an event and writes what the service wants to keep of it.
///
/// Each message is applied once. Order is not promised: a copy of a thing keeps the thing's version
/// and takes only what is newer.
pub trait Projection: Send + Sync + 'static {
    /// The projection's name in metrics and on pages, for instance `points`.
    const NAME: &'static str;
    /// The event that it follows.
    type On: Event;
    /// How often it is tried again when it fails.
    const RETRY: Retry = Retry::DEFAULT;

    /// Takes in one event.
    fn apply(
        &self,
        tx: &mut Tx<'_>,
        event: Self::On,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

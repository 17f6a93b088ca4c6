//! Sagas: distributed transactions without a conductor.

use crate::events::event::Event;

/// A distributed transaction: its name, the service that decides how it ends, and the event that
/// aborts it.
///
/// ```
/// use ballet_core::saga;
/// # use ballet_core::event;
/// # #[event("orders.order_cancelled.v1", in_saga)] struct OrderCancelled {}
/// /// From the order to the door.
/// #[saga("order_fulfillment", owner = "orders", abort = OrderCancelled)]
/// struct OrderFulfillment;
/// ```
pub trait Saga: 'static {
    /// The name in tables, metrics and documents.
    const NAME: &'static str;
    /// The service that decides how the saga ends, by a row in its own database.
    const OWNER: &'static str;
    /// The abort event. Every participant compensates its part on it; only the owner publishes it.
    /// [`Never`](crate::event::Never) for a saga that is never aborted.
    type Abort: Event;
}

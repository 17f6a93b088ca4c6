//! Sagas: distributed transactions without a conductor.

use crate::events::event::Event;

/// A distributed transaction: its name, the service that decides how it ends, and the event that
/// aborts it.
///
/// ```
/// # use ballet_core::{Event, EventType, Saga};
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, Serialize, Deserialize, JsonSchema)]
/// # struct OrderCancelled {}
/// # impl Event for OrderCancelled {
/// #     const TYPE: EventType = EventType::in_saga("orders.order_cancelled.v1");
/// # }
/// /// From the order to the door.
/// #[derive(Debug)]
/// struct OrderFulfillment;
///
/// impl Saga for OrderFulfillment {
///     const NAME: &'static str = "order_fulfillment";
///     const OWNER: &'static str = "orders";
///     type Abort = OrderCancelled;
/// }
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

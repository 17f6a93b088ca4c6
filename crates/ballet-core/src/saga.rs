//! Sagas: distributed transactions that no one conducts.

use crate::Event;

/// A distributed transaction: its name, the service that decides its end, and the one event by
/// which it is aborted.
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
    /// The name in tables, metrics and pages.
    const NAME: &'static str;
    /// The service whose own row is the arbiter of how the saga ends.
    const OWNER: &'static str;
    /// The fact on which every participant undoes its part; only the owner publishes it.
    /// [`Never`](crate::Never) for a saga that is never aborted.
    type Abort: Event;
}

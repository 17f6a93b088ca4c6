//! The saga that the events of the shop form.

use ballet_core::saga;

use crate::orders::OrderCancelled;

/// From the order to the delivery: stock, authorisation, shipment, capture, delivery.
#[saga("order_fulfillment", owner = "orders", abort = OrderCancelled)]
pub struct OrderFulfillment;

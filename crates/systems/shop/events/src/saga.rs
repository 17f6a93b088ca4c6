//! The saga that the events of the shop form.

use ballet_core::Saga;

use crate::orders::OrderCancelled;

/// From the order to the delivery: stock, authorisation, shipment, capture, delivery.
#[derive(Debug)]
pub struct OrderFulfillment;

impl Saga for OrderFulfillment {
    const NAME: &'static str = "order_fulfillment";
    const OWNER: &'static str = "orders";
    type Abort = OrderCancelled;
}

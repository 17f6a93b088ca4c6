//! Orders: places, confirms and cancels them. It owns the saga `order_fulfillment`: of the
//! capture, a refusal, a cancel and the deadline, the one that is committed to the order's row
//! first decides how the saga ends.

#![warn(missing_docs)]

mod cancel;
mod checkout;
pub mod steps;
mod store;

use ballet::Participant;
use shop_events::orders::OrderPlaced;

use crate::steps::{AcceptCheckout, CompleteOrder, ConfirmOrder, OrderRow};

/// Everything that orders does in a saga.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("orders").owns(OrderRow, |saga| {
        saga.originates::<OrderPlaced>("place_order")
            .starts(AcceptCheckout)
            .aborts_on(cancel::stock_reservation_failed)
            .aborts_on(cancel::payment_declined)
            .aborts_on(cancel::shipment_rejected)
            .aborts_on(cancel::capture_failed)
            .decides(ConfirmOrder)
            .retriable(CompleteOrder)
    })
}

//! The events that cancel an order, one for each reason.

use ballet::Due;
use shop_events::OrderId;
use shop_events::inventory::{ReservationFailure, StockReservationFailed};
use shop_events::orders::{CancelReason, OrderCancelled, OrderDeadlinePassed};
use shop_events::payments::{PaymentCaptureFailed, PaymentDeclined};
use shop_events::shipping::ShipmentRejected;

use crate::checkout::InvalidCheckout;

pub(crate) fn impossible(order_id: OrderId, why: &InvalidCheckout) -> OrderCancelled {
    by_step(order_id, CancelReason::Invalid, "accept_checkout", why.to_string())
}

pub(crate) fn by_customer(order_id: OrderId) -> OrderCancelled {
    let reason = CancelReason::CustomerCancelled;
    OrderCancelled { order_id, reason, failed_step: None, detail: None }
}

pub(crate) fn overdue(due: Due) -> OrderDeadlinePassed {
    OrderDeadlinePassed { order_id: OrderId(due.saga_id.0), due_at: due.at }
}

pub(crate) fn deadline_passed(event: OrderDeadlinePassed) -> OrderCancelled {
    let OrderDeadlinePassed { order_id, due_at } = event;
    let detail = Some(format!("it was not paid by {due_at:.0}"));
    OrderCancelled { order_id, reason: CancelReason::DeadlinePassed, failed_step: None, detail }
}

/// The stock is short, or the SKU is unknown.
pub(crate) fn stock_reservation_failed(event: StockReservationFailed) -> OrderCancelled {
    let StockReservationFailed { order_id, reason, sku, wanted, on_hand } = event;
    let (reason, detail) = match reason {
        ReservationFailure::UnknownSku => (CancelReason::Invalid, format!("unknown SKU {sku}")),
        ReservationFailure::OutOfStock => {
            (CancelReason::OutOfStock, format!("{wanted} of {sku} needed, {on_hand} on hand"))
        }
    };
    by_step(order_id, reason, "reserve_stock", detail)
}

pub(crate) fn payment_declined(event: PaymentDeclined) -> OrderCancelled {
    let reason = CancelReason::PaymentDeclined;
    by_step(event.order_id, reason, "authorize_payment", event.reason)
}

pub(crate) fn shipment_rejected(event: ShipmentRejected) -> OrderCancelled {
    let reason = CancelReason::ShipmentRejected;
    by_step(event.order_id, reason, "schedule_shipment", event.reason)
}

pub(crate) fn capture_failed(event: PaymentCaptureFailed) -> OrderCancelled {
    let reason = CancelReason::CaptureFailed;
    by_step(event.order_id, reason, "capture_payment", event.reason)
}

fn by_step(order_id: OrderId, reason: CancelReason, step: &str, detail: String) -> OrderCancelled {
    OrderCancelled { order_id, reason, failed_step: Some(step.to_owned()), detail: Some(detail) }
}

//! The published language of the shop: what its services tell each other, and the saga that these
//! events form. A service depends on this crate and on no other service.
//!
//! One module per owning service; an event's first name is its owner's. The values that events are
//! made of ([`Money`], [`Sku`], [`Address`] ...) check their form when they are read, so whoever
//! holds one can rely on it.
//!
//! ```text
//! (cart.checked_out, or POST /orders) -> orders.order_placed
//!   -> inventory.stock_reserved      | stock_reservation_failed
//!   -> payments.payment_authorized   | payment_declined
//!   -> shipping.shipment_scheduled   | shipment_rejected
//!   -> payments.payment_captured     | payment_capture_failed      the pivot
//!   -> orders.order_confirmed
//!   -> inventory.stock_committed, and shipping.shipment_dispatched -> shipment_delivered
//!   -> orders.order_completed
//! any refusal, cancel or deadline -> orders.order_cancelled
//!   -> stock_released, payment_voided | payment_refunded, shipment_cancelled
//! ```

#![warn(missing_docs)]

pub mod cart;
mod catalog;
mod code;
pub mod inventory;
mod line;
mod money;
pub mod orders;
pub mod payments;
pub mod shipping;
mod sku;

use ballet_core::{Saga, ids};

pub use catalog::catalog;
pub use code::{Code, Country, Currency, NotACode};
pub use line::{OrderLine, StockLine};
pub use money::Money;
pub use shipping::Address;
pub use sku::{NotASku, Sku};

ids! {
    /// A cart.
    CartId,
    /// A customer.
    CustomerId,
    /// An order. It is the id of the order's saga too.
    OrderId,
    /// A shipment.
    ShipmentId,
}

/// From the order to the door: stock, authorisation, shipment, capture, delivery.
#[derive(Debug)]
pub struct OrderFulfillment;

impl Saga for OrderFulfillment {
    const NAME: &'static str = "order_fulfillment";
    const OWNER: &'static str = "orders";
    type Abort = orders::OrderCancelled;
}

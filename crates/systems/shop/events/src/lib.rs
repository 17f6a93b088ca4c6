//! The published language of the shop: the events of its services, and the saga that they form. A
//! service depends on this crate and on no other service.
//!
//! There is a module for each service. An event's name begins with its service. Values such as
//! [`Money`], [`Sku`] and [`Country`] check their form when they are parsed, so the code that gets
//! one can rely on it. The feature `access` adds whose the data is.
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
//!
//! Beside the saga, which does not wait for it:
//! order_confirmed | order_cancelled -> cart.cleared | cart.reopened
//! ```

#![warn(missing_docs)]

#[cfg(feature = "access")]
pub mod access;
pub mod cart;
pub mod catalog;
pub mod inventory;
pub mod orders;
pub mod payments;
mod saga;
pub mod shipping;
mod values;

pub use common::values::{Code, Country, Currency, Money, NotACode, NotASlug, Slug, check_text};
pub use saga::OrderFulfillment;
pub use values::address::Address;
pub use values::ids::{CartId, CustomerId, OrderId, ShipmentId};
pub use values::line::{MAX_LINES, MAX_QUANTITY, OrderLine, StockLine};
pub use values::sku::{NotASku, Sku};

//! The business keys of the shop: the ids that people search for, and the event fields that hold them.

use ballet_core::Key;

pub(crate) const CART: Key = Key::of("cart", "cart_id");
pub(crate) const CUSTOMER: Key = Key::of("customer", "customer_id");
pub(crate) const ORDER: Key = Key::of("order", "order_id");
pub(crate) const PRODUCT: Key = Key::of("product", "sku");
/// The SKUs of events with lines.
pub(crate) const PRODUCTS: Key = Key::of("product", "lines[].sku");
pub(crate) const SHIPMENT: Key = Key::of("shipment", "shipment_id");
/// The carrier's tracking number.
pub(crate) const TRACKING: Key = Key::of("tracking", "tracking");

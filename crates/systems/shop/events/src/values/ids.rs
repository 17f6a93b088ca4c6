//! The ids of the shop.

use ballet_core::ids;

ids! {
    /// A cart.
    CartId,
    /// A customer.
    CustomerId,
    /// An order. It is also the id of the order's saga.
    OrderId,
    /// A shipment.
    ShipmentId,
}

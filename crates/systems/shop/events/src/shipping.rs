//! The events of shipping.

use ballet_core::event;
use jiff::Timestamp;

use crate::values::ids::{OrderId, ShipmentId};

/// The carrier will collect the order's parcel.
#[event(
    "shipping.shipment_scheduled.v1",
    in_saga, packs,
    keys(order = order_id, shipment = shipment_id.made_here())
)]
pub struct ShipmentScheduled {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
}

/// The carrier does not take the order's parcel.
#[event("shipping.shipment_rejected.v1", in_saga, packs, keys(order = order_id))]
pub struct ShipmentRejected {
    /// The order.
    pub order_id: OrderId,
    /// The carrier's code for the reason, for instance `no_service_to_country`.
    pub reason: String,
}

/// The carrier will not collect the order's parcel.
#[event(
    "shipping.shipment_cancelled.v1",
    in_saga, packs,
    keys(order = order_id, shipment = shipment_id)
)]
pub struct ShipmentCancelled {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
}

/// The parcel is on its way.
#[event(
    "shipping.shipment_dispatched.v1",
    in_saga, packs,
    keys(order = order_id, shipment = shipment_id, tracking = tracking.made_here())
)]
pub struct ShipmentDispatched {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
    /// The carrier's tracking number.
    pub tracking: String,
}

/// The parcel was delivered.
#[event(
    "shipping.shipment_delivered.v1",
    in_saga, packs,
    keys(order = order_id, shipment = shipment_id)
)]
pub struct ShipmentDelivered {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
    /// When shipping learned of it.
    pub delivered_at: Timestamp,
}

//! The events of shipping.

use ballet_core::{Event, EventType, Key};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::keys::{ORDER, SHIPMENT, TRACKING};
use crate::values::ids::{OrderId, ShipmentId};

/// The carrier will collect the order's parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShipmentScheduled {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
}

impl Event for ShipmentScheduled {
    const TYPE: EventType = EventType::in_saga("shipping.shipment_scheduled.v1");
    const KEYS: &'static [Key] = &[ORDER, SHIPMENT.made_here()];
}

/// The carrier does not take the order's parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShipmentRejected {
    /// The order.
    pub order_id: OrderId,
    /// The carrier's code for the reason, for instance `no_service_to_country`.
    pub reason: String,
}

impl Event for ShipmentRejected {
    const TYPE: EventType = EventType::in_saga("shipping.shipment_rejected.v1");
    const KEYS: &'static [Key] = &[ORDER];
}

/// The carrier will not collect the order's parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShipmentCancelled {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
}

impl Event for ShipmentCancelled {
    const TYPE: EventType = EventType::in_saga("shipping.shipment_cancelled.v1");
    const KEYS: &'static [Key] = &[ORDER, SHIPMENT];
}

/// The parcel is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShipmentDispatched {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
    /// The carrier's tracking number.
    pub tracking: String,
}

impl Event for ShipmentDispatched {
    const TYPE: EventType = EventType::in_saga("shipping.shipment_dispatched.v1");
    const KEYS: &'static [Key] = &[ORDER, SHIPMENT, TRACKING.made_here()];
}

/// The parcel was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShipmentDelivered {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
    /// When shipping learned of it.
    pub delivered_at: Timestamp,
}

impl Event for ShipmentDelivered {
    const TYPE: EventType = EventType::in_saga("shipping.shipment_delivered.v1");
    const KEYS: &'static [Key] = &[ORDER, SHIPMENT];
}

//! What shipping tells.

use ballet_core::{Event, EventType};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Country, OrderId, ShipmentId};

/// Where something is sent. No part is longer than 200 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    /// Who lives there.
    pub name: String,
    /// Street and number.
    pub street: String,
    /// The postal code; empty where there is none.
    #[serde(default)]
    pub postal_code: String,
    /// The city.
    pub city: String,
    /// The country, two capital letters as in ISO 3166-1.
    pub country: Country,
}

/// The carrier will come for the order's parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShipmentScheduled {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
}

impl Event for ShipmentScheduled {
    const TYPE: EventType = EventType::in_saga("shipping.shipment_scheduled.v1");
}

/// No carrier takes the order's parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShipmentRejected {
    /// The order.
    pub order_id: OrderId,
    /// The carrier's word for why, for instance `no_service_to_country`.
    pub reason: String,
}

impl Event for ShipmentRejected {
    const TYPE: EventType = EventType::in_saga("shipping.shipment_rejected.v1");
}

/// The carrier will not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShipmentCancelled {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
}

impl Event for ShipmentCancelled {
    const TYPE: EventType = EventType::in_saga("shipping.shipment_cancelled.v1");
}

/// The parcel is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShipmentDispatched {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
    /// The carrier's number, under which the parcel can be followed.
    pub tracking: String,
}

impl Event for ShipmentDispatched {
    const TYPE: EventType = EventType::in_saga("shipping.shipment_dispatched.v1");
}

/// The parcel is at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShipmentDelivered {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
    /// When we learned of it.
    pub delivered_at: Timestamp,
}

impl Event for ShipmentDelivered {
    const TYPE: EventType = EventType::in_saga("shipping.shipment_delivered.v1");
}

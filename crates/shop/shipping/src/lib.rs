//! Shipping: sends parcels to customers with a carrier. A parcel is booked before the money is
//! captured, and handed over when the order is confirmed.

#![warn(missing_docs)]

pub mod carrier;
pub mod config;
mod http;
pub mod sandbox;
mod state;
pub mod steps;
mod store;

use std::sync::Arc;

use ballet::{Migration, Participant, Service};
use ballet_openapi::Document;
use shop_events::OrderFulfillment;

use crate::carrier::Carrier;
use crate::steps::{DeliverShipment, DispatchShipment, ScheduleShipment};

/// Everything that shipping does in a saga, with the carrier that it calls.
#[must_use]
pub fn participant(carrier: impl Carrier) -> Participant {
    let carrier: Arc<dyn Carrier> = Arc::new(carrier);
    Participant::new("shipping").saga::<OrderFulfillment>(|saga| {
        saga.compensatable(ScheduleShipment(Arc::clone(&carrier)))
            .retriable(DispatchShipment)
            .retriable(DeliverShipment(carrier))
    })
}

/// The service's tables.
const MIGRATIONS: &[Migration] = &[Migration {
    name: "0001_shipment",
    sql: include_str!("../../../../migrations/shipping/0001_shipment.sql"),
}];

/// The service: its participant, its tables, its HTTP routes.
#[must_use]
pub fn service(carrier: impl Carrier) -> Service {
    Service::new(participant(carrier)).migrations(MIGRATIONS).routes(http::routes)
}

/// What the HTTP routes take and answer.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}

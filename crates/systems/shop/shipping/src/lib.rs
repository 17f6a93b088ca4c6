//! Shipping: sends parcels to customers with a carrier. A parcel is booked before the money is
//! captured, and handed over when the order is confirmed.

#![warn(missing_docs)]

pub mod carrier;
pub mod config;
mod http;
pub mod remote;
pub mod sandbox;
mod state;
pub mod steps;
mod store;
mod webhook;

use std::sync::Arc;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use common::outside::Webhooks;
use shop_events::OrderFulfillment;

use crate::carrier::Carrier;
use crate::steps::{DeliverShipment, DispatchShipment, ScheduleShipment};

pub use crate::state::ShipmentState;

/// Returns the participant, which calls this carrier.
#[must_use]
pub fn participant(carrier: impl Carrier) -> Participant {
    participant_with(Arc::new(carrier))
}

fn participant_with(carrier: Arc<dyn Carrier>) -> Participant {
    Participant::new("shipping").saga::<OrderFulfillment>(|saga| {
        saga.compensatable(ScheduleShipment(Arc::clone(&carrier)))
            .retriable(DispatchShipment)
            .retriable(DeliverShipment(carrier))
    })
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/shipping",
    "0001_shipment",
    "0002_webhook",
    "0003_no_refusals",
};

/// Returns the service: its participant, its tables, its HTTP routes. It accepts no webhooks.
#[must_use]
pub fn service(carrier: impl Carrier) -> Service {
    service_with(Arc::new(carrier), Webhooks::signed_with(None, "CARRIER_WEBHOOK_SECRETS"))
}

/// Returns the service with this check of webhooks.
#[must_use]
pub fn service_with(carrier: Arc<dyn Carrier>, webhooks: Webhooks) -> Service {
    Service::new(participant_with(carrier))
        .migrations(MIGRATIONS)
        .routes(move |handle| http::routes(handle, webhooks))
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}

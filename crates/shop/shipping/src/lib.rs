//! Shipping: has a carrier take parcels to customers. A parcel is booked before the money is
//! taken, and handed over when the order is confirmed.

#![warn(missing_docs)]

pub mod carrier;
pub mod sandbox;
mod state;
pub mod steps;
mod store;

use std::sync::Arc;

use ballet::Participant;
use shop_events::OrderFulfillment;

use crate::carrier::Carrier;
use crate::steps::{DeliverShipment, DispatchShipment, ScheduleShipment};

/// Everything that shipping does in a saga, with the carrier that it asks.
#[must_use]
pub fn participant(carrier: Arc<dyn Carrier>) -> Participant {
    Participant::new("shipping").saga::<OrderFulfillment>(|saga| {
        saga.compensatable(ScheduleShipment(Arc::clone(&carrier)))
            .retriable(DispatchShipment)
            .retriable(DeliverShipment(carrier))
    })
}

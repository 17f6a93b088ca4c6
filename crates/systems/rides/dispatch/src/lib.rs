//! Dispatch: rides, their offers to drivers, and their prices. It owns the saga `ride_dispatch`. A driver's answer, a
//! cancellation, the expiry of an offer and the deadline compete: the first one committed to the ride's row decides.

#![warn(missing_docs)]

mod cancel;
pub mod config;
mod expiry;
mod fare;
mod history;
mod http;
mod offer;
mod old_quotes;
mod payment;
mod projections;
mod refusals;
mod requests;
mod ride;
mod search;
mod seen_drivers;
pub mod steps;
mod store;
mod verifier;

use std::sync::Arc;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use common::cards::Provider;
use rides_events::dispatch::{
    DriverWanted, OfferAccepted, OfferEnded, RideRequested, RiderPickedUp,
};
use rides_events::riders::{Rider, RiderChanged, RiderErased, RiderRegistered};

use crate::config::DispatchSettings;
use crate::projections::EndOffer;
use crate::steps::{AssignDriver, ChargeFare, HoldFare, OfferRide, RideRow, StartRide, WatchRide};
use crate::verifier::Verifier;

pub use crate::offer::OfferState;
pub use crate::payment::PaymentState;
pub use crate::ride::RideStatus;

/// Declares the steps of dispatch in the saga, and the other events that it publishes.
#[must_use]
pub fn participant(settings: DispatchSettings, provider: impl Provider) -> Participant {
    participant_with(settings, Arc::new(provider), settings.verifier())
}

fn participant_with(
    settings: DispatchSettings,
    provider: Arc<dyn Provider>,
    verifier: Verifier,
) -> Participant {
    Participant::new("dispatch")
        .copies::<Rider>(|copy| {
            copy.fed_by::<RiderRegistered>().fed_by::<RiderChanged>().fed_by::<RiderErased>()
        })
        .projects(EndOffer)
        .follows_telemetry(verifier.seen.clone())
        .owns(RideRow, |saga| {
            saga.originates::<RideRequested>("request_ride")
                .aborts_on(cancel::payment_declined)
                .aborts_on(cancel::no_driver_nearby)
                .deadline(settings.deadline(), cancel::overdue, cancel::deadline_passed)
                .compensatable(HoldFare(Arc::clone(&provider)))
                .compensatable(OfferRide(settings.unseen()))
                .compensatable(AssignDriver)
                .decides(StartRide)
                .watches(WatchRide(verifier))
                .retriable(ChargeFare(provider))
        })
        .publishes::<DriverWanted>()
        .publishes::<OfferAccepted>()
        .publishes::<OfferEnded>()
        .publishes::<RiderPickedUp>()
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/dispatch",
    "0001_ride",
    "0002_sandbox" = common::cards::sandbox::TABLE,
    "0003_payment",
    "0004_history",
    "0005_one_word",
    "0006_erased_rider",
    "0007_no_refusals",
};

/// Returns the service: its participant, its tables, its HTTP routes.
#[must_use]
pub fn service(settings: DispatchSettings, provider: Arc<dyn Provider>) -> Service {
    let verifier = settings.verifier();
    Service::new(participant_with(settings, provider, verifier.clone()))
        .migrations(MIGRATIONS)
        .routes(move |handle| http::routes(handle, settings, verifier))
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}

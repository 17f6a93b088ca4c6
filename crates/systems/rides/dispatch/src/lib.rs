//! Dispatch: rides, their offers to drivers, and their prices. It owns the saga `ride_dispatch`. A driver's answer, a
//! cancellation, the expiry of an offer and the deadline compete: the first one committed to the ride's row decides.

#![warn(missing_docs)]

mod cancel;
mod charge_fare;
mod completion;
pub mod config;
mod expiry;
mod fare;
mod hold_fare;
mod http;
mod offer;
mod old_quotes;
mod payment;
mod refusals;
mod requests;
mod ride;
mod search;
mod seen_drivers;
mod store;
mod verifier;

use std::sync::Arc;

use ballet::openapi::Document;
use ballet::{Does, Failure, Look, Tx, Undoes, compensated, compensated_silently, done};
use common::cards::{Provider, sandbox};
use rides_events::RideDispatch;
use rides_events::dispatch::{
    DriverAssigned, DriverUnassigned, DriverWanted, OfferAccepted, OfferEnded, OfferWithdrawn,
    RideCancelled, RideCompleted, RideOffered, RideRequested, RideStarted, RiderPickedUp,
};
use rides_events::location::{DriverOffline, DriverReserved};
use rides_events::riders::{Rider, RiderChanged, RiderErased, RiderRegistered};

use crate::charge_fare::ChargeFare;
use crate::config::DispatchSettings;
use crate::hold_fare::HoldFare;
use crate::seen_drivers::SeenDrivers;
use crate::verifier::Verifier;

pub use crate::offer::OfferState;
pub use crate::payment::PaymentState;
pub use crate::ride::RideStatus;

/// The service, with the card processor, and the drivers' last positions in memory.
#[derive(Debug)]
pub struct Dispatch {
    settings: DispatchSettings,
    provider: Arc<dyn Provider>,
    verifier: Verifier,
}

#[ballet::service(
    "dispatch",
    migrations("../../../../migrations/dispatch", "0002_sandbox" = sandbox::TABLE),
    copies(Rider, fed_by(RiderRegistered, RiderChanged, RiderErased)),
    publishes(DriverWanted, OfferAccepted, OfferEnded, RiderPickedUp),
    routes = move |handle| http::routes(handle, self.settings, self.verifier.clone())
)]
impl Dispatch {
    /// Returns the service, which has seen no driver yet.
    #[must_use]
    pub fn new(settings: DispatchSettings, provider: Arc<dyn Provider>) -> Self {
        Self { settings, provider, verifier: Verifier::default() }
    }

    /// Returns the OpenAPI document of the HTTP routes.
    #[must_use]
    pub fn openapi() -> Document {
        http::api().document()
    }

    /// The first change committed to the ride's row decides how the saga ends.
    #[owns(
        RideDispatch,
        originates(request_ride = RideRequested),
        aborts_on(cancel::payment_declined, cancel::no_driver_nearby),
        deadline(self.settings.deadline(), cancel::overdue, cancel::deadline_passed)
    )]
    async fn cancel_ride(tx: &mut Tx<'_>, cancelled: &RideCancelled) -> Result<(), Failure> {
        let now = tx.now();
        if store::ride::cancel(tx.db(), cancelled, now).await? {
            return Ok(());
        }
        // The decision is about to be made, so it is too late to abort.
        let ride_id = cancelled.ride_id;
        Err(Failure::not_yet(format!("the rider of {ride_id} is in the car")))
    }

    #[compensatable]
    fn hold_fare(&self) -> HoldFare {
        HoldFare(Arc::clone(&self.provider))
    }

    /// Offers the ride to a driver, once for each driver who is asked.
    #[compensatable(undo = withdraw_offer, key = |reserved| reserved.attempt.to_string())]
    async fn offer_ride(&self, tx: &mut Tx<'_>, reserved: DriverReserved) -> Does<RideOffered> {
        let DriverReserved { ride_id, attempt, driver_id, .. } = reserved;
        let now = tx.now();
        let expires_at = now + self.settings.answer();
        let offered = RideOffered { ride_id, attempt, driver_id, expires_at };
        store::offer::open(tx.db(), &offered, now).await?;
        store::ride::offered(tx.db(), &offered, now).await?;
        done(offered)
    }

    async fn withdraw_offer(tx: &mut Tx<'_>, offered: RideOffered) -> Undoes<OfferWithdrawn> {
        let RideOffered { ride_id, attempt, driver_id, .. } = offered;
        let (now, number) = (tx.now(), i16::try_from(attempt)?);
        if store::offer::end(tx.db(), ride_id, number, OfferState::Withdrawn, now).await? {
            compensated(OfferWithdrawn { ride_id, attempt, driver_id })
        } else {
            // The offer ended before: it was declined, or expired.
            compensated_silently()
        }
    }

    /// Assigns the driver who accepted to the ride.
    #[compensatable(undo = unassign_driver)]
    async fn assign_driver(tx: &mut Tx<'_>, accepted: OfferAccepted) -> Does<DriverAssigned> {
        let OfferAccepted { ride_id, driver_id, .. } = accepted;
        let now = tx.now();
        store::ride::assign(tx.db(), ride_id, now).await?;
        done(DriverAssigned { ride_id, driver_id })
    }

    async fn unassign_driver(_: &mut Tx<'_>, assigned: DriverAssigned) -> Undoes<DriverUnassigned> {
        // The cancelled row still names the driver who was on the way.
        let DriverAssigned { ride_id, driver_id } = assigned;
        compensated(DriverUnassigned { ride_id, driver_id })
    }

    /// Records that the rider is in the car. From then on the saga is never aborted.
    #[decides]
    async fn start_ride(tx: &mut Tx<'_>, picked_up: RiderPickedUp) -> Does<RideStarted> {
        let RiderPickedUp { ride_id, driver_id } = picked_up;
        let started_at = tx.now();
        store::ride::start(tx.db(), ride_id, started_at).await?;
        done(RideStarted { ride_id, driver_id, started_at })
    }

    /// Completes a ride when its driver has said that it is over, or long after the estimated time. The driver's
    /// positions may stop meanwhile.
    #[watches(look = look_at_ride)]
    async fn watch_ride(_: &mut Tx<'_>, _: RideStarted) -> Result<(), Failure> {
        // The watch looks at the ride's row.
        Ok(())
    }

    async fn look_at_ride(&self, tx: &mut Tx<'_>) -> Result<Look<RideCompleted>, Failure> {
        completion::look(tx, &self.verifier).await
    }

    #[retriable]
    fn charge_fare(&self) -> ChargeFare {
        ChargeFare(Arc::clone(&self.provider))
    }

    /// Makes the open offer of a driver who goes offline due. The expiry then ends it in its saga.
    #[projects]
    async fn end_offer(tx: &mut Tx<'_>, gone: DriverOffline) -> Result<(), Failure> {
        let Some(ride_id) = gone.ride_id else { return Ok(()) };
        let now = tx.now();
        store::offer::make_due(tx.db(), ride_id, gone.driver_id, now).await
    }

    #[follows_telemetry]
    fn see_drivers(&self) -> SeenDrivers {
        self.verifier.seen.clone()
    }
}

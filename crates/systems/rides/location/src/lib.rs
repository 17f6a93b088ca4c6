//! Location: the drivers' positions, and their reservations for rides. Each process follows the stream of positions
//! into an index in memory. The database has the drivers' states, and forbids two rides of a driver.

#![warn(missing_docs)]

pub mod config;
mod driver;
mod http;
mod index;
mod nearest;
mod refusals;
mod requests;
mod store;

use ballet::openapi::Document;
use ballet::{Does, Failure, StepError, Tx, Undoes, compensated, copies, done};
use rides_events::RideDispatch;
use rides_events::dispatch::{DriverWanted, OfferEnded, RideCompleted, RideStarted};
use rides_events::location::{
    DriverOffline, DriverOnline, DriverReleased, DriverReserved, NoDriverNearby, Position,
    ReservationCancelled,
};
use rides_events::riders::{RiderChanged, RiderErased, RiderNeeds, RiderRegistered};

use crate::config::LocationSettings;
use crate::index::DriverIndex;
use crate::store::work;

pub use crate::driver::DriverState;
pub use crate::store::work::WorkState;

/// The service, with the drivers' positions in memory.
#[derive(Debug, Clone)]
pub struct Location {
    index: DriverIndex,
}

#[ballet::service(
    "location",
    saga = RideDispatch,
    migrations = "../../../../migrations/location",
    copies(RiderNeeds, fed_by(RiderRegistered, RiderChanged, RiderErased)),
    publishes(DriverOnline, DriverOffline),
    publishes_telemetry(Position),
    routes = move |handle| http::routes(handle, self.index.clone())
)]
impl Location {
    /// Returns the service, which has seen no driver yet.
    #[must_use]
    pub fn new(settings: LocationSettings) -> Self {
        Self { index: DriverIndex::new(settings.silence()) }
    }

    /// Returns the OpenAPI document of the HTTP routes.
    #[must_use]
    pub fn openapi() -> Document {
        http::api().document()
    }

    #[follows_telemetry]
    fn follow_positions(&self) -> DriverIndex {
        self.index.clone()
    }

    /// Reserves the nearest free driver who has the needed car and was not asked before. Repeats for each driver who
    /// is asked.
    #[repeating(
        undo = cancel_reservation,
        key = |wanted| wanted.attempt.to_string(),
        undone_by = |ended: &OfferEnded| ended.attempt.to_string()
    )]
    async fn reserve_driver(
        &self,
        tx: &mut Tx<'_>,
        wanted: DriverWanted,
    ) -> Does<DriverReserved, NoDriverNearby> {
        let DriverWanted { ride_id, attempt, rider_id, .. } = wanted;
        let nobody = || StepError::Refused(NoDriverNearby { ride_id, attempt });
        let rider = copies::get::<RiderNeeds>(tx.db(), &rider_id.to_string()).await?;
        let rider = rider.ok_or_else(|| {
            Failure::not_yet(format!("the copy of riders does not know {rider_id} yet"))
        })?;
        // An erased rider is not driven.
        let RiderNeeds { needs } = rider.state.ok_or_else(nobody)?;
        nearest::reserve_nearest(tx, &self.index, wanted, needs).await?.ok_or_else(nobody)
    }

    async fn cancel_reservation(
        tx: &mut Tx<'_>,
        reserved: DriverReserved,
    ) -> Undoes<ReservationCancelled> {
        let DriverReserved { ride_id, attempt, driver_id, .. } = reserved;
        let now = tx.now();
        work::cancel(tx.db(), ride_id, attempt, now).await?;
        compensated(ReservationCancelled { ride_id, attempt, driver_id })
    }

    /// Frees the driver of a ride that is over.
    #[retriable]
    async fn release_driver(tx: &mut Tx<'_>, ride: RideCompleted) -> Does<DriverReleased> {
        let (ride_id, driver_id, now) = (ride.ride_id, ride.driver_id, tx.now());
        work::release(tx.db(), ride_id, driver_id, now).await?;
        done(DriverReleased { ride_id, driver_id })
    }

    /// Records that the driver has a rider, unless the ride is over by then.
    #[projects]
    async fn note_ride(tx: &mut Tx<'_>, started: RideStarted) -> Result<(), Failure> {
        work::ride(tx.db(), started.ride_id).await
    }
}

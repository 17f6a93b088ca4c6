//! The step `reserve_driver` and its compensation. It repeats in a ride, once for each driver who is asked.

use std::collections::HashSet;

use ballet::{
    Compensate, CompensateResult, Failure, Step, StepResult, Tx, compensated, copies, done, refused,
};
use rides_events::DriverId;
use rides_events::dispatch::DriverWanted;
use rides_events::location::{DriverReserved, NoDriverNearby, ReservationCancelled};
use rides_events::riders::{Needs, RiderNeeds};

use crate::index::{DriverIndex, NearDriver};
use crate::store::work::{self, ReservationRequest};

/// The numbers of nearest drivers that the passes look at. The next pass comes if none of them is free.
const ENOUGH: [usize; 3] = [16, 256, usize::MAX];
/// The seats of a large car.
const LARGE: i16 = 5;

/// Reserves the nearest driver who is free, has the car that the rider needs, and was not asked before.
#[derive(Debug)]
pub struct ReserveDriver(pub DriverIndex);

impl Step for ReserveDriver {
    const NAME: &'static str = "reserve_driver";
    type On = DriverWanted;
    type Done = DriverReserved;
    type Refused = NoDriverNearby;

    fn key(wanted: &DriverWanted) -> Option<String> {
        Some(wanted.attempt.to_string())
    }

    async fn run(&self, tx: &mut Tx<'_>, wanted: DriverWanted) -> StepResult<Self> {
        let DriverWanted { ride_id, attempt, rider_id, pickup, not } = wanted;
        let rider = copies::get::<RiderNeeds>(tx.db(), &rider_id.to_string()).await?;
        let Some(rider) = rider else {
            let why = format!("the copy of riders does not know {rider_id} yet");
            return Err(Failure::not_yet(why).into());
        };
        // Nobody is driven who was erased.
        let Some(rider) = rider.state else { return refused(NoDriverNearby { ride_id, attempt }) };
        let seats = if rider.needs == Needs::Large { LARGE } else { 1 };
        let wanted = ReservationRequest { ride_id, attempt, rider_id, seats };
        let (now, mut looked_at) = (tx.now(), HashSet::<DriverId>::from_iter(not));
        for enough in ENOUGH {
            let mut near: Vec<NearDriver> = self.0.nearest(pickup, enough, now);
            near.retain(|near| looked_at.insert(near.driver_id));
            let ids: Vec<DriverId> = near.iter().map(|near| near.driver_id).collect();
            let reserved = work::reserve(tx.db(), wanted, &ids, now).await?;
            if let Some(driver_id) = reserved {
                let meters = near.iter().find(|near| near.driver_id == driver_id);
                let distance_meters = meters.map_or(0, |near| whole(near.meters));
                return done(DriverReserved { ride_id, attempt, driver_id, distance_meters });
            }
        }
        refused(NoDriverNearby { ride_id, attempt })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a distance on the Earth"
)]
fn whole(meters: f64) -> u32 {
    meters.round() as u32
}

impl Compensate for ReserveDriver {
    type Compensated = ReservationCancelled;

    async fn compensate(
        &self,
        tx: &mut Tx<'_>,
        reserved: DriverReserved,
    ) -> CompensateResult<Self> {
        let DriverReserved { ride_id, attempt, driver_id, .. } = reserved;
        let now = tx.now();
        work::cancel(tx.db(), ride_id, attempt, now).await?;
        compensated(ReservationCancelled { ride_id, attempt, driver_id })
    }
}

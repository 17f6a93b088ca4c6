//! The search for the driver of a ride among those who are near.

use std::collections::HashSet;

use ballet::{Failure, Tx};
use rides_events::DriverId;
use rides_events::dispatch::DriverWanted;
use rides_events::location::DriverReserved;
use rides_events::riders::Needs;

use crate::index::{DriverIndex, NearDriver};
use crate::store::work::{self, ReservationRequest};

/// So many of the nearest drivers are looked at. If none is free, the next pass comes.
const ENOUGH: [usize; 3] = [16, 256, usize::MAX];
const LARGE: i16 = 5;

/// A driver who is free, has the needed car, and was not asked before.
pub(crate) async fn reserve_nearest(
    tx: &mut Tx<'_>,
    index: &DriverIndex,
    wanted: DriverWanted,
    needs: Needs,
) -> Result<Option<DriverReserved>, Failure> {
    let DriverWanted { ride_id, attempt, rider_id, pickup, not } = wanted;
    let seats = if needs == Needs::Large { LARGE } else { 1 };
    let wanted = ReservationRequest { ride_id, attempt, rider_id, seats };
    let (now, mut looked_at) = (tx.now(), HashSet::<DriverId>::from_iter(not));
    for enough in ENOUGH {
        let mut near: Vec<NearDriver> = index.nearest(pickup, enough, now);
        near.retain(|near| looked_at.insert(near.driver_id));
        let ids: Vec<DriverId> = near.iter().map(|near| near.driver_id).collect();
        let reserved = work::reserve(tx.db(), wanted, &ids, now).await?;
        if let Some(driver_id) = reserved {
            let meters = near.iter().find(|near| near.driver_id == driver_id);
            let distance_meters = meters.map_or(0, |near| whole(near.meters));
            return Ok(Some(DriverReserved { ride_id, attempt, driver_id, distance_meters }));
        }
    }
    Ok(None)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a distance on the Earth"
)]
fn whole(meters: f64) -> u32 {
    meters.round() as u32
}

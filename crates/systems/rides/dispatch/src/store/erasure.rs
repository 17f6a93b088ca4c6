//! The rides of riders who are erased.

use ballet::Failure;
use sqlx::PgExecutor;
use sqlx::types::Uuid;

/// Ended rides of erased riders become nobody's; they keep the area, not the place. Returns whether there were any.
pub(crate) async fn rides(db: impl PgExecutor<'_>) -> Result<bool, Failure> {
    let erased = sqlx::query(
        "with over as (
             select ride_id, quote_id from ride
             where status in ('completed', 'cancelled')
                 and rider_id in (select rider_id from erased_rider)
             limit 500 for no key update skip locked
         ), places as (
             update quote set rider_id = $1,
                 pickup_lat = round(pickup_lat::numeric, 1),
                 pickup_lon = round(pickup_lon::numeric, 1),
                 destination_lat = round(destination_lat::numeric, 1),
                 destination_lon = round(destination_lon::numeric, 1)
             from over where quote.quote_id = over.quote_id
         )
         update ride set rider_id = $1 from over where ride.ride_id = over.ride_id",
    );
    Ok(erased.bind(Uuid::nil()).execute(db).await?.rows_affected() > 0)
}

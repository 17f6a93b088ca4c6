//! The reservations of drivers for rides. The database derives the drivers' states from these rows, and forbids two
//! live ones of a driver.

use ballet::{Failure, TextEnum};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use rides_events::{DriverId, RideId, RiderId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Uuid;

/// The state of a driver's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkState {
    /// The driver is kept for the ride, or is on the way to the rider.
    Reserved,
    /// The rider is in the car.
    Riding,
    /// The ride went to another driver, or did not take place.
    Cancelled,
    /// The ride is over.
    Released,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct ReservationRequest {
    pub(crate) ride_id: RideId,
    pub(crate) attempt: u16,
    pub(crate) rider_id: RiderId,
    pub(crate) seats: i16,
}

/// Reserves the first who is free and has enough seats. A driver whom another transaction is reserving is skipped.
pub(crate) async fn reserve(
    db: &mut PgConnection,
    wanted: ReservationRequest,
    drivers: &[DriverId],
    now: Timestamp,
) -> Result<Option<DriverId>, Failure> {
    if drivers.is_empty() {
        return Ok(None);
    }
    let reserved: Option<Uuid> = sqlx::query_scalar(
        "with nearest as (
             select driver.driver_id
             from unnest($3::uuid[]) with ordinality as near (driver_id, nth)
                 join driver using (driver_id)
             where driver.state = 'free' and driver.seats >= $4
             order by nth limit 1
             for update of driver skip locked
         )
         insert into work (ride_id, attempt, driver_id, state, reserved_at, rider_id)
         select $1, $2, driver_id, $7, $5, $6 from nearest
         returning driver_id",
    )
    .bind(wanted.ride_id.0)
    .bind(i16::try_from(wanted.attempt)?)
    .bind(drivers.iter().map(|driver| driver.0).collect::<Vec<_>>())
    .bind(wanted.seats)
    .bind(now.to_sqlx())
    .bind(wanted.rider_id.0)
    .bind(TextEnum(WorkState::Reserved))
    .fetch_optional(db)
    .await?;
    Ok(reserved.map(DriverId))
}

/// Cancels the reservation of this attempt, and of no later one. What is over is nobody's.
pub(crate) async fn cancel(
    db: &mut PgConnection,
    ride_id: RideId,
    attempt: u16,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "update work set state = $4, ended_at = $3, rider_id = null
         where ride_id = $1 and attempt = $2 and state in ('reserved', 'riding')",
    )
    .bind(ride_id.0)
    .bind(i16::try_from(attempt)?)
    .bind(now.to_sqlx())
    .bind(TextEnum(WorkState::Cancelled))
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn ride(db: &mut PgConnection, ride_id: RideId) -> Result<(), Failure> {
    sqlx::query("update work set state = $2 where ride_id = $1 and state = 'reserved'")
        .bind(ride_id.0)
        .bind(TextEnum(WorkState::Riding))
        .execute(db)
        .await?;
    Ok(())
}

/// The ride is nobody's from then on.
pub(crate) async fn release(
    db: &mut PgConnection,
    ride_id: RideId,
    driver_id: DriverId,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "update work set state = $4, ended_at = $3, rider_id = null
         where ride_id = $1 and driver_id = $2 and state in ('reserved', 'riding')",
    )
    .bind(ride_id.0)
    .bind(driver_id.0)
    .bind(now.to_sqlx())
    .bind(TextEnum(WorkState::Released))
    .execute(db)
    .await?;
    Ok(())
}

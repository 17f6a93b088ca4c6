//! The rows of drivers.

use std::collections::HashSet;

use ballet::Failure;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use rides_events::{DriverId, RiderId};
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, PgConnection, PgExecutor};

use crate::driver::Driver;

const DRIVER: &str = "driver_id, version, state, is_leaving, seats, changed_at, (
    select ride_id from work where work.driver_id = driver.driver_id and work.state in ('reserved', 'riding')
) as ride_id";

/// A driver with a ride keeps it, and no longer goes offline after it.
pub(crate) async fn online(
    db: &mut PgConnection,
    driver_id: DriverId,
    seats: u8,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "insert into driver (driver_id, version, state, seats, changed_at)
         values ($1, 1, 'free', $2, $3)
         on conflict (driver_id) do update set
             version = driver.version + 1,
             state = case driver.state when 'offline' then 'free' else driver.state end,
             is_leaving = false, seats = excluded.seats, changed_at = excluded.changed_at",
    )
    .bind(driver_id.0)
    .bind(i16::from(seats))
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Takes effect at once, or after the ride for which the driver is reserved.
pub(crate) async fn offline(
    db: &mut PgConnection,
    driver: &Driver,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "update driver set version = version + 1, changed_at = $2,
             is_leaving = state = 'reserved',
             state = case state when 'free' then 'offline' else state end
         where driver_id = $1",
    )
    .bind(driver.driver_id.0)
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    driver_id: DriverId,
) -> Result<Option<Driver>, Failure> {
    let statement = format!("select {DRIVER} from driver where driver_id = $1");
    let driver = sqlx::query_as(AssertSqlSafe(statement)).bind(driver_id.0);
    Ok(driver.fetch_optional(db).await?)
}

/// Like [`find`]. Nobody reserves the driver until this transaction ends.
pub(crate) async fn find_to_change(
    db: &mut PgConnection,
    driver_id: DriverId,
) -> Result<Option<Driver>, Failure> {
    let lock = sqlx::query("select from driver where driver_id = $1 for update").bind(driver_id.0);
    lock.execute(&mut *db).await?;
    // After the lock, this statement sees all committed work.
    find(db, driver_id).await
}

/// Returns those whom a rider may see: the free ones, and the one reserved for the rider.
pub(crate) async fn shown_to(
    db: impl PgExecutor<'_>,
    rider_id: RiderId,
    drivers: &[DriverId],
) -> Result<HashSet<DriverId>, Failure> {
    let shown: Vec<Uuid> = sqlx::query_scalar(
        "select driver_id from driver
         where driver_id = any($1) and (state = 'free' or exists (
             select from work where work.driver_id = driver.driver_id
                 and work.state in ('reserved', 'riding') and work.rider_id = $2
         ))",
    )
    .bind(drivers.iter().map(|driver| driver.0).collect::<Vec<_>>())
    .bind(rider_id.0)
    .fetch_all(db)
    .await?;
    Ok(shown.into_iter().map(DriverId).collect())
}

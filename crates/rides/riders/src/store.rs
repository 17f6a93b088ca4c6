//! The rows of riders.

use ballet::{Failure, TextEnum};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use paging::Limit;
use rides_events::RiderId;
use sqlx::{PgConnection, PgExecutor};

use crate::requests::AboutRider;
use crate::rider::RegisteredRider;

/// Registers a rider. `None` if there is one with this id.
pub(crate) async fn register(
    db: &mut PgConnection,
    rider_id: RiderId,
    about: &AboutRider,
    now: Timestamp,
) -> Result<Option<RegisteredRider>, Failure> {
    let insert = "insert into rider
             (rider_id, version, name, payment_token, rating, needs, registered_at, changed_at)
         values ($1, 1, $2, $3, 50, $4, $5, $5)
         on conflict (rider_id) do nothing
         returning *";
    write(db, insert, rider_id, about, now).await
}

/// Changes a rider. `None` if there is none with this id.
pub(crate) async fn change(
    db: &mut PgConnection,
    rider_id: RiderId,
    about: &AboutRider,
    now: Timestamp,
) -> Result<Option<RegisteredRider>, Failure> {
    let update =
        "update rider set version = version + 1, name = $2, payment_token = $3, needs = $4,
             changed_at = $5
         where rider_id = $1
         returning *";
    write(db, update, rider_id, about, now).await
}

async fn write(
    db: &mut PgConnection,
    statement: &'static str,
    rider_id: RiderId,
    about: &AboutRider,
    now: Timestamp,
) -> Result<Option<RegisteredRider>, Failure> {
    let rider = sqlx::query_as(statement)
        .bind(rider_id.0)
        .bind(about.name.as_str())
        .bind(about.payment_token.as_str())
        .bind(TextEnum(about.needs))
        .bind(now.to_sqlx())
        .fetch_optional(db)
        .await?;
    Ok(rider)
}

/// Returns a rider, if there is one.
pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    rider_id: RiderId,
) -> Result<Option<RegisteredRider>, Failure> {
    let rider = sqlx::query_as("select * from rider where rider_id = $1").bind(rider_id.0);
    Ok(rider.fetch_optional(db).await?)
}

/// Returns a page of riders, the newest first.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    after: Option<RiderId>,
    limit: Limit,
) -> Result<Vec<RegisteredRider>, Failure> {
    let riders = sqlx::query_as(
        "select * from rider
         where rider_id < coalesce($1, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
         order by rider_id desc limit $2",
    )
    .bind(after.map(|rider| rider.0))
    .bind(limit.rows())
    .fetch_all(db)
    .await?;
    Ok(riders)
}

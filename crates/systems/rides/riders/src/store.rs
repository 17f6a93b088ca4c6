//! The rows of riders.

use ballet::{Failure, TextEnum};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use rides_events::RiderId;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;
use sqlx::{PgConnection, PgExecutor, Postgres};

use crate::requests::AboutRider;
use crate::rider::RegisteredRider;

/// Registers also a rider who was erased. `None` if there is one with this id.
pub(crate) async fn register(
    db: &mut PgConnection,
    rider_id: RiderId,
    about: &AboutRider,
    now: Timestamp,
) -> Result<Option<RegisteredRider>, Failure> {
    let insert = "insert into rider
             (rider_id, version, name, payment_token, rating, needs, registered_at, changed_at)
         values ($1, 1, $2, $3, 50, $4, $5, $5)
         on conflict (rider_id) do update set version = rider.version + 1, name = $2,
             payment_token = $3, rating = 50, needs = $4, registered_at = $5, changed_at = $5,
             erased_at = null
         where rider.erased_at is not null
         returning *";
    let rider = bound(insert, rider_id, about, now);
    Ok(rider.fetch_optional(db).await?)
}

/// Changes a rider. `None` if there is none.
pub(crate) async fn change(
    db: &mut PgConnection,
    rider_id: RiderId,
    about: &AboutRider,
    now: Timestamp,
) -> Result<Option<RegisteredRider>, Failure> {
    let update =
        "update rider set version = version + 1, name = $2, payment_token = $3, needs = $4,
             changed_at = $5
         where rider_id = $1 and erased_at is null
         returning *";
    let rider = bound(update, rider_id, about, now);
    Ok(rider.fetch_optional(db).await?)
}

fn bound<'a>(
    statement: &'static str,
    rider_id: RiderId,
    about: &'a AboutRider,
    now: Timestamp,
) -> QueryAs<'a, Postgres, RegisteredRider, PgArguments> {
    sqlx::query_as(statement)
        .bind(rider_id.0)
        .bind(about.name.as_str())
        .bind(about.payment_token.as_str())
        .bind(TextEnum(about.needs))
        .bind(now.to_sqlx())
}

/// Returns the version of the erasure, or `None` if there is no such rider.
pub(crate) async fn erase(
    db: &mut PgConnection,
    rider_id: RiderId,
    now: Timestamp,
) -> Result<Option<i64>, Failure> {
    let version = sqlx::query_scalar(
        "update rider set version = version + 1, name = null, payment_token = null, rating = 50,
             needs = 'any', registered_at = $2, changed_at = $2, erased_at = $2
         where rider_id = $1 and erased_at is null
         returning version",
    );
    Ok(version.bind(rider_id.0).bind(now.to_sqlx()).fetch_optional(db).await?)
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    rider_id: RiderId,
) -> Result<Option<RegisteredRider>, Failure> {
    let rider = sqlx::query_as("select * from rider where rider_id = $1 and erased_at is null");
    Ok(rider.bind(rider_id.0).fetch_optional(db).await?)
}

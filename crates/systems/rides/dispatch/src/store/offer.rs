//! The offers of rides to drivers.

use ballet::{Failure, TextEnum};
use common::paging::Limit;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use rides_events::dispatch::RideOffered;
use rides_events::{DriverId, RideId};
use sqlx::types::Uuid;
use sqlx::{PgConnection, PgExecutor};

use crate::offer::{Offer, OfferState};

const AT_ONCE: i64 = 100;

pub(crate) async fn open(
    db: &mut PgConnection,
    offered: &RideOffered,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "insert into offer (ride_id, attempt, driver_id, state, offered_at, expires_at)
         values ($1, $2, $3, 'open', $4, $5)",
    )
    .bind(offered.ride_id.0)
    .bind(i16::try_from(offered.attempt)?)
    .bind(offered.driver_id.0)
    .bind(now.to_sqlx())
    .bind(offered.expires_at.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn accept(db: &mut PgConnection, offer: &Offer) -> Result<(), Failure> {
    sqlx::query(
        "update offer set state = 'accepted'
         where ride_id = $1 and attempt = $2 and state = 'open'",
    )
    .bind(offer.ride_id.0)
    .bind(offer.attempt)
    .execute(db)
    .await?;
    Ok(())
}

/// Returns whether there was a live one.
pub(crate) async fn end(
    db: &mut PgConnection,
    ride_id: RideId,
    attempt: i16,
    state: OfferState,
    now: Timestamp,
) -> Result<bool, Failure> {
    let ended = sqlx::query(
        "update offer set state = $3, ended_at = $4
         where ride_id = $1 and attempt = $2 and state in ('open', 'accepted')",
    )
    .bind(ride_id.0)
    .bind(attempt)
    .bind(TextEnum(state))
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(ended.rows_affected() == 1)
}

pub(crate) async fn make_due(
    db: &mut PgConnection,
    ride_id: RideId,
    driver_id: DriverId,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "update offer set is_gone = true, expires_at = least(expires_at, $3)
         where ride_id = $1 and driver_id = $2 and state = 'open'",
    )
    .bind(ride_id.0)
    .bind(driver_id.0)
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Returns the rides whose open offers were not answered in time.
pub(crate) async fn due(db: impl PgExecutor<'_>, now: Timestamp) -> Result<Vec<RideId>, Failure> {
    let rides: Vec<Uuid> = sqlx::query_scalar(
        "select ride_id from offer
         where state = 'open' and expires_at <= $1
         order by expires_at limit $2",
    )
    .bind(now.to_sqlx())
    .bind(AT_ONCE)
    .fetch_all(db)
    .await?;
    Ok(rides.into_iter().map(RideId).collect())
}

pub(crate) async fn live(
    db: impl PgExecutor<'_>,
    ride_id: RideId,
) -> Result<Option<Offer>, Failure> {
    let offer = sqlx::query_as(
        "select ride_id, attempt, driver_id, state, expires_at, is_gone from offer
         where ride_id = $1 and state in ('open', 'accepted')",
    );
    Ok(offer.bind(ride_id.0).fetch_optional(db).await?)
}

/// No driver is asked twice.
pub(crate) async fn to(
    db: impl PgExecutor<'_>,
    ride_id: RideId,
    driver_id: DriverId,
) -> Result<Option<Offer>, Failure> {
    let offer = sqlx::query_as(
        "select ride_id, attempt, driver_id, state, expires_at, is_gone from offer
         where ride_id = $1 and driver_id = $2 order by attempt desc limit 1",
    );
    Ok(offer.bind(ride_id.0).bind(driver_id.0).fetch_optional(db).await?)
}

/// Returns those of the newest rides first: of all drivers or of one, and all or only live ones.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    driver_id: Option<DriverId>,
    only_live: bool,
    after: Option<(RideId, i16)>,
    limit: Limit,
) -> Result<Vec<Offer>, Failure> {
    let (ride_id, attempt) = after.unzip();
    let offers = sqlx::query_as(
        "select ride_id, attempt, driver_id, state, expires_at, is_gone from offer
         where (ride_id, attempt)
                 < (coalesce($1, 'ffffffff-ffff-ffff-ffff-ffffffffffff'), coalesce($2, 32767))
             and ($3::uuid is null or driver_id = $3)
             and (not $4 or state in ('open', 'accepted'))
         order by ride_id desc, attempt desc limit $5",
    )
    .bind(ride_id.map(|ride| ride.0))
    .bind(attempt)
    .bind(driver_id.map(|driver| driver.0))
    .bind(only_live)
    .bind(limit.rows())
    .fetch_all(db)
    .await?;
    Ok(offers)
}

//! The rows of rides.

use ballet::{Failure, TextEnum};
use common::paging::Limit;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use rides_events::dispatch::{RideCancelled, RideOffered, RideRequested};
use rides_events::{DriverId, QuoteId, RideId, RiderId};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, PgExecutor, Postgres};

use crate::ride::{Ride, RideEnd, RideStatus};

const RIDE: &str =
    "ride.ride_id, ride.status, ride.driver_id, ride.attempt, ride.asked, ride.requested_at,
    ride.assigned_at, ride.started_at, ride.arrived_at, ride.fare_minor, ride.changed_at, ride.reason, ride.detail,
    ride.fee_minor, quote.*";

pub(crate) async fn request(
    db: &mut PgConnection,
    ride: &RideRequested,
    quote_id: QuoteId,
) -> Result<(), Failure> {
    sqlx::query(
        "insert into ride
             (ride_id, quote_id, rider_id, status, attempt, asked, requested_at, changed_at)
         values ($1, $2, $3, 'requested', 0, '{}', $4, $4)",
    )
    .bind(ride.ride_id.0)
    .bind(quote_id.0)
    .bind(ride.rider_id.0)
    .bind(ride.requested_at.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Counts open rides. Another count for the same rider waits until this transaction ends.
pub(crate) async fn open_of(db: &mut PgConnection, rider_id: RiderId) -> Result<i64, Failure> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('rides of ' || $1::text, 0))")
        .bind(rider_id.0)
        .execute(&mut *db)
        .await?;
    let open = sqlx::query_scalar(
        "select count(*) from ride where rider_id = $1 and status not in ('completed', 'cancelled')",
    );
    Ok(open.bind(rider_id.0).fetch_one(db).await?)
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    ride_id: RideId,
) -> Result<Option<Ride>, Failure> {
    let statement =
        format!("select {RIDE} from ride join quote using (quote_id) where ride_id = $1");
    Ok(sqlx::query_as(AssertSqlSafe(statement)).bind(ride_id.0).fetch_optional(db).await?)
}

/// Returns the newest first: of all riders or of one, all or only those that are not over.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    rider_id: Option<RiderId>,
    only_live: bool,
    after: Option<RideId>,
    limit: Limit,
) -> Result<Vec<Ride>, Failure> {
    let live = if only_live { " and status not in ('completed', 'cancelled')" } else { "" };
    let statement = format!(
        "select {RIDE} from ride join quote using (quote_id)
         where ride_id < coalesce($1, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
             and ($2::uuid is null or ride.rider_id = $2){live}
         order by ride_id desc limit $3"
    );
    let rides = sqlx::query_as(AssertSqlSafe(statement))
        .bind(after.map(|ride| ride.0))
        .bind(rider_id.map(|rider| rider.0))
        .bind(limit.rows())
        .fetch_all(db)
        .await?;
    Ok(rides)
}

/// Begins once the price is held. `None` if the ride is cancelled by now.
pub(crate) async fn search(
    db: &mut PgConnection,
    ride_id: RideId,
    now: Timestamp,
) -> Result<Option<Ride>, Failure> {
    let statement = "update ride set status = 'searching', changed_at = $2
         where ride_id = $1 and status = 'requested'";
    let searching = sqlx::query(statement).bind(ride_id.0).bind(now.to_sqlx()).execute(&mut *db);
    if searching.await?.rows_affected() == 1 { find(db, ride_id).await } else { Ok(None) }
}

pub(crate) async fn offered(
    db: &mut PgConnection,
    offered: &RideOffered,
    now: Timestamp,
) -> Result<(), Failure> {
    let statement = "update ride set status = 'offered', attempt = $3, changed_at = $2
         where ride_id = $1 and status = 'searching'";
    let query = sqlx::query(statement)
        .bind(offered.ride_id.0)
        .bind(now.to_sqlx())
        .bind(i16::try_from(offered.attempt)?);
    advance(db, query, offered.ride_id, RideStatus::Offered).await
}

pub(crate) async fn search_on(
    db: &mut PgConnection,
    ride_id: RideId,
    asked: DriverId,
    now: Timestamp,
) -> Result<(), Failure> {
    let statement = "update ride set status = 'searching', asked = asked || $3, changed_at = $2
         where ride_id = $1 and status = 'offered'";
    let query = sqlx::query(statement).bind(ride_id.0).bind(now.to_sqlx()).bind(asked.0);
    advance(db, query, ride_id, RideStatus::Searching).await
}

pub(crate) async fn accept(
    db: &mut PgConnection,
    ride_id: RideId,
    driver_id: DriverId,
    now: Timestamp,
) -> Result<(), Failure> {
    let statement = "update ride set status = 'accepted', driver_id = $3, changed_at = $2
         where ride_id = $1 and status = 'offered'";
    let query = sqlx::query(statement).bind(ride_id.0).bind(now.to_sqlx()).bind(driver_id.0);
    advance(db, query, ride_id, RideStatus::Accepted).await
}

pub(crate) async fn assign(
    db: &mut PgConnection,
    ride_id: RideId,
    now: Timestamp,
) -> Result<(), Failure> {
    let statement = "update ride set status = 'assigned', assigned_at = $2, changed_at = $2
         where ride_id = $1 and status = 'accepted'";
    let query = sqlx::query(statement).bind(ride_id.0).bind(now.to_sqlx());
    advance(db, query, ride_id, RideStatus::Assigned).await
}

pub(crate) async fn pick_up(
    db: &mut PgConnection,
    ride_id: RideId,
    now: Timestamp,
) -> Result<(), Failure> {
    let statement = "update ride set status = 'picked_up', changed_at = $2
         where ride_id = $1 and status = 'assigned'";
    let query = sqlx::query(statement).bind(ride_id.0).bind(now.to_sqlx());
    advance(db, query, ride_id, RideStatus::PickedUp).await
}

pub(crate) async fn start(
    db: &mut PgConnection,
    ride_id: RideId,
    now: Timestamp,
) -> Result<(), Failure> {
    let statement = "update ride set status = 'riding', started_at = $2, changed_at = $2
         where ride_id = $1 and status = 'picked_up'";
    let query = sqlx::query(statement).bind(ride_id.0).bind(now.to_sqlx());
    advance(db, query, ride_id, RideStatus::Riding).await
}

/// Stores that somebody says that the rider arrived. Only an operator names the fare.
pub(crate) async fn arrive(
    db: &mut PgConnection,
    ride_id: RideId,
    fare_minor: Option<i64>,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "update ride set arrived_at = coalesce(arrived_at, $2), changed_at = $2,
             fare_minor = coalesce($3, fare_minor)
         where ride_id = $1 and status in ('picked_up', 'riding')",
    )
    .bind(ride_id.0)
    .bind(now.to_sqlx())
    .bind(fare_minor)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn complete(
    db: &mut PgConnection,
    ride_id: RideId,
    end: &RideEnd,
    now: Timestamp,
) -> Result<(), Failure> {
    let statement = "update ride set status = 'completed', fare_minor = $3, detail = $4,
             arrived_at = coalesce(arrived_at, $2), changed_at = $2
         where ride_id = $1 and status = 'riding'";
    let query = sqlx::query(statement)
        .bind(ride_id.0)
        .bind(now.to_sqlx())
        .bind(end.fare.amount_minor)
        .bind(&end.detail);
    advance(db, query, ride_id, RideStatus::Completed).await
}

/// Returns false if the rider is in the car.
pub(crate) async fn cancel(
    db: &mut PgConnection,
    event: &RideCancelled,
    now: Timestamp,
) -> Result<bool, Failure> {
    let cancelled = sqlx::query(
        "update ride set status = 'cancelled', reason = $3, failed_step = $4, detail = $5,
             fee_minor = $6, changed_at = $2
         where ride_id = $1 and status in ('requested', 'searching', 'offered', 'accepted', 'assigned')",
    )
    .bind(event.ride_id.0)
    .bind(now.to_sqlx())
    .bind(TextEnum(event.reason))
    .bind(&event.failed_step)
    .bind(&event.detail)
    .bind(event.fee.map(|fee| fee.amount_minor))
    .execute(db)
    .await?;
    Ok(cancelled.rows_affected() == 1)
}

/// Fails permanently if the ride is not what the statement changes, and for another attempt if it is still to become so.
async fn advance(
    db: &mut PgConnection,
    query: Query<'_, Postgres, PgArguments>,
    ride_id: RideId,
    status: RideStatus,
) -> Result<(), Failure> {
    if query.execute(&mut *db).await?.rows_affected() == 1 {
        return Ok(());
    }
    let now = find(db, ride_id).await?.map(|ride| ride.status);
    let why = format!("ride {ride_id} cannot become {status:?}: it is {now:?}");
    // After a restore events come in any order.
    let is_early = now.is_some_and(|now| now < status);
    Err(if is_early { Failure::not_yet(why) } else { Failure::permanent(why) })
}

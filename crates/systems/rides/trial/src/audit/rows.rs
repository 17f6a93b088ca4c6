//! The services' rows, with the columns that the audit reads.

use std::collections::BTreeMap;

use ballet_ops::audit::connect;
use common::rows::time;
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

/// All rows that the audit read.
#[derive(Debug, Default)]
pub(super) struct RidesSnapshot {
    pub(super) read_at: Timestamp,
    pub(super) rides: Vec<AuditedRide>,
    pub(super) offers: Vec<AuditedOffer>,
    /// The offers again, read after the work.
    pub(super) offers_after: Vec<AuditedOffer>,
    pub(super) work: Vec<AuditedWork>,
    pub(super) drivers: Vec<AuditedDriver>,
    pub(super) payments: Vec<AuditedPayment>,
    pub(super) operations: Vec<CardOperation>,
}

#[derive(Debug, Clone)]
pub(super) struct AuditedRide {
    pub(super) ride_id: Uuid,
    pub(super) status: String,
    pub(super) driver_id: Option<Uuid>,
    pub(super) changed_at: Timestamp,
    /// The quoted price, or the part of it that the ride costs, in minor units.
    pub(super) price: i64,
    /// The fee for the cancellation, in minor units.
    pub(super) fee: i64,
}

/// A payment, as dispatch has it.
#[derive(Debug, Clone)]
pub(super) struct AuditedPayment {
    pub(super) ride_id: Uuid,
    pub(super) state: String,
    pub(super) paid: i64,
    pub(super) owed: i64,
}

/// An operation of the card processor's sandbox for a ride.
#[derive(Debug, Clone)]
pub(super) struct CardOperation {
    pub(super) ride_id: Uuid,
    pub(super) result: String,
    pub(super) amount: i64,
}

#[derive(Debug, Clone)]
pub(super) struct AuditedOffer {
    pub(super) ride_id: Uuid,
    pub(super) driver_id: Uuid,
    pub(super) state: String,
}

#[derive(Debug, Clone)]
pub(super) struct AuditedWork {
    pub(super) ride_id: Uuid,
    pub(super) driver_id: Uuid,
    pub(super) state: String,
    /// The driver's versions at the beginning and the end. Work from before these were recorded has none.
    pub(super) since: Option<i64>,
    pub(super) until: Option<i64>,
}

#[derive(Debug, Clone)]
pub(super) struct AuditedDriver {
    pub(super) driver_id: Uuid,
    pub(super) state: String,
}

/// Reads all rows. The rides come first: the other rows of a ride at rest exist by then.
#[expect(
    clippy::disallowed_methods,
    reason = "the audit is no handler: its transaction only reads"
)]
pub(super) async fn read(databases: &BTreeMap<String, String>) -> sqlx::Result<RidesSnapshot> {
    let mut rows = RidesSnapshot::default();
    let mut dispatch = connect(databases, "dispatch").await?;
    let now: jiff_sqlx::Timestamp =
        sqlx::query_scalar("select now()").fetch_one(&mut dispatch).await?;
    rows.read_at = now.to_jiff();
    let rides = sqlx::query(
        "select ride_id, status, driver_id, changed_at, coalesce(fare_minor, price_minor) as price_minor,
             coalesce(fee_minor, 0) as fee_minor
         from ride join quote using (quote_id)",
    );
    for row in rides.fetch_all(&mut dispatch).await? {
        rows.rides.push(AuditedRide {
            ride_id: row.try_get("ride_id")?,
            status: row.try_get("status")?,
            driver_id: row.try_get("driver_id")?,
            changed_at: time(&row, "changed_at")?,
            price: row.try_get("price_minor")?,
            fee: row.try_get("fee_minor")?,
        });
    }
    let payments = sqlx::query("select ride_id, state, paid_minor, owed_minor from payment");
    for row in payments.fetch_all(&mut dispatch).await? {
        let (ride_id, state) = (row.try_get("ride_id")?, row.try_get("state")?);
        let (paid, owed) = (row.try_get("paid_minor")?, row.try_get("owed_minor")?);
        rows.payments.push(AuditedPayment { ride_id, state, paid, owed });
    }
    let operations = sqlx::query(
        "select order_id, result, amount_minor from sandbox_operation where result is not null",
    );
    for row in operations.fetch_all(&mut dispatch).await? {
        let (ride_id, result) = (row.try_get("order_id")?, row.try_get("result")?);
        rows.operations.push(CardOperation {
            ride_id,
            result,
            amount: row.try_get("amount_minor")?,
        });
    }
    rows.offers = offers(&mut dispatch).await?;
    let mut location = connect(databases, "location").await?;
    // One snapshot: a driver's state and work are of the same moment.
    let mut snapshot = location.begin().await?;
    sqlx::query("set transaction isolation level repeatable read read only")
        .execute(&mut *snapshot)
        .await?;
    let work = "select ride_id, driver_id, state, since_version, until_version from work";
    for row in sqlx::query(work).fetch_all(&mut *snapshot).await? {
        let (ride_id, driver_id) = (row.try_get("ride_id")?, row.try_get("driver_id")?);
        let (since, until) = (row.try_get("since_version")?, row.try_get("until_version")?);
        rows.work.push(AuditedWork {
            ride_id,
            driver_id,
            state: row.try_get("state")?,
            since,
            until,
        });
    }
    for row in sqlx::query("select driver_id, state from driver").fetch_all(&mut *snapshot).await? {
        rows.drivers.push(AuditedDriver {
            driver_id: row.try_get("driver_id")?,
            state: row.try_get("state")?,
        });
    }
    snapshot.rollback().await?;
    location.close().await?;
    rows.offers_after = offers(&mut dispatch).await?;
    dispatch.close().await?;
    Ok(rows)
}

async fn offers(dispatch: &mut PgConnection) -> sqlx::Result<Vec<AuditedOffer>> {
    let offers = sqlx::query("select ride_id, driver_id, state from offer").fetch_all(dispatch);
    let offer = |row: &PgRow| {
        let (ride_id, driver_id) = (row.try_get("ride_id")?, row.try_get("driver_id")?);
        Ok(AuditedOffer { ride_id, driver_id, state: row.try_get("state")? })
    };
    offers.await?.iter().map(offer).collect()
}

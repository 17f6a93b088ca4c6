//! The services' rows, with the columns that the audit reads.

use std::collections::BTreeMap;

use ballet_ops::audit::connect;
use common::rows::all;
use jiff::Timestamp;
use serde::Deserialize;
use sqlx::Connection;
use uuid::Uuid;

const OFFERS: &str = "select ride_id, driver_id, state from offer";

#[derive(Debug, Default)]
pub(super) struct RidesSnapshot {
    pub(super) read_at: Timestamp,
    pub(super) rides: Vec<AuditedRide>,
    pub(super) offers: Vec<AuditedOffer>,
    /// Read again after the work.
    pub(super) offers_after: Vec<AuditedOffer>,
    pub(super) work: Vec<AuditedWork>,
    pub(super) drivers: Vec<AuditedDriver>,
    pub(super) payments: Vec<AuditedPayment>,
    pub(super) operations: Vec<CardOperation>,
}

#[derive(Debug, Clone, Deserialize)]
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
#[derive(Debug, Clone, Deserialize)]
pub(super) struct AuditedPayment {
    pub(super) ride_id: Uuid,
    pub(super) state: String,
    pub(super) paid: i64,
    pub(super) owed: i64,
}

/// An operation of the card processor's sandbox for a ride.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CardOperation {
    pub(super) ride_id: Uuid,
    pub(super) result: String,
    pub(super) amount: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct AuditedOffer {
    pub(super) ride_id: Uuid,
    pub(super) driver_id: Uuid,
    pub(super) state: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct AuditedWork {
    pub(super) ride_id: Uuid,
    pub(super) driver_id: Uuid,
    pub(super) state: String,
    /// The driver's versions at the beginning and the end. Work from before these were recorded has none.
    pub(super) since: Option<i64>,
    pub(super) until: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct AuditedDriver {
    pub(super) driver_id: Uuid,
    pub(super) state: String,
}

/// The rides come first: the other rows of a ride at rest exist by then.
#[expect(
    clippy::disallowed_methods,
    reason = "the audit is no handler: its transaction only reads"
)]
pub(super) async fn read(databases: &BTreeMap<String, String>) -> sqlx::Result<RidesSnapshot> {
    let mut dispatch = connect(databases, "dispatch").await?;
    let now: jiff_sqlx::Timestamp =
        sqlx::query_scalar("select now()").fetch_one(&mut dispatch).await?;
    let rides = "select ride_id, status, driver_id, changed_at,
            coalesce(fare_minor, price_minor) as price, coalesce(fee_minor, 0) as fee
        from ride join quote using (quote_id)";
    let rides = all(&mut dispatch, rides).await?;
    let payments = "select ride_id, state, paid_minor as paid, owed_minor as owed from payment";
    let payments = all(&mut dispatch, payments).await?;
    let operations = "select order_id as ride_id, result, amount_minor as amount
        from sandbox_operation where result is not null";
    let operations = all(&mut dispatch, operations).await?;
    let offers = all(&mut dispatch, OFFERS).await?;
    let mut location = connect(databases, "location").await?;
    // One snapshot, so a driver's state and work are of the same moment.
    let mut snapshot = location.begin().await?;
    sqlx::query("set transaction isolation level repeatable read read only")
        .execute(&mut *snapshot)
        .await?;
    let work = "select ride_id, driver_id, state, since_version as since, until_version as until
        from work";
    let work = all(&mut snapshot, work).await?;
    let drivers = all(&mut snapshot, "select driver_id, state from driver").await?;
    snapshot.rollback().await?;
    location.close().await?;
    let offers_after = all(&mut dispatch, OFFERS).await?;
    dispatch.close().await?;
    let read_at = now.to_jiff();
    Ok(RidesSnapshot { read_at, rides, offers, offers_after, work, drivers, payments, operations })
}

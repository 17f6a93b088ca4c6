use ballet::TextEnum;
use common::rows::{time, time_if_any};
use jiff::Timestamp;
use rides_events::dispatch::CancelReason;
use rides_events::{DriverId, Money, Point, QuoteId, RideId, RiderId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::types::{Text, Uuid};
use sqlx::{FromRow, Row};

use crate::payment::Payment;

/// The status of a ride.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RideStatus {
    /// The price is being held.
    Requested,
    /// A driver is being searched for.
    Searching,
    /// A driver is asked.
    Offered,
    /// A driver has accepted the offer.
    Accepted,
    /// The driver is on the way.
    Assigned,
    /// The rider is in the car.
    PickedUp,
    /// The ride is under way.
    Riding,
    /// The rider has arrived.
    Completed,
    /// The ride does not take place.
    Cancelled,
}

/// The price of a ride that a rider was quoted.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct Quote {
    /// The quote.
    pub(crate) quote_id: QuoteId,
    /// The rider.
    pub(crate) rider_id: RiderId,
    /// The place where the rider waits.
    pub(crate) pickup: Point,
    /// The rider's destination.
    pub(crate) destination: Point,
    /// The length of the way.
    pub(crate) meters: i64,
    /// The estimated duration of the ride.
    pub(crate) seconds: i64,
    /// The price.
    pub(crate) price: Money,
    /// The version of the tariff.
    pub(crate) tariff: i32,
    /// The time until which a ride can be requested for this price.
    pub(crate) valid_until: Timestamp,
}

/// A ride.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Ride {
    /// The ride.
    pub(crate) ride_id: RideId,
    /// The status.
    pub(crate) status: RideStatus,
    #[serde(flatten)]
    pub(crate) quote: Quote,
    /// The driver, once one has accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) driver_id: Option<DriverId>,
    /// The number of drivers who were asked.
    pub(crate) attempt: i16,
    /// The drivers who were asked and did not accept.
    #[serde(skip)]
    pub(crate) asked: Vec<DriverId>,
    /// When the ride was requested.
    pub(crate) requested_at: Timestamp,
    /// When the ride got a driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assigned_at: Option<Timestamp>,
    /// When the ride started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) started_at: Option<Timestamp>,
    /// When the rider arrived at the destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arrived_at: Option<Timestamp>,
    /// The amount that the rider pays for a ride that has ended: the quoted price, or the part of it that is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fare: Option<Money>,
    /// When something was changed last.
    pub(crate) changed_at: Timestamp,
    /// Why the ride is cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<CancelReason>")]
    pub(crate) reason: Option<String>,
    /// The exact cause of a cancellation, or of a fare that is not the quoted price, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// The fee for a late cancellation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fee: Option<Money>,
}

impl Ride {
    /// The rider pays nothing before the end.
    pub(crate) fn charged(&self) -> Money {
        let nothing = Money { amount_minor: 0, ..self.quote.price };
        match self.status {
            RideStatus::Completed => self.fare.unwrap_or(self.quote.price),
            RideStatus::Cancelled => self.fee.unwrap_or(nothing),
            RideStatus::Requested
            | RideStatus::Searching
            | RideStatus::Offered
            | RideStatus::Accepted
            | RideStatus::Assigned
            | RideStatus::PickedUp
            | RideStatus::Riding => nothing,
        }
    }
}

/// The fare, and why it is not the quoted price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RideEnd {
    pub(crate) fare: Money,
    pub(crate) detail: Option<String>,
}

/// The receipt of a ride.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Receipt {
    /// The ride.
    pub(crate) ride_id: RideId,
    /// The rider.
    pub(crate) rider_id: RiderId,
    /// The status in which the ride ended.
    pub(crate) status: RideStatus,
    /// The price that the rider was quoted.
    pub(crate) quoted: Money,
    /// The amount that the rider pays.
    pub(crate) charged: Money,
    /// The payment, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payment: Option<Payment>,
    /// The version of the tariff.
    pub(crate) tariff: i32,
    /// When the ride ended.
    pub(crate) ended_at: Timestamp,
}

fn point(row: &PgRow, lat: &str, lon: &str) -> sqlx::Result<Point> {
    let point = Point::new(row.try_get(lat)?, row.try_get(lon)?);
    point.ok_or_else(|| sqlx::Error::Decode(rides_events::NotOnEarth.into()))
}

impl FromRow<'_, PgRow> for Quote {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let Text(currency) = row.try_get("currency")?;
        Ok(Self {
            quote_id: QuoteId(row.try_get("quote_id")?),
            rider_id: RiderId(row.try_get("rider_id")?),
            pickup: point(row, "pickup_lat", "pickup_lon")?,
            destination: point(row, "destination_lat", "destination_lon")?,
            meters: row.try_get("meters")?,
            seconds: row.try_get("seconds")?,
            price: Money { amount_minor: row.try_get("price_minor")?, currency },
            tariff: row.try_get("tariff")?,
            valid_until: time(row, "valid_until")?,
        })
    }
}

impl FromRow<'_, PgRow> for Ride {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let TextEnum(status) = row.try_get("status")?;
        let quote = Quote::from_row(row)?;
        let (driver_id, asked): (Option<Uuid>, Vec<Uuid>) =
            (row.try_get("driver_id")?, row.try_get("asked")?);
        let (fare, fee): (Option<i64>, Option<i64>) =
            (row.try_get("fare_minor")?, row.try_get("fee_minor")?);
        let money = |amount_minor| Money { amount_minor, ..quote.price };
        Ok(Self {
            ride_id: RideId(row.try_get("ride_id")?),
            status,
            driver_id: driver_id.map(DriverId),
            attempt: row.try_get("attempt")?,
            asked: asked.into_iter().map(DriverId).collect(),
            requested_at: time(row, "requested_at")?,
            assigned_at: time_if_any(row, "assigned_at")?,
            started_at: time_if_any(row, "started_at")?,
            arrived_at: time_if_any(row, "arrived_at")?,
            changed_at: time(row, "changed_at")?,
            reason: row.try_get("reason")?,
            detail: row.try_get("detail")?,
            fare: fare.map(money),
            fee: fee.map(money),
            quote,
        })
    }
}

//! A ride and its quote, as they are stored and shown.

use ballet::TextEnum;
use common::rows::{Time, money, money_if_any};
use jiff::Timestamp;
use rides_events::dispatch::CancelReason;
use rides_events::{DriverId, Money, Point, QuoteId, RideId, RiderId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::payment::Payment;

/// The status of a ride.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
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

common::row! { Quote:
    quote_id, rider_id, pickup as (point "pickup_lat", "pickup_lon"),
    destination as (point "destination_lat", "destination_lon"), meters, seconds,
    price as (money "price_minor"), tariff, valid_until as Time,
}

common::row! { Ride:
    ride_id, status as TextEnum, quote as (Quote::from_row), driver_id, attempt, asked,
    requested_at as Time, assigned_at as [Time], started_at as [Time], arrived_at as [Time],
    fare as (money_if_any "fare_minor"), changed_at as Time, reason, detail,
    fee as (money_if_any "fee_minor"),
}

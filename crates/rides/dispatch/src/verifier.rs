//! The check of what a driver says against where the driver was seen, and against the time. A driver's word alone
//! neither begins a ride nor earns its price.

use ballet::Failure;
use ballet::http::Problem;
use jiff::{SignedDuration, Timestamp};
use rides_events::{DriverId, Money, Point};
use sqlx::PgConnection;

use crate::fare::{RouteEstimate, Tariff};
use crate::refusals::{elsewhere, not_seen};
use crate::ride::{Quote, Ride, RideEnd};
use crate::seen_drivers::SeenDrivers;
use crate::store::quote;

/// The distance up to which a driver is at a place. A receiver in a town is that wrong at times.
const THERE_METERS: f64 = 500.0;
/// The time that a ride may take beyond twice its estimate.
const MARGIN: SignedDuration = SignedDuration::from_mins(30);
/// The time that is added to that of a ride: the clocks of two replicas differ.
const SLACK_SECONDS: f64 = 10.0;

/// Knows where drivers are, and how fast a car is.
#[derive(Debug, Clone)]
pub(crate) struct Verifier {
    pub(crate) seen: SeenDrivers,
    pub(crate) kilometers_per_hour: u32,
}

impl Verifier {
    /// Refuses unless the driver was seen lately at the pickup.
    pub(crate) fn require_at_pickup(
        &self,
        ride: &Ride,
        driver_id: DriverId,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let meters = self.require_seen(driver_id, now)?.meters_to(ride.quote.pickup);
        if meters <= THERE_METERS { Ok(()) } else { Err(elsewhere(ride.ride_id, meters)) }
    }

    /// Returns the place of a driver. Refuses if nobody knows it.
    pub(crate) fn require_seen(
        &self,
        driver_id: DriverId,
        now: Timestamp,
    ) -> Result<Point, Problem> {
        let seen = self.seen.lately(driver_id, now).ok_or_else(|| not_seen(driver_id))?;
        Ok(seen.at)
    }

    /// Returns the end of a ride whose driver says that the rider is there.
    pub(crate) async fn end(
        &self,
        db: &mut PgConnection,
        ride: &Ride,
        at: Option<Point>,
        now: Timestamp,
    ) -> Result<RideEnd, Failure> {
        let tariff = quote::tariff_of(db, ride.quote.tariff).await?;
        let took = ride.started_at.map_or(0.0, |started| now.duration_since(started).as_secs_f64());
        Ok(verified(&ride.quote, &tariff, at, took, f64::from(self.kilometers_per_hour)))
    }

    /// Returns the end of a ride that is under way for much longer than estimated. `None` if it is not.
    pub(crate) async fn end_overdue(
        &self,
        db: &mut PgConnection,
        ride: &Ride,
        now: Timestamp,
    ) -> Result<Option<RideEnd>, Failure> {
        let limit = SignedDuration::from_secs(2 * ride.quote.seconds) + MARGIN;
        let Some(driver_id) = ride.driver_id else { return Ok(None) };
        if ride.started_at.is_none_or(|started| now < started + limit) {
            return Ok(None);
        }
        let at = self.seen.last(driver_id).map(|seen| seen.at);
        self.end(db, ride, at, now).await.map(Some)
    }
}

/// Returns the quoted price if the driver is at the destination, after a time in which a car can be there. Otherwise
/// the price of the way from the pickup to where the driver is, as far as a car gets in that time.
fn verified(
    quote: &Quote,
    tariff: &Tariff,
    at: Option<Point>,
    took_seconds: f64,
    kilometers_per_hour: f64,
) -> RideEnd {
    let price = quote.price;
    let nothing = Money { amount_minor: 0, ..price };
    let Some(at) = at else {
        return RideEnd { fare: nothing, detail: Some("the driver was not seen".to_owned()) };
    };
    let way = quote.pickup.meters_to(quote.destination);
    let (driven, left) = (quote.pickup.meters_to(at), at.meters_to(quote.destination));
    let reach = (took_seconds.max(0.0) + SLACK_SECONDS) * kilometers_per_hour / 3.6;
    if left <= THERE_METERS.min(way / 2.0) && way <= reach {
        return RideEnd { fare: price, detail: None };
    }
    let proven = driven.min(reach);
    let fare = if proven < THERE_METERS {
        nothing
    } else {
        let part = tariff.price(RouteEstimate::along(proven)).unwrap_or(price);
        Money { amount_minor: part.amount_minor.min(price.amount_minor), ..price }
    };
    let detail = format!(
        "the driver was seen {driven:.0} m from the pickup and {left:.0} m from the destination, \
         {took_seconds:.0} s after the pickup"
    );
    RideEnd { fare, detail: Some(detail) }
}

#[cfg(test)]
mod tests {
    use rides_events::{QuoteId, RiderId};
    use sqlx::types::Uuid;

    use super::*;

    fn point(lat: f64) -> Point {
        Point::new(lat, 13.4).expect("on Earth")
    }

    fn cents(to: f64, at: Option<f64>, took_seconds: f64) -> i64 {
        let tariff = Tariff {
            version: 1,
            currency: "EUR".parse().expect("a currency"),
            base_minor: 250,
            kilometer_minor: 160,
            minute_minor: 35,
            least_minor: 600,
            free_minutes: 2,
            late_minor: 450,
        };
        let (pickup, destination) = (point(52.0), point(to));
        let way = RouteEstimate::between(pickup, destination);
        let quote = Quote {
            quote_id: QuoteId(Uuid::nil()),
            rider_id: RiderId(Uuid::nil()),
            pickup,
            destination,
            meters: way.meters,
            seconds: way.seconds,
            price: tariff.price(way).expect("a price"),
            tariff: 1,
            valid_until: Timestamp::UNIX_EPOCH,
        };
        verified(&quote, &tariff, at.map(point), took_seconds, 150.0).fare.amount_minor
    }

    #[test]
    fn a_ride_costs_what_is_verified_of_it() {
        let (far, hour) = (52.1, 3_600.0);
        let price = cents(far, Some(far), hour);
        assert!(price > 3_000, "{price}");
        assert_eq!(cents(far, Some(52.097), hour), price, "there, as far as a receiver can tell");
        assert_eq!(cents(far, Some(52.0), hour), 0, "never moved");
        assert_eq!(cents(far, None, hour), 0, "never seen");
        assert_eq!(cents(far, Some(far), 1.0), 0, "there faster than a car");
        let half = cents(far, Some(52.05), hour);
        assert!((price / 3..price * 2 / 3).contains(&half), "half of the way: {half}");
        assert_eq!(cents(far, Some(53.0), hour), price, "beyond the destination");
        let early = cents(far, Some(far), 120.0);
        assert!((1..price).contains(&early), "as far as a car gets in two minutes: {early}");
        // Of a short way, being near both ends is no proof.
        assert_eq!(cents(52.003, Some(52.0), hour), 0);
        assert_eq!(cents(52.003, Some(52.003), hour), 600);
    }
}

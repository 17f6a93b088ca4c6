//! Compares what a driver says with where the driver was seen, and with the time. A driver's word alone neither
//! begins a ride nor earns its price.

use ballet::Failure;
use ballet::http::Problem;
use jiff::{SignedDuration, Timestamp};
use rides_events::location::Position;
use rides_events::{Money, Point};
use sqlx::PgConnection;

use crate::fare::{RouteEstimate, Tariff};
use crate::refusals::{not_at_pickup, not_seen};
use crate::ride::{Quote, Ride, RideEnd};
use crate::seen_drivers::SeenDrivers;
use crate::store::quote;

/// Up to this distance a driver is at a place, because receivers in towns can be that wrong.
const THERE_METERS: f64 = 500.0;
/// A ride may take this long beyond twice its estimate.
const MARGIN: SignedDuration = SignedDuration::from_mins(30);
/// A driver who says that the rider is there may be seen there this much later: a position is some seconds old.
const PATIENCE: SignedDuration = SignedDuration::from_secs(20);

#[derive(Debug, Clone, Default)]
pub(crate) struct Verifier {
    pub(crate) seen: SeenDrivers,
}

impl Verifier {
    /// Refuses unless the driver was seen lately at the pickup.
    pub(crate) fn require_at_pickup(&self, ride: &Ride, now: Timestamp) -> Result<(), Problem> {
        let meters = self.lately(ride, now).map(|seen| seen.at.meters_to(ride.quote.pickup));
        let is_there = meters.is_some_and(|meters| meters <= THERE_METERS);
        if is_there { Ok(()) } else { Err(not_at_pickup(ride.ride_id, meters)) }
    }

    /// Refuses unless the driver was seen lately, because in a gap of the telemetry nobody knows where a ride ends.
    pub(crate) fn require_seen(&self, ride: &Ride, now: Timestamp) -> Result<(), Problem> {
        self.lately(ride, now).map(|_| ()).ok_or_else(|| not_seen(ride.ride_id))
    }

    fn lately(&self, ride: &Ride, now: Timestamp) -> Option<Position> {
        ride.driver_id.and_then(|driver_id| self.seen.lately(driver_id, now))
    }

    /// Returns `None` if the ride goes on, or if a further position may come. A driver's silence counts only if
    /// somebody else was seen since; otherwise the telemetry is unavailable.
    pub(crate) async fn end(
        &self,
        db: &mut PgConnection,
        ride: &Ride,
        now: Timestamp,
    ) -> Result<Option<RideEnd>, Failure> {
        let (Some(started_at), Some(driver_id)) = (ride.started_at, ride.driver_id) else {
            return Ok(None);
        };
        let limit = SignedDuration::from_secs(2 * ride.quote.seconds) + MARGIN;
        let ends_at =
            ride.arrived_at.map_or(started_at + limit, |arrived_at| arrived_at + PATIENCE);
        let said_at = ride.arrived_at.unwrap_or(now);
        if ride.arrived_at.is_none() && now < ends_at {
            return Ok(None);
        }
        if let Some(fare) = ride.fare {
            let detail =
                (fare != ride.quote.price).then(|| "an operator named the fare".to_owned());
            return Ok(Some(RideEnd { fare, detail }));
        }
        let seen = self.seen.last(driver_id).filter(|seen| seen.seen_at >= started_at);
        let tariff = quote::tariff_of(db, ride.quote.tariff).await?;
        let end = verified(&ride.quote, &tariff, seen.map(|seen| seen.at));
        let is_last = seen.is_some_and(|seen| seen.seen_at >= said_at)
            || (now >= ends_at && self.seen.reads_since(driver_id, ends_at));
        Ok(Some(end).filter(|end| is_last || end.detail.is_none()))
    }
}

/// Returns the quoted price if the driver is at the destination. Otherwise the price of the way from the pickup to the
/// driver.
fn verified(quote: &Quote, tariff: &Tariff, at: Option<Point>) -> RideEnd {
    let price = quote.price;
    let nothing = Money { amount_minor: 0, ..price };
    let Some(at) = at else {
        let detail = Some("the driver was not seen since the pickup".to_owned());
        return RideEnd { fare: nothing, detail };
    };
    let way = quote.pickup.meters_to(quote.destination);
    let (driven, left) = (quote.pickup.meters_to(at), at.meters_to(quote.destination));
    if left <= THERE_METERS.min(way / 2.0) {
        return RideEnd { fare: price, detail: None };
    }
    let part = tariff.price(RouteEstimate::along(driven)).filter(|_| driven >= THERE_METERS);
    let amount_minor = part.unwrap_or(nothing).amount_minor.min(price.amount_minor);
    let detail = format!(
        "the driver was seen {driven:.0} m from the pickup and {left:.0} m from the destination"
    );
    RideEnd { fare: Money { amount_minor, ..price }, detail: Some(detail) }
}

#[cfg(test)]
mod tests {
    use rides_events::{QuoteId, RiderId};
    use sqlx::types::Uuid;

    use super::*;

    fn point(lat: f64) -> Point {
        Point::new(lat, 13.4).expect("on Earth")
    }

    fn cents(to: f64, at: Option<f64>) -> i64 {
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
        verified(&quote, &tariff, at.map(point)).fare.amount_minor
    }

    #[test]
    fn a_ride_costs_what_is_verified_of_it() {
        let far = 52.1;
        let price = cents(far, Some(far));
        assert!(price > 3_000, "{price}");
        assert_eq!(cents(far, Some(52.097)), price, "there, as far as a receiver can tell");
        assert_eq!(cents(far, Some(52.0)), 0, "never moved");
        assert_eq!(cents(far, None), 0, "never seen");
        let half = cents(far, Some(52.05));
        assert!((price / 3..price * 2 / 3).contains(&half), "half of the way: {half}");
        assert_eq!(cents(far, Some(53.0)), price, "beyond the destination");
        // On a short way, being near both ends is no proof.
        assert_eq!(cents(52.003, Some(52.0)), 0);
        assert_eq!(cents(52.003, Some(52.003)), 600);
    }
}

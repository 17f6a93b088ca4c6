//! The price of a ride, in whole minor units, rounded once.

use rides_events::{Money, Point};
use sqlx::types::Text;

/// The length along streets, in percent of the distance as the crow flies.
const DETOUR_PERCENT: i64 = 130;
/// The average in a town.
const METERS_PER_HOUR: i64 = 25_000;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Tariff {
    pub(crate) version: i32,
    pub(crate) currency: rides_events::Currency,
    pub(crate) base_minor: i64,
    pub(crate) kilometer_minor: i64,
    pub(crate) minute_minor: i64,
    pub(crate) least_minor: i64,
    pub(crate) free_minutes: i32,
    pub(crate) late_minor: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouteEstimate {
    pub(crate) meters: i64,
    pub(crate) seconds: i64,
}

impl RouteEstimate {
    pub(crate) fn between(from: Point, to: Point) -> Self {
        Self::along(from.meters_to(to))
    }

    /// Estimates between places that are this far apart as the crow flies.
    pub(crate) fn along(crow_meters: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a distance on the Earth")]
        let crow = crow_meters.round() as i64;
        let meters = crow * DETOUR_PERCENT / 100;
        Self { meters, seconds: meters * 3_600 / METERS_PER_HOUR }
    }
}

impl Tariff {
    /// `None` if it is out of range.
    pub(crate) fn price(&self, way: RouteEstimate) -> Option<Money> {
        // All terms have the same fraction of a minor unit, so only the sum is rounded.
        const PARTS: i128 = 60 * 1_000;
        let term = |minor: i64, count: i64, parts: i128| {
            i128::from(minor).checked_mul(i128::from(count))?.checked_mul(parts)
        };
        let way_parts = term(self.kilometer_minor, way.meters, PARTS / 1_000)?
            .checked_add(term(self.minute_minor, way.seconds, PARTS / 60)?)?;
        let sum =
            term(self.base_minor, 1, PARTS)?.checked_add(way_parts)?.checked_add(PARTS / 2)?;
        let amount_minor = i64::try_from(sum / PARTS).ok()?;
        Some(self.money(amount_minor.max(self.least_minor)))
    }

    /// Returns the fee for a cancellation this many seconds after the ride got a driver. `None` if free.
    pub(crate) fn late(&self, seconds: i64) -> Option<Money> {
        (seconds > i64::from(self.free_minutes) * 60 && self.late_minor > 0)
            .then(|| self.money(self.late_minor))
    }

    const fn money(&self, amount_minor: i64) -> Money {
        Money { amount_minor, currency: self.currency }
    }
}

common::row! { Tariff:
    version, currency as Text, base_minor, kilometer_minor, minute_minor, least_minor,
    free_minutes, late_minor,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tariff() -> Tariff {
        Tariff {
            version: 1,
            currency: "EUR".parse().expect("a currency"),
            base_minor: 250,
            kilometer_minor: 160,
            minute_minor: 35,
            least_minor: 600,
            free_minutes: 2,
            late_minor: 450,
        }
    }

    fn price(meters: i64, seconds: i64) -> Option<i64> {
        tariff().price(RouteEstimate { meters, seconds }).map(|price| price.amount_minor)
    }

    #[test]
    fn a_price_is_rounded_once_and_not_below_the_least() {
        assert_eq!(price(10_000, 1_440), Some(250 + 1_600 + 840));
        // 0.496 and 0.5 of a cent are nothing each, and one cent together.
        assert_eq!(price(5_003, 1_200), Some(250 + 800 + 700));
        assert_eq!(price(5_003, 1_201), Some(250 + 801 + 700));
        assert_eq!(price(0, 0), Some(600));
        let dear = Tariff { kilometer_minor: i64::MAX, ..tariff() };
        assert_eq!(dear.price(RouteEstimate { meters: i64::MAX, seconds: 0 }), None);
    }

    #[test]
    fn a_late_cancellation_costs_what_the_tariff_says() {
        let late = |seconds| tariff().late(seconds).map(|fee| fee.amount_minor);
        assert_eq!((late(0), late(120), late(121)), (None, None, Some(450)));
    }

    #[test]
    fn a_way_is_longer_than_the_crow_flies() {
        let point = |lat, lon| Point::new(lat, lon).expect("on Earth");
        let way = RouteEstimate::between(point(0.0, 0.0), point(1.0, 0.0));
        assert_eq!(way, RouteEstimate { meters: 144_553, seconds: 20_815 });
    }
}

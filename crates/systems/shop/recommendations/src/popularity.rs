//! Popularity: the number of orders, in which an order counts half as much with each half-life.
//!
//! Weights grow with the time of the order instead of shrinking with its age, because only their ratio matters. So a
//! product's sum changes only with its orders. This is forward decay (Cormode, Shkapenyuk, Srivastava and Xu: Forward
//! Decay, ICDE 2009). Weights are whole numbers of any length, as `numeric` in Postgres, so taking an order back
//! restores the earlier sum exactly.

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

/// After this time an order's weight is half that of a new one.
const HALF_LIFE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Of an order of the first day. It is large, so that rounding does not matter.
const FIRST: f64 = 65_536.0;

/// `factor` times two to the power of `doublings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrderWeight {
    pub(crate) factor: i64,
    pub(crate) doublings: i32,
}

#[expect(clippy::cast_possible_truncation, reason = "the factor is at most 2^17")]
pub(crate) fn weight(placed_at: Timestamp) -> OrderWeight {
    let age = placed_at.duration_since(first_day()).max(SignedDuration::ZERO);
    let (half_lives, rest) =
        (age.as_secs() / HALF_LIFE.as_secs(), age.as_secs() % HALF_LIFE.as_secs());
    let rest = SignedDuration::from_secs(rest).as_secs_f64() / HALF_LIFE.as_secs_f64();
    let factor = (FIRST * rest.exp2()).round() as i64;
    OrderWeight { factor, doublings: i32::try_from(half_lives).unwrap_or(i32::MAX) }
}

/// Orders of earlier days weigh as much as those of this one.
fn first_day() -> Timestamp {
    let first = civil::date(2025, 1, 1).to_zoned(TimeZone::UTC);
    first.map_or(Timestamp::UNIX_EPOCH, |first| first.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> OrderWeight {
        weight(time.parse().expect("a time"))
    }

    #[test]
    fn a_weight_doubles_with_each_half_life() {
        assert_eq!(at("2025-01-01T00:00:00Z"), OrderWeight { factor: 65_536, doublings: 0 });
        assert_eq!(at("2025-01-15T00:00:00Z"), OrderWeight { factor: 65_536, doublings: 1 });
        assert_eq!(at("2025-01-22T00:00:00Z"), OrderWeight { factor: 92_682, doublings: 1 });
        assert_eq!(at("2025-01-28T23:59:59Z"), OrderWeight { factor: 131_072, doublings: 1 });
        assert_eq!(at("2054-11-26T00:00:00Z").doublings, 780);
        assert_eq!(at("1999-01-01T00:00:00Z"), at("2025-01-01T00:00:00Z"));
    }
}

//! The strength of the association between two products.
//!
//! The measure is the log-likelihood ratio G² (Dunning: Accurate Methods for the Statistics of Surprise and
//! Coincidence, Computational Linguistics 19(1), 1993): how surprising the number of orders with both products would
//! be if the products were independent. A bestseller in orders with everything is no surprise, and unlike a plain
//! lift, G² does not overrate pairs that were seen once or twice.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CoOccurrence {
    pub(crate) both: i64,
    /// Orders with one product, with or without the other.
    pub(crate) one: i64,
    pub(crate) other: i64,
    pub(crate) all: i64,
}

/// A rarer pair is chance, and shows what one customer bought.
pub(crate) const MIN_BOTH: i64 = 3;
/// One pair in a thousand exceeds this G² by chance (chi-squared with one degree of freedom).
const MIN_SURPRISE: f64 = 10.83;
/// With very many orders every small difference is significant, so pairs must also be this many times as frequent as
/// by chance.
const MIN_LIFT: f64 = 1.5;

impl CoOccurrence {
    /// G², or `None` if the products do not go together, or too few orders say so.
    pub(crate) fn strength(self) -> Option<f64> {
        let surprise = self.surprise();
        let strong = self.both >= MIN_BOTH && self.lift() >= MIN_LIFT && surprise >= MIN_SURPRISE;
        strong.then_some(surprise)
    }

    /// How many times as often as by chance both are in one order.
    fn lift(self) -> f64 {
        let [both, one, other, all] = self.orders();
        both * all / (one * other)
    }

    fn surprise(self) -> f64 {
        let [both, one, other, all] = self.orders();
        let cells = [
            (both, one * other),
            (one - both, one * (all - other)),
            (other - both, (all - one) * other),
            (all - one - other + both, (all - one) * (all - other)),
        ];
        // A cell without orders adds nothing. Counts are read one after the other, so a cell may be slightly
        // negative.
        let seen = cells.into_iter().filter(|(orders, margins)| *orders > 0.0 && *margins > 0.0);
        2.0 * seen.map(|(orders, margins)| orders * (orders * all / margins).ln()).sum::<f64>()
    }

    #[expect(clippy::cast_precision_loss, reason = "a shop has fewer than 2^53 orders")]
    fn orders(self) -> [f64; 4] {
        [self.both, self.one, self.other, self.all].map(|orders| orders as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measure_is_that_of_dunning() {
        // From table 1 of the paper: both, the one alone, the other alone, neither.
        for (expected, [both, one, other, neither]) in [
            (270.72, [110, 2_442, 111, 29_114]),
            (263.90, [29, 13, 123, 31_612]),
            (256.84, [31, 23, 139, 31_584]),
            (167.23, [10, 0, 3, 31_764]),
            (157.21, [76, 104, 2_476, 29_121]),
        ] {
            let (one, other) = (both + one, both + other);
            let together = CoOccurrence { both, one, other, all: one + other - both + neither };
            let surprise = together.surprise();
            assert!((surprise - expected).abs() < 0.005, "{surprise} is not {expected}");
            assert_eq!(together.strength(), Some(surprise));
        }
    }

    #[test]
    fn what_chance_explains_is_no_association() {
        for (why, [both, one, other, all]) in [
            ("as often as by chance", [300, 500, 600, 1_000]),
            ("less often than by chance", [10, 500, 500, 1_000]),
            ("too few orders", [2, 2, 2, 1_000]),
            ("certain, but small", [310_000, 500_000, 600_000, 1_000_000]),
            ("in every order", [7, 7, 1_000, 1_000]),
            ("nothing was sold", [0, 0, 0, 0]),
            ("counts that were read one after the other", [5, 4, 4, 4]),
        ] {
            assert_eq!(CoOccurrence { both, one, other, all }.strength(), None, "{why}");
        }
    }

    #[test]
    fn a_bestseller_is_weaker_than_a_rare_partner() {
        let (orders, bought) = (10_000, 200);
        let bestseller = CoOccurrence { both: 190, one: bought, other: 6_000, all: orders };
        let partner = CoOccurrence { both: 60, one: bought, other: 90, all: orders };
        assert!(bestseller.strength() < partner.strength());
    }
}

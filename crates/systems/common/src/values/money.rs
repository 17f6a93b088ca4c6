//! Money, in whole minor units.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::code::Currency;

/// An amount in the smallest unit of its currency: 19.99 euros are `1999` `EUR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    /// The amount in minor units.
    pub amount_minor: i64,
    /// The currency, three capital letters as in ISO 4217.
    pub currency: Currency,
}

impl Money {
    /// Returns the sum, or `None` if the currencies differ or the sum is out of range.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let amount_minor = self.amount_minor.checked_add(other.amount_minor)?;
        (self.currency == other.currency).then_some(Self { amount_minor, ..self })
    }

    /// Returns the price of a quantity, or `None` if it is out of range.
    #[must_use]
    pub fn times(self, quantity: u32) -> Option<Self> {
        let amount_minor = self.amount_minor.checked_mul(i64::from(quantity))?;
        Some(Self { amount_minor, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_out_of_range_or_of_two_currencies_are_none() {
        let money = |amount_minor, currency: &str| Money {
            amount_minor,
            currency: currency.parse().expect("a currency"),
        };
        assert_eq!(money(2, "EUR").plus(money(3, "EUR")), Some(money(5, "EUR")));
        assert_eq!(money(2, "EUR").plus(money(3, "USD")), None);
        assert_eq!(money(i64::MAX, "EUR").plus(money(1, "EUR")), None);
        assert_eq!(money(i64::MAX / 2, "EUR").times(3), None);
    }
}

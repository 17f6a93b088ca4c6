//! Turns a checkout into an order, or finds out why it is invalid.

use jiff::Timestamp;
use shop_events::cart::CartCheckedOut;
use shop_events::orders::OrderPlaced;
use shop_events::{
    Currency, MAX_LINES, MAX_QUANTITY, Money, OrderId, OrderLine, Sku, WrongText, check_text,
};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidCheckout {
    #[error("there are no lines: an order has 1 to {MAX_LINES}")]
    NoLines,
    #[error("there are {0} lines: an order has 1 to {MAX_LINES}")]
    TooManyLines(usize),
    #[error("line {line} has quantity {quantity}: it is 1 to {MAX_QUANTITY}")]
    Quantity {
        /// The line's number, from 1.
        line: usize,
        quantity: u32,
    },
    /// A price is below zero.
    #[error("line {0} has a price below zero")]
    NegativePrice(usize),
    #[error("line {line} is in {found}, line 1 in {expected}: an order has one currency")]
    MixedCurrencies {
        /// The line's number, from 1.
        line: usize,
        expected: Currency,
        found: Currency,
    },
    #[error("line {line}: unknown SKU {sku}")]
    UnknownSku {
        /// The line's number, from 1.
        line: usize,
        sku: Sku,
    },
    #[error("line {line}: product {sku} is withdrawn and can no longer be bought")]
    Withdrawn {
        /// The line's number, from 1.
        line: usize,
        sku: Sku,
    },
    #[error(
        "line {line}: {sku} costs {} {} and not {} {} (in minor units)",
        price.amount_minor, price.currency, named.amount_minor, named.currency
    )]
    OtherPrice {
        /// The line's number, from 1.
        line: usize,
        sku: Sku,
        price: Money,
        /// The price in the line.
        named: Money,
    },
    #[error("the total is out of range")]
    TotalOutOfRange,
    #[error("{field} {wrong}")]
    Text {
        /// The text's field.
        field: String,
        wrong: WrongText,
    },
}

impl InvalidCheckout {
    /// Names and indexes that lead to the invalid field.
    pub(crate) fn field(&self) -> Vec<String> {
        let line = |line: usize, field: &str| {
            let field = field.split('.').map(str::to_owned);
            ["lines".to_owned(), line.saturating_sub(1).to_string()]
                .into_iter()
                .chain(field)
                .collect()
        };
        match self {
            Self::NoLines | Self::TooManyLines(_) | Self::TotalOutOfRange => {
                vec!["lines".to_owned()]
            }
            Self::Quantity { line: number, .. } => line(*number, "quantity"),
            Self::NegativePrice(number) => line(*number, "unit_price.amount_minor"),
            Self::MixedCurrencies { line: number, .. } => line(*number, "unit_price.currency"),
            Self::UnknownSku { line: number, .. } | Self::Withdrawn { line: number, .. } => {
                line(*number, "sku")
            }
            Self::OtherPrice { line: number, .. } => line(*number, "unit_price"),
            Self::Text { field, .. } => field.split('.').map(str::to_owned).collect(),
        }
    }
}

/// Fails if the form is invalid. Prices are judged separately.
pub(crate) fn place(
    order_id: OrderId,
    checkout: CartCheckedOut,
    placed_at: Timestamp,
) -> Result<OrderPlaced, InvalidCheckout> {
    let CartCheckedOut { cart_id: _, customer_id, lines, card_token, ship_to } = checkout;
    let total = total(&lines)?;
    let wrong = |field, wrong| InvalidCheckout::Text { field, wrong };
    check_text(&card_token).map_err(|why| wrong("card_token".to_owned(), why))?;
    ship_to.check().map_err(|(field, why)| wrong(format!("ship_to.{field}"), why))?;
    Ok(OrderPlaced { order_id, customer_id, lines, total, card_token, ship_to, placed_at })
}

fn total(lines: &[OrderLine]) -> Result<Money, InvalidCheckout> {
    let currency = lines.first().ok_or(InvalidCheckout::NoLines)?.unit_price.currency;
    if lines.len() > MAX_LINES {
        return Err(InvalidCheckout::TooManyLines(lines.len()));
    }
    let mut total = Money { amount_minor: 0, currency };
    for (line, number) in lines.iter().zip(1..) {
        let OrderLine { quantity, unit_price, .. } = line;
        if !(1..=MAX_QUANTITY).contains(quantity) {
            return Err(InvalidCheckout::Quantity { line: number, quantity: *quantity });
        }
        if unit_price.amount_minor < 0 {
            return Err(InvalidCheckout::NegativePrice(number));
        }
        if unit_price.currency != currency {
            let found = unit_price.currency;
            return Err(InvalidCheckout::MixedCurrencies {
                line: number,
                expected: currency,
                found,
            });
        }
        let price = unit_price.times(*quantity).ok_or(InvalidCheckout::TotalOutOfRange)?;
        total = total.plus(price).ok_or(InvalidCheckout::TotalOutOfRange)?;
    }
    Ok(total)
}

#[cfg(test)]
#[path = "checkout_tests.rs"]
mod tests;

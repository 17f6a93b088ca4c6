//! Turns a checkout into an order, or says why it is invalid.

use jiff::Timestamp;
use shop_events::cart::CartCheckedOut;
use shop_events::orders::OrderPlaced;
use shop_events::{Address, Currency, Money, OrderId, OrderLine};

/// The most lines that an order has.
pub(crate) const MAX_LINES: usize = 100;
/// The largest quantity of a line.
pub(crate) const MAX_QUANTITY: u32 = 10_000;
/// The longest text, in characters.
pub(crate) const MAX_TEXT: usize = 200;

/// Why a checkout is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Impossible {
    /// There is nothing to buy.
    #[error("there are no lines: an order has 1 to {MAX_LINES}")]
    NoLines,
    /// There is too much to buy.
    #[error("there are {0} lines: an order has 1 to {MAX_LINES}")]
    TooManyLines(usize),
    /// A line's quantity is out of range.
    #[error("line {line} has quantity {quantity}: it is 1 to {MAX_QUANTITY}")]
    Quantity {
        /// The line's number, from 1.
        line: usize,
        /// The line's quantity.
        quantity: u32,
    },
    /// A price is below zero.
    #[error("line {0} has a price below zero")]
    NegativePrice(usize),
    /// The lines are in two currencies.
    #[error("line {line} is in {found}, line 1 in {expected}: an order has one currency")]
    MixedCurrencies {
        /// The line's number, from 1.
        line: usize,
        /// The first line's currency.
        expected: Currency,
        /// The line's currency.
        found: Currency,
    },
    /// The total is out of range.
    #[error("the total is out of range")]
    TotalOutOfRange,
    /// A required text is empty.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// A text is too long.
    #[error("{0} is longer than {MAX_TEXT} characters")]
    TooLong(&'static str),
    /// A text has characters that cannot be stored or printed.
    #[error("{0} has control characters")]
    ControlCharacters(&'static str),
}

impl Impossible {
    /// The names and indexes that lead to the wrong field of the checkout.
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
            Self::Empty(field) | Self::TooLong(field) | Self::ControlCharacters(field) => {
                field.split('.').map(str::to_owned).collect()
            }
        }
    }
}

/// Makes an order from a checkout.
pub(crate) fn place(
    order_id: OrderId,
    checkout: CartCheckedOut,
    placed_at: Timestamp,
) -> Result<OrderPlaced, Impossible> {
    let CartCheckedOut { cart_id: _, customer_id, lines, card_token, ship_to } = checkout;
    let total = total(&lines)?;
    check_text("card_token", &card_token)?;
    check_address(&ship_to)?;
    Ok(OrderPlaced { order_id, customer_id, lines, total, card_token, ship_to, placed_at })
}

fn total(lines: &[OrderLine]) -> Result<Money, Impossible> {
    let currency = lines.first().ok_or(Impossible::NoLines)?.unit_price.currency;
    if lines.len() > MAX_LINES {
        return Err(Impossible::TooManyLines(lines.len()));
    }
    let mut total = Money { amount_minor: 0, currency };
    for (line, number) in lines.iter().zip(1..) {
        let OrderLine { sku: _, quantity, unit_price } = line;
        if !(1..=MAX_QUANTITY).contains(quantity) {
            return Err(Impossible::Quantity { line: number, quantity: *quantity });
        }
        if unit_price.amount_minor < 0 {
            return Err(Impossible::NegativePrice(number));
        }
        if unit_price.currency != currency {
            let found = unit_price.currency;
            return Err(Impossible::MixedCurrencies { line: number, expected: currency, found });
        }
        let price = unit_price.times(*quantity).ok_or(Impossible::TotalOutOfRange)?;
        total = total.plus(price).ok_or(Impossible::TotalOutOfRange)?;
    }
    Ok(total)
}

fn check_address(address: &Address) -> Result<(), Impossible> {
    check_text("ship_to.name", &address.name)?;
    check_text("ship_to.street", &address.street)?;
    check_text("ship_to.city", &address.city)?;
    if address.postal_code.is_empty() {
        return Ok(());
    }
    check_text("ship_to.postal_code", &address.postal_code)
}

fn check_text(field: &'static str, text: &str) -> Result<(), Impossible> {
    if text.trim().is_empty() {
        Err(Impossible::Empty(field))
    } else if text.chars().nth(MAX_TEXT).is_some() {
        Err(Impossible::TooLong(field))
    } else if text.chars().any(char::is_control) {
        // Among them NUL, which Postgres cannot store.
        Err(Impossible::ControlCharacters(field))
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[path = "checkout_tests.rs"]
mod tests;

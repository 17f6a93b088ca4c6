//! Turns a checkout into an order, or finds out why it is invalid.

use jiff::Timestamp;
use shop_events::cart::CartCheckedOut;
use shop_events::orders::OrderPlaced;
use shop_events::{MAX_LINES, MAX_QUANTITY, Money, OrderId, OrderLine, check_text};

/// What is wrong with a checkout, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(crate) struct InvalidCheckout {
    /// Names and indexes that lead to the invalid field, with dots between them.
    pub(crate) field: String,
    pub(crate) why: String,
    /// The form is good, and catalog has another price.
    pub(crate) is_price: bool,
}

impl InvalidCheckout {
    fn of(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self { field: field.into(), why: why.into(), is_price: false }
    }

    /// Lines count from 1.
    pub(crate) fn of_line(line: usize, field: &str, why: &str) -> Self {
        Self::of(format!("lines.{}.{field}", line.saturating_sub(1)), format!("line {line}{why}"))
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
    let wrong = |field: String, why| InvalidCheckout::of(field.clone(), format!("{field} {why}"));
    check_text(&card_token).map_err(|why| wrong("card_token".to_owned(), why))?;
    ship_to.check().map_err(|(field, why)| wrong(format!("ship_to.{field}"), why))?;
    Ok(OrderPlaced { order_id, customer_id, lines, total, card_token, ship_to, placed_at })
}

fn total(lines: &[OrderLine]) -> Result<Money, InvalidCheckout> {
    let count = lines.len();
    let Some(first) = lines.first().filter(|_| count <= MAX_LINES) else {
        let why = format!("there are {count} lines: an order has 1 to {MAX_LINES}");
        return Err(InvalidCheckout::of("lines", why));
    };
    let currency = first.unit_price.currency;
    let mut total = Money { amount_minor: 0, currency };
    for (line, number) in lines.iter().zip(1..) {
        let OrderLine { quantity, unit_price, .. } = line;
        let wrong = |field, why: String| Err(InvalidCheckout::of_line(number, field, &why));
        if !(1..=MAX_QUANTITY).contains(quantity) {
            let why = format!(" has quantity {quantity}: it is 1 to {MAX_QUANTITY}");
            return wrong("quantity", why);
        }
        if unit_price.amount_minor < 0 {
            return wrong("unit_price.amount_minor", " has a price below zero".to_owned());
        }
        if unit_price.currency != currency {
            let found = unit_price.currency;
            let why = format!(" is in {found}, line 1 in {currency}: an order has one currency");
            return wrong("unit_price.currency", why);
        }
        let sum = unit_price.times(*quantity).and_then(|price| total.plus(price));
        total = sum.ok_or_else(|| InvalidCheckout::of("lines", "the total is out of range"))?;
    }
    Ok(total)
}

#[cfg(test)]
#[path = "checkout_tests.rs"]
mod tests;

//! The kinds of orders, each with its particular input and its expected end.

use anyhow::Result;
use ballet::core::id;
use ballet_trials as trials;
use reqwest::StatusCode;
use shop_events::cart::CartCheckedOut;
use shop_events::orders::CancelReason;
use shop_events::{Address, CustomerId, Money, OrderLine};
use uuid::Uuid;

use crate::load::stock::{PLENTY, RARE, RARE_PRICE};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrderCase {
    pub(crate) name: &'static str,
    /// In a hundred.
    pub(crate) share: u32,
    pub(crate) card: &'static str,
    pub(crate) goods: Goods,
    pub(crate) country: &'static str,
    pub(crate) end: ExpectedEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goods {
    Plenty,
    Short,
    Unknown,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpectedEnd {
    Completed,
    Cancelled(CancelReason),
    /// The order ends as the answer said: cancelled, or completed because it was too late.
    CustomerCancels(CancelMoment),
}

impl ExpectedEnd {
    /// Returns the end after this answer to a customer who cancels. A confirmed cancellation must hold.
    pub(crate) fn expected(self, answer: Option<StatusCode>) -> trials::End {
        match (self, answer) {
            (Self::Completed, _) | (Self::CustomerCancels(_), Some(StatusCode::CONFLICT)) => {
                trials::End::Completed
            }
            (Self::Cancelled(reason), _) => in_event(reason),
            (Self::CustomerCancels(_), _) => in_event(CancelReason::CustomerCancelled),
        }
    }
}

fn in_event(reason: CancelReason) -> trials::End {
    let reason = serde_json::to_value(reason).unwrap_or_default();
    trials::End::aborted(reason.as_str().unwrap_or_default())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CancelMoment {
    /// Before any step can have run.
    AtOnce,
    /// While the money is being captured.
    AtCapture,
    /// After orders has recorded the capture.
    TooLate,
}

impl OrderCase {
    /// Whether it is placed over HTTP, and not over AMQP. A customer who cancels needs the answer with the order's
    /// id.
    pub(crate) fn is_placed_over_http(&self, number: usize) -> bool {
        matches!(self.end, ExpectedEnd::CustomerCancels(_))
            || (number.is_multiple_of(6) && self.is_sold())
    }

    /// HTTP refuses an order without lines, or with products that catalog does not sell.
    pub(crate) const fn is_sold(&self) -> bool {
        !matches!(self.goods, Goods::None | Goods::Unknown)
    }

    /// Whether an order over HTTP comes from a cart. Carts take only what catalog sells.
    pub(crate) fn is_from_a_cart(&self, number: usize) -> bool {
        number.is_multiple_of(2) && self.goods == Goods::Plenty
    }
}

pub(crate) const GOOD: OrderCase = OrderCase {
    name: "a good card",
    share: 59,
    card: "card_approved",
    goods: Goods::Plenty,
    country: "DE",
    end: ExpectedEnd::Completed,
};

const fn refused(name: &'static str, share: u32, reason: CancelReason) -> OrderCase {
    OrderCase { name, share, end: ExpectedEnd::Cancelled(reason), ..GOOD }
}

const fn cancelled(name: &'static str, share: u32, when: CancelMoment) -> OrderCase {
    OrderCase { name, share, end: ExpectedEnd::CustomerCancels(when), ..GOOD }
}

pub(crate) const CASES: [OrderCase; 16] = [
    GOOD,
    OrderCase { name: "a flaky payment provider", share: 4, card: "card_flaky", ..GOOD },
    OrderCase { name: "a slow payment provider", share: 2, card: "card_slow", ..GOOD },
    OrderCase { goods: Goods::Short, ..refused("more than there is", 5, CancelReason::OutOfStock) },
    OrderCase { goods: Goods::Unknown, ..refused("an unknown SKU", 3, CancelReason::Invalid) },
    OrderCase { goods: Goods::None, ..refused("no lines at all", 2, CancelReason::Invalid) },
    OrderCase {
        card: "card_declined",
        ..refused("a declined card", 5, CancelReason::PaymentDeclined)
    },
    OrderCase {
        card: "card_insufficient_funds",
        ..refused("too little money", 2, CancelReason::PaymentDeclined)
    },
    OrderCase {
        country: "AQ",
        ..refused("an address in Antarctica", 5, CancelReason::ShipmentRejected)
    },
    OrderCase {
        country: "AQ",
        card: "card_flaky",
        ..refused("there, with a flaky payment provider", 1, CancelReason::ShipmentRejected)
    },
    OrderCase {
        card: "card_capture_fails",
        ..refused("the capture fails", 4, CancelReason::CaptureFailed)
    },
    OrderCase {
        card: "card_expires",
        ..refused("the authorisation expires", 2, CancelReason::CaptureFailed)
    },
    cancelled("cancelled at once", 2, CancelMoment::AtOnce),
    cancelled("cancelled during the capture", 2, CancelMoment::AtCapture),
    OrderCase {
        card: "card_flaky",
        ..cancelled("the same with a flaky payment provider", 1, CancelMoment::AtCapture)
    },
    cancelled("cancelled too late", 1, CancelMoment::TooLate),
];

/// Makes the checkout of the order with this number.
///
/// # Errors
///
/// Returns an error if a value of the case is invalid.
pub(crate) fn checkout(case: &OrderCase, number: usize, customer: Uuid) -> Result<CartCheckedOut> {
    let (sku, price) = PLENTY[number % PLENTY.len()];
    let quantity = u32::try_from(number % 3 + 1)?;
    let line = |sku: &str, quantity, price, product_version| -> Result<OrderLine> {
        let unit_price = Money { amount_minor: price, currency: "EUR".parse()? };
        Ok(OrderLine { sku: sku.parse()?, quantity, unit_price, product_version })
    };
    let lines = match case.goods {
        Goods::Plenty => {
            let mut lines = vec![line(sku, quantity, price, Some(1))?];
            // Valid for one product, this quantity may be too much for the second.
            if number % 3 == 2 {
                let (other, price) = PLENTY[(number + 1) % PLENTY.len()];
                lines.push(line(other, 1, price, Some(1))?);
            }
            lines
        }
        Goods::Short => {
            let too_many = u32::try_from(RARE.1)? + 1;
            vec![
                line(sku, quantity, price, Some(1))?,
                line(RARE.0, too_many, RARE_PRICE.1, Some(RARE_PRICE.0))?,
            ]
        }
        Goods::Unknown => vec![line("unicorn", 1, price, None)?],
        Goods::None => Vec::new(),
    };
    Ok(CartCheckedOut {
        cart_id: None,
        customer_id: CustomerId(customer),
        lines,
        card_token: case.card.to_owned(),
        ship_to: Address {
            name: format!("Customer {}", id::short(customer)),
            street: "Am Hafen 3".to_owned(),
            postal_code: "20457".to_owned(),
            city: "Hamburg".to_owned(),
            country: case.country.parse()?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_of_a_hundred() {
        assert_eq!(CASES.iter().map(|case| case.share).sum::<u32>(), 100);
    }

    #[test]
    fn every_checkout_can_be_made() {
        let mut of_two_products = 0;
        let all = CASES.iter().flat_map(|case| (0..case.share).map(move |_| case));
        for (number, case) in all.enumerate() {
            let checkout = checkout(case, number, Uuid::nil()).expect("a checkout");
            if case.end == ExpectedEnd::Completed && checkout.lines.len() == 2 {
                of_two_products += 1;
            }
        }
        assert!(of_two_products > 10, "{of_two_products}");
    }
}

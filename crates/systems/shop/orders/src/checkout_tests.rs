//! Totals, and every reason for which a checkout is invalid.

use shop_events::{Address, CustomerId};
use uuid::Uuid;

use super::*;

fn price(amount_minor: i64, currency: &str) -> Money {
    Money { amount_minor, currency: currency.parse().expect("a currency") }
}

fn line(quantity: u32, unit_price: Money) -> OrderLine {
    OrderLine { sku: "mug".parse().expect("a SKU"), quantity, unit_price, product_version: None }
}

fn checkout(lines: Vec<OrderLine>) -> CartCheckedOut {
    let text = str::to_owned;
    CartCheckedOut {
        cart_id: None,
        customer_id: CustomerId::from(Uuid::nil()),
        lines,
        card_token: text("card_approved"),
        ship_to: Address {
            name: text("Ada"),
            street: text("Main Street 1"),
            postal_code: String::new(),
            city: text("Dublin"),
            country: "IE".parse().expect("a country"),
        },
    }
}

fn place_now(checkout: CartCheckedOut) -> Result<OrderPlaced, InvalidCheckout> {
    let order_id = OrderId::from(Uuid::nil());
    place(order_id, checkout, Timestamp::UNIX_EPOCH)
}

#[test]
fn the_total_is_the_sum_of_all_lines() {
    let lines = vec![line(2, price(1_050, "EUR")), line(1, price(0, "EUR"))];
    let order = place_now(checkout(lines)).expect("a possible order");
    assert_eq!(order.total, price(2_100, "EUR"));
}

#[test]
fn what_cannot_be_bought_is_said_with_its_place() {
    let euro = price(100, "EUR");
    let cases = [
        (vec![], InvalidCheckout::NoLines),
        (vec![line(1, euro); 101], InvalidCheckout::TooManyLines(101)),
        (vec![line(0, euro)], InvalidCheckout::Quantity { line: 1, quantity: 0 }),
        (
            vec![line(1, euro), line(10_001, euro)],
            InvalidCheckout::Quantity { line: 2, quantity: 10_001 },
        ),
        (vec![line(1, price(-1, "EUR"))], InvalidCheckout::NegativePrice(1)),
        (
            vec![line(1, euro), line(1, price(100, "USD"))],
            InvalidCheckout::MixedCurrencies {
                line: 2,
                expected: euro.currency,
                found: price(0, "USD").currency,
            },
        ),
        (vec![line(2, price(i64::MAX, "EUR"))], InvalidCheckout::TotalOutOfRange),
        (vec![line(1, price(i64::MAX, "EUR")); 2], InvalidCheckout::TotalOutOfRange),
    ];
    for (lines, expected) in cases {
        assert_eq!(place_now(checkout(lines)).expect_err("impossible"), expected);
    }
}

#[test]
fn texts_have_bounds() {
    let with_street = |street: &str| {
        let mut checkout = checkout(vec![line(1, price(1, "EUR"))]);
        street.clone_into(&mut checkout.ship_to.street);
        place_now(checkout)
    };
    assert!(with_street(&"ü".repeat(200)).is_ok());
    let wrong = with_street("  ").expect_err("it is empty");
    assert_eq!(wrong.to_string(), "ship_to.street is empty");
    assert_eq!(wrong.field(), ["ship_to", "street"]);
}

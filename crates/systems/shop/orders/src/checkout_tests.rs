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
fn what_cannot_be_bought_is_said_with_its_place() {
    let euro = price(100, "EUR");
    let mixed = vec![line(1, euro), line(1, price(100, "USD"))];
    for (lines, field, why) in [
        (vec![], "lines", "there are 0 lines: an order has 1 to 100"),
        (vec![line(1, euro); 101], "lines", "there are 101 lines: an order has 1 to 100"),
        (
            vec![line(1, euro), line(10_001, euro)],
            "lines.1.quantity",
            "line 2 has quantity 10001: it is 1 to 10000",
        ),
        (
            vec![line(1, price(-1, "EUR"))],
            "lines.0.unit_price.amount_minor",
            "line 1 has a price below zero",
        ),
        (
            mixed,
            "lines.1.unit_price.currency",
            "line 2 is in USD, line 1 in EUR: an order has one currency",
        ),
        (vec![line(1, price(i64::MAX, "EUR")); 2], "lines", "the total is out of range"),
    ] {
        let wrong = place_now(checkout(lines)).expect_err("impossible");
        assert_eq!((&*wrong.field, &*wrong.to_string()), (field, why));
    }
    assert!(place_now(checkout(vec![line(10_000, euro); 100])).is_ok());
    let lines = vec![line(2, price(1_050, "EUR")), line(1, price(0, "EUR"))];
    let mut checkout = checkout(lines);
    assert_eq!(place_now(checkout.clone()).expect("an order").total, price(2_100, "EUR"));
    "  ".clone_into(&mut checkout.ship_to.street);
    let wrong = place_now(checkout).expect_err("it is empty");
    assert_eq!((&*wrong.field, &*wrong.to_string()), ("ship_to.street", "ship_to.street is empty"));
}

//! Lines that are put, taken out, and compared with the products.

use serde_json::json;
use shop_events::CustomerId;

use super::*;

fn product(sku: &str, amount_minor: i64, currency: &str) -> Product {
    serde_json::from_value(json!({ "sku": sku, "version": 1, "title": sku, "description": "",
        "price": { "amount_minor": amount_minor, "currency": currency }, "category": "home",
        "tags": [], "published_at": "2026-01-01T00:00:00Z", "changed_at": "2026-01-01T00:00:00Z" }))
    .expect("a product")
}

fn cart() -> Cart {
    let id = "0193f7a0-0000-7000-8000-000000000001";
    let customer_id: CustomerId = id.parse().expect("an id");
    Cart::new(id.parse().expect("an id"), customer_id, Timestamp::UNIX_EPOCH)
}

fn sku(text: &str) -> Sku {
    text.parse().expect("a SKU")
}

fn amount(cart: &Cart) -> Option<i64> {
    cart.total.map(|total| total.amount_minor)
}

#[test]
fn a_product_has_one_line() {
    let mut cart = cart();
    assert_eq!(cart.put(product("mug", 500, "EUR"), 2), Some(true));
    assert_eq!(cart.put(product("cup", 100, "EUR"), 1), Some(true));
    assert_eq!(cart.put(product("mug", 500, "EUR"), 2), Some(false), "as it is");
    assert_eq!(amount(&cart), Some(1_100));
    assert_eq!(cart.put(product("mug", 400, "EUR"), 3), Some(true), "the price is shown anew");
    assert_eq!((cart.lines.len(), amount(&cart)), (2, Some(1_300)));
    assert!(cart.remove(&sku("mug")) && !cart.remove(&sku("mug")));
    assert_eq!(amount(&cart), Some(100));
    assert!(cart.clear() && !cart.clear());
    assert_eq!(cart.order(), Err(OrderObstacle::Empty));
}

#[test]
fn a_cart_has_room_for_a_hundred_products() {
    let mut cart = cart();
    for number in 0..MAX_LINES {
        assert_eq!(cart.put(product(&format!("mug-{number}"), 1, "EUR"), 1), Some(true));
    }
    assert_eq!(cart.put(product("cup", 1, "EUR"), 1), None);
    assert_eq!(cart.put(product("mug-7", 1, "EUR"), 2), Some(true));
}

#[test]
fn lines_in_two_currencies_are_no_order() {
    let mut cart = cart();
    cart.put(product("mug", 500, "EUR"), 1);
    cart.put(product("cup", 500, "USD"), 1);
    let dollars = "USD".parse().expect("a currency");
    assert_eq!(cart.order(), Err(OrderObstacle::OtherCurrency(sku("cup"), dollars)));
    assert_eq!(cart.total, None);
    cart.remove(&sku("cup"));
    cart.put(product("pot", i64::MAX, "EUR"), 1);
    assert_eq!(cart.order(), Err(OrderObstacle::TotalOutOfRange));
}

#[test]
fn what_is_not_as_it_was_shown_is_named_and_shown() {
    let mut cart = cart();
    for sku in ["mug", "cup", "pot", "jug"] {
        cart.put(product(sku, 500, "EUR"), 1);
    }
    let products = HashMap::from([
        ("mug".to_owned(), Versioned::of("mug", 2, product("mug", 600, "EUR"))),
        ("cup".to_owned(), Versioned::of("cup", 1, product("cup", 500, "EUR"))),
        ("pot".to_owned(), Versioned::removed("pot", 2)),
    ]);
    let found = serde_json::to_value(cart.compare(&products)).expect("JSON");
    let euros = |amount_minor: i64| json!({ "amount_minor": amount_minor, "currency": "EUR" });
    let mug = json!({ "sku": "mug", "old_price": euros(500), "new_price": euros(600) });
    let pot = json!({ "sku": "pot", "old_price": euros(500) });
    assert_eq!(found, json!([mug, pot]));
    assert_eq!(amount(&cart), Some(1_600), "what is withdrawn costs nothing");
    let again = serde_json::to_value(cart.compare(&products)).expect("JSON");
    assert_eq!(again, json!([pot]), "the price was shown, and the pot is still there");
    cart.remove(&sku("pot"));
    assert_eq!(cart.compare(&products), []);
}

#[test]
fn what_is_for_sale_again_is_named_and_counted() {
    let mut cart = cart();
    cart.put(product("mug", 500, "EUR"), 1);
    cart.put(product("pot", 500, "EUR"), 1);
    let withdrawn = HashMap::from([("pot".to_owned(), Versioned::removed("pot", 2))]);
    assert_eq!(cart.compare(&withdrawn).len(), 1);
    // The catalog was restored from a backup before the withdrawal, and the copy is filled again.
    let pot = |price| Versioned::of("pot", 1, product("pot", price, "EUR"));
    for price in [500, 600] {
        let again = HashMap::from([("pot".to_owned(), pot(price))]);
        let found = serde_json::to_value(cart.compare(&again)).expect("JSON");
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
        assert_eq!(amount(&cart), Some(500 + price));
        assert_eq!(cart.compare(&again), [], "it was shown");
        let (lines, total) = cart.order().expect("an order");
        let charged: i64 = lines.iter().map(|line| line.unit_price.amount_minor).sum();
        assert_eq!(charged, total.amount_minor);
        cart.compare(&withdrawn);
    }
}

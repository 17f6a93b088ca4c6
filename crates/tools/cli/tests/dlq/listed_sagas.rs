//! `ballet sagas list`: by state, page, value and key.

use ballet::core::MessageId;
use serde_json::{Value, json};

use crate::sagas::none_is_open;
use crate::shop::{ShopWorld, checkout};

async fn ids(shop: &ShopWorld, arguments: &[&str]) -> Vec<Value> {
    let listed = [&["sagas", "list", "-o", "jsonl"], arguments].concat();
    let listed = shop.ballet(&listed).await.ends_with(0).lines();
    listed.into_iter().map(|row| row["saga"].clone()).collect()
}

/// The shop must have no sagas. This makes some, and a dead letter.
pub(crate) async fn sagas_are_listed_by_state_and_page_and_found_by_a_value_or_a_declared_key(
    shop: &ShopWorld,
) {
    shop.ballet(&["sagas", "list"]).await.ends_with(0).prints(&["no saga fits"]);
    let (customer, cart) = (ShopWorld::new_id(), ShopWorld::new_id());
    let of_cart = || {
        let mut body = checkout();
        body["customer_id"] = json!(customer);
        body["cart_id"] = json!(cart);
        body
    };
    let other = shop.new_order(&checkout()).await;
    shop.order_is(&other, "completed").await;
    let declined = ShopWorld::new_id();
    let mut body = of_cart();
    body["card_token"] = json!("card_declined");
    shop.drop(&declined, &body.to_string()).await;
    shop.order_is(&declined, "cancelled").await;
    let done = shop.new_order(&of_cart()).await;
    shop.order_is(&done, "completed").await;
    none_is_open(shop).await;

    let key = |name: &str, value: &str| format!("{name}={value}");
    assert_eq!(ids(shop, &[&key("customer", &customer)]).await, [json!(done), json!(declined)]);
    // The cart is only in the event that begins a saga.
    assert_eq!(ids(shop, &[&key("cart", &cart)]).await, [json!(done), json!(declined)]);
    let listed = ["sagas", "list", &key("customer", &customer), "-o", "json"];
    let listed: Value = shop.ballet(&listed).await.ends_with(0).json();
    let of = |at: usize, field: &str| listed[at][field].clone();
    assert_eq!((of(0, "state"), of(1, "state")), (json!("completed"), json!("aborted")));
    assert_eq!(of(0, "last_event"), "orders.order_completed.v1");
    let aborted = [&*key("customer", &customer), "--state", "aborted"];
    assert_eq!(ids(shop, &aborted).await, [json!(declined)]);
    let first = ["sagas", "list", &key("customer", &customer), "--limit", "1"];
    shop.ballet(&first).await.ends_with(0).says(&[&format!("--after {done}")]);
    assert_eq!(ids(shop, &[&key("order", &done)]).await, [json!(done)]);
    assert_eq!(ids(shop, &[&done]).await, [json!(done)]);
    assert_eq!(ids(shop, &["product=mug", "--limit", "1"]).await, [json!(done)]);
    let after = ["product=mug", "--after", &done, "--with", &customer];
    assert_eq!(ids(shop, &after).await, [json!(declined)]);
    assert_eq!(ids(shop, &["product=mu"]).await, [Value::Null; 0]);

    let shown: Value =
        shop.ballet(&["sagas", "show", &done, "-o", "json"]).await.ends_with(0).json();
    let events = shown[0]["events"].as_array().expect("events");
    let sent = events.iter().find(|event| event["event"] == "shipping.shipment_dispatched.v1");
    let body = &sent.expect("dispatched")["body"];
    let [tracking, shipment] =
        ["tracking", "shipment_id"].map(|field| body[field].as_str().expect("text").to_owned());
    let shipment = shipment.to_uppercase();
    for named in [key("tracking", &tracking), key("shipment", &shipment), key("order", &done)] {
        let found = shop.ballet(&["sagas", "show", &named, "-o", "json"]).await.succeeds();
        assert_eq!(serde_json::from_str::<Value>(&found).expect("JSON"), shown, "{named}");
    }

    let several = shop.ballet(&["sagas", "show", &key("cart", &cart)]).await.ends_with(2);
    assert!(several.err.contains("2 sagas have cart="), "{several:?}");
    assert!(several.err.contains(&done) && several.err.contains(&declined), "{several:?}");
    let none =
        shop.ballet(&["sagas", "show", &key("order", &ShopWorld::new_id())]).await.ends_with(2);
    assert!(none.err.contains("no saga has order="), "{none:?}");
    let there = "no contract declares the key invoice; there is cart, customer, order, product, \
                 shipment, tracking";
    shop.ballet(&["sagas", "list", "invoice=17"]).await.ends_with(2).says(&[there]);
    let ways = "expected a saga's id, or KEY=VALUE";
    shop.ballet(&["sagas", "show", "order"]).await.ends_with(2).says(&[ways]);

    // No ledger knows it: its first event is a dead letter.
    let dead = ShopWorld::new_id();
    let mut wrong = of_cart();
    let lost = ShopWorld::new_id();
    wrong["cart_id"] = json!(lost);
    wrong["lines"][0]["quantity"] = json!("one");
    shop.drop(&dead, &wrong.to_string()).await;
    shop.dead("orders").await;
    shop.ballet(&["sagas", "stuck", &key("cart", &lost)]).await.ends_with(0).prints(&[&dead]);

    // The producer chose its id.
    let derived = MessageId::derived_from_text("order 17").0.to_string();
    let (basket, mut foreign) = (ShopWorld::new_id(), checkout());
    foreign["cart_id"] = json!(basket);
    shop.drop("order 17", &foreign.to_string()).await;
    shop.order_is(&derived, "completed").await;
    assert_eq!(ids(shop, &[&key("cart", &basket)]).await, [json!(derived)]);
    // An event outside of sagas with the key is no saga.
    let cleared = json!({ "cart_id": basket, "customer_id": customer, "reason": "customer" });
    let (properties, own) = (json!({ "message_id": ShopWorld::new_id() }), "cart.cleared.v1");
    let management = shop.env.management();
    let told = management.publish("events", own, &properties, &cleared.to_string()).await;
    assert!(told.expect("published"));
    assert_eq!(ids(shop, &[&key("cart", &basket)]).await, [json!(derived)]);
}

//! Orders that begin with a cart.

use ballet::Clock;
use ballet_stage::wait_until;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shop::{SOON, Shop, mugs};

#[tokio::test]
async fn a_cart_is_bought_at_the_price_that_it_showed() {
    let shop = Shop::open("bought").await;
    let mug = sold(&shop, "mug", 1_250).await;
    let cart = opened(&shop, 2).await;
    let refused = change(&shop, &mug, 1_400, &cart).await;
    assert_eq!(refused["lines"][0]["new_price"]["amount_minor"], 1_400, "{refused}");

    let checkout = check_out(&shop, &cart, "\"2\"", "card_approved").await;
    assert_eq!(checkout.status(), StatusCode::CREATED);
    let location = checkout.headers()["location"].to_str().expect("text").to_owned();
    let checkout: Value = checkout.json().await.expect("JSON");
    let order_id = checkout["order_id"].as_str().expect("an id");
    assert_eq!(location, format!("/orders/{order_id}"));
    let order = shop.order_is(order_id, "completed").await;
    assert_eq!(order["total"]["amount_minor"], 2_800);
    assert_eq!(order["lines"], checkout["lines"]);
    cart_is(&shop, &cart, "closed").await;
    shop.is_sound().await;
    assert_eq!(shop.dead_letters().await, 0);
    shop.close().await;
}

/// Asks right after the checkout, behind the gateway.
pub(crate) async fn an_order_is_not_there_yet_and_then_it_is(shop: &Shop) {
    let door = shop.door("orders").to_owned();
    let clock = Clock::system();
    // An order that was just checked out may be on its way; an old one is not.
    let (new, old) =
        (clock.new_id(clock.now()).to_string(), "0193f7a0-0000-7000-8000-000000000000");
    for (order_id, not_yet) in [(new.as_str(), true), (old, false)] {
        let order = format!("{door}/orders/{order_id}");
        let key = |number: u8| format!("{order_id}-{number}");
        for request in [
            shop.client.get(&order),
            shop.client.get(format!("{order}/events")),
            shop.client.get(format!("{door}/pages/order/{order_id}")),
            shop.client.post(format!("{order}/cancel")).header("Idempotency-Key", key(1)),
        ] {
            let said = format!("{request:?}");
            let answer = request.send().await.expect("an answer");
            is_not_there(answer, not_yet, &said).await;
        }
    }
    let cart = opened(shop, 1).await;
    let checkout = check_out(shop, &cart, "\"1\"", "card_approved").await;
    let order = format!("{door}{}", checkout.headers()["location"].to_str().expect("a path"));
    wait_until("the order", SOON, || async {
        let answer = shop.client.get(&order).send().await?;
        if answer.status() == StatusCode::OK {
            return Ok::<_, reqwest::Error>(Some(()));
        }
        is_not_there(answer, true, &order).await;
        Ok(None)
    })
    .await
    .expect("it is there in time");
}

async fn is_not_there(answer: reqwest::Response, not_yet: bool, said: &str) {
    assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{said}");
    let wait = answer.headers().get("retry-after").cloned();
    let problem: Value = answer.json().await.expect("JSON");
    let kind = if not_yet { ballet::http::NOT_YET } else { "about:blank" };
    assert_eq!(problem["type"], kind, "{said}: {problem}");
    assert_eq!(wait.is_some(), not_yet, "{said}: {problem}");
}

/// Waits until cart knows the product. Returns its URL.
pub(crate) async fn sold(shop: &Shop, sku: &str, amount_minor: i64) -> String {
    let url = format!("{}/products", shop.url("catalog"));
    let product = json!({ "sku": sku, "title": format!("A {sku}"), "category": "kitchen",
        "price": { "amount_minor": amount_minor, "currency": "EUR" } });
    // A repeated request publishes no second product.
    let published = wait_until("a product", SOON, || async {
        let status = shop.post(&url, &product).await.status();
        if status.is_success() { Ok(Some(())) } else { Err(status.to_string()) }
    });
    published.await.expect("it is published");
    let known = wait_until("a product that carts know", SOON, || async {
        let body = json!({ "customer_id": mugs(1, "")["customer_id"],
            "items": [{ "sku": sku, "quantity": 1 }] });
        let status = shop.post(&format!("{}/carts", shop.url("cart")), &body).await.status();
        if status == StatusCode::CREATED { Ok(Some(())) } else { Err(status.to_string()) }
    });
    known.await.expect("it is known");
    format!("{url}/{sku}")
}

async fn opened(shop: &Shop, quantity: u32) -> String {
    let body = json!({ "customer_id": mugs(1, "")["customer_id"],
        "items": [{ "sku": "mug", "quantity": quantity }] });
    let url = format!("{}/carts", shop.url("cart"));
    let cart: Value = shop.post(&url, &body).await.json().await.expect("JSON");
    format!("{url}/{}", cart["cart_id"].as_str().expect("an id"))
}

async fn check_out(shop: &Shop, cart: &str, tag: &str, card: &str) -> reqwest::Response {
    let terms = json!({ "card_token": card, "ship_to": mugs(1, "")["ship_to"] });
    let request = shop.client.post(format!("{cart}/checkout")).header("If-Match", tag);
    request.json(&terms).send().await.expect("an answer")
}

/// Changes the price, so that the checkout has to be refused.
async fn change(shop: &Shop, product: &str, amount_minor: i64, cart: &str) -> Value {
    let price = json!({ "amount_minor": amount_minor, "currency": "EUR" });
    let change = shop.client.request(Method::PUT, format!("{product}/price"));
    let changed = change.header("If-Match", "\"1\"").json(&price).send().await;
    assert_eq!(changed.expect("an answer").status(), StatusCode::OK);
    // Another cart shows when the change has arrived.
    let known = wait_until("the new price", SOON, || async {
        let body = json!({ "customer_id": mugs(1, "")["customer_id"],
            "items": [{ "sku": "mug", "quantity": 1 }] });
        let url = format!("{}/carts", shop.url("cart"));
        let other: Value = shop.post(&url, &body).await.json().await?;
        Ok::<_, reqwest::Error>((other["total"]["amount_minor"] == amount_minor).then_some(()))
    });
    known.await.expect("it is known");
    let refused = check_out(shop, cart, "\"1\"", "card_approved").await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    refused.json().await.expect("JSON")
}

async fn cart_is(shop: &Shop, cart: &str, status: &str) {
    let is = wait_until("a cart's status", SOON, || async {
        let found: Value = shop.client.get(cart).send().await?.json().await?;
        Ok::<_, reqwest::Error>((found["status"] == status).then_some(()))
    });
    is.await.expect("the status");
}

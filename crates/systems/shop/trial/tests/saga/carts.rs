//! Orders that begin with a cart.

use ballet_stage::wait_until;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::shop::{CUSTOMER, SOON, Shop, mugs};

pub(crate) async fn a_cart_is_bought_at_the_price_that_it_showed(shop: &Shop) {
    let url = format!("{}/carts", shop.url("cart"));
    let new = json!({ "customer_id": CUSTOMER, "items": [{ "sku": "mug", "quantity": 2 }] });
    let cart: Value = shop.post(&url, &new).await.json().await.expect("JSON");
    let cart = format!("{url}/{}", cart["cart_id"].as_str().expect("an id"));
    shop.reprice("mug", 1, 1_400).await;
    let refused = check_out(shop, &cart, "\"1\"").await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let refused: Value = refused.json().await.expect("JSON");
    assert_eq!(refused["lines"][0]["new_price"]["amount_minor"], 1_400, "{refused}");

    let checkout = check_out(shop, &cart, "\"2\"").await;
    assert_eq!(checkout.status(), StatusCode::CREATED);
    let location = checkout.headers()["location"].to_str().expect("text").to_owned();
    let checkout: Value = checkout.json().await.expect("JSON");
    let order_id = checkout["order_id"].as_str().expect("an id");
    assert_eq!(location, format!("/orders/{order_id}"));
    let order = shop.order_is(order_id, "completed").await;
    assert_eq!(order["total"]["amount_minor"], 2_800);
    assert_eq!(order["lines"], checkout["lines"]);
    let closed = wait_until("a closed cart", SOON, || async {
        let found: Value = shop.client.get(&cart).send().await?.json().await?;
        Ok::<_, reqwest::Error>((found["status"] == "closed").then_some(()))
    });
    closed.await.expect("the status");
    shop.is_sound().await;
}

async fn check_out(shop: &Shop, cart: &str, tag: &str) -> Response {
    let terms = json!({ "card_token": "card_approved", "ship_to": mugs(1, "")["ship_to"] });
    let request = shop.client.post(format!("{cart}/checkout")).header("If-Match", tag);
    request.json(&terms).send().await.expect("an answer")
}

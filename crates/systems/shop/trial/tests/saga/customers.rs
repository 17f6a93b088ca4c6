//! The carts and orders that a client of the gateway sees and changes.

use ballet::Clock;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::Connection;

use crate::gateway::Gateway;
use crate::shop::{CUSTOMER, Shop, ShopOptions, USUAL, mugs};

const OTHER: &str = "0193f7a0-0000-7000-8000-00000000c002";

/// Leaves out what differs for each request.
async fn answer(request: RequestBuilder) -> (u16, Value) {
    let clock = Clock::system();
    // The gateway decides which routes need a key.
    let key = clock.new_id(clock.now()).to_string();
    let answer = request.header("Idempotency-Key", key).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("text");
    let mut body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    (status, body)
}

fn gateway(shop: &Shop) -> &Gateway {
    shop.gateway.as_ref().expect("a gateway")
}

fn requests(
    client: &Client,
    door: &str,
    order_id: &str,
    cart_id: &str,
    customer_id: &str,
) -> Vec<RequestBuilder> {
    let (order, cart) = (format!("{door}/orders/{order_id}"), format!("{door}/carts/{cart_id}"));
    let item = format!("{cart}/items/mug");
    let terms = json!({ "card_token": "card_approved", "ship_to": mugs(1, "")["ship_to"] });
    let likes = format!("{door}/recommendations/customers/{customer_id}/recommendations");
    vec![
        client.get(&order),
        client.get(format!("{order}/events")),
        client.get(format!("{door}/pages/order/{order_id}")),
        client.get(&cart),
        client.get(likes),
        client.request(Method::PUT, &item).json(&json!({ "quantity": 3 })),
        client.delete(&item),
        client.delete(format!("{cart}/items")),
        client.post(format!("{cart}/checkout")).header("If-Match", "\"1\"").json(&terms),
        client.post(format!("{order}/cancel")),
    ]
}

#[tokio::test]
async fn what_belongs_to_another_customer_does_not_exist_and_nothing_is_placed_for_another() {
    let shop = Shop::with("gw_whose", ShopOptions { gateway: true, ..USUAL }).await;
    let door = shop.door("orders").to_owned();
    let provider = shop.silent_provider().await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    let clock = Clock::system();
    let nothing = clock.new_id(clock.now()).to_string();
    let new = json!({ "customer_id": CUSTOMER, "items": [{ "sku": "mug", "quantity": 1 }] });
    let (status, cart) = answer(shop.client.post(format!("{door}/carts")).json(&new)).await;
    assert_eq!(status, 201, "{cart}");
    let cart_id = cart["cart_id"].as_str().expect("an id").to_owned();

    let other = gateway(&shop).customer(OTHER).await;
    let mine = json!({ "customer_id": CUSTOMER, "items": [] });
    for (path, body) in [("orders", &mugs(1, "card_approved")), ("carts", &mine)] {
        let (status, problem) = answer(other.post(format!("{door}/{path}")).json(body)).await;
        assert_eq!(status, 403, "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], "#/customer_id", "{problem}");
        let detail = problem["detail"].as_str().expect("a sentence");
        assert!(detail.contains(OTHER) && detail.contains("orders:all"), "{detail}");
    }
    let (_, all) = answer(shop.support.get(format!("{door}/orders"))).await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1), "{all}");
    let theirs = requests(&other, &door, &order_id, &cart_id, CUSTOMER);
    let nobodys = requests(&other, &door, &nothing, &nothing, &nothing);
    for (their, nobodys) in theirs.into_iter().zip(nobodys) {
        // A client cannot change its identity by the gateway's headers.
        let forged = their.try_clone().expect("a request");
        let forged = forged.header("x-ballet-subject", CUSTOMER).header("x-ballet-client", "x");
        let forged = forged.header("x-ballet-scopes", "orders:all");
        let (status, expected) = answer(nobodys).await;
        assert_eq!(status, 404, "{expected}");
        for request in [their, forged] {
            let said = format!("{request:?}");
            let (status, found) = answer(request).await;
            assert_eq!(status, 404, "{said}: {found}");
            let mut text = found.to_string();
            for id in [order_id.as_str(), &cart_id, CUSTOMER] {
                text = text.replace(id, &nothing);
            }
            assert_eq!(text, expected.to_string(), "{said}");
        }
    }
    for list in ["orders", "carts"] {
        let (_, own) = answer(other.get(format!("{door}/{list}"))).await;
        assert_eq!(own["items"], json!([]), "{list}");
        let (_, own) = answer(shop.client.get(format!("{door}/{list}"))).await;
        assert!(own["items"].as_array().is_some_and(|items| !items.is_empty()), "{list}: {own}");
    }
    assert_eq!(shop.order(&order_id).await["status"], "placed");
    let (_, now) = answer(shop.client.get(format!("{door}/carts/{cart_id}"))).await;
    assert_eq!(now, cart);
    provider.close().await.expect("it answers");
    shop.order_is(&order_id, "completed").await;
    shop.is_sound().await;
    shop.close().await;
}

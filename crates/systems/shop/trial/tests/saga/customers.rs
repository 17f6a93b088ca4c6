//! The carts and orders that a customer sees and changes.

use ballet::Clock;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::Connection;

use crate::shop::{CUSTOMER, Shop, mugs};

const OTHER: &str = "0193f7a0-0000-7000-8000-00000000c002";

/// A client whose requests come as the gateway passes on those of this customer.
fn customer(id: &'static str) -> Client {
    let mut headers = HeaderMap::new();
    headers.insert("x-ballet-subject", id.parse().expect("a value"));
    headers.insert("x-ballet-scopes", "orders:read orders:write".parse().expect("a value"));
    Client::builder().default_headers(headers).build().expect("a client")
}

/// Leaves out what differs for each request.
async fn answer(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("text");
    let mut body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    (status, body)
}

fn requests(
    client: &Client,
    shop: &Shop,
    order_id: &str,
    cart_id: &str,
    customer_id: &str,
) -> Vec<RequestBuilder> {
    let order = format!("{}/orders/{order_id}", shop.url("orders"));
    let cart = format!("{}/carts/{cart_id}", shop.url("cart"));
    let item = format!("{cart}/items/mug");
    let terms = json!({ "card_token": "card_approved", "ship_to": mugs(1, "")["ship_to"] });
    let likes = shop.url("recommendations");
    vec![
        client.get(&order),
        client.get(format!("{order}/events")),
        client.get(&cart),
        client.get(format!("{likes}/customers/{customer_id}/recommendations")),
        client.request(Method::PUT, &item).json(&json!({ "quantity": 3 })),
        client.delete(&item),
        client.delete(format!("{cart}/items")),
        client.post(format!("{cart}/checkout")).header("If-Match", "\"1\"").json(&terms),
        client.post(format!("{order}/cancel")),
    ]
}

#[tokio::test]
async fn what_belongs_to_another_customer_does_not_exist_and_nothing_is_placed_for_another() {
    let shop = Shop::open("whose").await;
    let (own, other) = (customer(CUSTOMER), customer(OTHER));
    let (orders, carts) =
        (format!("{}/orders", shop.url("orders")), format!("{}/carts", shop.url("cart")));
    let provider = shop.silent_provider().await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    let clock = Clock::system();
    let nothing = clock.new_id(clock.now()).to_string();
    let new = json!({ "customer_id": CUSTOMER, "items": [{ "sku": "mug", "quantity": 1 }] });
    let (status, cart) = answer(own.post(&carts).json(&new)).await;
    assert_eq!(status, 201, "{cart}");
    let cart_id = cart["cart_id"].as_str().expect("an id").to_owned();
    for (url, body) in [(&orders, &mugs(1, "card_approved")), (&carts, &new)] {
        let (status, problem) = answer(other.post(url).json(body)).await;
        assert_eq!(status, 403, "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], "#/customer_id", "{problem}");
    }
    let theirs = requests(&other, &shop, &order_id, &cart_id, CUSTOMER);
    let nobodys = requests(&other, &shop, &nothing, &nothing, &nothing);
    for (their, nobodys) in theirs.into_iter().zip(nobodys) {
        let (status, expected) = answer(nobodys).await;
        assert_eq!(status, 404, "{expected}");
        let said = format!("{their:?}");
        let (status, found) = answer(their).await;
        assert_eq!(status, 404, "{said}: {found}");
        let mut text = found.to_string();
        for id in [order_id.as_str(), &cart_id, CUSTOMER] {
            text = text.replace(id, &nothing);
        }
        assert_eq!(text, expected.to_string(), "{said}");
    }
    for list in [&orders, &carts] {
        let (_, theirs) = answer(other.get(list)).await;
        assert_eq!(theirs["items"], json!([]), "{list}");
        let (_, mine) = answer(own.get(list)).await;
        assert_eq!(mine["items"].as_array().map(Vec::len), Some(1), "{list}: {mine}");
    }
    assert_eq!(shop.order(&order_id).await["status"], "placed");
    let (_, now) = answer(own.get(format!("{carts}/{cart_id}"))).await;
    assert_eq!(now, cart);
    provider.close().await.expect("it answers");
    shop.order_is(&order_id, "completed").await;
    shop.is_sound().await;
    shop.close().await;
}

//! The bound on stock in a customer's unpaid orders.

use ballet_stage::wait_until;
use cart::config::CartSettings;
use futures_util::future::join_all;
use orders::config::OrderSettings;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::Connection;

use crate::shop::{CUSTOMER, SOON, Shop, ShopOptions, USUAL, mugs};

const OTHER: &str = "0193f7a0-0000-7000-8000-00000000c002";
const PIECES: u32 = 5;

type Answer = (StatusCode, Value);

/// Sends as the gateway does for a caller with these scopes.
async fn send_as(request: RequestBuilder, subject: &str, scopes: &str) -> Answer {
    let request = request.header("x-ballet-subject", subject).header("x-ballet-scopes", scopes);
    let answer = request.send().await.expect("an answer");
    let waits = answer.headers().contains_key("retry-after");
    assert_eq!(waits, answer.status() == StatusCode::TOO_MANY_REQUESTS, "{answer:?}");
    (answer.status(), answer.json().await.expect("JSON"))
}

async fn orders(shop: &Shop, customer: &str, quantity: u32) -> Answer {
    send_as(order(shop, customer, quantity), customer, "orders:write").await
}

fn order(shop: &Shop, customer: &str, quantity: u32) -> RequestBuilder {
    let mut checkout = mugs(quantity, "card_approved");
    checkout["customer_id"] = json!(customer);
    shop.client.post(format!("{}/orders", shop.url("orders"))).json(&checkout)
}

async fn checks_out(shop: &Shop, quantity: u32) -> Answer {
    let url = format!("{}/carts", shop.url("cart"));
    let new = json!({ "customer_id": CUSTOMER, "items": [{ "sku": "mug", "quantity": quantity }] });
    let (status, cart) = send_as(shop.client.post(&url).json(&new), CUSTOMER, "orders:write").await;
    assert_eq!(status, StatusCode::CREATED, "{cart}");
    let cart_id = cart["cart_id"].as_str().expect("an id");
    let terms = json!({ "card_token": "card_approved", "ship_to": mugs(1, "")["ship_to"] });
    let request = shop.client.post(format!("{url}/{cart_id}/checkout")).header("If-Match", "\"1\"");
    send_as(request.json(&terms), CUSTOMER, "orders:write").await
}

fn names_the_limit((_, problem): &Answer) {
    let detail = problem["detail"].as_str().expect("a sentence");
    assert!(detail.contains("UNPAID_PIECES_OF_ONE"), "{detail}");
}

/// Opens with a silent card processor and bound customers.
async fn open_bounded() -> Shop {
    let options = ShopOptions { without: &["cart", "orders"], ..USUAL };
    let mut shop = Box::pin(Shop::with("unpaid", options)).await;
    let mut settings = OrderSettings::from(orders::config::DEADLINE);
    settings.unpaid.unpaid_pieces_of_one = PIECES;
    shop.start_as(orders::Orders(settings).service()).await;
    let mut settings = CartSettings::default();
    settings.unpaid.unpaid_pieces_of_one = PIECES;
    shop.start_as(cart::Carts(settings).service()).await;
    shop.wait_until_known("mug", 1).await;
    shop
}

#[tokio::test]
async fn t203_one_customer_cannot_hold_all_of_the_stock() {
    let shop = open_bounded().await;
    let provider = shop.silent_provider().await;
    let all = join_all((0..3).map(|_| orders(&shop, CUSTOMER, 2)));
    let answers = shop.meeting(("orders", "customer_order"), 3, all).await;
    let of = |wanted| answers.iter().filter(|(status, _)| *status == wanted).collect::<Vec<_>>();
    let (placed, refused) = (of(StatusCode::CREATED), of(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!((placed.len(), refused.len()), (2, 1), "{answers:?}");
    names_the_limit(refused[0]);
    // Waiting would not help this order.
    let alone = orders(&shop, CUSTOMER, PIECES + 1).await;
    assert_eq!(alone.0, StatusCode::CONFLICT, "{alone:?}");
    names_the_limit(&alone);
    // Callers that act for customers have no bound.
    assert_eq!(orders(&shop, OTHER, 1).await.0, StatusCode::CREATED);
    let for_them = send_as(order(&shop, CUSTOMER, 1), "support", "orders:all").await;
    assert_eq!(for_them.0, StatusCode::CREATED, "{for_them:?}");
    assert_eq!(orders(&shop, CUSTOMER, 1).await.0, StatusCode::TOO_MANY_REQUESTS);

    let cancelled = placed[0].1["order_id"].as_str().expect("an id");
    assert_eq!(shop.cancel(cancelled).await.status(), StatusCode::ACCEPTED);
    let (status, last) = orders(&shop, CUSTOMER, 2).await;
    assert_eq!(status, StatusCode::CREATED, "{last}");
    provider.close().await.expect("it answers");
    shop.order_is(last["order_id"].as_str().expect("an id"), "completed").await;
    let (status, paid) = orders(&shop, CUSTOMER, 1).await;
    assert_eq!(status, StatusCode::CREATED);
    shop.order_is(paid["order_id"].as_str().expect("an id"), "completed").await;
    shop.is_sound().await;

    // Nor can a customer hold it with carts.
    assert_eq!(shop.receive("mug", "note-2", 10).await.status(), StatusCode::OK);
    let provider = shop.silent_provider().await;
    let alone = checks_out(&shop, PIECES + 1).await;
    assert_eq!(alone.0, StatusCode::CONFLICT, "{alone:?}");
    names_the_limit(&alone);
    let both = async { tokio::join!(checks_out(&shop, 3), checks_out(&shop, 3)) };
    let (one, other) = shop.meeting(("cart", "checkout"), 2, both).await;
    let (first, refused) = if one.0 == StatusCode::CREATED { (one, other) } else { (other, one) };
    assert_eq!(first.0, StatusCode::CREATED, "{first:?}");
    assert_eq!(refused.0, StatusCode::TOO_MANY_REQUESTS, "{refused:?}");
    names_the_limit(&refused);
    let order_id = first.1["order_id"].as_str().expect("an id");
    shop.order_is(order_id, "placed").await;
    assert_eq!(shop.cancel(order_id).await.status(), StatusCode::ACCEPTED);
    let again = wait_until("cart to know that the order is cancelled", SOON, || async {
        match checks_out(&shop, 3).await {
            (StatusCode::CREATED, checkout) => Ok(Some(checkout)),
            (status, problem) => Err(format!("{status}: {problem}")),
        }
    });
    let again = again.await.expect("a checkout");
    provider.close().await.expect("it answers");
    shop.order_is(again["order_id"].as_str().expect("an id"), "completed").await;
    shop.is_sound().await;
    shop.close().await;
}

//! Services that accept only requests that their gateway has signed.

use ballet_http::signature::{REQUEST_HEADER, message, sign};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::shop::{CUSTOMER, ORDERS_ALONE, Shop, mugs};

async fn refused(request: RequestBuilder, why: &str) {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{why}");
    assert_eq!(answer.headers()["www-authenticate"], "Ballet-Gateway");
    let problem: Value = answer.json().await.expect("JSON");
    let detail = problem["detail"].as_str().expect("text");
    assert!(detail.contains("GATEWAY_SECRET") && detail.contains(why), "{detail}");
}

fn secret(service: &str) -> String {
    format!("a-secret-of-the-gateway-for-{service}")
}

#[tokio::test]
async fn a_request_from_inside_that_the_gateway_has_not_signed_can_do_nothing() {
    let mut shop = Box::pin(Shop::with("signed", ORDERS_ALONE)).await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    for (name, service) in [
        ("orders", orders::Orders(orders::config::DEADLINE.into()).service()),
        ("inventory", inventory::Inventory::service()),
    ] {
        let tomorrow = format!("{},the-one-of-tomorrow-32-characters", secret(name));
        shop.stop(name).await;
        shop.start_with(service, |settings| settings.gateway_secret = Some(tomorrow)).await;
    }
    let client = Client::new();
    let (orders, inventory) = (shop.url("orders"), shop.url("inventory"));
    let order = client.get(format!("{orders}/orders/{order_id}"));
    let again = || order.try_clone().expect("a request without a body");
    refused(again(), "it is not signed").await;
    let note = json!({ "receipt": "note-3", "quantity": 1000 });
    let receive = client.post(format!("{inventory}/stock/mug/receive")).json(&note);
    refused(receive, "it is not signed").await;
    let forged = again().header("x-ballet-scopes", "orders:all");
    refused(forged.header(REQUEST_HEADER, "t=1,v1=00"), "no valid secret").await;
    // A signature is for one path, and for one customer.
    let all = [("x-ballet-scopes", "orders:read"), ("x-ballet-subject", CUSTOMER)];
    let named = all.iter().map(|(name, value)| (*name, value.as_bytes()));
    let signed = message("GET", &format!("/orders/{order_id}"), named);
    let now = ballet::Clock::system().now().as_second();
    let signature = sign(&secret("orders"), now, &signed);
    let as_customer = |request: RequestBuilder, scopes: &str| {
        let request =
            request.header("x-ballet-scopes", scopes).header("x-ballet-subject", CUSTOMER);
        request.header(REQUEST_HEADER, &signature)
    };
    let list = client.get(format!("{orders}/orders"));
    refused(as_customer(list, "orders:read"), "no valid secret").await;
    refused(as_customer(again(), "orders:all"), "no valid secret").await;
    let good = as_customer(again(), "orders:read").send().await.expect("an answer");
    assert_eq!(good.status(), StatusCode::OK);
    // Everybody in the service's network can read its health.
    let ready = client.get(format!("{orders}/readyz")).send().await.expect("an answer");
    assert_ne!(ready.status(), StatusCode::UNAUTHORIZED);
    shop.close().await;
}

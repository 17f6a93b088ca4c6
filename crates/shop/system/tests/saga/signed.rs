//! Services that accept only requests that their gateway has signed.

use ballet::Settings;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::gateway::SECRET;
use crate::shop::{CUSTOMER, Shop, ShopOptions, USUAL, mugs};

async fn refused(request: RequestBuilder, why: &str) {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers()["www-authenticate"], "Ballet-Gateway");
    let problem: Value = answer.json().await.expect("JSON");
    let detail = problem["detail"].as_str().expect("text");
    assert!(detail.contains("GATEWAY_SECRET") && detail.contains(why), "{detail}");
}

#[tokio::test]
async fn a_request_from_inside_that_the_gateway_has_not_signed_can_do_nothing() {
    let mut shop = Shop::with("signed", ShopOptions { gateway: true, ..USUAL }).await;
    for (name, service) in
        [("orders", orders::service(orders::config::DEADLINE)), ("inventory", inventory::service())]
    {
        let settings = Settings::new(shop.env.amqp_url(name), shop.env.database_url(name));
        let listen = shop.url(name)["http://".len()..].parse().expect("an address");
        let gateway_secret = Some(format!("{SECRET},the-one-of-tomorrow-32-characters"));
        shop.stop(name).await;
        shop.start_with(name, service, Settings { listen, gateway_secret, ..settings }).await;
    }
    // Through the gateway nothing changes.
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    shop.order_is(&order_id, "completed").await;
    assert!(shop.receive("mug", "note-2", 1).await.status().is_success());
    let client = Client::new();
    let (orders, inventory) = (shop.url("orders"), shop.url("inventory"));
    let order = format!("{orders}/orders/{order_id}");
    refused(client.get(&order), "it is not signed").await;
    let note = json!({ "receipt": "note-3", "quantity": 1000 });
    let receive = client.post(format!("{inventory}/stock/mug/receive")).json(&note);
    refused(receive, "it is not signed").await;
    let forged = client.get(&order).header("x-ballet-scopes", "orders:all");
    refused(forged.header("x-ballet-signature", "t=1,v1=00"), "no valid secret").await;
    // A signature for one customer is valid for no other.
    let now = ballet::Clock::system().now().as_second();
    let scopes =
        [("x-ballet-scopes", &b"orders:read"[..]), ("x-ballet-subject", CUSTOMER.as_bytes())];
    let path = format!("/orders/{order_id}");
    let message = ballet_signature::message("GET", &path, scopes.into_iter());
    let signature = ballet_signature::sign(SECRET, now, &message);
    let with = |path: &str, scopes: Option<&str>| {
        let request = client.get(format!("{orders}{path}")).header("x-ballet-subject", CUSTOMER);
        let request = request.header("x-ballet-signature", &signature);
        match scopes {
            Some(scopes) => request.header("x-ballet-scopes", scopes),
            None => request,
        }
    };
    let good = with(&path, Some("orders:read")).send().await.expect("an answer");
    assert_eq!(good.status(), StatusCode::OK);
    refused(with(&path, Some("orders:all")), "no valid secret").await;
    refused(with(&path, None), "no valid secret").await;
    refused(with("/orders", Some("orders:read")), "no valid secret").await;
    let old = ballet_signature::sign(SECRET, now - 400, &message);
    let old =
        client.get(&order).header("x-ballet-subject", CUSTOMER).header("x-ballet-signature", old);
    refused(old.header("x-ballet-scopes", "orders:read"), "too old").await;
    // Health is readable by everybody in the service's network.
    let ready = client.get(format!("{orders}/readyz")).send().await.expect("an answer");
    assert_ne!(ready.status(), StatusCode::UNAUTHORIZED);
    shop.close().await;
}

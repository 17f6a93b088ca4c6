//! Services that accept only requests that their gateway has signed.

use ballet::Settings;
use ballet_http::signature::{BODY_HASH, REQUEST_HEADER, body_hash, message, sign};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::gateway::secret;
use crate::shop::{CUSTOMER, Shop, ShopOptions, USUAL, mugs};

async fn refused(request: RequestBuilder, why: &str) {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{why}");
    assert_eq!(answer.headers()["www-authenticate"], "Ballet-Gateway");
    let problem: Value = answer.json().await.expect("JSON");
    let detail = problem["detail"].as_str().expect("text");
    assert!(detail.contains("GATEWAY_SECRET") && detail.contains(why), "{detail}");
}

#[derive(Debug, Clone)]
struct PriceChange {
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl PriceChange {
    const PATH: &str = "/products/mug/price";

    fn new() -> Self {
        let body = json!({ "amount_minor": 1_700, "currency": "EUR" }).to_string();
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", "sub:merchant:1"),
            ("if-match", "\"1\""),
            (BODY_HASH, &body_hash(body.as_bytes())),
            ("x-ballet-client", "sub:merchant"),
            ("x-ballet-scopes", "products:write"),
            ("x-ballet-subject", "merchant"),
        ];
        Self { headers: headers.map(|(name, value)| (name, value.to_owned())).into(), body }
    }

    /// Signs as whoever has this service's secret.
    fn signature(&self, service: &str, seconds_ago: i64) -> String {
        let named = self.headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let signed = message("PUT", Self::PATH, named);
        let now = ballet::Clock::system().now().as_second();
        sign(&secret(service), now - seconds_ago, &signed)
    }

    fn sent(&self, catalog: &str, signature: &str) -> RequestBuilder {
        let request = Client::new().request(Method::PUT, format!("{catalog}{}", Self::PATH));
        let headers = self.headers.iter();
        let request = headers.fold(request, |request, (name, value)| request.header(*name, value));
        request.header(REQUEST_HEADER, signature).body(self.body.clone())
    }
}

/// Some of its services accept only what the gateway has signed.
async fn shop() -> Shop {
    let mut shop = Shop::with("signed", ShopOptions { gateway: true, ..USUAL }).await;
    for (name, service) in [
        ("orders", orders::Orders(orders::config::DEADLINE.into()).service()),
        ("inventory", inventory::Inventory::service()),
        ("catalog", catalog::Catalog::service()),
    ] {
        let settings = Settings::new(shop.env.amqp_url(name), shop.env.database_url(name));
        let listen = shop.url(name)["http://".len()..].parse().expect("an address");
        let tomorrow = format!("{},the-one-of-tomorrow-32-characters", secret(name));
        let settings = Settings { listen, gateway_secret: Some(tomorrow), ..settings };
        shop.stop(name).await;
        shop.start_with(name, service, settings).await;
    }
    shop
}

#[tokio::test]
async fn a_request_from_inside_that_the_gateway_has_not_signed_can_do_nothing() {
    let shop = Box::pin(shop()).await;
    // Through the gateway nothing changes.
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    shop.order_is(&order_id, "completed").await;
    assert!(shop.receive("mug", "note-2", 1).await.status().is_success());
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
    a_signature_is_of_one_service_one_body_one_condition_and_a_few_seconds(&shop).await;
    shop.close().await;
}

async fn a_signature_is_of_one_service_one_body_one_condition_and_a_few_seconds(shop: &Shop) {
    let catalog = shop.url("catalog");
    let good = PriceChange::new();
    for service in ["recommendations", "orders", "inventory"] {
        let signature = good.signature(service, 0);
        refused(good.sent(catalog, &signature), "no valid secret").await;
    }
    for ago in [60, 15, -15] {
        refused(good.sent(catalog, &good.signature("catalog", ago)), "too old").await;
    }
    // Whoever has read a signed request sends another by its signature, which differs in one part.
    for index in 0..good.headers.len() {
        let (mut other, mut none) = (good.clone(), good.clone());
        other.headers[index].1.push('2');
        none.headers.remove(index);
        for changed in [other, none] {
            let request = changed.sent(catalog, &good.signature("catalog", 0));
            refused(request, "no valid secret").await;
        }
    }
    for name in ["if-none-match", "if-unmodified-since", "last-event-id", "x-ballet-tenant"] {
        let mut more = good.clone();
        more.headers.push((name, "\"2\"".to_owned()));
        refused(more.sent(catalog, &good.signature("catalog", 0)), "no valid secret").await;
    }
    for body in [good.body.replace("1700", "0003"), String::new(), good.body.clone() + " "] {
        let other = PriceChange { body, ..good.clone() };
        let request = other.sent(catalog, &good.signature("catalog", 0));
        refused(request, "its body is not the one that was signed").await;
    }
    // A body beside a signature of none.
    let mut none = good.clone();
    none.headers.retain(|(name, _)| *name != BODY_HASH);
    let request = none.sent(catalog, &none.signature("catalog", 0));
    refused(request, "its body is not the one that was signed").await;
    // None took effect: the product is as it was. The same request again is bounded by its condition.
    let signature = good.signature("catalog", 0);
    let send =
        async || -> Response { good.sent(catalog, &signature).send().await.expect("an answer") };
    assert_eq!(send().await.status(), StatusCode::OK);
    assert_eq!(send().await.status(), StatusCode::PRECONDITION_FAILED);
}

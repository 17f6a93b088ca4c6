//! The HTTP routes of every service against its OpenAPI document.

use std::time::Duration;

use ballet_testkit::openapi::{try_out, try_out_with};
use common::cards::Sandbox;
use serde_json::json;

use crate::carts::sold;
use crate::gateway::EVERYTHING;
use crate::shop::{ORDERS_ALONE, Shop, ShopOptions, USUAL, mugs};

/// The seed of all requests: it reproduces a finding.
const SEED: u64 = 9457;
/// The number of requests of each kind for every route.
const ROUNDS: u32 = 40;

/// Tests the routes of services, one after the other, in a shop with one order of each end.
async fn do_what_they_say(test: &str, services: &[&str]) {
    let shop = Shop::open(test).await;
    if services.contains(&"cart") {
        sold(&shop, "mug", 1_250).await;
    }
    let completed = shop.place_order(&mugs(1, "card_approved")).await;
    let cancelled = shop.place_order(&mugs(1, "card_declined")).await;
    shop.order_is(&completed, "completed").await;
    shop.order_is(&cancelled, "cancelled").await;
    for service in services {
        let findings = try_out(shop.url(service), SEED, ROUNDS).await.expect("a document");
        let findings = findings.join("\n");
        assert!(findings.is_empty(), "{service}, seed {SEED}:\n{findings}");
        shop.is_sound().await;
    }
    shop.close().await;
}

#[tokio::test]
async fn cart_does_what_its_document_says() {
    do_what_they_say("cart", &["cart"]).await;
}

#[tokio::test]
async fn catalog_does_what_its_document_says() {
    do_what_they_say("catalog", &["catalog"]).await;
}

#[tokio::test]
async fn orders_does_what_its_document_says() {
    do_what_they_say("orders", &["orders"]).await;
}

/// The requests to one of these services do not change the answers of another.
#[tokio::test]
async fn all_others_do_what_their_documents_say() {
    do_what_they_say("others", &["inventory", "payments", "recommendations", "shipping"]).await;
}

#[tokio::test]
async fn the_gateway_does_what_its_document_says() {
    let mut shop = Shop::with("document", ShopOptions { gateway: true, ..USUAL }).await;
    sold(&shop, "mug", 1_250).await;
    let completed = shop.place_order(&mugs(1, "card_approved")).await;
    shop.order_is(&completed, "completed").await;
    // Some orders that can still be cancelled.
    shop.stop("payments").await;
    let sandbox = Sandbox::new(shop.env.database_url("payments")).slow(Duration::from_secs(15));
    shop.start_as("payments", payments::service(sandbox)).await;
    for _ in 0..3 {
        shop.place_order(&mugs(1, "card_slow")).await;
    }
    let gateway = shop.gateway.as_ref().expect("a gateway");
    // The scopes behind the shop reach every route; a customer's do not.
    let credentials = gateway.credentials("support", EVERYTHING).await;
    let findings = try_out_with(credentials, &gateway.url, SEED, ROUNDS).await;
    let findings = findings.expect("a document");
    assert!(findings.is_empty(), "seed {SEED}:\n{}", findings.join("\n"));
    shop.is_sound().await;
    shop.close().await;
}

#[tokio::test]
async fn a_refusal_names_the_field() {
    let shop = Shop::with("field", ORDERS_ALONE).await;
    let mut checkout = mugs(2, "card_approved");
    checkout["lines"][0]["quantity"] = json!("two");
    let problem: serde_json::Value = shop.place(&checkout).await.json().await.expect("JSON");
    assert_eq!(problem["status"], 422, "{problem}");
    let errors = json!([{ "in": "body", "pointer": "#/lines/0/quantity",
        "detail": "a whole number from 1 to 10000 is wanted, but there is a string" }]);
    assert_eq!(problem["errors"], errors);
    checkout["lines"][0]["quantity"] = json!(10_001);
    let problem: serde_json::Value = shop.place(&checkout).await.json().await.expect("JSON");
    assert_eq!(problem["errors"][0]["pointer"], "#/lines/0/quantity", "{problem}");
    assert_eq!(problem["detail"], "line 1 has quantity 10001: it is 1 to 10000");
    let problem = shop.orders("?status=lost").await;
    assert_eq!(problem["errors"][0]["name"], "status", "{problem}");
    let problem = shop.order("mug").await;
    assert_eq!(problem["errors"][0]["in"], "path", "{problem}");
    assert_eq!(problem["errors"][0]["name"], "order_id", "{problem}");
    shop.close().await;
}

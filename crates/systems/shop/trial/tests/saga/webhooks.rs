//! Webhooks of the payment provider, which knows only the gateway's public address.

use std::sync::Arc;
use std::time::Duration;

use ballet::Clock;
use common::cards::RemoteProvider;
use common::outside::{ApiConnection, Webhooks};
use reqwest::{Client, Response};
use serde_json::Value;

use crate::outside::partner::{Misbehaviour, Partner};
use crate::outside::payments::test_payments::decides;
use crate::outside::rig::{connection, secrets};
use crate::shop::{Shop, ShopOptions, USUAL, mugs};

const SECRET: &str = "the-secret-of-the-tests";

/// Payments calls a provider's API.
async fn call_a_provider(shop: &mut Shop) -> Partner {
    let partner = Partner::start(decides).await;
    shop.stop("payments").await;
    let timeout = Duration::from_secs(14);
    let remote = RemoteProvider::new(ApiConnection { timeout, ..connection(&partner) });
    let webhooks = Webhooks::signed_with(Some(secrets(SECRET)), "PAYMENT_WEBHOOK_SECRETS");
    let service =
        payments::Payments { provider: Arc::new(remote.expect("a provider")), webhooks }.service();
    shop.start_as("payments", service).await;
    partner
}

/// The provider has no token.
async fn send(shop: &Shop, signature: &str, body: &str) -> Response {
    let url = format!("{}/webhooks/payment-provider", shop.door("payments"));
    let request = Client::new().post(url).header("content-type", "application/json");
    let request = request.header("webhook-signature", signature).body(body.to_owned());
    request.send().await.expect("an answer")
}

async fn refused(answer: Response, status: u16) -> String {
    let is = answer.status();
    let problem: Value = answer.json().await.expect("a problem");
    assert_eq!(is, status, "{problem}");
    problem["detail"].as_str().expect("a sentence").to_owned()
}

async fn webhooks(shop: &Shop) -> i64 {
    let mut db = shop.database("payments").await;
    sqlx::query_scalar("select count(*) from webhook").fetch_one(&mut db).await.expect("a count")
}

#[tokio::test]
async fn a_webhook_through_the_gateway_completes_an_order_and_forged_and_replayed_ones_are_refused()
{
    let mut shop = Shop::with("gw_webhook", ShopOptions { gateway: true, ..USUAL }).await;
    all_else_is_closed(&shop).await;
    let partner = call_a_provider(&mut shop).await;
    partner.misbehave("/authorizations", &[Misbehaviour::Later]);
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    // The provider has no outcome yet, and asks for a pause of an hour.
    let waits = "select count(*) = 1 from ballet.call where last_error like '%no outcome yet%'";
    shop.until("payments", waits, true).await;
    let key = partner.operations("/authorizations", &order_id)[0].0;
    partner.finish(key);

    // Spaces and the order of the members are signed, too.
    let body = format!(
        "{{ \"type\":  \"operation.finished\",\n  \"idempotency_key\": \"{key}\", \"event_id\": \
         \"evt_1\",\n  \"order_id\": \"{order_id}\", \"occurred_at\": \"2026-01-01T00:00:00Z\" }}\n"
    );
    let now = Clock::system().now();
    let sign = |secret: &str, at| common::outside::signature(secret, at, body.as_bytes());
    let good = sign(SECRET, now);
    let forged = refused(send(&shop, &sign("a-guessed-secret-of-16", now), &body).await, 401).await;
    assert_eq!(forged, "no valid secret signed this at this time");
    let changed = body.replace("evt_1", "evt_2");
    refused(send(&shop, &good, &changed).await, 401).await;
    // Recorded on the way, and replayed later.
    let old = sign(SECRET, now - Duration::from_secs(3600));
    let replayed = refused(send(&shop, &old, &body).await, 401).await;
    assert_eq!(replayed, "the signature is too old, or from the future: sign each attempt anew");
    let huge = format!("{body}{}", " ".repeat(70_000));
    refused(send(&shop, &good, &huge).await, 413).await;
    assert_eq!(webhooks(&shop).await, 0);
    assert_eq!(shop.order(&order_id).await["status"], "placed");

    let taken = send(&shop, &good, &body).await;
    assert_eq!(taken.status(), 204);
    assert!(taken.headers()["ratelimit-policy"].to_str().is_ok_and(|it| it.contains("webhook")));
    shop.order_is(&order_id, "completed").await;
    // The provider's second attempt changes nothing.
    assert_eq!(send(&shop, &good, &body).await.status(), 204);
    assert_eq!(webhooks(&shop).await, 1);
    for path in ["/authorizations", "/captures"] {
        assert_eq!(partner.operations(path, &order_id).len(), 1, "{path}");
    }
    // The provider's operations cannot be read, and the audit says so.
    let report = shop.is_sound().await;
    assert_eq!(report.unseen.len(), 1, "{report}");
    shop.close().await;
}

/// Without a token only a service's webhooks are open.
async fn all_else_is_closed(shop: &Shop) {
    let door = shop.door("payments").to_owned();
    let client = Client::new();
    for (path, of_get, of_post) in [
        ("/webhooks", 404, 404),
        ("/webhooks/payment", 404, 404),
        ("/webhooks/payment-provider/other", 405, 404),
        ("/payments", 401, 405),
    ] {
        let url = format!("{door}{path}");
        let get = client.get(&url).send().await.expect("an answer").status();
        let post = client.post(&url).send().await.expect("an answer").status();
        assert_eq!((get.as_u16(), post.as_u16()), (of_get, of_post), "{path}");
    }
    // Without secrets no webhook is accepted.
    let signature =
        common::outside::signature("a-guessed-secret-of-16", Clock::system().now(), b"{}");
    let refused = refused(send(shop, &signature, "{}").await, 401).await;
    assert_eq!(refused, "no webhook is believed: PAYMENT_WEBHOOK_SECRETS is not set");
}

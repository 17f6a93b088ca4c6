//! F6: the deadline passes while a participant is silent. The order ends cancelled, whatever the participant does
//! later.

use std::path::Path;
use std::sync::Arc;

use ballet_amqp::RabbitMq;
use ballet_check::Contracts;
use ballet_console::{Console, Options};
use ballet_stage::{Database, Servers, wait_until};
use ballet_testkit::until_yields;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::Value;
use sqlx::Connection;

use crate::shop::{FOR_ORDERS, SOON, Shop, mugs};

/// Waits until the payment of an order has a state.
async fn payment_is(shop: &Shop, order_id: &str, state: &str) {
    wait_until(&format!("the payment to be {state}"), SOON, || async {
        let payment = shop.payment(order_id).await;
        if payment["state"] == state { Ok(Some(())) } else { Err(payment.to_string()) }
    })
    .await
    .expect("the payment");
}

/// Waits until payments has asked the provider for a step and has no answer yet.
async fn provider_is_asked(shop: &Shop, order_id: &str, step: &str) {
    let open = format!(
        "select count(*) > 0 from ballet.call \
         where saga_id = '{order_id}' and step = '{step}' and not undo and closed_at is null"
    );
    shop.until("payments", &open).await;
}

/// Waits until the order is cancelled, and checks that its deadline is the reason.
async fn ends_overdue(shop: &Shop, order_id: &str) {
    let order = shop.order_is(order_id, "cancelled").await;
    assert_eq!(order["reason"], "deadline_passed", "{order}");
    assert_eq!(order["failed_step"], Value::Null, "{order}");
    let detail = order["detail"].as_str().expect("a sentence");
    assert!(detail.starts_with("it was not paid by 2"), "{detail}");
    assert_eq!(shop.cancel(order_id).await.status(), StatusCode::OK, "cancelled before");
}

/// Moves the deadline into the past: the database's clock and the row decide.
async fn becomes_due(shop: &Shop, order_id: &str) {
    let due = sqlx::query("update ballet.deadline set due_at = now() where saga_id = $1::uuid")
        .bind(order_id)
        .execute(&mut shop.database("orders").await)
        .await
        .expect("an answer");
    assert_eq!(due.rows_affected(), 1, "the order is open, and has a deadline");
}

/// F6: shipping is away until the deadline has passed.
pub(crate) async fn participant_is_silent(shop: &mut Shop) {
    let before = shop.stock("mug").await;
    shop.stop("shipping").await;
    let order_id = shop.place_order(&mugs(2, "card_approved")).await;
    payment_is(shop, &order_id, "authorized").await;
    becomes_due(shop, &order_id).await;
    ends_overdue(shop, &order_id).await;
    // The others undo their parts without shipping.
    payment_is(shop, &order_id, "voided").await;
    // Shipping first gets the order, and then the cancellation.
    shop.start("shipping").await;
    shop.is_sound().await;
    assert_eq!(shop.stock("mug").await, before);
    assert_eq!(shop.dead_letters().await, 0);
}

#[tokio::test]
async fn f6_a_participant_is_silent_until_the_deadline_has_passed() {
    let mut shop = Shop::open("f6").await;
    participant_is_silent(&mut shop).await;
    shop.close().await;
}

#[tokio::test]
async fn f6_the_money_is_authorised_after_the_deadline_has_passed() {
    let shop = Shop::open("f6_late").await;
    let provider = shop.silent_provider().await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    provider_is_asked(&shop, &order_id, "authorize_payment").await;
    becomes_due(&shop, &order_id).await;
    ends_overdue(&shop, &order_id).await;
    provider.close().await.expect("it answers");
    payment_is(&shop, &order_id, "voided").await;
    shop.is_sound().await;
    shop.close().await;
}

/// A console that has read the journal, which does not say that the authorisation was voided: a refunded payment
/// needs no void. The ledger of payments says it.
async fn console_says_aborted(shop: &Shop, order_id: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../docs/contracts/shop");
    let contracts = Contracts::read(&folder).expect("the contracts");
    let servers = Servers::shared().await.expect("servers");
    let database = Database::new(servers.postgres(), "f6_console").await.expect("a database");
    let url = |name: &str| shop.env.database_url(name).parse().expect("a URL");
    let parts = contracts.system().parts.iter();
    let databases = parts.map(|part| (part.service.to_owned(), url(part.service))).collect();
    let broker = Arc::new(RabbitMq::new(shop.env.ops_amqp_url()).expect("a URL"));
    let own = database.url().parse().expect("a URL");
    let options = Options::new(Box::leak(Box::new(contracts)), broker, own);
    let console = Console::open(Options { databases, patience: SignedDuration::ZERO, ..options });
    let console = console.await.expect("it opens");
    let runs = tokio::spawn(console.run());
    let ended = format!("select coalesce(ended, what) from console.saga where id = '{order_id}'");
    until_yields(database.url(), &ended, "aborted", SOON).await;
    runs.abort();
}

#[tokio::test]
async fn f6_the_money_is_captured_after_the_deadline_has_passed() {
    let mut shop = Shop::open("f6_pivot").await;
    // The capture comes after the shipment.
    shop.stop("shipping").await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    payment_is(&shop, &order_id, "authorized").await;
    let provider = shop.silent_provider().await;
    shop.start("shipping").await;
    provider_is_asked(&shop, &order_id, "capture_payment").await;
    becomes_due(&shop, &order_id).await;
    ends_overdue(&shop, &order_id).await;
    provider.close().await.expect("it answers");
    payment_is(&shop, &order_id, "refunded").await;
    shop.is_sound().await;
    console_says_aborted(&shop, &order_id).await;
    shop.close().await;
}

#[tokio::test]
async fn an_order_that_is_paid_in_time_has_no_deadline_left() {
    let shop = Shop::with("in_time", FOR_ORDERS).await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    shop.order_is(&order_id, "completed").await;
    let (left,): (i64,) = sqlx::query_as("select count(*) from ballet.deadline")
        .fetch_one(&mut shop.database("orders").await)
        .await
        .expect("a count");
    assert_eq!(left, 0);
    shop.close().await;
}

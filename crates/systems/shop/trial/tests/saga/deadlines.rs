//! F6: the deadline passes while a participant is silent. The order ends cancelled, whatever that participant does
//! later.

use ballet_stage::wait_until;
use reqwest::StatusCode;
use serde_json::Value;
use sqlx::Connection;

use crate::shop::{SOON, Shop, mugs};

async fn payment_is(shop: &Shop, order_id: &str, state: &str) {
    wait_until(&format!("the payment to be {state}"), SOON, || async {
        let payment = shop.payment(order_id).await;
        if payment["state"] == state { Ok(Some(())) } else { Err(payment.to_string()) }
    })
    .await
    .expect("the payment");
}

/// Waits until payments has asked, and has no answer yet.
async fn provider_is_asked(shop: &Shop, order_id: &str, step: &str) {
    let open = format!(
        "select count(*) > 0 from ballet.call \
         where saga_id = '{order_id}' and step = '{step}' and not undo and closed_at is null"
    );
    shop.until("payments", &open, true).await;
}

/// Checks that the deadline is the reason.
async fn ends_overdue(shop: &Shop, order_id: &str) {
    let order = shop.order_is(order_id, "cancelled").await;
    assert_eq!(order["reason"], "deadline_passed", "{order}");
    assert_eq!(order["failed_step"], Value::Null, "{order}");
    let detail = order["detail"].as_str().expect("a sentence");
    assert!(detail.starts_with("it was not paid by 2"), "{detail}");
    assert_eq!(shop.cancel(order_id).await.status(), StatusCode::OK, "cancelled before");
}

/// Moves the deadline, by which the database's clock and the row decide.
async fn becomes_due(shop: &Shop, order_id: &str) {
    let due = sqlx::query("update ballet.deadline set due_at = now() where saga_id = $1::uuid")
        .bind(order_id)
        .execute(&mut shop.database("orders").await)
        .await
        .expect("an answer");
    assert_eq!(due.rows_affected(), 1, "the order is open, and has a deadline");
}

#[tokio::test]
async fn f6_a_participant_is_silent_or_captures_the_money_after_the_deadline_has_passed() {
    let mut shop = Shop::open("f6").await;
    let before = shop.stock("mug").await;
    shop.stop("shipping").await;
    let order_id = shop.place_order(&mugs(2, "card_approved")).await;
    payment_is(&shop, &order_id, "authorized").await;
    becomes_due(&shop, &order_id).await;
    ends_overdue(&shop, &order_id).await;
    // The others undo their parts without shipping.
    payment_is(&shop, &order_id, "voided").await;
    // Shipping first gets the order, and then the cancellation.
    shop.start("shipping").await;
    shop.is_sound().await;
    assert_eq!(shop.stock("mug").await, before);
    assert!(shop.dead_letters(0).await.is_empty());

    // The capture comes after the deadline, and after the shipment.
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
    shop.close().await;
}

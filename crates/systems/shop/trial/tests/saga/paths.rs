//! The paths of `order_fulfillment`: success, and every failure.

use std::time::Duration;

use ballet::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Connection;

use crate::shop::{Shop, ShopOptions, USUAL, line, mugs};

#[tokio::test]
async fn an_order_goes_to_the_door() {
    let shop = Shop::open("door").await;
    let mut checkout = mugs(2, "card_approved");
    checkout["lines"] = json!([line("mug", 2, 1250), line("pen", 1, 199), line("mug", 1, 1250)]);
    let order_id = shop.place_order(&checkout).await;
    let order = shop.order_is(&order_id, "completed").await;
    assert_eq!(order["total"]["amount_minor"], 3 * 1250 + 199);
    shop.is_sound().await;
    let mugs = shop.stock("mug").await;
    assert_eq!((&mugs["on_hand"], &mugs["committed"]), (&json!(7), &json!(3)));
    let cancelled = shop.cancel(&order_id).await;
    assert_eq!(cancelled.status(), StatusCode::CONFLICT);
    shop.close().await;
}

/// Runs a scenario in its own shop.
async fn alone(name: &str, scenario: impl AsyncFnOnce(&mut Shop)) {
    let mut shop = Shop::open(name).await;
    scenario(&mut shop).await;
    shop.close().await;
}

/// Places an order, and checks that it is cancelled with this reason and nothing stays held.
async fn fails(shop: &Shop, checkout: &Value, reason: &str, failed_step: &str, payment: &str) {
    let before = shop.stock("mug").await;
    let order_id = shop.place_order(checkout).await;
    let order = shop.order_is(&order_id, "cancelled").await;
    assert_eq!(order["reason"], reason, "{order}");
    assert_eq!(order["failed_step"], failed_step, "{order}");
    shop.is_sound().await;
    let state = &shop.payment(&order_id).await["state"];
    assert_eq!(state.as_str().unwrap_or("none"), payment);
    assert_eq!(shop.stock("mug").await, before);
}

/// F1: an order for more than there is.
pub(crate) async fn out_of_stock(shop: &mut Shop) {
    fails(shop, &mugs(11, "card_approved"), "out_of_stock", "reserve_stock", "none").await;
}

/// F2: the card has no money.
pub(crate) async fn card_declined(shop: &mut Shop) {
    let checkout = mugs(1, "card_insufficient_funds");
    fails(shop, &checkout, "payment_declined", "authorize_payment", "none").await;
}

/// F3: the carrier does not deliver there.
pub(crate) async fn address_refused(shop: &mut Shop) {
    let mut checkout = mugs(1, "card_approved");
    checkout["ship_to"]["country"] = json!("AQ");
    fails(shop, &checkout, "shipment_rejected", "schedule_shipment", "voided").await;
}

/// F4: the money is authorised and cannot be captured.
pub(crate) async fn capture_fails(shop: &mut Shop) {
    let checkout = mugs(1, "card_capture_fails");
    fails(shop, &checkout, "capture_failed", "capture_payment", "voided").await;
}

/// F5: a cancellation before the capture.
pub(crate) async fn customer_cancels_in_time(shop: &mut Shop) {
    let before = shop.stock("mug").await;
    let provider = shop.silent_provider().await;
    let order_id = shop.place_order(&mugs(3, "card_approved")).await;
    let cancelled = shop.cancel(&order_id).await;
    assert_eq!(cancelled.status(), StatusCode::ACCEPTED);
    let order: Value = cancelled.json().await.expect("JSON");
    assert_eq!(
        (&order["status"], &order["reason"]),
        (&json!("cancelled"), &json!("customer_cancelled"))
    );
    assert_eq!(shop.cancel(&order_id).await.status(), StatusCode::OK, "cancelled before");
    provider.close().await.expect("it answers");
    shop.is_sound().await;
    assert_eq!(shop.stock("mug").await, before);
}

#[tokio::test]
async fn f5_the_customer_cancels_in_time() {
    alone("f5", customer_cancels_in_time).await;
}

/// F7: a cancellation during the capture.
pub(crate) async fn cancel_races_capture(shop: &mut Shop) {
    let mut outcomes = Vec::new();
    for _ in 0..10 {
        outcomes.push((shop.place_order(&mugs(1, "card_slow")).await, "unknown"));
    }
    for (order_id, outcome) in &mut outcomes {
        // Spreads the cancels over the time in which the slow card is authorised and captured.
        tokio::time::sleep(Duration::from_millis(60)).await;
        let status = shop.cancel(order_id).await.status();
        *outcome = if status == StatusCode::CONFLICT { "completed" } else { "cancelled" };
    }
    for (order_id, outcome) in &outcomes {
        shop.order_is(order_id, outcome).await;
    }
    shop.is_sound().await;
}

#[tokio::test]
async fn f7_a_cancel_that_races_the_capture_wins_or_loses_but_not_half() {
    alone("f7", cancel_races_capture).await;
}

/// F8: the abort overtakes the step that it aborts.
pub(crate) async fn abort_before_step(shop: &mut Shop) {
    let before = shop.stock("mug").await["on_hand"].as_u64().expect("a number");
    let context = Clock::system();
    let [order_id, abort_id] = [0; 2].map(|_| context.new_id(context.now()).to_string());
    let properties = |id: &str, event: &str| {
        json!({ "type": event, "message_id": id, "correlation_id": order_id,
            "content_type": "application/json" })
    };
    let key = "orders.order_cancelled.v1";
    let abort = json!({ "order_id": order_id, "reason": "customer_cancelled" }).to_string();
    let management = shop.env.management();
    let published = management.publish("events", key, &properties(&abort_id, key), &abort).await;
    published.expect("published");
    let properties = properties(&order_id, "cart.checked_out.v1");
    shop.drop_checkout(&properties, &mugs(3, "card_approved")).await;
    // Inventory handles its queue in order: it has handled the first order when the second is done.
    let other = shop.place_order(&mugs(1, "card_approved")).await;
    shop.order_is(&other, "completed").await;
    shop.order_is(&order_id, "placed").await;
    let stock = shop.stock("mug").await;
    assert_eq!((&stock["on_hand"], &stock["held"]), (&json!(before - 1), &json!(0)));
    assert_eq!(shop.cancel(&order_id).await.status(), StatusCode::ACCEPTED);
    shop.is_sound().await;
    assert_eq!(shop.payment(&order_id).await["state"], Value::Null);
    assert_eq!(shop.stock("mug").await["on_hand"], before - 1);
}

#[tokio::test]
async fn f8_an_abort_that_arrives_before_the_step_keeps_it_from_taking_effect() {
    alone("f8", abort_before_step).await;
}

/// F9: the authorisation ends before the capture.
pub(crate) async fn authorisation_expires(shop: &mut Shop) {
    let checkout = mugs(1, "card_expires");
    fails(shop, &checkout, "capture_failed", "capture_payment", "voided").await;
}

/// F10: answers of the provider get lost.
pub(crate) async fn transient_errors(shop: &mut Shop) {
    let order_id = shop.place_order(&mugs(1, "card_flaky")).await;
    shop.order_is(&order_id, "completed").await;
    shop.is_sound().await;
}

/// Each scenario leaves the shop unchanged, except for sold goods.
#[tokio::test]
async fn f1_f2_f3_f4_f9_f10_an_order_that_fails_or_is_tried_again_leaves_nothing_held() {
    let mut shop = Shop::open("failures").await;
    out_of_stock(&mut shop).await;
    card_declined(&mut shop).await;
    address_refused(&mut shop).await;
    capture_fails(&mut shop).await;
    authorisation_expires(&mut shop).await;
    transient_errors(&mut shop).await;
    shop.close().await;
}

#[tokio::test]
async fn orders_for_the_same_things_wait_for_each_other_and_get_no_more_than_there_is() {
    let shop = Shop::with("oversold", ShopOptions { lanes: 4, ..USUAL }).await;
    let mut order_ids = Vec::new();
    for number in 0..24 {
        let mut checkout = mugs(1, "card_approved");
        let (mug, pen) = (line("mug", 1, 1250), line("pen", 1, 199));
        checkout["lines"] = if number % 2 == 0 { json!([mug, pen]) } else { json!([pen, mug]) };
        order_ids.push(shop.place_order(&checkout).await);
    }
    shop.is_sound().await;
    let mut completed = 0;
    for order_id in &order_ids {
        let order = shop.order(order_id).await;
        if order["status"] == "completed" {
            completed += 1;
        } else {
            assert_eq!(order["reason"], "out_of_stock", "{order}");
        }
    }
    assert_eq!(completed, 5, "there were five pens");
    let mugs = shop.stock("mug").await;
    assert_eq!((&mugs["on_hand"], &mugs["committed"]), (&json!(5), &json!(5)));
    shop.close().await;
}

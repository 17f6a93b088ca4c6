//! The paths of `order_fulfillment`: success, and every failure.

use std::time::Duration;

use ballet::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Connection;

use crate::carts::a_cart_is_bought_at_the_price_that_it_showed;
use crate::shop::{Shop, ShopOptions, USUAL, line, mugs};
use crate::states::each_state_that_a_table_allows_is_one_of_its_type;

/// Returns them with the reason of the order's end and the state of its payment.
fn refused_by(step: &str) -> Vec<(Value, &'static str, &'static str)> {
    let to = |country: &str, card: &str| {
        let mut checkout = mugs(1, card);
        checkout["ship_to"]["country"] = json!(country);
        checkout
    };
    let mut nothing = mugs(1, "card_approved");
    nothing["lines"] = json!([]);
    match step {
        "accept_checkout" => vec![(nothing, "invalid", "none")],
        // F1: more than there is.
        "reserve_stock" => vec![(mugs(11, "card_approved"), "out_of_stock", "none")],
        // F2: the card has no money.
        "authorize_payment" => vec![(mugs(1, "card_declined"), "payment_declined", "none")],
        // F3: the carrier does not deliver there.
        "schedule_shipment" => vec![(to("AQ", "card_approved"), "shipment_rejected", "voided")],
        // F4: authorised money cannot be captured. F9: the authorisation ends before that.
        "capture_payment" => ["card_capture_fails", "card_expires"]
            .map(|card| (mugs(1, card), "capture_failed", "voided"))
            .into(),
        step => panic!("which checkout does {step} refuse?"),
    }
}

#[tokio::test]
async fn t90_t116_whatever_ends_an_order_before_it_is_paid_nothing_of_it_stays_held() {
    let shop = Shop::open("t90").await;
    whichever_step_refuses(&shop).await;
    the_customer_cancels_in_time(&shop).await;
    lost_requests_to_the_provider_are_sent_again(&shop).await;
    another_has_it_only_when_it_is_released(&shop).await;
    a_receipt_counts_once(&shop).await;
    f7_a_cancel_that_races_the_capture_wins_or_loses_but_not_half(&shop).await;
    // Changes the price.
    a_cart_is_bought_at_the_price_that_it_showed(&shop).await;
    each_state_that_a_table_allows_is_one_of_its_type(&shop).await;
    shop.close().await;
}

/// F1 to F4 and F9.
async fn whichever_step_refuses(shop: &Shop) {
    let graph = shop::graph();
    let nodes = graph.nodes("order_fulfillment");
    let refusing = nodes.iter().filter(|node| node.step.refused.is_some());
    let refusing: Vec<&str> = refusing.map(|node| node.step.name).collect();
    assert_eq!(refusing.len(), 5, "{refusing:?}");
    for step in refusing {
        for (checkout, reason, payment) in refused_by(step) {
            let order_id = Clock::system().new_id(Clock::system().now()).to_string();
            let properties = json!({ "type": "cart.checked_out.v1", "message_id": order_id,
                "correlation_id": order_id, "content_type": "application/json" });
            shop.drop_checkout(&properties, &checkout).await;
            let order = shop.order_is(&order_id, "cancelled").await;
            assert_eq!(order["failed_step"], step, "{order}");
            assert_eq!(order["reason"], reason, "{order}");
            shop.is_sound().await;
            let state = &shop.payment(&order_id).await["state"];
            assert_eq!(state.as_str().unwrap_or("none"), payment, "{step}");
            let mugs = shop.stock("mug").await;
            assert_eq!((&mugs["on_hand"], &mugs["held"]), (&json!(10), &json!(0)), "after {step}");
        }
    }
}

/// F5.
async fn the_customer_cancels_in_time(shop: &Shop) {
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

/// F10: of each operation, the first request and then the first answer is lost. Afterwards there are ten mugs again.
async fn lost_requests_to_the_provider_are_sent_again(shop: &Shop) {
    let mut checkout = mugs(2, "card_flaky");
    checkout["lines"] = json!([line("mug", 2, 1250), line("pen", 1, 199), line("mug", 1, 1250)]);
    let order_id = shop.place_order(&checkout).await;
    let order = shop.order_is(&order_id, "completed").await;
    assert_eq!(order["total"]["amount_minor"], 3 * 1250 + 199);
    shop.is_sound().await;
    let mugs = shop.stock("mug").await;
    assert_eq!((&mugs["on_hand"], &mugs["committed"]), (&json!(7), &json!(3)));
    assert_eq!(shop.receive("mug", "note-2", 3).await.status(), StatusCode::OK);
}

async fn a_receipt_counts_once(shop: &Shop) {
    let received = shop.stock("mug").await["received"].as_u64().expect("a number");
    for _ in 0..2 {
        assert_eq!(shop.receive("mug", "note-3", 20).await.status(), StatusCode::OK);
        assert_eq!(shop.stock("mug").await["received"], received + 20);
    }
    let refused = shop.receive("mug", "note-3", 11).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let problem: Value = refused.json().await.expect("JSON");
    assert_eq!(problem["detail"], r#"receipt "note-3" was counted before with 20 of mug"#);
    let refused = shop.receive("mug", "note-4", 0).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

async fn f7_a_cancel_that_races_the_capture_wins_or_loses_but_not_half(shop: &Shop) {
    let mut outcomes = Vec::new();
    for _ in 0..10 {
        outcomes.push((shop.place_order(&mugs(1, "card_slow")).await, "unknown"));
    }
    for (order_id, outcome) in &mut outcomes {
        // Spreads the cancels over the slow card's authorisation and capture.
        tokio::time::sleep(Duration::from_millis(60)).await;
        let status = shop.cancel(order_id).await.status();
        *outcome = if status == StatusCode::CONFLICT { "completed" } else { "cancelled" };
    }
    for (order_id, outcome) in &outcomes {
        shop.order_is(order_id, outcome).await;
    }
    shop.is_sound().await;
}

async fn another_has_it_only_when_it_is_released(shop: &Shop) {
    let provider = shop.silent_provider().await;
    let holder = shop.place_order(&mugs(10, "card_approved")).await;
    let refused = shop.place_order(&mugs(1, "card_approved")).await;
    assert_eq!(shop.cancel(&holder).await.status(), StatusCode::ACCEPTED);
    provider.close().await.expect("it answers");
    assert_eq!(shop.order_is(&refused, "cancelled").await["reason"], "out_of_stock");
    shop.is_sound().await;
    let next = shop.place_order(&mugs(10, "card_approved")).await;
    shop.order_is(&next, "completed").await;
    assert_eq!(shop.cancel(&next).await.status(), StatusCode::CONFLICT);
    shop.is_sound().await;
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

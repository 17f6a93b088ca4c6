//! Every step that can refuse, and goods that two orders want.

use ballet::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Connection;

use crate::shop::{Shop, mugs};

/// Publishes a checkout under a new order's id, and returns the id.
async fn drop_order(shop: &Shop, checkout: &Value) -> String {
    let context = Clock::system();
    let order_id = context.new_id(context.now()).to_string();
    let properties = json!({ "type": "cart.checked_out.v1", "message_id": order_id,
        "correlation_id": order_id, "content_type": "application/json" });
    shop.drop_checkout(&properties, checkout).await;
    order_id
}

/// Returns a checkout that this step refuses.
fn refused_by(step: &str) -> Value {
    let mut checkout = mugs(1, "card_approved");
    match step {
        "accept_checkout" => checkout["lines"] = json!([]),
        "reserve_stock" => checkout = mugs(11, "card_approved"),
        "authorize_payment" => checkout["card_token"] = json!("card_declined"),
        "schedule_shipment" => checkout["ship_to"]["country"] = json!("AQ"),
        "capture_payment" => checkout["card_token"] = json!("card_capture_fails"),
        step => panic!("which checkout does {step} refuse?"),
    }
    checkout
}

#[tokio::test]
async fn t90_whichever_step_refuses_the_order_is_cancelled_and_nothing_stays_held() {
    let shop = Shop::open("t90").await;
    let graph = shop::graph();
    let nodes = graph.nodes("order_fulfillment");
    let refusing: Vec<&str> = nodes
        .iter()
        .filter(|node| node.step.refused.is_some())
        .map(|node| node.step.name)
        .collect();
    assert_eq!(refusing.len(), 5, "{refusing:?}");
    for step in refusing {
        let order_id = drop_order(&shop, &refused_by(step)).await;
        let order = shop.order_is(&order_id, "cancelled").await;
        assert_eq!(order["failed_step"], step, "{order}");
        shop.is_sound().await;
        let mugs = shop.stock("mug").await;
        assert_eq!((&mugs["on_hand"], &mugs["held"]), (&json!(10), &json!(0)), "after {step}");
    }
    shop.close().await;
}

#[tokio::test]
async fn t116_what_one_order_holds_another_cannot_have_until_it_is_released() {
    let shop = Shop::open("t116").await;
    let provider = shop.silent_provider().await;
    let holder = shop.place_order(&mugs(10, "card_approved")).await;
    let refused = shop.place_order(&mugs(1, "card_approved")).await;
    assert_eq!(shop.cancel(&holder).await.status(), StatusCode::ACCEPTED);
    provider.close().await.expect("it answers");
    assert_eq!(shop.order_is(&refused, "cancelled").await["reason"], "out_of_stock");
    shop.is_sound().await;
    let next = shop.place_order(&mugs(10, "card_approved")).await;
    shop.order_is(&next, "completed").await;
    shop.is_sound().await;
    shop.close().await;
}

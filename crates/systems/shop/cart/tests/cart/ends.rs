//! The ends of orders: once, in time, late, again, and in another order.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::test_cart::{TestCart, body, detail, id, new_id};

#[tokio::test]
async fn a_cart_is_open_again_if_its_customer_can_mend_why_the_order_was_cancelled() {
    let service = TestCart::new("mended").await;
    let cart = service.open_cart(&[("mug", 1)]).await;
    let cart_id = id(&cart);
    let reasons = ["payment_declined", "deadline_passed"];
    let mut orders = Vec::new();
    let mut version = 1;
    for reason in reasons {
        let order_id = service.check_out_order(cart_id, version).await;
        service.cancel_order(&order_id, reason).await;
        let open = service.cart_is(cart_id, "open").await;
        version = open["version"].as_i64().expect("a number");
        assert_eq!(open["lines"], cart["lines"], "{reason}");
        // The same request gets its own order again.
        let late = service.check_out(cart_id, version - 2).await;
        assert_eq!(late.status(), StatusCode::OK);
        let late: Value = late.json().await.expect("JSON");
        assert_eq!(
            (&late["order_id"], &late["status"], &late["reason"], &late["detail"]),
            (&json!(order_id), &json!("cancelled"), &json!(reason), &json!("because"))
        );
        orders.push(order_id);
    }
    let reopened = service.events("cart.reopened.v1", reasons.len()).await;
    for ((event, order_id), reason) in reopened.iter().zip(&orders).zip(reasons) {
        let expected = json!({ "cart_id": cart_id, "customer_id": cart["customer_id"],
            "order_id": order_id, "reason": reason });
        assert_eq!(body(event), expected);
    }
    let order_id = service.check_out_order(cart_id, version).await;
    service.cancel_order(&order_id, "customer_cancelled").await;
    let closed = service.cart_is(cart_id, "closed").await;
    assert_eq!(closed["lines"], json!([]));
    let cleared = body(&service.events("cart.cleared.v1", 1).await[0]);
    assert_eq!(cleared["reason"], "order_cancelled");
    service.close().await;
}

#[tokio::test]
async fn late_events_of_an_order_change_nothing_of_the_next() {
    let service = TestCart::new("late").await;
    let cart = service.open_cart(&[("mug", 1)]).await;
    let cart_id = id(&cart);
    let first = service.check_out_order(cart_id, 1).await;
    service.cancel_order(&first, "payment_declined").await;
    service.cart_is(cart_id, "open").await;
    let second = service.check_out_order(cart_id, 3).await;
    assert_ne!(first, second);
    let now = service.cart(cart_id).await;
    for _ in 0..2 {
        service.cancel_order(&first, "payment_declined").await;
        service.cancel_order(&first, "customer_cancelled").await;
        service.confirm_order(&first).await;
    }
    // Not from a cart.
    service.confirm_order(&new_id()).await;
    service.cancel_order(&new_id(), "out_of_stock").await;
    service.wait_until_handled().await;
    assert_eq!(service.cart(cart_id).await, now);
    service.events("cart.reopened.v1", 1).await;

    service.confirm_order(&second).await;
    let closed = service.cart_is(cart_id, "closed").await;
    assert_eq!(closed["lines"], json!([]));
    service.confirm_order(&second).await;
    service.cancel_order(&second, "payment_declined").await;
    service.cancel_order(&first, "payment_declined").await;
    service.wait_until_handled().await;
    assert_eq!(service.cart(cart_id).await, closed);
    service.events("cart.reopened.v1", 1).await;
    let cleared = body(&service.events("cart.cleared.v1", 1).await[0]);
    assert_eq!(
        (&cleared["reason"], &cleared["order_id"]),
        (&json!("order_confirmed"), &json!(second))
    );
    // The requests of both versions still get their orders; there is no third.
    for (version, order_id) in [(1, &first), (3, &second)] {
        let again = service.check_out(cart_id, version).await;
        assert_eq!(again.status(), StatusCode::OK);
        let again: Value = again.json().await.expect("JSON");
        assert_eq!(again["order_id"], json!(order_id));
    }
    let refused = service.put(cart_id, "mug", 1).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert!(detail(refused).await.contains(&format!("was bought as order {second}")));
    service.events("cart.checked_out.v1", 2).await;
    service.close().await;
}

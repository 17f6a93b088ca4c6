//! Checkouts, one after the other.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::test_cart::{TestCart, body, detail, euros, id, new_id, problem, terms};

#[tokio::test]
async fn a_checkout_is_one_order_at_the_prices_shown_however_often_it_is_sent() {
    let service = TestCart::new("once").await;
    let cart = service.open_cart(&[("mug", 2), ("pot", 1)]).await;
    let cart_id = id(&cart);
    let first = service.check_out(cart_id, 1).await;
    assert_eq!(first.status(), StatusCode::CREATED);
    let location = first.headers()["location"].to_str().expect("text").to_owned();
    let checkout: Value = first.json().await.expect("JSON");
    let order_id = checkout["order_id"].as_str().expect("an id");
    assert_eq!(location, format!("/orders/{order_id}"));
    assert_eq!((&checkout["total"], &checkout["status"]), (&euros(5_500), &json!("placed")));

    // The client did not get the answer.
    service.publish_price("mug", 2, euros(1)).await;
    let again = service.check_out(cart_id, 1).await;
    assert_eq!(again.status(), StatusCode::OK);
    assert_eq!(again.json::<Value>().await.expect("JSON"), checkout);
    let other = service.check_out_as(cart_id, Some("\"1\""), &terms("card_other")).await;
    assert_eq!(other.status(), StatusCode::CONFLICT);
    assert!(detail(other).await.contains(order_id));

    let event = &service.events("cart.checked_out.v1", 1).await[0];
    assert_eq!(event["properties"]["correlation_id"], order_id);
    let line = |sku: &str, quantity: u32, price| {
        json!({ "sku": sku, "quantity": quantity,
        "unit_price": euros(price), "product_version": 1 })
    };
    let lines = json!([line("mug", 2, 1_250), line("pot", 1, 3_000)]);
    let mut expected = terms("card_approved");
    for (field, value) in
        [("cart_id", &cart["cart_id"]), ("customer_id", &cart["customer_id"]), ("lines", &lines)]
    {
        expected[field] = value.clone();
    }
    assert_eq!((body(event), &checkout["lines"]), (expected, &lines));

    let cart = service.cart(cart_id).await;
    assert_eq!((&cart["status"], &cart["order_id"]), (&json!("checked_out"), &json!(order_id)));
    let path = format!("/carts/{cart_id}/items");
    for refused in [
        service.put(cart_id, "pot", 3).await,
        service.delete(&format!("{path}/pot")).await,
        service.delete(&path).await,
        service.check_out(cart_id, 2).await,
    ] {
        assert_eq!(refused.status(), StatusCode::CONFLICT);
        let detail = detail(refused).await;
        assert!(detail.contains(&format!("checked out as order {order_id}")), "{detail}");
    }
    service.close().await;
}

#[tokio::test]
async fn another_price_refuses_the_checkout_and_is_then_the_price_shown() {
    let service = TestCart::new("prices").await;
    let cart = service.open_cart(&[("mug", 2), ("pot", 1)]).await;
    let cart_id = id(&cart);
    service.publish_price("mug", 2, euros(1_300)).await;
    service.withdraw_product("pot", 2).await;
    let refused = service.check_out(cart_id, 1).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let refused = problem(refused).await;
    let mug = json!({ "sku": "mug", "old_price": euros(1_250), "new_price": euros(1_300) });
    let pot = json!({ "sku": "pot", "old_price": euros(3_000) });
    assert_eq!(refused["lines"], json!([mug, pot]));
    let detail = refused["detail"].as_str().expect("text");
    assert!(
        detail.contains("mug costs 1300 EUR instead of 1250 EUR, pot is withdrawn"),
        "{detail}"
    );
    let shown = service.cart(cart_id).await;
    assert_eq!((&shown["status"], &shown["total"]), (&json!("open"), &euros(2_600)));
    assert_eq!(shown["lines"][1]["withdrawn"], true);

    // This would check out a cart that the customer has not seen.
    let stale = service.check_out(cart_id, 1).await;
    assert_eq!(stale.status(), StatusCode::PRECONDITION_FAILED);
    let still = problem(service.check_out(cart_id, 2).await).await;
    assert_eq!(still["lines"], json!([pot]), "the price is accepted, the pot is not");
    assert_eq!(service.cart(cart_id).await["version"], 2, "there is nothing new to show");
    service.delete(&format!("/carts/{cart_id}/items/pot")).await;
    service.check_out_order(cart_id, 3).await;
    let event = body(&service.events("cart.checked_out.v1", 1).await[0]);
    assert_eq!(event["lines"][0]["unit_price"], euros(1_300));
    service.close().await;
}

#[tokio::test]
async fn a_checkout_that_is_no_order_is_refused_with_a_sentence() {
    let service = TestCart::new("none").await;
    let cart = service.open_cart(&[]).await;
    let cart_id = id(&cart);
    let empty = service.check_out(cart_id, 1).await;
    assert_eq!(empty.status(), StatusCode::CONFLICT);
    assert!(detail(empty).await.ends_with("is empty"));
    let blind = service.check_out_as(cart_id, None, &terms("card_approved")).await;
    assert_eq!(blind.status(), StatusCode::PRECONDITION_REQUIRED);
    let unknown = service.check_out(&new_id(), 1).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    let mut wrong = terms(" ");
    let refused = service.check_out_as(cart_id, Some("\"1\""), &wrong).await;
    assert_eq!(problem(refused).await["errors"][0]["pointer"], "#/card_token");
    wrong = terms("card_approved");
    wrong["ship_to"]["name"] = json!("");
    let refused = service.check_out_as(cart_id, Some("\"1\""), &wrong).await;
    assert_eq!(problem(refused).await["errors"][0]["pointer"], "#/ship_to/name");
    service.put(cart_id, "mug", 1).await;
    service.put(cart_id, "pot", 1).await;
    service.publish_price("pot", 2, json!({ "amount_minor": 3_000, "currency": "USD" })).await;
    assert_eq!(service.check_out(cart_id, 3).await.status(), StatusCode::CONFLICT);
    let mixed = service.check_out(cart_id, 4).await;
    assert_eq!(mixed.status(), StatusCode::CONFLICT);
    assert!(detail(mixed).await.starts_with("product pot costs USD"));
    service.events("cart.checked_out.v1", 0).await;
    service.close().await;
}

#[tokio::test]
async fn a_checkout_waits_for_a_copy_that_is_filled_anew() {
    let service = TestCart::new("refilled").await;
    let cart = service.open_cart(&[("mug", 1)]).await;
    service.remove_from_copy("mug").await;
    let refused = service.check_out(id(&cart), 1).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    assert!(detail(refused).await.starts_with("the price of mug is not known at the moment"));
    service.publish_price("mug", 1, euros(1_250)).await;
    service.check_out_order(id(&cart), 1).await;
    service.close().await;
}

//! Requests that the services refuse, and one that is sent again.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::shop::{ORDERS_ALONE, Shop, mugs};

#[tokio::test]
async fn t216_a_body_of_another_shape_is_refused_with_its_path_and_a_receipt_counts_once() {
    let shop = Shop::with("t216", ORDERS_ALONE).await;
    let receive = format!("{}/stock/mug/receive", shop.url("inventory"));
    let mut typo = mugs(1, "card_approved");
    typo["lines"][0]["quantiti"] = json!(7);
    let mut text = mugs(2, "card_approved");
    text["lines"][0]["quantity"] = json!("two");
    let orders = format!("{}/orders", shop.url("orders"));
    for (url, body, pointer) in [
        (&receive, r#"{"receipt":"note-2","quantity":1,"quantity":1000}"#.to_owned(), "#/quantity"),
        (&receive, r#"{"receipt":"note-2","quantity":1,"amount":1000}"#.to_owned(), "#/amount"),
        (&orders, typo.to_string(), "#/lines/0/quantiti"),
        (&orders, text.to_string(), "#/lines/0/quantity"),
        (&orders, mugs(10_001, "card_approved").to_string(), "#/lines/0/quantity"),
    ] {
        let request = shop.client.post(url).header("content-type", "application/json");
        let refused = request.body(body.clone()).send().await.expect("an answer");
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let problem: Value = refused.json().await.expect("JSON");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let refused = shop.place(&mugs(10_001, "card_approved")).await;
    let problem: Value = refused.json().await.expect("JSON");
    assert_eq!(problem["detail"], "line 1 has quantity 10001: it is 1 to 10000");
    for (problem, place, name) in [
        (shop.orders("?status=lost").await, "query", "status"),
        (shop.order("mug").await, "path", "order_id"),
    ] {
        assert_eq!(problem["errors"][0]["in"], place, "{problem}");
        assert_eq!(problem["errors"][0]["name"], name, "{problem}");
    }
    assert_eq!(shop.stock("mug").await["on_hand"], 10);
    assert_eq!(shop.orders("").await["items"], json!([]));

    assert_eq!(shop.receive("mug", "note-1", 10).await.status(), StatusCode::OK);
    assert_eq!(shop.stock("mug").await["received"], 10, "sent again, it changes nothing");
    let response = shop.receive("mug", "note-1", 11).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    let problem: Value = response.json().await.expect("JSON");
    assert_eq!(problem["detail"], r#"receipt "note-1" was counted before with 10 of mug"#);
    assert_eq!(shop.receive("mug", "note-2", 5).await.status(), StatusCode::OK);
    assert_eq!(shop.stock("mug").await["on_hand"], 15);
    let refused = shop.receive("mug", "note-3", 0).await.status();
    assert_eq!(refused, StatusCode::UNPROCESSABLE_ENTITY);
    shop.close().await;
}

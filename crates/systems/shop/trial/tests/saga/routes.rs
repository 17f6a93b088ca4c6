//! The problem of a refused request names its field.

use serde_json::json;

use crate::shop::{ORDERS_ALONE, Shop, mugs};

#[tokio::test]
async fn a_refusal_names_the_field() {
    let shop = Shop::with("field", ORDERS_ALONE).await;
    let mut checkout = mugs(2, "card_approved");
    checkout["lines"][0]["quantity"] = json!("two");
    let problem: serde_json::Value = shop.place(&checkout).await.json().await.expect("JSON");
    assert_eq!(problem["status"], 422, "{problem}");
    let errors = json!([{ "in": "body", "pointer": "#/lines/0/quantity",
        "detail": "a whole number from 1 to 10000 is wanted" }]);
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
